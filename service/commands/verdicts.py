"""``spaceaudit verdicts``: the verdict feed from the command line."""

from __future__ import annotations

from typing import Annotated

import typer

from models.database import session
from service.config import load_config
from service.console import JsonOption, examples, print_json, print_table
from service.feed import FeedItem, log_after
from service.wording import local_time
from service.workspace import open_database


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("verdicts", epilog=examples("verdicts --after 0", "verdicts --after 120 --json"))(
        verdicts
    )


def verdicts(
    after: Annotated[int, typer.Option(min=0, help="Serial of the last item read.")] = 0,
    limit: Annotated[int, typer.Option(min=1, help="Items at most.")] = 1000,
    campaign: Annotated[
        str | None, typer.Option("--campaign", "-c", help="Only spaces of this campaign.")
    ] = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Show the verdicts after a serial, in the order of issue."""
    with session(open_database(load_config())) as current:
        items = log_after(current, after, limit, campaign)
    if as_json:
        print_json([item.model_dump(mode="json") for item in items])
        return
    print_table(("序号", "时间", "空间", "事件", "结论", "依据", "有效期至"), map(_cells, items))


def _cells(item: FeedItem) -> tuple[object, ...]:
    return (
        item.serial,
        local_time(item.decided_at),
        item.space,
        item.event.label,
        item.state.label,
        "；".join(reason.code.label for reason in item.reasons),
        local_time(item.valid_until),
    )
