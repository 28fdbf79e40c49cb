"""An attachment at the place where something was found: the page drawn, the slide's or sheet's text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from urllib.parse import urlencode

from audit.drawing import Drawing, Order
from audit.extract.records import Segment
from models.tables import Finding, Resource
from models.vocabulary import ResourceKind
from service.attachments import Attachments
from service.case import CaseFinding
from service.veil import Veil
from service.web.evidence import (
    AttachedPlace,
    Box,
    Cell,
    Drawn,
    Grid,
    Hide,
    Leaf,
    Passage,
    Picture,
    Piece,
    cut,
    in_context,
)

#: Segments shown before and after the one with the finding, where the place is one long text.
NEIGHBOURS = 3
#: Cells shown around a finding in a sheet, each way.
ROWS_AROUND, COLUMNS_AROUND = 3, 4
#: Places of one file that are shown on one page; the others are told in their cards.
MOST_PLACES = 12
#: Characters of one neighbouring segment.
MOST_CHARACTERS = 1200

_PDF_PAGE = re.compile(r"^第([0-9]+)页")
_CELL = re.compile(r"^(工作表“.*”)!([A-Z]{1,3})([0-9]{1,7})$")
#: What belongs to one place: a slide, a page, a sheet, a member of an archive.
_PLACE = re.compile(r"第[0-9]+(?:张幻灯片|页)|工作表“[^”]*”")


@dataclass(frozen=True, slots=True)
class Opened:
    """An attachment opened for one person: where it is kept, who may see what, where it is served."""

    attachments: Attachments
    wacz: str
    veil: Veil
    #: The address of the resource on the desk.
    address: str


def places_of(opened: Opened, leaf: Leaf) -> tuple[AttachedPlace, ...]:
    """The places of an attachment in which something was found, in the order of the file."""
    resource = leaf.resource
    if resource is None:
        return ()
    segments = opened.attachments.segments(opened.wacz, resource)
    found = [(_segment_of(each.row, segments), each) for each in leaf.findings]
    placed = [(number, each) for number, each in found if number is not None]
    lost = [each for number, each in found if number is None]
    shown: list[AttachedPlace] = []
    ordered = sorted(placed, key=lambda pair: pair[0])
    for label, group in groupby(ordered, key=lambda pair: _place(segments[pair[0]].locator)):
        if len(shown) < MOST_PLACES:
            shown.append(_shown(opened, resource, label, segments, list(group)))
    shown += [_by_context(each, opened.veil) for each in lost[: MOST_PLACES - len(shown)]]
    return tuple(shown)


def _segment_of(finding: Finding, segments: Sequence[Segment]) -> int | None:
    """The segment that a finding stands in: by its place and its words."""
    for number, segment in enumerate(segments):
        if (
            finding.locator.endswith(segment.locator)
            and segment.text[finding.start : finding.end] == finding.text
        ):
            return number
    return None


def _place(locator: str) -> str:
    """The slide, page or sheet of a place; the place itself where there is none."""
    found = _PLACE.search(locator)
    return locator[: found.end()] if found else locator


def _by_context(finding: CaseFinding, hide: Hide) -> AttachedPlace:
    passage = Passage("", "text", tuple(in_context(finding, hide)))
    return AttachedPlace(finding.row.locator, (passage,))


def _shown(
    opened: Opened,
    resource: Resource,
    label: str,
    segments: Sequence[Segment],
    placed: Sequence[tuple[int, CaseFinding]],
) -> AttachedPlace:
    marked: dict[int, list[CaseFinding]] = {}
    for number, finding in placed:
        marked.setdefault(number, []).append(finding)
    grid = _grid(segments, label, marked, opened.veil)
    drawn, withheld = _drawn(opened, resource, label, [each for _, each in placed])
    passages = () if grid else tuple(_passages(segments, label, marked, opened.veil))
    return AttachedPlace(label, passages, grid, drawn, withheld)


def _passages(
    segments: Sequence[Segment], label: str, marked: dict[int, list[CaseFinding]], hide: Hide
) -> Iterable[Passage]:
    """What stands at the place: the segments with findings, and those around them."""
    near = {
        number + step for number in marked for step in range(-NEIGHBOURS, NEIGHBOURS + 1)
    } & set(range(len(segments)))
    for number in sorted(near):
        segment = segments[number]
        if number not in marked and _PLACE.search(label) and _place(segment.locator) != label:
            continue
        findings = marked.get(number, [])
        text = segment.text if findings else segment.text[:MOST_CHARACTERS]
        if text.strip():
            where = segment.locator.removeprefix(label).strip("· ")
            yield Passage(where, "text", tuple(cut(text, findings, hide)))


def _grid(
    segments: Sequence[Segment], label: str, marked: dict[int, list[CaseFinding]], hide: Hide
) -> Grid | None:
    """The cells around the findings of a sheet; None for what is no sheet's cell."""
    cells = {}
    for number, segment in enumerate(segments):
        at = _CELL.match(segment.locator)
        if at and at.group(1) == label:
            cells[int(at.group(3)), _column(at.group(2))] = number
    hits = [place for place, number in cells.items() if number in marked]
    if len(hits) < len(marked):
        return None
    rows = _around({row for row, _ in hits}, {row for row, _ in cells}, ROWS_AROUND)
    columns = _around({column for _, column in hits}, {c for _, c in cells}, COLUMNS_AROUND)

    def cell(row: int, column: int) -> Cell:
        number = cells.get((row, column))
        if number is None:
            return Cell()
        findings = marked.get(number, [])
        text = segments[number].text
        pieces = cut(text, findings, hide) if findings else [Piece(hide(text[:200]))]
        return Cell(tuple(pieces))

    shown = tuple((row, tuple(cell(row, each) for each in columns)) for row in rows)
    return Grid(tuple(_letters(each) for each in columns), shown)


