"""The summary workbook: what it carries, that it says 示例, and that text stays text."""

from __future__ import annotations

import io
from typing import Any

import openpyxl
import pytest
from openpyxl.workbook import Workbook

from ranking.records import Candidate
from ranking.workbook import HEADER_ROW, SUMMARY, ranking_workbook
from tests.ranking_samples import candidate, ranked, scheme


def saved(candidates: list[Candidate]) -> Workbook:
    rules = scheme(1)
    buffer = io.BytesIO()
    ranking_workbook(ranked(candidates, rules), rules).save(buffer)
    return openpyxl.load_workbook(buffer)


def rows(book: Workbook, sheet: str) -> list[dict[str, Any]]:
    header, *found = book[sheet].iter_rows(min_row=HEADER_ROW, values_only=True)
    return [dict(zip(map(str, header), row, strict=True)) for row in found]


def test_summary_in_order() -> None:
    book = saved([candidate("s1", 50), candidate("s2", 80), candidate("s3", 99, verdict=None)])
    found = rows(book, "推荐汇总表")
    assert list(found[0]) == [header for header, _ in SUMMARY]
    assert [
        (r["序号"], r["空间编号"], r["总分"], r["名次"], r["结果"], r["说明"]) for r in found
    ] == [
        (1, "s2", 80, 1, "入选", "普通名额"),
        (2, "s1", 50, 2, "候补", "名额已满"),
        (3, "s3", None, None, "未准入", "尚未审核"),
    ]
    (unit,) = rows(book, "单位汇总")
    assert (unit["推荐单位"], unit["普通名额"], unit["提名"], unit["入选"], unit["未准入"]) == (
        "鲤城区", 1, 3, 1, 1,
    )  # fmt: skip


def test_every_sheet_says_sample_and_keeps_its_header_in_sight() -> None:
    book = saved([candidate("s1")])
    for sheet in book.worksheets:
        assert "示例" in str(sheet.cell(1, 1).value)
        assert sheet.freeze_panes == f"A{HEADER_ROW + 1}"
    assert any("非教育局发布" in str(row["内容"]) for row in rows(book, "说明"))


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(A1)", '=HYPERLINK("http://x.invalid")', "#N/A", "\tx"]
)
def test_text_stays_text(text: str) -> None:
    book = saved([candidate("s1", teacher=text, title=text)])
    sheet = book["推荐汇总表"]
    for column in (5, 9):
        cell = sheet.cell(HEADER_ROW + 1, column)
        assert cell.value == text
        assert cell.data_type == "s"
        assert bool(cell.quotePrefix) is (text != "#N/A")


def test_characters_that_a_workbook_cannot_hold_are_left_out() -> None:
    book = saved([candidate("s1", title="一\x00二\x0b")])
    assert rows(book, "推荐汇总表")[0]["空间名称"] == "一二"
