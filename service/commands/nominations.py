"""``spaceaudit nominations import``: a nomination file into a campaign."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from service.campaigns import campaign_for
from service.config import Config, load_config
from service.console import (
    CampaignOption,
    JsonOption,
    actor,
    examples,
    out,
    print_json,
    print_table,
)
from service.errors import ExitCode
from service.nomination_rows import read_nominations
from service.nominations import ImportResult, import_nominations
from service.workspace import database_session

FileArgument = Annotated[Path, typer.Argument(help="Nomination file, xlsx or csv.")]
ProfileOption = Annotated[
    str | None,
    typer.Option("--profile", help="How the campaign's platform is read: a profile's id or file."),
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Nominations of a campaign.", no_args_is_help=True)
    group.callback()(_group)
    group.command(
        "import",
        epilog=examples(
            "nominations import 推荐汇总表.xlsx --campaign 2022 --dry-run",
            "nominations import 推荐汇总表.xlsx --campaign 2022 --profile generic",
        ),
    )(import_file)
    app.add_typer(group, name="nominations")


def _group() -> None:
    """Nominations of a campaign."""


def import_file(  # noqa: PLR0913  (one parameter an option)
    file: FileArgument,
    campaign: CampaignOption,
    profile: ProfileOption = None,
    sheet: Annotated[
        str | None, typer.Option(help="Worksheet to read, when several look alike.")
    ] = None,
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would change; write nothing.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Import a nomination file.

    Good rows are imported, refused ones are named with the reason; the command then ends with 1.

    Importing again changes nothing; a changed row is an update with history.
    """
    result = import_path(
        load_config(), file, campaign, profile=profile, sheet=sheet, dry_run=dry_run
    )
    if as_json:
        print_json({"campaign": campaign, **result_document(result)})
    else:
        print_result(result)
    if result.refused:
        raise typer.Exit(ExitCode.FELL_SHORT)


def import_path(  # noqa: PLR0913
    config: Config,
    path: Path,
    campaign: str,
    *,
    profile: str | None = None,
    sheet: str | None = None,
    dry_run: bool = False,
) -> ImportResult:
    """Import one file into a campaign, which is made if there is none; commits, unless a dry run."""
    file = read_nominations(path, sheet)
    at, who = config.clock(), actor()
    with database_session(config) as current:
        target = campaign_for(current, campaign, profile, None, at, actor=who)
        result = import_nominations(current, file, target, at=at, actor=who, dry_run=dry_run)
        if dry_run:
            # Nor is a campaign made.
            current.rollback()
    return result


def result_document(result: ImportResult) -> Mapping[str, Any]:
    """The result as ``--json`` gives it."""
    return {
        "file": result.source,
        "dry_run": result.dry_run,
        "added": list(result.added),
        "changed": [{"space": each.code, "columns": list(each.columns)} for each in result.changed],
        "unchanged": result.unchanged,
        "refused_rows": result.refused_rows,
        "refused": [asdict(problem) for problem in result.refused],
    }


def print_result(result: ImportResult) -> None:
    """Show what an import did: refused rows, changed spaces and the sums."""
    if result.refused:
        rows = [(each.row, each.column, each.value, each.reason) for each in result.refused]
        print_table(("行", "列", "值", "原因"), rows, title="未导入的行")
    for change in result.changed:
        out.print(f"{change.code}: {'、'.join(change.columns)} 有变更", markup=False)
    out.print(
        f"{result.source}: {'(试运行,未写入)' if result.dry_run else ''}"
        f"新增 {len(result.added)},变更 {len(result.changed)},"
        f"未变 {result.unchanged},未导入 {result.refused_rows} 行",
        markup=False,
    )
