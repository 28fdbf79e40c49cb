"""``spaceaudit report``: every space of a campaign with its verdict, as table, json or csv."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from models.database import session
from models.vocabulary import Access, FindingState, Severity, VerdictState
from service.campaigns import find_campaign
from service.config import load_config
from service.console import CampaignOption, examples, out, print_table, remark
from service.desk import desk_of
from service.report import Report, SpaceReport, build_report, without_personal_data
from service.report_csv import report_csv
from service.unmasking import log_unmasked
from service.wording import local_time
from service.workbench import open_workbench


class Format(StrEnum):
    """What a report is written as."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "report",
        epilog=examples(
            "report --campaign 2022",
            "report --campaign 2022 --format csv --out 审核结果.csv",
            "report --campaign 2022 --format json --only s001",
        ),
    )(report)


def report(
    campaign: CampaignOption,
    form: Annotated[Format, typer.Option("--format", help="What is written.")] = Format.TABLE,
    target: Annotated[
        Path | None, typer.Option("--out", help="File to write; without it standard output.")
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", help="Only this space; may be given several times."),
    ] = None,
    *,
    masked: Annotated[
        bool | None,
        typer.Option(
            "--masked/--unmasked",
            help="Hide the ends of personal data, or show it whole, which is logged. Without either: "
            "whole in json, which other programs rely on; hidden in what people read.",
        ),
    ] = None,
) -> None:
    """Report every space of a campaign: access, openness, findings, coverage and verdict.

    Tables and csv hide the ends of personal data. The json has the exact characters, by which findings
    are matched; each such report is logged, and --masked makes one that can be handed on.
    """
    whole = form is Format.JSON if masked is None else not masked
    with open_workbench(load_config()) as bench, session(bench.engine) as current:
        desk = desk_of(bench)
        made = build_report(current, desk, find_campaign(current, campaign), only)
        if whole:
            log_unmasked(current, "report", campaign, bench.now())
        else:
            shown = tuple(map(without_personal_data, made.spaces))
            made = made.model_copy(update={"spaces": shown})
    if form is Format.TABLE and target is None:
        _print(made)
        return
    content = _content(made, form)
    if target is None:
        sys.stdout.buffer.write(content)
        return
    target.write_bytes(content)
    remark(f"{target}: {len(made.spaces)} spaces")


def _content(made: Report, form: Format) -> bytes:
    if form is Format.JSON:
        return (made.model_dump_json(indent=2) + "\n").encode()
    if form is Format.CSV:
        return report_csv(made)
    lines = ["\t".join(_HEADERS), *("\t".join(map(str, _cells(each))) for each in made.spaces)]
    return ("\n".join(lines) + "\n").encode()


_HEADERS = (
    "编号",
    "县区",
    "教师",
    "可见性",
    "资源",
    "线索",
    "待处理",
    "未查",
    "结论",
    "原因",
    "有效期至",
)


def _print(made: Report) -> None:
    title = f"{made.campaign} · {len(made.spaces)} 个空间 · 判定规则 {made.policy}"
    print_table(_HEADERS, (tuple(_cells(each)) for each in made.spaces), title)
    sums = Counter(each.verdict.state if each.verdict else None for each in made.spaces)
    parts = [f"{state.label} {sums[state]}" for state in VerdictState if sums[state]]
    if sums[None]:
        parts.append(f"尚无结论 {sums[None]}")
    out.print(" · ".join(parts))
    authorities = Counter(
        each.visibility.robots_authority for each in made.spaces if each.visibility
    )
    for authority, number in sorted(authorities.items()):
        if authority:
            said = f"robots.txt 不许机器人访问的地方,经书面同意后访问:{authority}({number} 个空间)"
            out.print(said, markup=False, soft_wrap=True)


def _cells(space: SpaceReport) -> Iterator[object]:
    yield from (space.space, space.county, space.teacher)
    yield space.visibility.state.label if space.visibility else "尚未抓取"
    free = sum(1 for each in space.resources if each.openness.access is Access.PUBLIC)
    yield f"{free}/{len(space.resources)}"
    counts = Counter(each.severity for each in space.findings)
    yield " ".join(f"{each.label}{counts[each]}" for each in reversed(Severity) if counts[each])
    yield sum(1 for each in space.findings if each.state is FindingState.OPEN)
    yield len(space.coverage.not_screened)
    verdict = space.verdict
    yield verdict.state.label if verdict else "尚无结论"
    yield (
        "；".join(each.label for each in verdict.stale_because or verdict.reasons)
        if verdict
        else ""
    )
    yield local_time(verdict.valid_until) if verdict else ""
