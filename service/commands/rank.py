"""``spaceaudit rank``: gate, score, quota and order, each step with its reason."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from models.database import session
from models.vocabulary import RankingStage
from ranking.document import ranking_document
from ranking.explanation import explain, note
from ranking.records import Ranking, RankingError
from ranking.workbook import ranking_workbook
from rules.scheme import SAMPLE_MARK, load_scheme
from service.campaigns import find_campaign
from service.config import load_config
from service.console import CampaignOption, JsonOption, examples, out, print_json, print_table
from service.errors import UserError
from service.ranking import rank_campaign
from service.workbench import open_workbench


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "rank",
        epilog=examples(
            "rank --campaign 2022",
            "rank --campaign 2022 --explain s003",
            "rank --campaign 2022 --stage city --out 市级排名.xlsx",
        ),
    )(rank)


def rank(  # noqa: PLR0913  (one parameter an option)
    campaign: CampaignOption,
    stage: Annotated[
        RankingStage, typer.Option(help="county: within quotas; city: the awards.")
    ] = RankingStage.COUNTY,
    scheme: Annotated[str, typer.Option(help="A scheme's id, or its file.")] = "sample-2022",
    explain_space: Annotated[
        str | None, typer.Option("--explain", help="Say step by step why this space stands there.")
    ] = None,
    out_file: Annotated[
        Path | None, typer.Option("--out", help="Write the ranking as .xlsx as well.")
    ] = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Rank the nominated spaces; what is not checked, not public, flagged or stale is held out."""
    if out_file is not None and out_file.suffix != ".xlsx":
        raise UserError(f"{out_file} is no .xlsx file", "give a name that ends in .xlsx")
    chosen = load_scheme(scheme)
    with open_workbench(load_config()) as bench, session(bench.engine) as current:
        row = find_campaign(current, campaign)
        ranking = rank_campaign(current, bench, row, stage, chosen)
    if out_file is not None:
        ranking_workbook(ranking, chosen).save(out_file)
    if explain_space is not None:
        _print_explanation(ranking, explain_space, as_json=as_json)
    elif as_json:
        print_json(ranking_document(ranking))
    else:
        _print_ranking(ranking)


def _print_explanation(ranking: Ranking, space: str, *, as_json: bool) -> None:
    try:
        steps = explain(ranking, space)
    except RankingError as error:
        raise UserError(
            str(error), "see the spaces with: spaceaudit report --campaign C"
        ) from error
    if as_json:
        print_json({"space": space, "steps": steps})
        return
    for step in steps:
        out.print(step, markup=False, soft_wrap=True)


def _print_ranking(ranking: Ranking) -> None:
    mark = f"【{SAMPLE_MARK}】" if ranking.sample else ""
    rows = [
        (
            entry.rank or "",
            entry.place.label,
            entry.unit.title,
            entry.candidate.space,
            entry.candidate.teacher,
            entry.candidate.school,
            "" if entry.score.total is None else f"{entry.score.total:.2f}",
            note(ranking, entry),
        )
        for entry in ranking.entries
    ]
    title = f"{mark}{ranking.stage.label}({ranking.scheme.title})"
    print_table(("名次", "结果", "单位", "空间", "姓名", "学校", "总分", "说明"), rows, title=title)
    for warning in ranking.warnings:
        out.print(f"注意:{warning}", markup=False)
