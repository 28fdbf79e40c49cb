"""``spaceaudit webhooks``: tells programs that the feed has moved."""

from __future__ import annotations

import typer

from crawler.addresses import EgressPolicy, parse_allow
from models.vocabulary import DeliveryState
from service.config import load_config
from service.console import JsonOption, examples, out, print_json
from service.errors import ExitCode
from service.webhook_sending import deliver
from service.workspace import open_database


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Tells programs that the feed has moved.", no_args_is_help=True)
    group.command("deliver", epilog=examples("webhooks deliver", "webhooks deliver --json"))(send)
    app.add_typer(group, name="webhooks")


def send(*, as_json: JsonOption = False) -> None:
    """Send what is due, once; ends 1 when something did not arrive."""
    config = load_config()
    engine = open_database(config)
    policy = EgressPolicy(allow=parse_allow(config.egress_allow))
    counted = deliver(engine, config.clock(), policy)
    engine.dispose()
    if as_json:
        print_json({state.value: counted.get(state, 0) for state in DeliveryState})
    else:
        said = ", ".join(f"{number} {state.value}" for state, number in counted.items())
        out.print(said or "nothing is due", markup=False)
    if set(counted) - {DeliveryState.DELIVERED}:
        raise typer.Exit(ExitCode.FELL_SHORT)
