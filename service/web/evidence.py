"""The left side of the case page: one page's screenshot with boxes, and its text with marks."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, UnidentifiedImageError

from models.manifest import PageCapture, TextBlock
from models.tables import Finding, Resource
from models.vocabulary import Part
from service.case import Case, CaseFinding
from service.nominations import NominatedSpace
from service.snapshots import Snapshots
from service.wording import masked

#: CSS pixels that a box stands off the characters it frames.
BOX_MARGIN = 3
#: Families whose boxes are filled on the screenshot, so that the numbers under them stay private.
COVERED_FAMILIES = frozenset({"personal-data"})


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle around a finding on the screenshot, in the picture's pixels."""

    finding: CaseFinding
    x: float
    y: float
    width: float
    height: float

    @property
    def covered(self) -> bool:
        """Whether what it frames is hidden."""
        return self.finding.row.family in COVERED_FAMILIES


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
class Evidence:
    """What the left side shows: all leaves to switch between, and the one that is open."""

    leaves: tuple[Leaf, ...]
    leaf: Leaf | None
    picture: Picture | None
    passages: tuple[Passage, ...]

    def leaf_of(self, finding: CaseFinding) -> Leaf | None:
        """Where a finding is to be seen."""
        return next((leaf for leaf in self.leaves if finding in leaf.findings), None)


def make_evidence(case: Case, snapshots: Snapshots, number: int) -> Evidence:
    """The evidence of a case, open at the leaf of this number (from 0)."""
    leaves = _leaves(case)
    leaf = leaves[min(number, len(leaves) - 1)] if leaves else None
    if leaf is None or leaf.page is None or case.snapshot is None:
        passages = tuple(_context(each) for each in leaf.findings) if leaf else ()
        return Evidence(leaves, leaf, None, passages)
    wacz = case.snapshot.wacz
    return Evidence(
        leaves=leaves,
        leaf=leaf,
        picture=_picture(_strips(snapshots, wacz, leaf.page), leaf.findings),
        passages=tuple(
            _passage(block, leaf.findings) for block in snapshots.blocks(wacz, leaf.url)
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
    return finding.part is Part.ATTACHMENT and finding.url == resource.url


def _strips(snapshots: Snapshots, wacz: str, page: PageCapture) -> tuple[tuple[int, int], ...]:
    """The sizes of the screenshot's strips, as far as they can be read one after the other."""
    sizes: list[tuple[int, int]] = []
    for number in range(page.screenshot_strips):
        size = _size(snapshots.screenshot(wacz, page.url, number))
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
    strips: tuple[tuple[int, int], ...], findings: Sequence[CaseFinding]
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
        )
        for finding in findings
        for x, y, box_width, box_height in finding.row.boxes or ()
    )
    return Picture(strips, boxes)


def _passage(block: TextBlock, findings: Sequence[CaseFinding]) -> Passage:
    inside = [each for each in findings if _is_in(each.row, block)]
    return Passage(block.locator, block.role, tuple(cut(block.text, inside)))


def _is_in(finding: Finding, block: TextBlock) -> bool:
    same_place = finding.locator == block.locator
    return same_place and block.text[finding.start : finding.end] == finding.text


def cut(text: str, findings: Sequence[CaseFinding]) -> list[Piece]:
    """The text in pieces, each finding's span one of them; what overlaps an earlier one is left out."""
    hidden = masked(text)
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


def _context(finding: CaseFinding) -> Passage:
    return Passage(finding.row.locator, "text", tuple(in_context(finding)))


def in_context(finding: CaseFinding) -> list[Piece]:
    """The words of a finding among the words around it."""
    context, words = finding.row.context, finding.row.text
    start = context.find(words)
    if start < 0:
        return [Piece(masked(words), finding)]
    end = start + len(words)
    hidden = masked(context)
    pieces = [Piece(hidden[:start]), Piece(hidden[start:end], finding), Piece(hidden[end:])]
    return [piece for piece in pieces if piece.text]
