"""What became of the same words under the same rule before: in this space, and in others."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func
from sqlmodel import Session, col, select

from audit.review import in_force
from models.tables import Decision, Finding, Screening
from models.vocabulary import Action
from service.facts import KEYS_A_QUERY, grouped
from service.scope import Scope


@dataclass(frozen=True, slots=True)
class Past:
    """The history of one fingerprint.

    Attributes:
        since: When it was first found in this space.
        screenings: In how many screenings of this space it was found.
        elsewhere: Other spaces that may be seen in which it was found.
        confirmed: Of these, where a person confirmed it; ``dismissed`` likewise.
    """

    since: datetime | None = None
    screenings: int = 0
    elsewhere: int = 0
    confirmed: int = 0
    dismissed: int = 0


def pasts(
    session: Session, space_id: int, fingerprints: Sequence[str], scope: Scope
) -> dict[str, Past]:
    """The history of each fingerprint, as far as its spaces may be seen."""
    keys = sorted(set(fingerprints))
    found = {}
    for first in range(0, len(keys), KEYS_A_QUERY):
        batch = keys[first : first + KEYS_A_QUERY]
        here = _here(session, space_id, batch)
        others = _elsewhere(session, space_id, batch, scope)
        words = _decided_elsewhere(session, space_id, batch, scope)
        for key in batch:
            since, screenings = here.get(key, (None, 0))
            said = words[key]
            found[key] = Past(
                since=since,
                screenings=screenings,
                elsewhere=others.get(key, 0),
                confirmed=said[Action.CONFIRM],
                dismissed=said[Action.DISMISS],
            )
    return found


def _here(
    session: Session, space_id: int, keys: Sequence[str]
) -> dict[str, tuple[datetime | None, int]]:
    query = (
        select(
            Finding.fingerprint,
            func.min(Screening.screened_at),
            func.count(func.distinct(Finding.screening_id)),
        )
        .join(Screening, col(Screening.id) == col(Finding.screening_id))
        .where(Finding.space_id == space_id, col(Finding.fingerprint).in_(keys))
        .group_by(col(Finding.fingerprint))
    )
    return {key: (since, number) for key, since, number in session.exec(query)}


def _elsewhere(
    session: Session, space_id: int, keys: Sequence[str], scope: Scope
) -> dict[str, int]:
    query = (
        select(Finding.fingerprint, func.count(func.distinct(Finding.space_id)))
        .where(
            Finding.space_id != space_id,
            col(Finding.fingerprint).in_(keys),
            scope.covers(col(Finding.space_id)),
        )
        .group_by(col(Finding.fingerprint))
    )
    return dict(session.exec(query).all())


def _decided_elsewhere(
    session: Session, space_id: int, keys: Sequence[str], scope: Scope
) -> dict[str, Counter[Action]]:
    query = select(Decision).where(
        Decision.space_id != space_id,
        col(Decision.fingerprint).in_(keys),
        scope.covers(col(Decision.space_id)),
    )
    rows = sorted(session.exec(query), key=lambda row: (row.decided_at, row.id))
    counts: dict[str, Counter[Action]] = defaultdict(Counter)
    for taken in grouped(rows, lambda row: row.space_id).values():
        for key, decision in in_force(taken).items():
            if key is not None:
                counts[key][decision.action] += 1
    return counts
