"""The nomination sheet of the sample campaign."""

from __future__ import annotations

import io
from collections.abc import Sequence

import openpyxl

from sample.office import settle
from sample.records import Space

COLUMNS = (
    "编号", "县区", "学校", "学校类别", "姓名", "学段", "学科", "空间名称", "空间地址",
    "是否5G专递课堂试点", "是否一线教师", "是否同意开放", "推荐单位", "备注",
)  # fmt: skip
NOTE = "示例数据，人物虚构"
DIRECT = "市直"


def make_nominations(spaces: Sequence[Space], base_url: str) -> bytes:
    """The sheet as xlsx; addresses start with ``base_url``."""
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    sheet.title = "推荐汇总表"
    sheet.append(list(COLUMNS))
    for space in spaces:
        sheet.append(_row(space, base_url.rstrip("/")))
    for column, width in zip(
        "ABCDEFGHIJKLMN", (8, 10, 28, 10, 10, 8, 14, 30, 44, 18, 14, 14, 26, 20), strict=True
    ):
        sheet.column_dimensions[column].width = width
    sheet.freeze_panes = "A2"
    buffer = io.BytesIO()
    book.save(buffer)
    return settle(buffer.getvalue())


def _row(space: Space, base_url: str) -> list[str]:
    return [
        space.id,
        space.county,
        space.school,
        space.kind.label,
        space.teacher,
        space.stage,
        space.subject,
        space.name,
        base_url + space.nominated_path,
        _yes(space.pilot),
        _yes(space.frontline),
        _yes(space.consent),
        space.school if space.county == DIRECT else _bureau(space.county),
        NOTE,
    ]


def _yes(value: bool) -> str:
    return "是" if value else "否"


def _bureau(county: str) -> str:
    special = {
        "泉州开发区": "泉州开发区社会事业局",
        "泉州台商投资区": "泉州台商投资区教育文体旅游局",
    }
    return special.get(county, f"{county}教育局")
