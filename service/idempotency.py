"""Requests that must not be done twice: how each was answered, by who sent it and its key."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, delete, select

from models.database import take_writer_lock
from models.outbox_tables import IdempotencyKey

#: How long a key is remembered; long over any program's retries.
KEPT = timedelta(days=30)


class KeyReusedError(ValueError):
    """The key stands for another request; nothing was done."""


@dataclass(frozen=True, slots=True)
class Once:
    """One request by its key."""

    owner: str
    key: str
    method: str
    path: str
    body: bytes

    @property
    def digest(self) -> str:
        """SHA-256 of the request: who sent what, where."""
        head = f"{self.owner}\n{self.key}\n{self.method}\n{self.path}".encode()
        return hashlib.sha256(head + b"\n" + hashlib.sha256(self.body).digest()).hexdigest()


def remembered(session: Session, once: Once, at: datetime) -> IdempotencyKey | None:
    """How the request was answered before; None: it is new, and nobody else does it meanwhile.

    Raises:
        KeyReusedError: the key was used with another request.
    """
    # Two at once with one key: the second waits, and finds the answer of the first.
    take_writer_lock(session)
    session.exec(delete(IdempotencyKey).where(col(IdempotencyKey.expires_at) <= at))
    query = select(IdempotencyKey).where(
        IdempotencyKey.owner == once.owner, IdempotencyKey.key == once.key
    )
    found = session.exec(query).first()
    if found is not None and found.body_digest != once.digest:
        raise KeyReusedError("the key was used with another request: send a new key")
    return found


def remember(  # noqa: PLR0913, PLR0917  (a request, and its answer)
    session: Session, once: Once, status: int, answer: object, location: str, at: datetime
) -> None:
    """Keep the answer, in the transaction of what it tells of."""
    session.add(
        IdempotencyKey(
            owner=once.owner,
            key=once.key,
            method=once.method,
            path=once.path,
            body_digest=once.digest,
            status=status,
            answer=answer,
            location=location,
            created_at=at,
            expires_at=at + KEPT,
        )
    )


def answered(session: Session, owner: str, location: str) -> object | None:
    """The answer of an earlier request of the same owner, by the address that it was given."""
    query = select(IdempotencyKey).where(
        IdempotencyKey.owner == owner, IdempotencyKey.location == location
    )
    found = session.exec(query).first()
    return found.answer if found else None
