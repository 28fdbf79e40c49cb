"""The audit trail for people: who did what, who saw what, why; and whether the chain still holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from math import ceil
from typing import Any

from sqlalchemy import ColumnElement, String, cast, literal
from sqlmodel import Session, col, func, select

from models.audit_log import BrokenLink, broken_links
from models.review_tables import Opening
from models.tables import AuditEvent, Decision, Snapshot, Space, User, Verdict
from rules.reasons import load_reasons
from service.wording import CHINA

PAGE_SIZE = 100
#: Rows of one export; more than a campaign of thousands of spaces writes in a day.
MOST_EXPORTED = 50_000


@dataclass(frozen=True, slots=True)
class TrailFilter:
    """Which events; an empty value filters nothing out.

    Attributes:
        actor: Who, exactly.
        space: Identifier of a space.
        kind: Beginning of the action (``decision``, ``sample.drawn``).
        first: First day, in officers' time.
        last: Last day.
    """

    actor: str = ""
    space: str = ""
    kind: str = ""
    first: date | None = None
    last: date | None = None


@dataclass(frozen=True, slots=True)
class TrailRow:
    """One event with what it was about and why, as far as that is recorded."""

    seq: int
    at: datetime
    actor: str
    action: str
    subject: str
    why: str
    details: Mapping[str, Any]
    digest: str


@dataclass(frozen=True, slots=True)
class Trail:
    """One page of the trail, the newest first."""

    rows: Sequence[TrailRow]
    found: int
    page: int
    pages: int


def trail(session: Session, wanted: TrailFilter, page: int = 1, size: int = PAGE_SIZE) -> Trail:
    """The events that a filter lets through; a page past the end shows the last."""
    conditions = _conditions(wanted)
    found = session.exec(select(func.count()).select_from(AuditEvent).where(*conditions)).one()
    pages = max(1, ceil(found / size))
    page = min(page, pages)
    query = select(AuditEvent).where(*conditions).order_by(col(AuditEvent.seq).desc())
    events = session.exec(query.offset((page - 1) * size).limit(size)).all()
    return Trail(_rows(session, events), found, page, pages)


def _conditions(wanted: TrailFilter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.actor:
        found.append(col(AuditEvent.actor) == wanted.actor)
    if wanted.kind:
        found.append(col(AuditEvent.action).startswith(wanted.kind, autoescape=True))
    if wanted.first:
        found.append(col(AuditEvent.at) >= _midnight(wanted.first))
    if wanted.last:
        found.append(col(AuditEvent.at) < _midnight(wanted.last) + timedelta(days=1))
    if wanted.space:
        found.append(_about(wanted.space))
    return found


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), CHINA)


def _about(code: str) -> ColumnElement[bool]:
    """Events about a space itself, or about a decision, snapshot, verdict or opening of it."""
    subject = col(AuditEvent.subject)
    own = select(Space.id).where(Space.code == code)
    conditions = []
    for model in (Decision, Snapshot, Verdict, Opening):
        table = str(model.__tablename__)
        key = col(model.serial) if model is Verdict else col(model.id)
        named = select(literal(f"{table}:") + cast(key, String)).where(col(model.space_id).in_(own))
        conditions.append(subject.in_(named))
    direct = subject.in_((f"space:{code}",)) | subject.in_(
        select(literal("space:") + cast(col(Space.id), String)).where(Space.code == code)
    )
    for each in conditions:
        direct |= each
    return direct


def _rows(session: Session, events: Sequence[AuditEvent]) -> list[TrailRow]:
    keys = [
        each.subject.partition(":")[2] for each in events if each.subject.startswith("decision:")
    ]
    found = session.exec(select(Decision).where(col(Decision.id).in_(keys))).all()
    decisions = {f"decision:{each.id}": each for each in found}
    return [
        TrailRow(
            seq=each.seq or 0,
            at=each.at,
            actor=each.actor,
            action=each.action,
            subject=each.subject,
            why=_why(decisions.get(each.subject)),
            details=each.details,
            digest=each.digest,
        )
        for each in events
    ]


def _why(decision: Decision | None) -> str:
    if decision is None:
        return ""
    reason = load_reasons().get(decision.reason)
    label = reason.label if reason else decision.reason
    return f"{label};{decision.note}" if decision.note else label


@dataclass(frozen=True, slots=True)
class OpeningRow:
    """One thing that somebody opened."""

    opening: Opening
    who: str
    space: str


def openings(session: Session, wanted: TrailFilter, limit: int = PAGE_SIZE) -> list[OpeningRow]:
    """Who saw what is hidden until asked for, the newest first."""
    query = (
        select(Opening, User.name, Space.code)
        .join(User, col(User.id) == col(Opening.user_id))
        .join(Space, col(Space.id) == col(Opening.space_id))
        .order_by(col(Opening.at).desc())
        .limit(limit)
    )
    if wanted.actor:
        query = query.where(User.name == wanted.actor)
    if wanted.space:
        query = query.where(Space.code == wanted.space)
    if wanted.first:
        query = query.where(col(Opening.at) >= _midnight(wanted.first))
    if wanted.last:
        query = query.where(col(Opening.at) < _midnight(wanted.last) + timedelta(days=1))
    return [OpeningRow(opening, who, code) for opening, who, code in session.exec(query)]


def first_broken(session: Session) -> BrokenLink | None:
    """The first link of the chain that does not hold; None where all do."""
    return next(broken_links(session), None)
