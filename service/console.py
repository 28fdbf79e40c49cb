"""How commands speak: results on standard output, progress and errors on standard error."""

from __future__ import annotations

import getpass
import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

#: Columns of output that goes to a file or a pipe, where no terminal folds it.
PIPED_WIDTH = 180

#: Results.
out = Console(highlight=False, width=None if sys.stdout.isatty() else PIPED_WIDTH)
#: Progress, remarks and errors.
err = Console(stderr=True, highlight=False)

JsonOption = Annotated[
    bool, typer.Option("--json", help="Machine output alone on standard output.")
]
UnmaskedOption = Annotated[
    bool, typer.Option("--unmasked", help="Show personal data whole; this is logged.")
]
CampaignOption = Annotated[str, typer.Option("--campaign", "-c", help="Code of the campaign.")]


def print_json(value: Mapping[str, Any] | Sequence[Any]) -> None:
    """Write one JSON document to standard output."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2, default=str) + "\n")


def print_table(headers: Sequence[str], rows: Iterable[Sequence[object]], title: str = "") -> None:
    """Write a table to standard output; cells are shown as they are, long ones are folded."""
    table = Table(title=title or None, title_justify="left")
    for header in headers:
        table.add_column(header, overflow="fold")
    for row in rows:
        table.add_row(*(Text(str(cell)) for cell in row))
    out.print(table)


def complain(message: str, hint: str = "") -> None:
    """Write what is wrong, and what to do about it, to standard error."""
    err.print(Text(f"error: {message}"), soft_wrap=True)
    if hint:
        err.print(Text(f"hint: {hint}"), soft_wrap=True)


def remark(message: str) -> None:
    """Write a remark to standard error."""
    err.print(Text(message), soft_wrap=True)


def examples(*commands: str) -> str:
    """An epilog that shows commands, one a line."""
    return "\n\n".join(["Examples:", *(f"  spaceaudit {command}" for command in commands)])


def actor() -> str:
    """Who runs this command, for the audit log."""
    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError):
        # A container's user may have no name.
        return f"cli:uid-{os.getuid()}"
