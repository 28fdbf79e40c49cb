"""``spaceaudit notify``: reminders of deadlines, and what waits in the outbox, sent now."""

from __future__ import annotations

from dataclasses import asdict

import typer

from crawler.addresses import parse_allow
from service.config import load_config
from service.console import JsonOption, examples, out, print_json
from service.errors import ExitCode
from service.notifying import Outgoing, remind, send_due
from service.workspace import database_session


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("notify", epilog=examples("notify", "notify --json"))(notify_command)


def notify_command(*, as_json: JsonOption = False) -> None:
    """Send the notifications that are due; run it every few minutes.

    A channel inside your own network needs its host:port in SPACEAUDIT_EGRESS_ALLOW. Ends with 1 when a
    message was given up: the administrator's page lists it.
    """
    config = load_config()
    with database_session(config) as current:
        remind(current, config.clock())
        current.commit()
        sent = send_due(current, Outgoing(parse_allow(config.egress_allow)), config.clock())
    if as_json:
        print_json(asdict(sent))
    else:
        out.print(f"送达 {sent.delivered} 条,稍后重试 {sent.retrying} 条,停止 {sent.dead} 条")
    if sent.dead:
        raise typer.Exit(ExitCode.FELL_SHORT)
