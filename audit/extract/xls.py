"""Old workbooks (xls, et): every sheet (hidden ones too), comments, text boxes, headers, links."""

from __future__ import annotations

import io
from collections.abc import Iterator
from itertools import count

import xlrd
from openpyxl.utils import get_column_letter
from xlrd.sheet import Cell, Sheet

from audit.extract.biff import furniture, packed_pictures
from audit.extract.compound import MAGIC, Compound, opened
from audit.extract.decoding import written
from audit.extract.embedded import embedded
from audit.extract.officeart import blip, blips
from audit.extract.records import Gap, Item, Segment
from audit.extract.registry import Context, Refused, contained, extractor
from models.vocabulary import NotScreened, Part, ResourceKind

_STREAMS = ("Workbook", "Book")
_ENCRYPTED = "encrypted"


@extractor(ResourceKind.XLS)
def read_xls(data: bytes, context: Context) -> Iterator[Item]:
    """Each cell with a value is a segment; past the cap on cells the rest is a gap."""
    if not data.startswith(MAGIC):  # before Excel 5 a workbook was a bare stream
        yield from _sheets(data, context)
        return
    with opened(data, context) as file:
        # xlrd's own reader of compound files goes in circles on damaged ones; it takes bare streams.
        stream = file.read(next((name for name in _STREAMS if name in file), _STREAMS[0]))
        yield from contained("", _sheets(stream, context))
        yield from contained("图形和页眉页脚", _furniture(stream))
        yield from contained("图片", _pictures(stream, context))
        yield from _objects(file)
        yield from contained("文档属性", file.described())


def _sheets(data: bytes, context: Context) -> Iterator[Item]:
    left = context.limits.cells
    with _book(data) as book:
        for index in range(book.nsheets):
            name = book.sheet_names()[index]
            place = f"工作表“{name}”"
            yield Segment(name, Part.ATTACHMENT, f"{place}·表名")
            for item in contained(place, _sheet(book, index, place, left)):
                left -= isinstance(item, Segment)
                yield item
            book.unload_sheet(index)


def _book(data: bytes) -> xlrd.Book:
    """A workbook whose sheets are read one at a time, rows no longer than they are."""
    try:
        return xlrd.open_workbook(
            file_contents=data, logfile=io.StringIO(), on_demand=True, ragged_rows=True
        )
    except xlrd.XLRDError as error:
        reason = NotScreened.UNREADABLE
        if _ENCRYPTED in str(error).lower():
            reason = NotScreened.ENCRYPTED
        raise Refused(reason, str(error)) from error


def _sheet(book: xlrd.Book, index: int, place: str, left: int) -> Iterator[Item]:
    sheet = book.sheet_by_index(index)
    for row in range(sheet.nrows):
        for column, cell in enumerate(sheet.row(row)):
            text = _value(cell, book.datemode)
            if not text.strip():
                continue
            where = f"{place}!{get_column_letter(column + 1)}{row + 1}"
            if not left:
                yield Gap(f"{where}及以后", NotScreened.BUDGET)
                return
            left -= 1
            yield from written(text, where)
    yield from _remarks(sheet, place)


def _remarks(sheet: Sheet, place: str) -> Iterator[Item]:
    for (row, column), note in sheet.cell_note_map.items():
        where = f"{place}!{get_column_letter(column + 1)}{row + 1}·批注"
        yield from written(note.text, where)
    for link in sheet.hyperlink_list:
        if link.type == "url" and isinstance(link.url_or_path, str):
            yield from written(link.url_or_path, f"{place}·链接", Part.LINK)


def _value(cell: Cell, datemode: int) -> str:
    """A value as a person would read it: 13800000000, not 13800000000.0; dates as dates."""
    match cell.ctype:
        case xlrd.XL_CELL_TEXT:
            return str(cell.value)
        case xlrd.XL_CELL_NUMBER:
            return f"{cell.value:.15g}" if abs(cell.value) < 1e15 else f"{cell.value:.0f}"
        case xlrd.XL_CELL_DATE:
            return _date(cell.value, datemode)
        case xlrd.XL_CELL_BOOLEAN:
            return "TRUE" if cell.value else "FALSE"
        case _:
            return ""


def _date(value: float, datemode: int) -> str:
    try:
        return str(xlrd.xldate_as_datetime(value, datemode)).removesuffix(" 00:00:00")
    except (xlrd.XLDateError, ValueError, OverflowError):
        return f"{value:g}"


def _furniture(stream: bytes) -> Iterator[Item]:
    for text, place in furniture(stream):
        yield from written(text, place)


def _pictures(stream: bytes, context: Context) -> Iterator[Item]:
    numbers = count(1)
    for record in blips(packed_pictures(stream)):
        place = f"图{next(numbers)}"
        yield from contained(place, embedded(place, blip(record, context.limits.file_bytes)))


def _objects(file: Compound) -> Iterator[Item]:
    names = {name.partition("/")[0] for name in file.names() if name.startswith("MBD")}
    if names:
        yield Gap(f"嵌入对象({len(names)} 个)", NotScreened.UNSUPPORTED)