def _around(hits: set[int], there: set[int], reach: int) -> list[int]:
    """The numbers near hits; of rows and columns without anything none."""
    return sorted(each for each in there if any(abs(each - hit) <= reach for hit in hits))


def _column(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number


def _letters(column: int) -> str:
    letters = ""
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def order_for(
    resource: Resource, page: int, findings: Sequence[Finding], veil: Veil
) -> Order | None:
    """How a page is drawn for somebody: with what covered; None for what is not drawn at all."""
    if resource.kind not in (ResourceKind.PDF, ResourceKind.IMAGE):
        return None
    words = tuple(sorted({each.text for each in findings}))
    hidden = {each.text for each in findings if veil.covers(each)}
    cover = frozenset(number for number, each in enumerate(words) if each in hidden)
    return Order(resource.kind, page, words, cover)


def page_number(label: str) -> int:
    """The page of a PDF that a place names; 1 for what has no pages."""
    found = _PDF_PAGE.search(label)
    return int(found.group(1)) if found else 1


def on_page(finding: Finding, resource: Resource, page: int) -> bool:
    """Whether a finding of a file stands on this page of it."""
    if resource.kind is ResourceKind.IMAGE:
        return True
    where = re.search(r"第([0-9]+)页", finding.locator.removeprefix(resource.name).strip())
    return where is not None and int(where.group(1)) == page


def _drawn(
    opened: Opened, resource: Resource, label: str, findings: Sequence[CaseFinding]
) -> tuple[Drawn | None, bool]:
    page = page_number(label)
    order = order_for(resource, page, [each.row for each in findings], opened.veil)
    if order is None or (resource.kind is ResourceKind.PDF and not _PDF_PAGE.match(label)):
        return None, False
    drawing = opened.attachments.drawing(opened.wacz, resource.url, order)
    if drawing is None:
        return None, bool(order.cover)
    boxes = tuple(_framed(drawing, order, findings, opened.veil))
    # Another address where something else is covered, so that no browser keeps the wrong one.
    query = urlencode({"open": len(opened.veil.opened)})
    picture = Picture(((drawing.width, drawing.height),), boxes)
    return Drawn(f"{opened.address}/pages/{page}.jpg?{query}", picture), False


def _framed(
    drawing: Drawing, order: Order, findings: Sequence[CaseFinding], veil: Veil
) -> Iterable[Box]:
    for finding in findings:
        number = order.words.index(finding.row.text)
        for frame in drawing.frames:
            if frame.words == number:
                yield Box(
                    finding,
                    frame.x - 2,
                    frame.y - 2,
                    frame.width + 4,
                    frame.height + 4,
                    veil.covers(finding.row),
                )
