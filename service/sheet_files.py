"""Tables to take away: csv and xlsx of the same rows, in which no cell acts as a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell

#: A cell of text that begins so is run by spreadsheets.
_ACTIVE = ("=", "+", "-", "@", "\t", "\r")

Cell = str | int | float | None


def harmless(value: Cell) -> Cell:
    """The cell with an apostrophe where a spreadsheet would run it."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_ACTIVE) else value


def csv_bytes(head: Sequence[str], rows: Sequence[Sequence[Cell]]) -> bytes:
    """UTF-8 with a mark, by which Chinese Excel tells the encoding."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(head)
    writer.writerows([harmless(cell) for cell in row] for row in rows)
    return text.getvalue().encode("utf-8-sig")


def xlsx_bytes(title: str, head: Sequence[str], rows: Sequence[Sequence[Cell]]) -> bytes:
    """One sheet; text stays text."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet(title[:31])
    for row in (head, *rows):
        cells = []
        for value in row:
            cell = WriteOnlyCell(sheet, value=value)
            if isinstance(value, str):
                cell.data_type = "s"
            cells.append(cell)
        sheet.append(cells)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()
