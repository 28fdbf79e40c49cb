"""Holds guesses of passwords back: by account name and by address, with a wait that doubles.

A try is counted before the password is looked at and forgotten when it was right, so many tries at once
gain nothing. Names that nobody has are held back like any other: the wait tells nothing of accounts.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, delete

from models.account_tables import LoginGuard
from models.database import take_writer_lock

#: Wrong passwords in a row that cost nothing: people mistype.
FREE_BY_ACCOUNT = 5
#: More for an address: a whole office may share one.
FREE_BY_ADDRESS = 30
FIRST_WAIT = timedelta(seconds=30)
LONGEST_WAIT = timedelta(hours=1)
#: After so long without a try all is forgotten.
FORGOTTEN_AFTER = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Tried:
    """What is counted: one kind of thing, its name, and how many failures cost nothing."""

    kind: str
    name: str
    free: int

    @property
    def key(self) -> str:
        """The digest that it is stored under."""
        return hashlib.sha256(f"{self.kind}:{self.name}".encode()).hexdigest()


def tried(name: str, address: str) -> tuple[Tried, Tried]:
    """What one try to sign in counts against."""
    account = Tried("account", name.strip().casefold(), FREE_BY_ACCOUNT)
    return account, Tried("address", address, FREE_BY_ADDRESS)


def admit(session: Session, things: tuple[Tried, ...], at: datetime) -> timedelta | None:
    """Count one try and give None; or, when one of the things has to wait, how long.

    The caller commits before it looks at the password.
    """
    take_writer_lock(session)
    session.exec(delete(LoginGuard).where(col(LoginGuard.last_at) < at - FORGOTTEN_AFTER))
    rows = [(thing, session.get(LoginGuard, thing.key)) for thing in things]
    waits = [row.waits_until - at for _, row in rows if row is not None and row.waits_until]
    longest = max(waits, default=timedelta())
    if longest > timedelta():
        return longest
    for thing, row in rows:
        _count(session, thing, row or LoginGuard(key=thing.key, last_at=at), at)
    return None


def _count(session: Session, thing: Tried, row: LoginGuard, at: datetime) -> None:
    row.failures += 1
    row.last_at = at
    over = row.failures - thing.free
    row.waits_until = at + min(FIRST_WAIT * 2 ** min(over, 20), LONGEST_WAIT) if over >= 0 else None
    session.add(row)


def forgive(session: Session, things: tuple[Tried, ...]) -> None:
    """Forget the try just counted: the password was right.

    An account's failures are forgotten whole; an address loses one, so that who knows one password
    cannot wash away guesses at others.
    """
    for thing in things:
        row = session.get(LoginGuard, thing.key)
        if row is None:
            continue
        row.failures = 0 if thing.kind == "account" else max(0, row.failures - 1)
        if row.failures < thing.free:
            row.waits_until = None
        session.add(row)
