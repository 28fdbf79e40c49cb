"""``spaceaudit audit``, ``crawl`` and ``screen``: the main job and its two halves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from crawler.run import Progress as CrawlProgress
from models.database import session
from models.tables import Campaign
from service.campaigns import find_campaign
from service.commands.nominations import ProfileOption, import_path, print_result, result_document
from service.commands.rehearsal import pace_of, print_rehearsal, rehearsed
from service.config import Config, load_config
from service.console import (
    CampaignOption,
    JsonOption,
    err,
    examples,
    out,
    print_json,
    remark,
)
from service.errors import ExitCode, UserError
from service.nominations import NominatedSpace, current_nominations
from service.rehearsal import on_trial, tried_pack
from service.screenings import screen_space
from service.visits import CrawlResult, crawl, spaces_to_visit
from service.workbench import Workbench, open_workbench

FileArgument = Annotated[Path, typer.Argument(help="Nomination file, xlsx or csv.")]
OnlyOption = Annotated[
    list[str] | None, typer.Option("--only", help="Only this space; may be given several times.")
]
ConcurrencyOption = Annotated[
    int | None, typer.Option(min=1, max=64, help="Pages open at once in the browser.")
]

FreshOption = Annotated[
    bool,
    typer.Option(
        "--fresh", help="Read every page with the browser, also those that did not change."
    ),
]
PackOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--pack",
        help="With --dry-run: try this rule file beside the rules in force; may be given again.",
    ),
]
RulesOption = Annotated[
    Path | None,
    typer.Option(
        "--rules",
        help="With --dry-run: try the rule files of this folder instead of those in force.",
    ),
]
MinutesOption = Annotated[
    float | None,
    typer.Option(
        min=0, help="With --dry-run: minutes a finding takes; measured from decisions if not given."
    ),
]
#: Said before sites are visited by somebody they cannot write to.
NO_CONTACT = (
    "未设置联系方式:平台的管理员无从联系访问者。请把邮箱或网址写入 SPACEAUDIT_USER_AGENT_CONTACT"
)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(
        "audit",
        epilog=examples(
            "audit 推荐汇总表.xlsx --campaign 2022",
            "audit sample/nominations.xlsx --campaign demo --profile sample --only s001",
        ),
    )(audit)
    app.command(
        "crawl",
        epilog=examples("crawl --campaign 2022", "crawl --campaign 2022 --only s001 --fresh"),
    )(crawl_command)
    app.command(
        "screen",
        epilog=examples(
            "screen --campaign 2022 --dry-run",
            "screen --campaign 2022 --dry-run --pack 本市词表.yaml",
            "screen --campaign 2022",
        ),
    )(screen_command)


def audit(  # noqa: PLR0913  (one parameter an option)
    file: FileArgument,
    campaign: CampaignOption,
    profile: ProfileOption = None,
    only: OnlyOption = None,
    concurrency: ConcurrencyOption = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """The main job: import nominations, visit every space, screen what was found, issue verdicts.

    May be stopped at any time; the same command goes on. A space that has a current snapshot is not
    visited again: use `crawl` for that.
    """
    config = _tuned(load_config(), concurrency)
    imported = import_path(config, file, campaign, profile=profile)
    if not as_json:
        print_result(imported)
    with open_workbench(config) as bench:
        with session(bench.engine) as current:
            row = find_campaign(current, campaign)
            nominated = _chosen(current_nominations(current, row), only)
            to_visit = spaces_to_visit(current, bench, row, [space.code for space in nominated])
            current.expunge_all()
        result = _visit(bench, row, to_visit)
        already = [space for space in nominated if space.code not in result.visited]
        _screen(bench, row, already)
    document = {"import": result_document(imported), "crawl": _crawl_document(result)}
    _finish(result, document, as_json=as_json, fell_short=bool(imported.refused))


def crawl_command(
    campaign: CampaignOption,
    only: OnlyOption = None,
    concurrency: ConcurrencyOption = None,
    *,
    fresh: FreshOption = False,
    as_json: JsonOption = False,
) -> None:
    """Visit the nominated spaces anew, whatever is stored of them; then screen what was found.

    Access is measured anew. A page that answers as at the last visit is not rendered again, unless
    its last full reading is too long ago (SPACEAUDIT_FULL_VISIT_DAYS) or `--fresh` is given.
    """
    config = _tuned(load_config(), concurrency)
    if fresh:
        config = config.model_copy(update={"full_visit_days": 0})
    with open_workbench(config) as bench:
        with session(bench.engine) as current:
            row = find_campaign(current, campaign)
            nominated = _chosen(current_nominations(current, row), only)
            current.expunge_all()
        result = _visit(bench, row, nominated)
    _finish(result, _crawl_document(result), as_json=as_json, fell_short=False)


def screen_command(  # noqa: PLR0913  (one parameter an option)
    campaign: CampaignOption,
    only: OnlyOption = None,
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what is new, gone and the same; write nothing.")
    ] = False,
    pack: PackOption = None,
    rules: RulesOption = None,
    minutes: MinutesOption = None,
    as_json: JsonOption = False,
) -> None:
    """Screen the stored snapshots with the rules and models in force; nothing is visited.

    May be stopped at any time, a dry run too; the same command goes on.
    """
    if (pack or rules) and not dry_run:
        raise UserError(
            "other rules can only be tried", "add --dry-run; rules in force are part of the product"
        )
    with open_workbench(load_config()) as bench:
        with session(bench.engine) as current:
            row = find_campaign(current, campaign)
            nominated = _chosen(current_nominations(current, row), only)
            current.expunge_all()
        if dry_run:
            if pack or rules:
                bench = on_trial(bench, tried_pack(bench, pack or (), rules))  # noqa: PLW2901
            with _progress("试筛已存快照", len(nominated)) as (progress, task):
                step = partial(progress.update, task, advance=1)
                found = rehearsed(bench, row, nominated, lambda code: step(note=code))
            print_rehearsal(found, pace_of(bench, row, minutes), as_json=as_json)
            return
        screened = _screen(bench, row, nominated)
    if as_json:
        print_json({"campaign": campaign, "spaces": len(nominated), "screened": screened})
    else:
        out.print(f"{len(nominated)} 个空间,其中 {screened} 个按现行规则重新筛查")


def _tuned(config: Config, concurrency: int | None) -> Config:
    return config.model_copy(update={"concurrency": concurrency}) if concurrency else config


def _chosen(
    nominated: Sequence[NominatedSpace], only: Sequence[str] | None
) -> list[NominatedSpace]:
    if not only:
        return list(nominated)
    unknown = sorted(set(only) - {space.code for space in nominated})
    if unknown:
        raise UserError(
            f"the campaign has no space {', '.join(unknown)}",
            "see the identifiers with: spaceaudit report --campaign C",
        )
    return [space for space in nominated if space.code in only]


@contextmanager
def _progress(label: str, total: int) -> Iterator[tuple[Progress, TaskID]]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=err, transient=False) as progress:
        yield progress, progress.add_task(label, total=total, note="")


def _visit(bench: Workbench, campaign: Campaign, spaces: Sequence[NominatedSpace]) -> CrawlResult:
    """Visit spaces, screening each as soon as its snapshot stands."""
    if not spaces:
        return CrawlResult()
    if not bench.config.user_agent_contact:
        remark(NO_CONTACT)
    by_code = {space.code: space for space in spaces}
    with _progress("抓取与筛查", len(spaces)) as (progress, task):
        pages: Counter[str] = Counter()

        def follow(event: CrawlProgress) -> None:
            if event.event == "waiting":
                # Also where no progress line is drawn: a log has to say why nothing happens.
                progress.console.print(event.details["why"], markup=False, soft_wrap=True)
                progress.update(task, note=event.details["why"])
                return
            pages[event.event] += 1
            if event.event == "stored" and event.space in by_code:
                screen_space(bench, campaign, by_code[event.space])
            if event.event in ("stored", "failed"):
                progress.advance(task)
            note = f"{pages['page']} 页 {pages['file']} 个文件 · {event.space}"
            progress.update(task, note=note)

        result = crawl(bench, campaign.code, spaces, follow)
        progress.update(task, completed=len(spaces))
    return result


def _screen(bench: Workbench, campaign: Campaign, spaces: Sequence[NominatedSpace]) -> int:
    screened = 0
    if not spaces:
        return screened
    with _progress("筛查已存快照", len(spaces)) as (progress, task):
        for space in spaces:
            screened += screen_space(bench, campaign, space)
            progress.update(task, advance=1, note=space.code)
    return screened


def _crawl_document(result: CrawlResult) -> dict[str, Any]:
    return {"crawl": result.crawl_id, "visited": result.visited, "failed": result.failed}


def _finish(
    result: CrawlResult, document: dict[str, Any], *, as_json: bool, fell_short: bool
) -> None:
    if as_json:
        print_json(document)
    else:
        out.print(f"访问 {len(result.visited)} 个空间,失败 {len(result.failed)} 个")
        for space in result.failed:
            out.print(f"  {space}:我方程序出错,未得快照;再次运行同一命令会重试")
    if result.failed or fell_short:
        raise typer.Exit(ExitCode.FELL_SHORT)
