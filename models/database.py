"""The database: SQLite (WAL, foreign keys on) by default, PostgreSQL by address; Alembic migrations."""

from __future__ import annotations

import fcntl
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, OperationalError
from sqlalchemy.orm import Session as AnySession
from sqlmodel import Session, create_engine

from models.tables import APPEND_ONLY

MIGRATIONS = Path(__file__).parent / "migrations"
#: How long a writer waits for another on SQLite before it gives up, in seconds.
SQLITE_BUSY_SECONDS = 30
#: Any fixed number: the advisory lock under which migrations and feed serials are given out.
LOCK_KEY = 0x5ACE


class DatabaseError(RuntimeError):
    """The database cannot be used: exit code 3, with what to do."""


class AppendOnlyError(RuntimeError):
    """A fact was about to be changed or deleted: a programming error, the write is refused."""


def open_engine(url: str) -> Engine:
    """Open an engine for an SQLAlchemy address; the database need not be migrated yet.

    Raises:
        DatabaseError: the address is malformed or names an unknown driver.
    """
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite":
            return _sqlite(url, parsed.database)
        if parsed.drivername == "postgresql":
            parsed = parsed.set(drivername="postgresql+psycopg")
        return create_engine(parsed, pool_pre_ping=True)
    except (ArgumentError, ModuleNotFoundError) as error:
        raise DatabaseError(
            f"the database address is not usable ({error}); "
            "set SPACEAUDIT_DATABASE_URL to sqlite:///FILE or postgresql://USER@HOST/NAME"
        ) from error


def _sqlite(url: str, path: str | None) -> Engine:
    if path and path != ":memory:":
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, connect_args={"timeout": SQLITE_BUSY_SECONDS})

    @event.listens_for(engine, "connect")
    def _pragmas(connection: sqlite3.Connection, _record: object) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.close()

    return engine


def _config(engine: Engine) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["engine"] = engine
    return config


def migrate(engine: Engine) -> None:
    """Bring the database to this version's tables; does nothing when it is there already.

    Safe to call from several processes at once: one migrates, the others wait and find it done.

    Raises:
        DatabaseError: the database does not answer, or cannot be written.
    """
    try:
        if is_current(engine):
            return
        with _migration_lock(engine):
            if not is_current(engine):
                command.upgrade(_config(engine), "head")
    except OperationalError as error:
        raise DatabaseError(
            f"the database does not answer, or cannot be written ({error.orig}); "
            "check that it runs and that its address is right"
        ) from error


@contextmanager
def _migration_lock(engine: Engine) -> Iterator[None]:
    """Held by one process while it migrates."""
    if engine.dialect.name == "postgresql":
        with engine.connect() as connection:
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": LOCK_KEY})
            try:
                yield
            finally:
                connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": LOCK_KEY})
        return
    path = engine.url.database
    if not path or path == ":memory:":
        yield
        return
    with Path(f"{path}.migrating").open("wb") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def is_current(engine: Engine) -> bool:
    """Whether the database has exactly this version's tables."""
    head = ScriptDirectory.from_config(_config(engine)).get_current_head()
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision() == head


@contextmanager
def session(engine: Engine) -> Iterator[Session]:
    """One unit of work: committed at the end, rolled back on an error."""
    with Session(engine) as current:
        try:
            yield current
            current.commit()
        except BaseException:
            current.rollback()
            raise


def take_writer_lock(current: Session) -> None:
    """Hold the one writer's lock until the transaction ends.

    Serial numbers and links of the audit chain are given out under it, so that a later number
    never commits before an earlier one.
    """
    if current.get_bind().dialect.name == "postgresql":
        current.connection().execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK_KEY})
    else:
        # SQLite has one writer; a write of nothing takes its lock before anything is read.
        current.connection().execute(text("UPDATE auditevent SET seq = seq WHERE 0"))


@event.listens_for(AnySession, "before_flush")
def _refuse_edits(current: AnySession, _context: object, _instances: object) -> None:
    for row in (*current.dirty, *current.deleted):
        if isinstance(row, APPEND_ONLY) and (row in current.deleted or current.is_modified(row)):
            raise AppendOnlyError(f"{type(row).__name__} rows are appended, never edited")
