"""What is in force for every space of a campaign: one query a table, however many spaces."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, func
from sqlalchemy.orm import Mapped
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from models.tables import (
    Campaign,
    Coverage,
    Decision,
    Finding,
    Resource,
    Screening,
    Snapshot,
    Space,
    Verdict,
)
from models.vocabulary import FeedEvent
from service.nominations import NominatedSpace, current_nominations
from service.scope import EVERYTHING, Scope

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)

#: Keys in one ``IN (…)``; SQLite's older builds allow 999 parameters.
KEYS_A_QUERY = 900


@dataclass(frozen=True, slots=True)
class SpaceFacts:
    """A space with what is newest about it; None is what does not exist yet.

    The screening is the newest one of the newest snapshot.
    """

    nomination: NominatedSpace
    snapshot: Snapshot | None
    screening: Screening | None
    verdict: Verdict | None


def campaign_facts(
    session: Session, campaign: Campaign, scope: Scope = EVERYTHING, code: str | None = None
) -> list[SpaceFacts]:
    """Every space of the campaign that may be seen, in the order of first import.

    With ``code`` only that space's rows are read, however many spaces the campaign has.
    """
    own = (col(Space.campaign_id) == campaign.id) & scope.covers(col(Space.id))
    if code is not None:
        own &= col(Space.code) == code
    snapshots = _newest(session, Snapshot, col(Snapshot.space_id), own, *_SNAPSHOT_ORDER)
    screenings = _newest(session, Screening, col(Screening.snapshot_id), own, *_SCREENING_ORDER)
    issued = own & (col(Verdict.event) != FeedEvent.STALED)
    verdicts = _newest(session, Verdict, col(Verdict.space_id), issued, col(Verdict.serial))
    screening_by_snapshot = {row.snapshot_id: row for row in screenings}
    verdict_by_space = {row.space_id: row for row in verdicts}
    snapshot_by_space = {row.space_id: row for row in snapshots}
    seen = set(session.exec(select(Space.id).where(own)))
    facts = []
    for nomination in current_nominations(session, campaign, code):
        if nomination.space_id not in seen:
            continue
        snapshot = snapshot_by_space.get(nomination.space_id)
        facts.append(
            SpaceFacts(
                nomination=nomination,
                snapshot=snapshot,
                screening=screening_by_snapshot.get(snapshot.id) if snapshot else None,
                verdict=verdict_by_space.get(nomination.space_id),
            )
        )
    return facts


_Newest = TypeVar("_Newest", Snapshot, Screening, Verdict)
_SNAPSHOT_ORDER = (col(Snapshot.taken_at), col(Snapshot.recorded_at))
_SCREENING_ORDER = (col(Screening.screened_at), col(Screening.id))


def _newest(
    session: Session,
    model: type[_Newest],
    of: Mapped[Any],
    chosen: ColumnElement[bool],
    *order: Mapped[Any],
) -> Sequence[_Newest]:
    """The newest row ``of`` each owner by an order of columns."""
    place = func.row_number().over(partition_by=of, order_by=[each.desc() for each in order])
    key = model.__table__.primary_key.columns[0]  # type: ignore[attr-defined]
    ranked = (
        select(key.label("key"), place.label("place"))
        .join(Space, col(Space.id) == col(model.space_id))
        .where(chosen)
        .subquery()
    )
    query = select(model).join(ranked, ranked.c.key == key).where(ranked.c.place == 1)
    return session.exec(query).all()


def findings_of(session: Session, screenings: Sequence[str]) -> dict[str, list[Finding]]:
    """The findings of screenings."""
    rows = _in_batches(session, select(Finding), col(Finding.screening_id), screenings)
    return grouped(rows, lambda row: row.screening_id)


def resources_of(session: Session, snapshots: Sequence[str]) -> dict[str, list[Resource]]:
    """The files that snapshots found, in the order of finding."""
    rows = _in_batches(session, select(Resource), col(Resource.snapshot_id), snapshots)
    ordered = sorted(rows, key=lambda row: row.id or 0)
    return grouped(ordered, lambda row: row.snapshot_id)


def coverage_of(session: Session, screenings: Sequence[str]) -> dict[str, list[Coverage]]:
    """The coverage ledgers of screenings."""
    rows = _in_batches(session, select(Coverage), col(Coverage.screening_id), screenings)
    ordered = sorted(rows, key=lambda row: row.id or 0)
    return grouped(ordered, lambda row: row.screening_id)


def decisions_of(session: Session, spaces: Sequence[int]) -> dict[int, list[Decision]]:
    """What people decided on spaces, the oldest first."""
    rows = _in_batches(session, select(Decision), col(Decision.space_id), spaces)
    ordered = sorted(rows, key=lambda row: (row.decided_at, row.id))
    return grouped(ordered, lambda row: row.space_id)


def _in_batches(
    session: Session, query: SelectOfScalar[T], column: Mapped[K], keys: Sequence[K]
) -> list[T]:
    found: list[T] = []
    for first in range(0, len(keys), KEYS_A_QUERY):
        batch = keys[first : first + KEYS_A_QUERY]
        found.extend(session.exec(query.where(column.in_(batch))).all())
    return found


def grouped(rows: Iterable[T], key: Callable[[T], K]) -> dict[K, list[T]]:
    """Rows by a key, each group in the order given."""
    groups: dict[K, list[T]] = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    return dict(groups)


def keys_of(facts: Iterable[SpaceFacts]) -> tuple[list[str], list[str]]:
    """The ids of the snapshots and of the screenings in these facts."""
    snapshots, screenings = [], []
    for each in facts:
        if each.snapshot:
            snapshots.append(each.snapshot.id)
        if each.screening:
            screenings.append(each.screening.id)
    return snapshots, screenings


def space_by_code(session: Session, campaign: Campaign, code: str) -> Space | None:
    """The space of a campaign with this identifier."""
    return session.exec(
        select(Space).where(Space.campaign_id == campaign.id, Space.code == code)
    ).first()


def verdict_history(session: Session, space_id: int) -> list[Verdict]:
    """Every verdict that a space had, the newest first."""
    query = select(Verdict).where(Verdict.space_id == space_id)
    return list(session.exec(query.order_by(col(Verdict.serial).desc())))
