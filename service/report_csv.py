"""The report as csv for Excel: one row a space, UTF-8 with a mark so that Excel reads Chinese."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator

from models.vocabulary import Access, FindingState, Severity
from service.report import Count, Report, SpaceReport
from service.wording import local_time

#: A cell that begins so is a formula or a command to a spreadsheet; full-width forms count too.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")

COLUMNS = (
    "编号",
    "县区",
    "学校",
    "姓名",
    "空间名称",
    "空间地址",
    "可见性",
    "资源数",
    "未开放资源数",
    *(f"{severity.label}线索数" for severity in reversed(Severity)),
    *(f"{state.label}线索数" for state in (FindingState.OPEN, FindingState.CONFIRMED)),
    "网页已查",
    "资源已查",
    "图片已查",
    "未查项数",
    "结论",
    "结论依据",
    "有效期至",
    "抓取时间",
    "robots.txt 例外依据",
)


def report_csv(report: Report) -> bytes:
    """The whole file."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for space in report.spaces:
        writer.writerow([safe_cell(cell) for cell in _cells(space)])
    return text.getvalue().encode("utf-8-sig")


def safe_cell(value: object) -> str:
    """The value as a cell that no spreadsheet runs: a formula's beginning becomes plain text."""
    text = str(value)
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA_STARTS) else text


def _cells(space: SpaceReport) -> Iterator[object]:
    yield from (space.space, space.county, space.school, space.teacher, space.title, space.url)
    yield space.visibility.state.label if space.visibility else "尚未抓取"
    yield len(space.resources)
    yield sum(1 for each in space.resources if each.openness.access is not Access.PUBLIC)
    severities = Counter(each.severity for each in space.findings)
    yield from (severities[severity] for severity in reversed(Severity))
    states = Counter(each.state for each in space.findings)
    yield from (states[state] for state in (FindingState.OPEN, FindingState.CONFIRMED))
    coverage = space.coverage
    yield from map(_share, (coverage.pages, coverage.resources, coverage.images))
    yield len(coverage.not_screened)
    verdict = space.verdict
    yield verdict.state.label if verdict else "尚无结论"
    yield ";".join(reason.label for reason in verdict.reasons) if verdict else ""
    yield local_time(verdict.valid_until) if verdict else ""
    yield local_time(space.snapshot.taken_at) if space.snapshot else ""
    yield space.visibility.robots_authority if space.visibility else ""


def _share(count: Count) -> str:
    # A space keeps Excel from reading 7/7 as the seventh of July.
    return f"{count.screened} / {count.found}"
