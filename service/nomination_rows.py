"""A nomination file read into good rows and named problems.

Nothing here knows the database or the platform. Reasons are Chinese: officers read them.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from urllib.parse import SplitResult, urlsplit

from models.vocabulary import SchoolKind
from service.errors import SheetError
from service.nomination_columns import REQUIRED, Column, Header, cell_text, find_header
from service.sheets import Sheet, SheetRow, read_sheets

Value = TypeVar("Value")

MAX_TEXT = 200
MAX_NOTE = 2000
MAX_URL = 2000

FLAGS: Mapping[str, bool | None] = {"": None, "是": True, "否": False}
SCHOOL_KINDS: Mapping[str, SchoolKind | None] = {
    "": None,
    **{kind.label: kind for kind in SchoolKind},
}


@dataclass(frozen=True, slots=True)
class RowProblem:
    """Why one row was refused: its number in the file, the column, what stood there, the reason."""

    row: int
    column: str
    value: str
    reason: str


@dataclass(frozen=True, slots=True)
class NominationRow:
    """One good row. ``code`` is "" when the file gives none; ``extra`` is kept by header."""

    number: int
    code: str
    county: str
    school: str
    school_kind: SchoolKind | None
    teacher: str
    stage: str
    subject: str
    title: str
    url: str
    pilot: bool | None
    front_line: bool | None
    consent: bool | None
    unit: str
    note: str
    extra: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class NominationFile:
    """What one file says: its name, its SHA-256, its good rows and what is wrong with the others."""

    source: str
    digest: str
    rows: tuple[NominationRow, ...]
    refused: tuple[RowProblem, ...] = ()


def read_nominations(path: Path, sheet: str | None = None) -> NominationFile:
    """Read a nomination file.

    Args:
        path: An xlsx or a csv (UTF-8, UTF-16 or GB18030; comma, semicolon or tab).
        sheet: The worksheet to read; without it the one that has the columns.

    Raises:
        SheetError: the file cannot be read, or no sheet of it has the columns.
    """
    header = find_header(path, _sheets(path, sheet))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return _read(path, header, digest)


def nominations_of(source: str, given: Sequence[Mapping[str, str]], digest: str) -> NominationFile:
    """The rows of a program, by header, read as those of a file are; the first is number 1.

    Raises:
        SheetError: the columns of a nomination file are not there.
    """
    headers = tuple(dict.fromkeys(header for row in given for header in row))
    rows = [SheetRow(0, headers)]
    for number, row in enumerate(given, start=1):
        rows.append(SheetRow(number, tuple(row.get(header, "") for header in headers)))
    path = Path(source)
    return _read(path, find_header(path, [Sheet(source, tuple(rows))]), digest)


def _read(path: Path, header: Header, digest: str) -> NominationFile:
    rows: list[NominationRow] = []
    refused: list[RowProblem] = []
    for sheet_row in header.data_rows():
        reader = RowReader(sheet_row, header)
        row = reader.read()
        if reader.problems:
            refused.extend(reader.problems)
        else:
            rows.append(row)
    if not rows and not refused:
        raise SheetError(f"文件 {path} 只有表头,没有一行提名", "请填写后再导入")
    return NominationFile(path.name, digest, tuple(rows), tuple(refused))


def _sheets(path: Path, wanted: str | None) -> list[Sheet]:
    sheets = read_sheets(path)
    if wanted is not None:
        named = [sheet for sheet in sheets if sheet.name == wanted]
        if not named:
            known = "、".join(sheet.name for sheet in sheets)
            raise SheetError(f"文件 {path} 没有工作表“{wanted}”", f"现有工作表:{known}")
        sheets = named
    sheets = [sheet for sheet in sheets if sheet.rows]
    if not sheets:
        raise SheetError(f"文件 {path} 没有内容", "请选择填好的提名表(xlsx 或 csv)")
    return sheets


_CODE = re.compile(r"\w[\w.\-]{0,63}")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
#: A space between two Chinese characters is layout ("张  三"), not part of a name.
_LAYOUT_SPACE = re.compile(r"(?<=[\u3400-\u9fff]) (?=[\u3400-\u9fff])")


@dataclass
class RowReader:
    """Reads one row, collecting everything that is wrong with it."""

    row: SheetRow
    header: Header
    problems: list[RowProblem] = field(default_factory=list)

    def read(self) -> NominationRow:
        """The row's values; they count only when ``problems`` stayed empty."""
        self._check_broken()
        return NominationRow(
            number=self.row.number,
            code=self._code(),
            county=self._name(Column.COUNTY),
            school=self._name(Column.SCHOOL),
            school_kind=self._choice(Column.SCHOOL_KIND, SCHOOL_KINDS),
            teacher=self._name(Column.TEACHER),
            stage=self._name(Column.STAGE),
            subject=self._name(Column.SUBJECT),
            title=self._text(Column.TITLE, MAX_TEXT),
            url=self._address(),
            pilot=self._choice(Column.PILOT, FLAGS),
            front_line=self._choice(Column.FRONT_LINE, FLAGS),
            consent=self._choice(Column.CONSENT, FLAGS),
            unit=self._name(Column.UNIT),
            note=self._text(Column.NOTE, MAX_NOTE),
            extra={name: cell_text(self.row, index) for index, name in self.header.extra.items()},
        )

    def _refuse(self, column: str, value: str, reason: str) -> None:
        self.problems.append(RowProblem(self.row.number, column, value, reason))

    def _check_broken(self) -> None:
        names = {index: str(column) for column, index in self.header.columns.items()}
        names.update(self.header.extra)
        for index, name in names.items():
            value = cell_text(self.row, index)
            if index in self.row.broken:
                self._refuse(name, value, self.row.broken[index])
            elif _CONTROL.search(value):
                self._refuse(name, _CONTROL.sub("�", value), "含有不可见的控制字符,请重新输入")

    def _text(self, column: Column, longest: int) -> str:
        """The column's text with single spaces; refuses an empty required or overlong one."""
        index = self.header.columns.get(column)
        if index is None or index in self.row.broken:
            return ""
        text = " ".join(cell_text(self.row, index).split())
        if column in REQUIRED and not text:
            self._refuse(column, "", "不能为空(合并的单元格请拆开,逐行填写)")
        elif len(text) > longest:
            self._refuse(column, f"{text[:40]}…", f"超过 {longest} 字")
        return text

    def _name(self, column: Column) -> str:
        return _LAYOUT_SPACE.sub("", self._text(column, MAX_TEXT))

    def _choice(self, column: Column, choices: Mapping[str, Value]) -> Value:
        text = unicodedata.normalize("NFKC", self._text(column, MAX_TEXT))
        if text not in choices:
            allowed = "/".join(choice for choice in choices if choice)
            self._refuse(column, text, f"只能填 {allowed},或留空")
            return choices[""]
        return choices[text]

    def _code(self) -> str:
        text = unicodedata.normalize("NFKC", self._text(Column.CODE, MAX_TEXT))
        if text and not _CODE.fullmatch(text):
            self._refuse(
                Column.CODE, text, "编号只能用文字、数字和 - _ . ,以文字或数字开头,不超过 64 字"
            )
        return text

    def _address(self) -> str:
        text = self._text(Column.URL, MAX_URL)
        problem = address_problem(text) if text else None
        if problem:
            self._refuse(Column.URL, text, problem)
        return text


_FULL_WIDTH = re.compile(r"[\u3000-\u303f\uff01-\uff5e]")
_HOST = re.compile(r"[\w.\-]+|[0-9a-f:.]+", re.IGNORECASE)


def address_problem(url: str) -> str | None:
    """Why this is not an http(s) address of a page that anybody may open, or None."""
    wide = _FULL_WIDTH.search(url)
    if wide:
        return f"网址里有全角字符“{wide.group()}”,请改成半角"
    if re.search(r"[\s\\]", url):
        return "网址里有空格或反斜杠;一格只写一个网址"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "网址的主机或端口写法不对"
    return _parts_problem(parts, port)


def _parts_problem(parts: SplitResult, port: int | None) -> str | None:
    if parts.scheme not in ("http", "https"):
        return "网址要以 http:// 或 https:// 开头"
    if parts.username is not None:
        return "网址里不能带用户名或密码"
    if not parts.hostname or not _HOST.fullmatch(parts.hostname) or port == 0:
        return "网址里没有正确的主机名"
    return None
