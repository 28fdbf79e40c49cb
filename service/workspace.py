"""The data of one installation, opened for a command."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine
from sqlmodel import Session

from models.database import migrate, open_engine, session
from service.config import Config


def open_database(config: Config) -> Engine:
    """The database, with this version's tables.

    Raises:
        DatabaseError: it does not answer, or its address cannot be used.
    """
    engine = open_engine(config.database_url)
    migrate(engine)
    return engine


@contextmanager
def database_session(config: Config) -> Iterator[Session]:
    """One unit of work of a command: committed at the end, rolled back on an error.

    Raises:
        DatabaseError: as :func:`open_database`.
    """
    engine = open_database(config)
    try:
        with session(engine) as current:
            yield current
    finally:
        engine.dispose()
