"""The left side of the case page: one page's screenshot with boxes, and its text with marks."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from PIL import Image, UnidentifiedImageError

from models.manifest import PageCapture, TextBlock
from models.tables import Finding, Resource
from models.vocabulary import Part
from service.case import Case, CaseFinding
from service.nominations import NominatedSpace
from service.snapshots import Snapshots
from service.veil import Veil
from service.wording import masked

#: CSS pixels that a box stands off the characters it frames.
BOX_MARGIN = 3
_IN_FILES = (Part.ATTACHMENT, Part.LINK)
#: Hides personal data; the answer is as long as the text.
Hide = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle around a finding on the screenshot, in the picture's pixels."""

    finding: CaseFinding
    x: float
    y: float
    width: float
    height: float
    #: Whether what it frames is hidden.
    covered: bool = False


@dataclass(frozen=True, slots=True)
class Picture:
    """A screenshot: its strips' sizes in pixels, one below the other, and the boxes on all of it."""

    strips: tuple[tuple[int, int], ...]
    boxes: tuple[Box, ...]

    @property
    def width(self) -> int:
        """Pixels across."""
        return self.strips[0][0]

    @property
    def height(self) -> int:
        """Pixels down, all strips together."""
        return sum(height for _, height in self.strips)


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of text, with the finding that marks it if there is one; personal numbers masked."""

    text: str
    finding: CaseFinding | None = None


@dataclass(frozen=True, slots=True)
class Passage:
    """One text block, cut where findings begin and end."""

    locator: str
    role: str
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Leaf:
    """Something of the space to look at: a page, or a file in which something was found."""

    number: int
    label: str
    url: str
    page: PageCapture | None
    resource: Resource | None
    findings: tuple[CaseFinding, ...]


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a table around a finding."""

    pieces: tuple[Piece, ...] = ()


@dataclass(frozen=True, slots=True)
class Grid:
    """The cells around a finding in a sheet: letters of the columns, and rows by their number."""

    columns: tuple[str, ...]
    rows: tuple[tuple[int, tuple[Cell, ...]], ...]


@dataclass(frozen=True, slots=True)
class Drawn:
    """A page of a file, or a picture, as it is shown: where it is served, its size, and boxes on it."""

    address: str
    picture: Picture


@dataclass(frozen=True, slots=True)
class AttachedPlace:
    """One place of a file in which something was found: a page, a slide, a sheet, a paragraph.

    Attributes:
        passages: The text of the place with its marks, in order.
        withheld: The picture is not shown, since it holds personal data that no box can cover.
    """

    label: str
    passages: tuple[Passage, ...]
    grid: Grid | None = None
    drawn: Drawn | None = None
    withheld: bool = False


#: Gives what of an attachment is shown, by its leaf.
Attached = Callable[[Leaf], tuple[AttachedPlace, ...]]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the left side shows: all leaves to switch between, and the one that is open."""

    leaves: tuple[Leaf, ...]
    leaf: Leaf | None
    picture: Picture | None
    passages: tuple[Passage, ...]
    #: What of an attachment is shown at its place; none for pages.
    places: tuple[AttachedPlace, ...] = ()

    @property
    def unframed(self) -> tuple[CaseFinding, ...]:
        """Findings of the open leaf that no box frames on its picture."""
        framed = {box.finding.row.id for box in self.picture.boxes} if self.picture else set()
        found = self.leaf.findings if self.leaf else ()
        return tuple(each for each in found if each.row.id not in framed)

    def leaf_of(self, finding: CaseFinding) -> Leaf | None:
        """Where a finding is to be seen."""
        return next((leaf for leaf in self.leaves if finding in leaf.findings), None)


def make_evidence(
    case: Case, snapshots: Snapshots, number: int, veil: Veil, attached: Attached | None = None
) -> Evidence:
    """The evidence of a case, open at the leaf of this number (from 0)."""
    leaves = _leaves(case)
    leaf = leaves[min(number, len(leaves) - 1)] if leaves else None
    if leaf is None or leaf.page is None or case.snapshot is None:
        passages = tuple(_context(each, veil) for each in leaf.findings) if leaf else ()
        places = attached(leaf) if attached and leaf and leaf.resource else ()
        return Evidence(leaves, leaf, None, passages, places)
    wacz = case.snapshot.wacz
    return Evidence(
        leaves=leaves,
        leaf=leaf,
        picture=_picture(
            strip_sizes(snapshots, wacz, leaf.url, leaf.page.screenshot_strips),
            leaf.findings,
            veil,
        ),
        passages=tuple(
            _passage(block, leaf.findings, veil) for block in snapshots.blocks(wacz, leaf.url)
        ),
    )


def _leaves(case: Case) -> tuple[Leaf, ...]:
    leaves: list[Leaf] = []
    for page in case.pages:
        found = tuple(each for each in case.findings if _on_page(each.row, page))
        leaves.append(Leaf(len(leaves), _label(page, case.nomination), page.url, page, None, found))
    for resource in case.resources:
        found = tuple(each for each in case.findings if _in_file(each.row, resource))
        if found:
            label = resource.name or resource.kind.label
            leaves.append(Leaf(len(leaves), label, resource.url, None, resource, found))
    return tuple(leaves)


def _label(page: PageCapture, nominated: NominatedSpace) -> str:
    """What tells a page from the others: its title, or where that is the space's, its path."""
    title = short_title(page.title, nominated.title)
    if title and title != nominated.title:
        return title
    return page.url.removeprefix(nominated.url).strip("/") or page.kind.label


