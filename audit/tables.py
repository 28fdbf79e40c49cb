"""Tables put together again: from the cells of sheets and documents, lines of text, places on screen.

Extractors give cells as single runs of text, since a rule reads runs; who a table is about shows
only when its rows stand together.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from models.manifest import TextBlock

Rows = list[list[str]]
#: Row and column of a cell, from 0.
Place = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell with its locator; ``row`` and ``column`` count from 1."""

    table: str
    row: int
    column: int
    text: str
    locator: str


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells, as wide as the widest, and the locator of each cell that is there."""

    rows: Rows
    locators: Mapping[Place, str]

    def locator(self, row: int, column: int) -> str:
        """Where a cell stands; of a table without cells of its own, where its row or it begins."""
        return self.locators.get((row, column)) or self.locators.get((row, 0), "")


@dataclass(frozen=True, slots=True)
class PlacedText:
    """A run of text on a screen or a picture: its upper left corner and size, in pixels."""

    text: str
    x: float
    y: float
    width: float
    height: float


_SHEET_CELL = re.compile(r"(?P<table>.*)!(?P<letters>[A-Z]{1,3})(?P<row>\d+)")
_TABLE_CELL = re.compile(r"(?P<table>.*?) ?第(?P<row>\d+)行第(?P<column>\d+)列")
#: Rows and columns of a table that is put together; a larger one is cut, its cells are read anyway.
_MOST_ROWS, _MOST_COLUMNS = 2_000, 100
#: Three pupils and a heading, two columns: less is no list.
_FEWEST_CELLS = 8
#: How much of the lower run's height two runs of one line share at least.
_SAME_LINE = 0.5


def tables(runs: Iterable[tuple[str, str]]) -> Iterator[Table]:
    """The tables in a file's runs of text, given as (text, locator) in reading order."""
    cells: dict[str, list[Cell]] = {}
    for text, locator in runs:
        if (cell := cell_of(text, locator)) is not None:
            cells.setdefault(cell.table, []).append(cell)
        elif (rows := rows_of_text(text)) and len(rows) > 1:
            yield Table(rows, {(row, 0): locator for row in range(len(rows))})
        elif "\t" in text:  # a line of a csv
            row = len({cell.row for cell in cells.get("", ())}) + 1
            parts = text.split("\t")
            cells.setdefault("", []).extend(
                Cell("", row, column, part, locator) for column, part in enumerate(parts, 1)
            )
    for members in cells.values():
        yield _table(members)


def cell_of(text: str, locator: str) -> Cell | None:
    """The cell that a locator names, of a sheet (``!B3``) or of a document's table; else None."""
    if found := _SHEET_CELL.fullmatch(locator):
        return Cell(found["table"], int(found["row"]), _column(found["letters"]), text, locator)
    if found := _TABLE_CELL.fullmatch(locator):
        return Cell(found["table"], int(found["row"]), int(found["column"]), text, locator)
    return None


def rows_of_text(text: str) -> Rows:
    """The lines of a run of text as rows of cells: by tabs or bars where there are, else blanks."""
    return [_cells_of(line.strip()) for line in text.splitlines() if line.strip()]


def rows_of_places(runs: Sequence[PlacedText]) -> Rows:
    """Runs on a screen or a picture as rows of cells, each below the heading it stands nearest to."""
    lines = _lines(runs)
    if not lines:
        return []
    widest = max(lines, key=len)
    centres = [_centre(run) for run in widest]
    rows = []
    for line in lines:
        row = [""] * len(centres)
        for run in line:
            at = min(range(len(centres)), key=lambda c: abs(centres[c] - _centre(run)))
            row[at] = f"{row[at]} {run.text}".strip()
        rows.append(row)
    return rows


def _lines(runs: Sequence[PlacedText]) -> list[list[PlacedText]]:
    lines: list[list[PlacedText]] = []
    for run in sorted(runs, key=lambda run: run.y):
        if lines and _beside(lines[-1][0], run):
            lines[-1].append(run)
        else:
            lines.append([run])
    return [sorted(line, key=lambda run: run.x) for line in lines]


def _beside(one: PlacedText, other: PlacedText) -> bool:
    shared = min(one.y + one.height, other.y + other.height) - max(one.y, other.y)
    return shared >= _SAME_LINE * min(one.height, other.height)


def _centre(run: PlacedText) -> float:
    return run.x + run.width / 2


def _cells_of(line: str) -> list[str]:
    for mark in ("\t", "|", "｜"):
        if mark in line:
            return [cell.strip() for cell in line.strip(mark).split(mark)]
    return re.split(r"[\s,，]+", line)


def _column(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number


def _table(members: Sequence[Cell]) -> Table:
    numbers = sorted({cell.row for cell in members})[:_MOST_ROWS]
    place = {number: at for at, number in enumerate(numbers)}
    kept = [cell for cell in members if cell.row in place and cell.column <= _MOST_COLUMNS]
    rows = [[""] * max((cell.column for cell in kept), default=0) for _ in numbers]
    locators: dict[Place, str] = {}
    for cell in kept:
        row, column = place[cell.row], cell.column - 1
        rows[row][column] = f"{rows[row][column]} {cell.text}".strip()
        locators.setdefault((row, column), cell.locator)
    return Table(rows, locators)


_IN_CELL = re.compile(r"(?:^|> )t[dh]\b")


def page_tables(blocks: Iterable[TextBlock]) -> Iterator[Table]:
    """The tables that a page shows, by the places of their cells on the screen.

    Cells of one table follow each other; any other block ends it. A page says of a block which
    kind of element it is in, not which row.
    """
    cells: list[TextBlock] = []
    for block in blocks:
        if block.lines and not block.state and _IN_CELL.search(block.locator):
            cells.append(block)
            continue
        yield from _placed(cells)
        cells = []
    yield from _placed(cells)


def _placed(cells: Sequence[TextBlock]) -> Iterator[Table]:
    if len(cells) < _FEWEST_CELLS:
        return
    rows = rows_of_places([_on_screen(block) for block in cells])
    yield Table(rows, {(row, 0): cells[0].locator for row in range(len(rows))})


def _on_screen(block: TextBlock) -> PlacedText:
    left, right = (
        min(line.x for line in block.lines),
        max(line.x + line.width for line in block.lines),
    )
    first = block.lines[0]
    return PlacedText(block.text, left, first.y, right - left, first.height)
