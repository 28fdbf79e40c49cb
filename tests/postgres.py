"""A PostgreSQL server of the tests' own: in a temporary folder, on a socket, gone at the end."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

SUPERUSER = "spaceaudit"
DEBIAN_PROGRAMS = Path("/usr/lib/postgresql")
#: For one program to be done: a fast machine needs one second, and a loaded one must not fail for it.
PROGRAM_SECONDS = 60


class NoPostgresError(RuntimeError):
    """There is no PostgreSQL here: the tests that need it are skipped."""


@dataclass(frozen=True)
class Postgres:
    """A running server, reached by a socket in its folder."""

    folder: Path

    @contextmanager
    def fresh_database(self, name: str) -> Iterator[str]:
        """Create an empty database and yield its SQLAlchemy address; drop it at the end."""
        self._execute("CREATE DATABASE {}", name)
        try:
            yield f"postgresql+psycopg://{SUPERUSER}@/{name}?host={self.folder}"
        finally:
            self._execute("DROP DATABASE {} WITH (FORCE)", name)

    def _execute(self, statement: str, name: str) -> None:
        with psycopg.connect(
            host=str(self.folder), user=SUPERUSER, dbname="postgres", autocommit=True
        ) as connection:
            connection.execute(sql.SQL(statement).format(sql.Identifier(name)))


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    """Start a server and stop it at the end, whatever happens in between.

    Raises:
        NoPostgresError: its programs are not on this machine.
    """
    programs = _programs()
    # Not below pytest's folder: only root may look into that one, and PostgreSQL refuses to run as root.
    folder = Path(tempfile.mkdtemp(prefix="spaceaudit-pg-"))
    try:
        owner = _owner()
        if owner is not None:
            os.chown(folder, owner.pw_uid, owner.pw_gid)
        _start(programs, folder, owner)
        try:
            yield Postgres(folder)
        finally:
            stop: list[str | Path] = [
                programs / "pg_ctl",
                "stop",
                "-D",
                folder / "data",
                "-m",
                "immediate",
                "-w",
            ]
            _run(owner, folder, stop)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _start(programs: Path, folder: Path, owner: pwd.struct_passwd | None) -> None:
    data = folder / "data"
    login = ("-U", SUPERUSER, "-A", "trust")
    place = ("--locale", "C.UTF-8", "-E", "UTF8")
    _run(owner, folder, [programs / "initdb", "-D", data, *login, *place, "--no-sync"])
    # No network address: a port could be taken. Nothing here has to survive a power cut.
    options = f"-c listen_addresses= -c unix_socket_directories={folder} -c fsync=off"
    log = ("-l", folder / "log")
    _run(owner, folder, [programs / "pg_ctl", "start", "-D", data, *log, "-o", options, "-w"])


def _run(owner: pwd.struct_passwd | None, folder: Path, command: list[str | Path]) -> None:
    # A file, not a pipe: the server inherits it and would keep a pipe open.
    with (folder / "output").open("ab") as output:
        done = subprocess.run(
            command,
            user=owner.pw_uid if owner else None,
            group=owner.pw_gid if owner else None,
            extra_groups=[] if owner else None,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            timeout=PROGRAM_SECONDS,
            check=False,
        )
    if done.returncode:
        said = (folder / "output").read_text(encoding="utf-8", errors="replace")[-2000:]
        raise RuntimeError(f"{Path(command[0]).name} ended {done.returncode}:\n{said}")


def _programs() -> Path:
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    newest = sorted(DEBIAN_PROGRAMS.glob("*/bin/initdb"), key=lambda p: int(p.parts[-3]))
    if not newest:
        raise NoPostgresError("PostgreSQL is not installed: `make setup` installs it as root")
    return newest[-1].parent


def _owner() -> pwd.struct_passwd | None:
    """Whom to run the server as: oneself, or as root the system's user for it."""
    if os.geteuid() != 0:
        return None
    users = {user.pw_name: user for user in pwd.getpwall()}
    return users.get("postgres") or users["nobody"]
