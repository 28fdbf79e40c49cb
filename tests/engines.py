"""A fresh, migrated database for a test, on SQLite or on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine

from models.database import migrate, open_engine

#: Parameters of a fixture that runs its tests on both databases.
BOTH = ("sqlite", pytest.param("postgresql", marks=pytest.mark.postgres))


@contextmanager
def fresh_engine(request: pytest.FixtureRequest, folder: Path, backend: str) -> Iterator[Engine]:
    """An engine on an empty database of the kind that the fixture's parameter names."""
    if backend == "sqlite":
        engine = open_engine(f"sqlite:///{folder / 'test.db'}")
    else:
        engine = open_engine(request.getfixturevalue("postgres_url"))
    migrate(engine)
    yield engine
    engine.dispose()
