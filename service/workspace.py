"""The data of one installation, opened for a command."""

from __future__ import annotations

from sqlalchemy import Engine

from models.database import migrate, open_engine
from service.config import Config


def open_database(config: Config) -> Engine:
    """The database, with this version's tables.

    Raises:
        DatabaseError: it does not answer, or its address cannot be used.
    """
    engine = open_engine(config.database_url)
    migrate(engine)
    return engine
