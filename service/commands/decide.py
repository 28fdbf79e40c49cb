"""``spaceaudit decide``: a person's word on a finding or on a whole space."""

from __future__ import annotations

from typing import Annotated

import typer
from sqlmodel import Session

from audit.review import DecisionError
from models.database import session
from models.tables import Campaign, Finding, Space
from models.vocabulary import Action
from rules.reasons import reasons_for
from service.campaigns import find_campaign
from service.config import load_config
from service.console import examples, out
from service.deciding import Ruling, take
from service.desk import desk_of
from service.errors import UserError
from service.facts import space_by_code
from service.workbench import open_workbench

_REASONS = "; ".join(
    f"{action.value}: {', '.join(dict.fromkeys(r.code for level in (False, True) for r in reasons_for(action, space_level=level)))}"
    for action in Action
)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "decide",
        epilog=examples(
            "decide fd_0123456789ab --dismiss --reason teaching --as wang",
            "decide --space s001 --campaign 2022 --confirm --reason unfit --note 说明 --as wang",
            "decide fd_0123456789ab --undo --reason mistake --as wang",
        ),
    )(decide)


def decide(  # noqa: PLR0913  (one parameter an option)
    finding: Annotated[
        str | None, typer.Argument(help="The finding's id, as `case` shows it.")
    ] = None,
    space: Annotated[
        str | None, typer.Option("--space", help="The whole space instead (with --campaign).")
    ] = None,
    campaign: Annotated[
        str | None, typer.Option("--campaign", "-c", help="Code of the campaign, with --space.")
    ] = None,
    *,
    confirm: Annotated[bool, typer.Option("--confirm", help="It is a fault.")] = False,
    dismiss: Annotated[bool, typer.Option("--dismiss", help="It is none.")] = False,
    undo: Annotated[bool, typer.Option("--undo", help="Take the last decision back.")] = False,
    reason: Annotated[str, typer.Option(help=f"Why, as a code; {_REASONS}.")],
    note: Annotated[str, typer.Option(help="A remark for the record.")] = "",
    by: Annotated[str, typer.Option("--as", help="Name of the user who decides.")],
) -> None:
    """Decide on a finding or on a whole space; the verdict follows at once."""
    action = _action(confirm=confirm, dismiss=dismiss, undo=undo)
    with open_workbench(load_config()) as bench, session(bench.engine) as current:
        desk = desk_of(bench)
        call, about = _subject(current, finding, space, campaign)
        try:
            taken = take(current, desk, call, about, Ruling(action, reason, note, by))
        except DecisionError as error:
            raise UserError(str(error), f"reasons are {_REASONS}") from error
        out.print(f"{taken.id}: {taken.action.value} ({taken.action.label})", markup=False)
        if taken.decision is None and taken.action is not Action.UNDO:
            out.print("an opinion: another person has to decide before it counts", markup=False)


def _action(*, confirm: bool, dismiss: bool, undo: bool) -> Action:
    asked = {Action.CONFIRM: confirm, Action.DISMISS: dismiss, Action.UNDO: undo}
    chosen = [action for action, wanted in asked.items() if wanted]
    if len(chosen) != 1:
        raise UserError(
            "a decision is one of --confirm, --dismiss and --undo", "give exactly one of them"
        )
    return chosen[0]


def _subject(
    current: Session, finding: str | None, space: str | None, campaign: str | None
) -> tuple[Campaign, Finding | Space]:
    if (finding is None) == (space is None):
        raise UserError(
            "a decision is on a finding or on a space", "give a finding's id, or --space"
        )
    if finding is not None:
        return _finding(current, finding)
    if campaign is None or space is None:
        raise UserError("a space is known by its campaign", "add --campaign CODE")
    call = find_campaign(current, campaign)
    found = space_by_code(current, call, space)
    if found is None:
        raise UserError(
            f"campaign {campaign} has no space {space}",
            f"see the identifiers with: spaceaudit report --campaign {campaign}",
        )
    return call, found


def _finding(current: Session, finding_id: str) -> tuple[Campaign, Finding]:
    row = current.get(Finding, finding_id)
    if row is None:
        raise UserError(
            f"there is no finding {finding_id}",
            "see the findings with: spaceaudit case SPACE --campaign CODE",
        )
    space = current.get_one(Space, row.space_id)
    return current.get_one(Campaign, space.campaign_id), row
