"""``spaceaudit config``: every setting, where it comes from, and what it means."""

from __future__ import annotations

from dataclasses import asdict

import typer

from service.config import explain, load_config, unknown_settings
from service.console import JsonOption, examples, print_json, print_table, remark


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "config", epilog=examples("config", "config --json", "config 2>&1 | grep DATABASE")
    )(show)


def show(*, as_json: JsonOption = False) -> None:
    """Show every setting with its value, its source and its meaning; secrets are masked."""
    settings = explain(load_config())
    for name in unknown_settings():
        remark(f"warning: {name} is no setting and has no effect; check its spelling")
    if as_json:
        print_json([asdict(setting) for setting in settings])
    else:
        rows = [(each.name, each.value, each.source.value, each.help) for each in settings]
        print_table(("variable", "value", "source", "meaning"), rows)
