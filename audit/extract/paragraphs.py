"""Paragraphs and table cells of an old Word document, and where each stands.

A cell and a row both end with the mark 7; which is which stands in the properties of paragraphs
([MS-DOC] 2.6.2), kept on pages of 512 bytes by place in the file.
"""

from __future__ import annotations

import re
import struct
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

from audit.extract.fib import Fib
from audit.extract.pieces import Pieces

_PAGE = 512
#: Properties of a paragraph, each with one byte: it is in a table, it ends a row.
_IN_TABLE, _ENDS_ROW = b"\x16\x24\x01", b"\x17\x24\x01"
_BLOCK = re.compile("[^\r\x07\x0c]*[\r\x07\x0c]?")


@dataclass(slots=True)
class _Position:
    """Where a reader of the document is."""

    paragraph: int = 0
    table: int = 0
    row: int = 0
    column: int = 0
    in_table: bool = False


class Blocks:
    """Cuts a part of the document at its marks."""

    def __init__(self, main: bytes, table: bytes, fib: Fib) -> None:
        runs = sorted(_runs(main, fib.paragraph_table(table)))
        self._starts = [run[0] for run in runs]
        self._runs = runs

    def of(self, pieces: Pieces, start: int, end: int) -> Iterator[tuple[str, str]]:
        """Each paragraph or cell: its place (``第2段``, ``表1 第2行第1列``) and its text."""
        text = pieces.text(start, end)
        now = _Position()
        cell: list[str] = []
        for match in _BLOCK.finditer(text):
            block = match[0]
            if not block:
                continue
            in_table, ends_row = self._said(pieces.place(start + match.end() - 1))
            if not in_table and not block.endswith("\x07"):
                yield from _left(now, cell)
                now.paragraph += 1
                yield f"第{now.paragraph}段", block
            elif ends_row:
                yield from _cell(now, cell) if "".join(cell).strip() else ()
                now.row, now.column = now.row + 1, 0
            else:
                _enter(now)
                cell.append(block)
                if block.endswith("\x07"):
                    yield from _cell(now, cell)
        yield from _left(now, cell)

    def _said(self, place: int) -> tuple[bool, bool]:
        index = bisect_right(self._starts, place) - 1
        if index < 0 or place >= self._runs[index][1]:
            return False, False
        return self._runs[index][2:]


def _enter(now: _Position) -> None:
    if not now.in_table:
        now.in_table, now.table, now.row, now.column = True, now.table + 1, 1, 0


def _cell(now: _Position, cell: list[str]) -> Iterator[tuple[str, str]]:
    now.column += 1
    text = "".join(cell)
    cell.clear()
    yield f"表{now.table} 第{now.row}行第{now.column}列", text.removesuffix("\x07")


def _left(now: _Position, cell: list[str]) -> Iterator[tuple[str, str]]:
    """What is left of a table whose last cell has no mark."""
    if cell:
        yield from _cell(now, cell)
    now.in_table = False


def _runs(main: bytes, table: bytes) -> Iterator[tuple[int, int, bool, bool]]:
    """First and last byte of each paragraph, whether it is in a table, whether it ends a row."""
    pages = max(0, (len(table) - 4) // 8)
    for number in struct.unpack_from(f"<{pages}I", table, 4 * (pages + 1)) if pages else ():
        page = main[_PAGE * number : _PAGE * (number + 1)]
        if len(page) < _PAGE:
            continue
        runs = page[-1]
        if 4 * (runs + 1) + 13 * runs >= _PAGE:
            continue
        bounds = struct.unpack_from(f"<{runs + 1}I", page)
        for index in range(runs):
            said = _properties(page, page[4 * (runs + 1) + 13 * index])
            yield bounds[index], bounds[index + 1], _IN_TABLE in said, _ENDS_ROW in said


def _properties(page: bytes, half: int) -> bytes:
    """The properties at twice an offset: their length in words comes first."""
    at = 2 * half
    if not at:
        return b""
    if page[at]:
        return page[at + 3 : at + 2 * page[at]]
    return page[at + 4 : at + 2 + 2 * page[at + 1]] if at + 1 < _PAGE else b""
