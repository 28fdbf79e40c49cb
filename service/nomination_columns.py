"""The columns of a nomination file, and how they are found in a sheet.

Headers may stand in any order, below a title, with spaces, stars or remarks in brackets.
Headers and errors are Chinese: officers write the file and read what is wrong with it.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from service.errors import SheetError
from service.sheets import Sheet, SheetRow


class Column(StrEnum):
    """The columns that we know, by their header."""

    CODE = "编号"
    COUNTY = "县区"
    SCHOOL = "学校"
    SCHOOL_KIND = "学校类别"
    TEACHER = "姓名"
    STAGE = "学段"
    SUBJECT = "学科"
    TITLE = "空间名称"
    URL = "空间地址"
    PILOT = "是否5G专递课堂试点"
    FRONT_LINE = "是否一线教师"
    CONSENT = "是否同意开放"
    UNIT = "推荐单位"
    NOTE = "备注"


REQUIRED: tuple[Column, ...] = (
    Column.COUNTY,
    Column.SCHOOL,
    Column.TEACHER,
    Column.STAGE,
    Column.SUBJECT,
    Column.TITLE,
    Column.URL,
)
#: Titles and notes stand above the header of many forms; it is looked for in this many rows.
HEADER_ROWS = 10
#: How alike a header must be to be named as the nearest one (difflib's ratio): half the characters.
ALIKE = 0.5


@dataclass(frozen=True)
class Header:
    """Where the columns of one sheet are."""

    sheet: Sheet
    #: Index of the header within ``sheet.rows``.
    row: int
    columns: Mapping[Column, int]
    #: Columns that we do not know, by index: kept under their own headers.
    extra: Mapping[int, str]
    #: Headers that stand for one column twice.
    repeated: tuple[Column, ...] = ()

    @property
    def missing(self) -> list[Column]:
        """Required columns that are not there."""
        return [column for column in REQUIRED if column not in self.columns]

    def data_rows(self) -> Iterator[SheetRow]:
        """The rows below in which anything stands in a column that we know."""
        for row in self.sheet.rows[self.row + 1 :]:
            if any(cell_text(row, index) or index in row.broken for index in self.columns.values()):
                yield row


def cell_text(row: SheetRow, index: int) -> str:
    """The trimmed text of a cell; rows may be shorter than the header."""
    return row.cells[index].strip() if index < len(row.cells) else ""


def find_header(path: Path, sheets: Sequence[Sheet]) -> Header:
    """The header of the one sheet that has every required column.

    Raises:
        SheetError: no sheet has them (the message names the nearest headers), or several have.
    """
    found = [_best_header(sheet) for sheet in sheets]
    whole = [header for header in found if not header.missing]
    if len(whole) > 1:
        names = "、".join(header.sheet.name for header in whole)
        raise SheetError(
            f"文件 {path} 有多个工作表都是提名表({names})", "请用 --sheet 指定一个,或只保留一个"
        )
    if not whole:
        raise _no_header(path, max(found, key=lambda header: len(header.columns)))
    if whole[0].repeated:
        names = "、".join(whole[0].repeated)
        raise SheetError(f"文件 {path} 的表头有重复的列:{names}", "请只保留一列")
    return whole[0]


def _no_header(path: Path, nearest: Header) -> SheetError:
    advice = f"表头需有:{' '.join(REQUIRED)}"
    if not nearest.columns:
        return SheetError(f"文件 {path} 里找不到表头", advice)
    where = (
        f"文件 {path}(工作表“{nearest.sheet.name}”,第 {nearest.sheet.rows[nearest.row].number} 行)"
    )
    missing = "、".join(_named_missing(column, nearest) for column in nearest.missing)
    return SheetError(f"{where}的表头缺少列:{missing}", f"请改正表头后再导入;{advice}")


def _named_missing(column: Column, header: Header) -> str:
    alike = difflib.get_close_matches(column, header.extra.values(), n=1, cutoff=ALIKE)
    return f"{column}(是否写成了“{alike[0]}”?)" if alike else str(column)


def _best_header(sheet: Sheet) -> Header:
    candidates = (_read_header(sheet, index) for index in range(min(HEADER_ROWS, len(sheet.rows))))
    return max(candidates, key=lambda header: len(header.columns))


def _read_header(sheet: Sheet, row: int) -> Header:
    columns: dict[Column, int] = {}
    extra: dict[int, str] = {}
    repeated: list[Column] = []
    for index, text in enumerate(sheet.rows[row].cells):
        column = _COLUMN_BY_HEADER.get(_folded_header(text))
        if column is None:
            if text.strip():
                name = text.strip()
                extra[index] = f"{name}(第{index + 1}列)" if name in extra.values() else name
        elif column in columns:
            repeated.append(column)
        else:
            columns[column] = index
    return Header(sheet, row, columns, extra, tuple(repeated))


_BRACKETED = re.compile(r"[(\[【].*?[)\]】]")
_NOISE = re.compile(r"[\s*:_\-\u200b\ufeff]+")


def _folded_header(text: str) -> str:
    """A header without what people add: spaces, full-width forms, stars, remarks in brackets."""
    folded = unicodedata.normalize("NFKC", text)
    return _NOISE.sub("", _BRACKETED.sub("", folded)).casefold()


_COLUMN_BY_HEADER: Mapping[str, Column] = {_folded_header(column): column for column in Column}
