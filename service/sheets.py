"""Table files that people fill in: xlsx and csv, read into rows of text.

The kind of a file is told by its bytes, not by its name: what arrives as ``.xls`` may be anything.
The texts of errors are Chinese: officers see them.
"""

from __future__ import annotations

import codecs
import csv
import io
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, time
from pathlib import Path
from typing import Protocol
from xml.etree.ElementTree import ParseError

from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException
from openpyxl.workbook import Workbook
from openpyxl.worksheet._read_only import ReadOnlyWorksheet

from service.errors import SheetError

#: Far above any nomination list; a larger file is not one.
MAX_FILE_BYTES = 32 * 1024 * 1024
#: An xlsx is a zip: what it unpacks to is bounded too.
MAX_UNPACKED_BYTES = 512 * 1024 * 1024
#: Filled rows of one sheet.
MAX_ROWS = 50_000

ZIP_MAGIC = b"PK\x03\x04"
#: Old Office files, and also new ones behind a password.
OLE_MAGIC = bytes.fromhex("d0cf11e0a1b11ae1")
ENCRYPTED_MARK = "EncryptedPackage".encode("utf-16-le")
UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
DELIMITERS = ",;\t"
#: Lines looked at to tell a csv's delimiter.
SNIFFED_LINES = 10

#: What openpyxl raises on a file that is no workbook or a damaged one.
_DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    InvalidFileException,
    ParseError,
    EOFError,
    KeyError,
    ValueError,
    IndexError,
    AttributeError,
    TypeError,
    NotImplementedError,
)


class _Cell(Protocol):
    """What is read of openpyxl's several kinds of cell."""

    @property
    def value(self) -> object: ...

    @property
    def data_type(self) -> str: ...


@dataclass(frozen=True, slots=True)
class SheetRow:
    """One row.

    Attributes:
        number: As the spreadsheet counts, from 1.
        cells: The text of each cell, "" for an empty one.
        broken: Why a cell has no usable value (a formula without a result, an error), by its index.
    """

    number: int
    cells: tuple[str, ...]
    broken: Mapping[int, str] = field(default_factory=dict)

    @property
    def blank(self) -> bool:
        """Whether nothing is written in it."""
        return not self.broken and not any(cell.strip() for cell in self.cells)


@dataclass(frozen=True, slots=True)
class Sheet:
    """One table of a file; blank rows are left out, the numbers of the others stay."""

    name: str
    rows: tuple[SheetRow, ...]


def read_sheets(path: Path) -> list[Sheet]:
    """Read every visible sheet of an xlsx, or the one table of a csv.

    Raises:
        SheetError: the file is missing, empty, too large, damaged, encrypted or of another kind.
    """
    content = _content(path)
    if content.startswith(OLE_MAGIC):
        raise _old_or_encrypted(path, content)
    sheets = _xlsx(path, content) if content.startswith(ZIP_MAGIC) else [_csv(path, content)]
    if any(len(sheet.rows) > MAX_ROWS for sheet in sheets):
        raise SheetError(f"文件 {path} 超过 {MAX_ROWS} 行,不像提名表", "请拆分后分次导入")
    return sheets


