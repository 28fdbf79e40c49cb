"""A ranking as a workbook: the summary in the manner of annex 5, the units, and what to know of it.

The notice's own form is not public; the columns are ours. The caller saves the workbook.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from openpyxl import Workbook
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE, Cell, MergedCell
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.properties import PageSetupProperties
from openpyxl.worksheet.worksheet import Worksheet

from ranking.explanation import note
from ranking.records import Entry, Ranking, UnitTotals
from ranking.wording import moment
from rules.scheme import SAMPLE_MARK, Scheme

Value = str | int | float | None

#: Header and width in characters.
SUMMARY: Sequence[tuple[str, int]] = (
    ("序号", 6),
    ("推荐单位", 20),
    ("县区", 12),
    ("学校", 28),
    ("姓名", 10),
    ("学段", 8),
    ("学科", 14),
    ("空间编号", 12),
    ("空间名称", 28),
    ("空间地址", 40),
    ("总分", 8),
    ("名次", 6),
    ("结果", 10),
    ("说明", 48),
)
UNITS: Sequence[tuple[str, int]] = (
    ("推荐单位", 24),
    ("普通名额", 10),
    ("提名", 8),
    ("未准入", 8),
    ("入选", 8),
    ("其中试点增加名额", 16),
    ("其中农村偏远", 14),
    ("候补", 8),
    ("超出名额", 10),
)
#: What a spreadsheet may take for a formula when a cell is edited or saved as csv.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
HEADER_ROW = 3


def ranking_workbook(ranking: Ranking, scheme: Scheme) -> Workbook:
    """The workbook of a ranking; every sheet's title says 示例 when made-up numbers went into it."""
    book = Workbook()
    summary = book.worksheets[0]
    summary.title = "推荐汇总表"
    mark = f"({SAMPLE_MARK})" if ranking.sample else ""
    about = f"{scheme.title} 第 {scheme.version} 版;来源:{scheme.source};{moment(ranking.at)}"
    name = f"优秀教师网络学习空间{ranking.stage.label}汇总表{mark}"
    _table(summary, name, about, SUMMARY, _summary(ranking))
    _table(book.create_sheet("单位汇总"), f"单位汇总{mark}", about, UNITS, _units(ranking.units))
    notes = ((line,) for line in _notes(ranking, scheme))
    _table(book.create_sheet("说明"), f"说明{mark}", about, (("内容", 110),), notes)
    return book


def _summary(ranking: Ranking) -> Iterator[Sequence[Value]]:
    for number, entry in enumerate(ranking.entries, start=1):
        yield _summary_row(number, entry, note(ranking, entry))


def _summary_row(number: int, entry: Entry, why: str) -> Sequence[Value]:
    candidate = entry.candidate
    return (
        number,
        entry.unit.title,
        candidate.county,
        candidate.school,
        candidate.teacher,
        candidate.stage,
        candidate.subject,
        candidate.space,
        candidate.title,
        candidate.url,
        entry.ordering_total if entry.gate.admitted else None,
        entry.rank,
        entry.place.label,
        why,
    )


def _units(units: Iterable[UnitTotals]) -> Iterator[Sequence[Value]]:
    for totals in units:
        yield (
            totals.unit.title,
            totals.unit.places if totals.unit.listed else "不在名额表中",
            totals.nominated,
            totals.held_out,
            totals.selected,
            totals.pilot,
            totals.rural,
            totals.reserve,
            totals.beyond,
        )


def _notes(ranking: Ranking, scheme: Scheme) -> Iterator[str]:
    yield from ranking.warnings
    yield f"{scheme.rural.describe()}。来源:{scheme.rural.source}。"
    yield f"因倾斜入选的空间:{'、'.join(ranking.effect.came_in) or '无'}。"
    yield f"因倾斜让出名额的空间:{'、'.join(ranking.effect.went_out) or '无'}。"
    yield f"县区名额来源:{ranking.quotas.counties.source}。"
    yield f"直接申报学校名额来源:{ranking.quotas.direct.source}。"
    yield f"评分方案校验值:{scheme.digest}"


def _table(
    sheet: Worksheet,
    title: str,
    about: str,
    columns: Sequence[tuple[str, int]],
    rows: Iterable[Sequence[Value]],
) -> None:
    _heading(sheet, title, about, len(columns))
    for column, (header, width) in enumerate(columns, start=1):
        cell = sheet.cell(HEADER_ROW, column)
        _write(cell, header)
        cell.font = Font(bold=True)
        cell.fill = PatternFill("solid", fgColor="DDE7F3")
        sheet.column_dimensions[get_column_letter(column)].width = width
    for number, values in enumerate(rows, start=HEADER_ROW + 1):
        for column, value in enumerate(values, start=1):
            _write(sheet.cell(number, column), value)
            sheet.cell(number, column).alignment = Alignment(vertical="top", wrap_text=True)
    _page(sheet)


def _heading(sheet: Worksheet, title: str, about: str, width: int) -> None:
    for row, text in ((1, title), (2, about)):
        sheet.merge_cells(start_row=row, end_row=row, start_column=1, end_column=width)
        _write(sheet.cell(row, 1), text)
        sheet.cell(row, 1).alignment = Alignment(horizontal="center", wrap_text=True)
    sheet.cell(1, 1).font = Font(bold=True, size=14)


def _page(sheet: Worksheet) -> None:
    """The header stays in sight on the screen and on every printed page."""
    sheet.freeze_panes = f"A{HEADER_ROW + 1}"
    sheet.print_title_rows = f"{HEADER_ROW}:{HEADER_ROW}"
    sheet.page_setup.orientation = "landscape"
    sheet.page_setup.fitToHeight = 0
    sheet.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)


def _write(cell: Cell | MergedCell, value: Value) -> None:
    """Write a value; text stays text, whatever it looks like."""
    if not isinstance(cell, Cell):
        return
    if not isinstance(value, str):
        cell.value = value
        return
    text = ILLEGAL_CHARACTERS_RE.sub("", value)
    cell.value = text
    cell.data_type = "s"
    cell.quotePrefix = text.startswith(FORMULA_STARTS)