def short_title(title: str, space: str) -> str:
    """A page's title without the name of the space that platforms put behind every title."""
    head = title.removesuffix(space)
    separator = re.search(r"\s*[-_|–—·]\s*$", head)
    return head[: separator.start()] if head != title and separator else title


def _on_page(finding: Finding, page: PageCapture) -> bool:
    if finding.part is Part.IMAGE:
        return finding.url in page.images
    return finding.url == page.url


def _in_file(finding: Finding, resource: Resource) -> bool:
    return finding.part in _IN_FILES and finding.url == resource.url


def findings_on(page: PageCapture, findings: Iterable[Finding]) -> list[Finding]:
    """The findings that stand on a page, or in a picture on it."""
    return [each for each in findings if _on_page(each, page)]


def strip_sizes(
    snapshots: Snapshots, wacz: str, url: str, most: int
) -> tuple[tuple[int, int], ...]:
    """Width and height of a screenshot's first strips, as far as they can be read."""
    sizes: list[tuple[int, int]] = []
    for number in range(most):
        size = _size(snapshots.screenshot(wacz, url, number))
        if size is None:
            break
        sizes.append(size)
    return tuple(sizes)


def _size(jpeg: bytes | None) -> tuple[int, int] | None:
    if jpeg is None:
        return None
    try:
        # Reads the head of the file only.
        with Image.open(io.BytesIO(jpeg), formats=["JPEG"]) as image:
            return image.size
    except (UnidentifiedImageError, OSError):
        return None


def _picture(
    strips: tuple[tuple[int, int], ...], findings: Sequence[CaseFinding], veil: Veil
) -> Picture | None:
    if not strips:
        return None
    boxes = tuple(
        Box(
            finding,
            x - BOX_MARGIN,
            y - BOX_MARGIN,
            box_width + 2 * BOX_MARGIN,
            box_height + 2 * BOX_MARGIN,
            veil.covers(finding.row),
        )
        for finding in findings
        for x, y, box_width, box_height in finding.row.boxes or ()
    )
    return Picture(strips, boxes)


def _passage(block: TextBlock, findings: Sequence[CaseFinding], hide: Hide) -> Passage:
    inside = [each for each in findings if _is_in(each.row, block)]
    return Passage(block.locator, block.role, tuple(cut(block.text, inside, hide)))


def _is_in(finding: Finding, block: TextBlock) -> bool:
    same_place = finding.locator == block.locator
    return same_place and block.text[finding.start : finding.end] == finding.text


def cut(text: str, findings: Sequence[CaseFinding], hide: Hide = masked) -> list[Piece]:
    """The text in pieces, each finding's span one of them; what overlaps an earlier one is left out."""
    hidden = hide(text)
    pieces: list[Piece] = []
    done = 0
    for each in sorted(findings, key=lambda each: each.row.start):
        start, end = each.row.start, each.row.end
        if start < done:
            continue
        pieces += [Piece(hidden[done:start]), Piece(hidden[start:end], each)]
        done = end
    pieces.append(Piece(hidden[done:]))
    return [piece for piece in pieces if piece.text]


def _context(finding: CaseFinding, hide: Hide) -> Passage:
    return Passage(finding.row.locator, "text", tuple(in_context(finding, hide)))


def in_context(finding: CaseFinding, hide: Hide = masked) -> list[Piece]:
    """The words of a finding among the words around it."""
    context, words = finding.row.context, finding.row.text
    start = context.find(words)
    if start < 0:
        return [Piece(hide(words), finding)]
    end = start + len(words)
    hidden = hide(context)
    pieces = [Piece(hidden[:start]), Piece(hidden[start:end], finding), Piece(hidden[end:])]
    return [piece for piece in pieces if piece.text]
