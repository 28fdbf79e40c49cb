"""The servers that the tests start for themselves."""

from __future__ import annotations

import shutil
from pathlib import Path

from provision import apt
from provision.console import say


def provide_servers() -> None:
    """Install PostgreSQL's programs when they are missing; a test whose server is missing is skipped."""
    if _has_postgres() or (apt.install("servers", "postgresql") and _has_postgres()):
        return
    say("servers", "no PostgreSQL here: its tests will be skipped (install postgresql to run them)")


def _has_postgres() -> bool:
    return bool(shutil.which("initdb")) or any(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
