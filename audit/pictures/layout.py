"""From lines with their boxes to text as a person reads it, and to the rows of a table."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from audit.pictures.records import Line, Region, View

#: Lines whose heights overlap by this share of the lower one stand beside each other.
_BESIDE = 0.5
#: A box this many times higher than wide holds a column of characters.
_COLUMN = 2.0
#: A line that reaches this share of the widest goes on in the next one.
_FULL_LINE = 0.85
#: Lines of one paragraph begin this close to each other, and differ this much in height, in heights.
_SAME_LEFT, _SAME_HEIGHT = 1.0, 0.35
#: The gap between lines of one paragraph, in heights.
_SAME_BLOCK = 1.2
_SENTENCE_END = re.compile(r"[。！？!?；;…：:]\W*$")


@dataclass(frozen=True, slots=True)
class Run:
    """Where a line stands in a script: it is the characters ``[start, end)``."""

    start: int
    end: int
    line: Line


@dataclass(frozen=True, slots=True)
class Script:
    """The text of a still, and where each of its lines is."""

    text: str
    runs: tuple[Run, ...]

    def within(self, start: int, end: int) -> tuple[tuple[int, ...], tuple[Region, ...]]:
        """The numbers (from 1) of the lines that hold ``[start, end)``, and the regions it takes.

        A part of a line is told by proportion, along the longer side of its box.
        """
        numbers, regions = [], []
        for number, run in enumerate(self.runs, 1):
            first, last = max(start, run.start), min(end, run.end)
            if first < last:
                numbers.append(number)
                regions.append(_part(run, first, last))
        return tuple(numbers), tuple(regions)


def script(view: View) -> Script:
    """The text of a still in reading order: lines of a paragraph joined, others on their own."""
    pieces: list[str] = []
    runs: list[Run] = []
    at = 0
    before: Line | None = None
    widest = max((line.region.width for line in view.lines), default=0)
    for row in _ordered(view.lines):
        for number, line in enumerate(row):
            glue = (" " if number else _glue(before, line, widest)) if runs else ""
            pieces += [glue, line.text]
            start = at + len(glue)
            at = start + len(line.text)
            runs.append(Run(start, at, line))
        before = row[0] if len(row) == 1 else None
    return Script("".join(pieces), tuple(runs))


def rows(lines: Sequence[Line]) -> list[list[str]]:
    """Lines put together into the rows of a table by their boxes: the cells from left to right.

    A picture without a table gives rows of one cell. Cells keep the order of their columns; an
    empty cell between two others is an empty string, told by where the other rows have a cell.
    """
    grouped = _rows(lines)
    edges = _columns(grouped)
    return [_cells(row, edges) for row in grouped]


def _ordered(lines: Sequence[Line]) -> list[list[Line]]:
    columns = [line for line in lines if line.region.height > _COLUMN * line.region.width]
    if lines and 2 * len(columns) > len(lines) and all(len(line.text) > 1 for line in columns):
        return [[line] for line in sorted(lines, key=lambda line: -line.region.x)]
    return _rows(lines)


def _rows(lines: Sequence[Line]) -> list[list[Line]]:
    grouped: list[list[Line]] = []
    for line in sorted(lines, key=lambda line: line.region.y + line.region.height / 2):
        if grouped and _is_beside(grouped[-1][0].region, line.region):
            grouped[-1].append(line)
        else:
            grouped.append([line])
    return [sorted(row, key=lambda line: line.region.x) for row in grouped]


def _is_beside(one: Region, other: Region) -> bool:
    overlap = min(one.y + one.height, other.y + other.height) - max(one.y, other.y)
    return overlap > _BESIDE * min(one.height, other.height)


def _columns(grouped: Sequence[Sequence[Line]]) -> list[tuple[int, int]]:
    """Left and right of each column: boxes of rows with several cells, merged where they overlap."""
    spans = sorted(
        (cell.region.x, cell.region.x + cell.region.width)
        for row in grouped
        if len(row) > 1
        for cell in row
    )
    merged: list[tuple[int, int]] = []
    for left, right in spans:
        if merged and left < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(right, merged[-1][1]))
        else:
            merged.append((left, right))
    return merged


def _cells(row: Sequence[Line], edges: Sequence[tuple[int, int]]) -> list[str]:
    if len(row) == 1 or len(edges) < len(row):
        return [line.text for line in row]
    cells = [""] * len(edges)
    for line in row:
        middle = line.region.x + line.region.width / 2
        column = min(range(len(edges)), key=lambda n: abs(sum(edges[n]) / 2 - middle))
        cells[column] = f"{cells[column]} {line.text}".strip()
    return cells


def _glue(before: Line | None, line: Line, widest: int) -> str:
    """What stands between a line and the one above it."""
    if before is None or not _goes_on(before, line, widest):
        return "\n"
    return " " if before.text[-1:].isascii() and line.text[:1].isascii() else ""


def _goes_on(before: Line, line: Line, widest: int) -> bool:
    above, below = before.region, line.region
    if above.height > _COLUMN * above.width and below.height > _COLUMN * below.width:
        return True
    height = max(above.height, below.height)
    return (
        above.width >= _FULL_LINE * widest
        and abs(above.x - below.x) <= _SAME_LEFT * height
        and abs(above.height - below.height) <= _SAME_HEIGHT * height
        and below.y - above.y - above.height <= _SAME_BLOCK * height
        and not _SENTENCE_END.search(before.text)
    )


def _part(run: Run, first: int, last: int) -> Region:
    region, length = run.line.region, run.end - run.start
    low, high = (first - run.start) / length, (last - run.start) / length
    if region.height > _COLUMN * region.width:
        top, bottom = region.y + low * region.height, region.y + high * region.height
        return Region(region.x, int(top), region.width, max(1, int(bottom - top)))
    left, right = region.x + low * region.width, region.x + high * region.width
    return Region(int(left), region.y, max(1, int(right - left)), region.height)
