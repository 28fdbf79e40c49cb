"""``spaceaudit doctor``: what this machine lacks."""

from __future__ import annotations

from dataclasses import asdict

import typer

from service.config import load_config
from service.console import JsonOption, err, examples, print_json, print_table
from service.doctor import examine
from service.errors import ExitCode


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("doctor", epilog=examples("doctor", "doctor --json"))(diagnose)


def diagnose(*, as_json: JsonOption = False) -> None:
    """Check what a run needs, from browser to clock; ends with 3 if something is missing."""
    config = load_config()
    with err.status("looking…"):
        checks = examine(config)
    if as_json:
        print_json([asdict(check) for check in checks])
    else:
        rows = [
            (check.name, "ok" if check.ok else "MISSING", check.found, check.advice)
            for check in checks
        ]
        print_table(("check", "", "found", "what to do"), rows)
    if not all(check.ok for check in checks):
        raise typer.Exit(ExitCode.ENVIRONMENT)
