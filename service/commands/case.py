"""``spaceaudit case``: everything about one space, on the terminal or as json."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from rich.text import Text

from models.database import session
from service.campaigns import find_campaign
from service.case import Case, case_report, load_case
from service.config import load_config
from service.console import CampaignOption, JsonOption, UnmaskedOption, examples, out, print_table
from service.desk import desk_of
from service.report import without_personal_data
from service.unmasking import log_unmasked
from service.wording import local_time, manners_text, masked, size_text
from service.workbench import open_workbench

SpaceArgument = Annotated[str, typer.Argument(help="Identifier of the space (编号).")]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "case", epilog=examples("case s001 --campaign 2022", "case s001 --campaign 2022 --json")
    )(case)


def case(
    space: SpaceArgument,
    campaign: CampaignOption,
    *,
    as_json: JsonOption = False,
    unmasked: UnmaskedOption = False,
) -> None:
    """Show one space: access evidence, resources, findings, coverage, decisions and verdict.

    The ends of personal data are hidden; with --unmasked the json has the exact characters, and
    that is logged.
    """
    with open_workbench(load_config()) as bench, session(bench.engine) as current:
        desk = desk_of(bench)
        found = load_case(current, desk, find_campaign(current, campaign), space)
        if as_json:
            made = case_report(current, desk, found)
            if unmasked:
                log_unmasked(current, f"case {space}", campaign, bench.now())
            else:
                made = without_personal_data(made)
            sys.stdout.write(made.model_dump_json(indent=2) + "\n")
        else:
            _print(found)


def _print(found: Case) -> None:
    _head(found)
    _access(found)
    rows = [
        (
            masked(each.name),
            each.kind.label,
            size_text(each.size),
            each.openness.label,
            masked(each.reason),
        )
        for each in found.resources
    ]
    print_table(("名称", "类型", "大小", "开放", "依据"), rows, f"资源 {len(rows)}")
    _findings(found)
    _coverage(found)
    _history(found)


def _say(line: str) -> None:
    out.print(Text(line), soft_wrap=True)


def _head(found: Case) -> None:
    nominated, verdict = found.nomination, found.verdict
    _say(f"{nominated.code} {nominated.teacher} {nominated.school} {nominated.county}")
    _say(f"{nominated.title} {nominated.url}")
    if verdict is None:
        _say("结论: 尚无")
        return
    because = "；".join(each.label for each in verdict.stale_because or verdict.reasons)
    until = local_time(verdict.row.valid_until)
    _say(f"结论: {verdict.state.label} ({because}) 有效期至 {until or '-'}")


def _access(found: Case) -> None:
    if found.snapshot is None:
        _say("访问: 尚未抓取")
        return
    _say(f"访问: {found.snapshot.visibility.label}, {local_time(found.snapshot.taken_at)}")
    attempts = found.manifest.attempts if found.manifest else ()
    rows = [
        (
            each.number,
            local_time(each.started_at, seconds=True),
            each.outcome.label,
            each.status or "",
            each.plain.outcome.label if each.plain else "",
            masked(each.evidence),
        )
        for each in attempts
    ]
    print_table(("次", "时间", "浏览器", "状态", "普通访问", "证据"), rows, "访问证据")
    for line in manners_text(found.manifest) if found.manifest else ():
        _say(line)


def _findings(found: Case) -> None:
    rows = [
        (
            each.row.id,
            each.row.severity.label,
            each.family,
            masked(each.row.text),
            f"{each.row.part.label} {each.row.url} {each.row.locator}",
            each.state.label,
        )
        for each in found.findings
    ]
    title = f"线索 {len(rows)}, 待处理 {found.waiting}"
    print_table(("线索", "程度", "类别", "原文", "位置", "状态"), rows, title)


def _coverage(found: Case) -> None:
    counts = found.coverage
    parts = (("网页", counts.pages), ("资源", counts.resources), ("图片", counts.images))
    _say(" · ".join(f"{label} {each.screened}/{each.found}" for label, each in parts))
    for gap in counts.not_screened:
        _say(f"  未查: {masked(gap.what)} ({gap.reason.label})")


def _history(found: Case) -> None:
    for past in found.decisions:
        taken = past.row
        about = taken.finding_id or "整体"
        note = masked(taken.note)
        said = f"{past.user} {taken.action.label} {about}: {past.reason} {note}"
        _say(f"{local_time(taken.decided_at)} {said}".rstrip())
    for each in found.verdicts:
        issued = each.row
        because = "；".join(reason.label for reason in each.reasons)
        said = f"{issued.event.label} {issued.state.label} #{issued.serial} {because}"
        _say(f"{local_time(issued.decided_at)} {said}")
