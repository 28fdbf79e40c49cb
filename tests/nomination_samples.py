"""Nomination files made for tests; people, schools and addresses are invented."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from openpyxl import Workbook

GOOD: dict[str, str] = {
    "编号": "s001",
    "县区": "示例县",
    "学校": "示例第一小学",
    "学校类别": "乡村",
    "姓名": "张三",
    "学段": "小学",
    "学科": "语文",
    "空间名称": "张三的空间",
    "空间地址": "http://space.example.test/t/1",
    "是否5G专递课堂试点": "否",
    "是否一线教师": "是",
    "是否同意开放": "是",
    "推荐单位": "示例县教育局",
    "备注": "",
}


def row(**changes: str) -> dict[str, str]:
    """A good row with some cells changed; a key that is no column becomes an extra one."""
    return {**GOOD, **changes}


def numbered(number: int) -> dict[str, str]:
    """A good row of its own space."""
    return row(
        编号=f"s{number:03}", 姓名=f"教师{number}", 空间地址=f"http://space.example.test/t/{number}"
    )


def table(rows: Sequence[Mapping[str, str]]) -> list[list[str]]:
    """Header and cells of rows that have the same columns."""
    return [list(rows[0]), *([*each.values()] for each in rows)]


def write_csv(
    path: Path, cells: Sequence[Sequence[str]], encoding: str = "utf-8", delimiter: str = ","
) -> Path:
    """Write a csv."""
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter).writerows(cells)
    path.write_bytes(text.getvalue().encode(encoding))
    return path


def write_xlsx(path: Path, sheets: Mapping[str, Sequence[Sequence[object]]]) -> Path:
    """Write an xlsx with these worksheets."""
    book = Workbook()
    book.remove(book.worksheets[0])
    for title, cells in sheets.items():
        sheet = book.create_sheet(title)
        for line in cells:
            sheet.append(list(line))
    book.save(path)
    return path
