"""``spaceaudit models``: which classifiers are in force, and how a candidate takes its place."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from models.database import session
from service.campaigns import find_campaign
from service.config import load_config
from service.console import (
    CampaignOption,
    JsonOption,
    actor,
    examples,
    out,
    print_json,
    print_table,
)
from service.models import Change, promote, rollback, shadow_total, standings
from service.nominations import current_nominations
from service.screenings import run_shadow
from service.workbench import open_workbench
from service.workspace import database_session

FamilyArgument = Annotated[str, typer.Argument(help="Family of the model, such as abusive.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why; kept in the audit log.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Classifiers in force and candidates.", no_args_is_help=True)
    group.command("list", epilog=examples("models list", "models list --json"))(show)
    group.command("shadow", epilog=examples("models shadow --campaign 2022"))(shadow)
    group.command("promote", epilog=examples("models promote abusive --reason 增加审核样本"))(
        promote_command
    )
    group.command("rollback", epilog=examples("models rollback abusive --reason 误报增多"))(
        rollback_command
    )
    app.add_typer(group, name="models")


def show(*, as_json: JsonOption = False) -> None:
    """List the models, where each stands, and what a candidate would change."""
    found = standings(load_config().home / "models")
    if as_json:
        print_json([asdict(one) for one in found])
        return
    names = {"in force": "在用", "candidate": "候选(影子运行)", "former": "曾用"}
    rows = [
        (
            names[one.standing],
            one.family,
            f"{one.macro_f1:.3f}",
            one.digest[:19],
            _shadow(one.shadow),
            "; ".join(one.short_of) or "达到底线",
        )
        for one in found
    ]
    print_table(("状态", "类别", "宏F1", "摘要", "影子运行", "质量底线"), rows)


def _shadow(counts: object) -> str:
    if not isinstance(counts, dict) or not counts.get("snapshots"):
        return "—"
    return (
        f"{counts['snapshots']} 份快照 {counts['texts']} 段: "
        f"新增 {counts['added']} 减少 {counts['dropped']} 相同 {counts['both']}"
    )


def shadow(campaign: CampaignOption) -> None:
    """Let the candidates read the stored snapshots: what they would add and drop is counted."""
    config = load_config()
    with open_workbench(config) as bench:
        with session(bench.engine) as current:
            spaces = current_nominations(current, find_campaign(current, campaign))
        read = sum(run_shadow(bench, space) for space in spaces)
        families = [each.family for each in bench.tools.shadow]
    out.print(f"{read} of {len(spaces)} spaces read by {len(families)} candidates")
    for family in families:
        out.print(f"{family}: {_shadow(shadow_total(config.home / 'models', family))}")


def promote_command(
    family: FamilyArgument,
    *,
    below_floor: Annotated[
        bool, typer.Option("--below-floor", help="Although it misses the floor; needs --reason.")
    ] = False,
    reason: ReasonOption = "",
) -> None:
    """Put a candidate in force; verdicts that stand on the old model go stale."""
    config = load_config()
    change = Change(actor(), config.clock(), reason, below_floor)
    with database_session(config) as current:
        out.print(f"{family}: {promote(current, config.home / 'models', family, change)} in force")


def rollback_command(family: FamilyArgument, *, reason: ReasonOption = "") -> None:
    """Put the model back that was in force before."""
    config = load_config()
    change = Change(actor(), config.clock(), reason)
    with database_session(config) as current:
        out.print(f"{family}: {rollback(current, config.home / 'models', family, change)} in force")
