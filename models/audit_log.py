"""The audit log: a hash chain over who did what, with a digest of the row each event is about.

Each link's digest covers its own values and the digest before it, so a changed, removed or
inserted row breaks the chain at that place, and a changed fact differs from the digest that was
taken when it was appended. ``spaceaudit verify`` walks it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Integer, inspect
from sqlmodel import Session, SQLModel, col, select

from models.database import take_writer_lock
from models.tables import APPEND_ONLY, AuditEvent

GENESIS = "0" * 64


@dataclass(frozen=True, slots=True)
class BrokenLink:
    """A place where the chain or a fact does not hold."""

    row: str
    problem: str


def canonical(values: Mapping[str, Any]) -> str:
    """The one JSON text of these values, moments in UTC."""
    return json.dumps(
        values, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=_plain
    )


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    raise TypeError(f"cannot be part of a digest: {value!r}")


def row_digest(row: SQLModel) -> str:
    """SHA-256 over all columns of a row."""
    return hashlib.sha256(canonical(row.model_dump()).encode()).hexdigest()


def _subject(row: SQLModel) -> str:
    identity = inspect(type(row)).primary_key_from_instance(row)
    return f"{type(row).__tablename__}:{identity[0]}"


@dataclass(frozen=True, slots=True)
class Entry:
    """One event to append: about a row (already added to the session) or a named subject."""

    action: str
    row: SQLModel | None = None
    subject: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


def record(  # noqa: PLR0913  (an event is who, what, when, about which row)
    session: Session,
    *,
    actor: str,
    action: str,
    at: datetime,
    row: SQLModel | None = None,
    subject: str = "",
    details: Mapping[str, Any] | None = None,
) -> AuditEvent:
    """Append one event, about a row (already added to the session) or a named subject."""
    entry = Entry(action=action, row=row, subject=subject, details=details or {})
    return record_many(session, [entry], actor=actor, at=at)[0]


def record_many(
    session: Session, entries: Sequence[Entry], *, actor: str, at: datetime
) -> list[AuditEvent]:
    """Append events in this order, with one look at the chain's end for all of them."""
    take_writer_lock(session)
    session.flush()
    last = session.exec(select(AuditEvent).order_by(col(AuditEvent.seq).desc()).limit(1)).first()
    previous = last.digest if last else GENESIS
    events = []
    for entry in entries:
        events.append(_link(entry, actor=actor, at=at, previous=previous))
        previous = events[-1].digest
    session.add_all(events)
    session.flush()
    return events


def _link(entry: Entry, *, actor: str, at: datetime, previous: str) -> AuditEvent:
    row = entry.row
    event = AuditEvent(
        at=at,
        actor=actor,
        action=entry.action,
        subject=_subject(row) if row is not None else entry.subject,
        subject_digest=row_digest(row) if row is not None else None,
        details=dict(entry.details),
        previous=previous,
        digest="",
    )
    event.digest = _link_digest(event)
    return event


def _link_digest(event: AuditEvent) -> str:
    values = event.model_dump(exclude={"seq", "digest"})
    return hashlib.sha256(canonical(values).encode()).hexdigest()


def broken_links(session: Session) -> Iterator[BrokenLink]:
    """Walk the chain from its beginning; yields every place that does not hold."""
    previous = GENESIS
    for event in session.exec(select(AuditEvent).order_by(col(AuditEvent.seq))):
        row = f"auditevent:{event.seq}"
        if event.previous != previous:
            yield BrokenLink(
                row, "does not follow from the row before it: one was changed or removed"
            )
        elif _link_digest(event) != event.digest:
            yield BrokenLink(row, "its values are not those that were recorded")
        yield from _broken_subject(session, event)
        previous = event.digest


def _broken_subject(session: Session, event: AuditEvent) -> Iterator[BrokenLink]:
    table, _, key = event.subject.partition(":")
    model = _FACTS.get(table)
    if model is None or event.subject_digest is None:
        return
    numbered = isinstance(inspect(model).primary_key[0].type, Integer)
    row = session.get(model, int(key) if numbered else key)
    if row is None:
        yield BrokenLink(event.subject, f"was removed; it was recorded in auditevent:{event.seq}")
    elif row_digest(row) != event.subject_digest:
        yield BrokenLink(
            event.subject, f"its values are not those recorded in auditevent:{event.seq}"
        )


_FACTS: Mapping[str, type[SQLModel]] = {str(model.__tablename__): model for model in APPEND_ONLY}