def _content(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise SheetError(
                f"文件 {path} 超过 {MAX_FILE_BYTES // 1024 // 1024} MB,不像提名表",
                "请删去图片等无关内容后再导入",
            )
        content = path.read_bytes()
    except OSError as error:
        raise SheetError(
            f"文件 {path} 打不开({error.strerror})", "请检查路径是否正确、是否有读取权限"
        ) from error
    if not content.strip():
        raise SheetError(f"文件 {path} 是空的", "请选择填好的提名表(xlsx 或 csv)")
    return content


def _old_or_encrypted(path: Path, content: bytes) -> SheetError:
    if ENCRYPTED_MARK in content:
        return SheetError(f"文件 {path} 设有打开密码", "请在 Excel 或 WPS 中取消密码后另存再导入")
    return SheetError(f"文件 {path} 是旧格式(xls)", "请在 Excel 或 WPS 中另存为 xlsx 再导入")


def _xlsx(path: Path, content: bytes) -> list[Sheet]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as package:
            if sum(entry.file_size for entry in package.infolist()) > MAX_UNPACKED_BYTES:
                raise SheetError(f"文件 {path} 解开后过大", "请把数据复制到新建的表格里再导入")
        with warnings.catch_warnings():
            # openpyxl warns of styles and validations that it leaves out; only values matter here.
            warnings.simplefilter("ignore")
            return _workbook_sheets(content)
    except _DAMAGED as error:
        raise SheetError(
            f"文件 {path} 不是完好的 xlsx 表格", "请用 Excel 或 WPS 打开并另存为 xlsx 再导入"
        ) from error


def _workbook_sheets(content: bytes) -> list[Sheet]:
    with closing(load_workbook(io.BytesIO(content), read_only=True)) as written:
        names = [sheet.title for sheet in written.worksheets if sheet.sheet_state == "visible"]
        formulas = {name: _formulas(written, name) for name in names}
    # A second reading gives what the formulas came to when the file was last saved.
    with closing(load_workbook(io.BytesIO(content), read_only=True, data_only=True)) as results:
        return [Sheet(name, tuple(_rows(results, name, formulas[name]))) for name in names]


def _formulas(book: Workbook, name: str) -> frozenset[tuple[int, int]]:
    """Where the formulas are, as (row number, cell index)."""
    return frozenset(
        (number, index)
        for number, row in enumerate(_cells(book, name), start=1)
        for index, cell in enumerate(row)
        if cell.data_type == "f"
    )


def _rows(book: Workbook, name: str, formulas: frozenset[tuple[int, int]]) -> Iterator[SheetRow]:
    for number, row in enumerate(_cells(book, name), start=1):
        broken: dict[int, str] = {}
        for index, cell in enumerate(row):
            if cell.data_type == "e":
                broken[index] = "单元格是公式错误值,请改成文字"
            elif cell.value is None and (number, index) in formulas:
                broken[index] = "单元格是没有结果的公式,请改成文字"
        found = SheetRow(number, tuple(_text(cell.value) for cell in row), broken)
        if not found.blank:
            yield found


def _cells(book: Workbook, name: str) -> Iterator[tuple[_Cell, ...]]:
    sheet = book[name]
    if isinstance(sheet, ReadOnlyWorksheet):
        # Programs write wrong dimensions; without them the rows themselves are counted.
        sheet.reset_dimensions()
    yield from sheet.iter_rows()


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime):
        whole_day = value.time() == time()
        return value.date().isoformat() if whole_day else value.isoformat(sep=" ")
    return str(value)


def _csv(path: Path, content: bytes) -> Sheet:
    text = _decoded(path, content)
    if text.lstrip().lower().startswith(("<html", "<!doctype", "<?xml", "<table")):
        raise SheetError(f"文件 {path} 其实是网页", "请用 Excel 或 WPS 打开并另存为 xlsx 再导入")
    head = "\n".join(text.splitlines()[:SNIFFED_LINES])
    delimiter = max(DELIMITERS, key=head.count)
    try:
        records = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise SheetError(
            f"文件 {path} 的引号或分隔符有误({error})", "请用 Excel 或 WPS 打开并另存为 xlsx 再导入"
        ) from error
    rows = (SheetRow(number, tuple(cells)) for number, cells in enumerate(records, start=1))
    return Sheet(path.name, tuple(row for row in rows if not row.blank))


def _decoded(path: Path, content: bytes) -> str:
    """Text by its mark, else as UTF-8, else as GB18030, which Chinese Excel writes."""
    encodings = ("utf-16",) if content.startswith(UTF16_MARKS) else ("utf-8-sig", "gb18030")
    for encoding in encodings:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise SheetError(
        f"文件 {path} 既不是 xlsx,也不是 UTF-8 或 GB18030 编码的 csv", "请另存为 xlsx 再导入"
    )
