"""Cases as programs read them: ids, codes and vocabulary, a page at a time; no words of a space.

A case is there when the space has been in the queue, when its newest verdict waits for a person, or when
somebody decided on it. Without a row of the queue it is queued while it waits, and decided afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import BaseModel, ConfigDict
from sqlalchemy import ColumnElement, and_, exists, or_
from sqlmodel import Session, col, select

from audit.review import in_force, with_states
from models.review_tables import ReviewCase
from models.tables import (
    Campaign,
    Decision,
    Finding,
    Nomination,
    Region,
    School,
    Screening,
    Snapshot,
    Space,
    Teacher,
    User,
    Verdict,
)
from models.vocabulary import (
    Action,
    CaseState,
    Dimension,
    FeedEvent,
    FindingState,
    Part,
    Severity,
    VerdictState,
)
from service.api_answers import etag_of
from service.deciding import Taken
from service.facts import decisions_of, findings_of
from service.scope import Scope

#: Verdicts that wait for a person.
WAITING = (VerdictState.PENDING, VerdictState.UNDETERMINED)


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True)


class FindingShown(_Record):
    """One finding of the newest screening."""

    id: str
    fingerprint: str
    rule: str
    dimension: Dimension
    family: str
    severity: Severity
    part: Part
    state: FindingState


class CaseShown(_Record):
    """One case; ``etag`` changes with every decision, screening and step of the review."""

    id: int
    campaign: str
    space: str
    county: str
    state: CaseState
    due_at: datetime | None
    findings: tuple[FindingShown, ...]
    etag: str


class DecisionMade(_Record):
    """What a person decided, without the note."""

    id: str
    finding: str | None
    action: Action
    reason: str
    user: str
    decided_at: datetime
    #: Whether it counts; the first of two people's words on a serious political finding waits.
    final: bool = True


@dataclass(frozen=True, slots=True)
class CaseWanted:
    """What a list is asked for; None filters nothing out."""

    after: int = 0
    limit: int = 50
    campaign: str | None = None
    state: CaseState | None = None
    county: str | None = None
    dimension: Dimension | None = None
    key: int | None = None


@dataclass(frozen=True, slots=True)
class _Row:
    space: Space
    campaign: str
    county: str
    review: ReviewCase | None
    screening: str | None
    verdict: VerdictState | None

    @property
    def state(self) -> CaseState:
        """Where the review stands."""
        if self.review is not None:
            return self.review.state
        return CaseState.QUEUED if self.verdict in WAITING else CaseState.DECIDED


def cases_after(session: Session, scope: Scope, wanted: CaseWanted) -> list[CaseShown]:
    """A page of cases in the order of their ids."""
    rows = _rows(session, scope, wanted)
    keys = [row.space.id or 0 for row in rows]
    findings = findings_of(session, [row.screening for row in rows if row.screening])
    decided = decisions_of(session, keys)
    return [
        _shown(row, findings.get(row.screening or "", []), decided.get(row.space.id or 0, []))
        for row in rows
    ]


def load_shown(session: Session, scope: Scope, key: int) -> CaseShown | None:
    """One case if there is one that may be seen."""
    return next(iter(cases_after(session, scope, CaseWanted(key=key, limit=1))), None)


def decision_made(session: Session, row: Decision) -> DecisionMade:
    """A decision as programs read it."""
    return DecisionMade(
        id=row.id,
        finding=row.finding_id,
        action=row.action,
        reason=row.reason,
        user=session.get_one(User, row.user_id).name,
        decided_at=row.decided_at,
    )


def decision_taken(session: Session, taken: Taken) -> DecisionMade:
    """What was just decided, as programs read it; a first word of two is not final."""
    if taken.decision is not None:
        return decision_made(session, taken.decision)
    said = taken.opinion
    return DecisionMade(
        id=said.id,
        finding=said.finding_id,
        action=said.action,
        reason=said.reason,
        user=session.get_one(User, said.user_id).name,
        decided_at=said.at,
        final=False,
    )


def _rows(session: Session, scope: Scope, wanted: CaseWanted) -> list[_Row]:
    columns = (Space, Campaign.code, Region.name, ReviewCase)
    query = (
        select(*columns, _newest_screening(), _newest_verdict_state())  # type: ignore[call-overload]
        .join(Campaign, col(Campaign.id) == col(Space.campaign_id))
        .join(Nomination, col(Nomination.id) == _nomination_in_force())
        .join(Teacher, col(Teacher.id) == col(Nomination.teacher_id))
        .join(School, col(School.id) == col(Teacher.school_id))
        .join(Region, col(Region.id) == col(School.region_id))
        .outerjoin(ReviewCase, col(ReviewCase.space_id) == col(Space.id))
        .where(scope.covers(col(Space.id)), *_conditions(wanted))
        .order_by(col(Space.id))
        .limit(wanted.limit)
    )
    return [_Row(*each) for each in session.exec(query)]


def _conditions(wanted: CaseWanted) -> list[ColumnElement[bool]]:
    waits = _newest_verdict_state().in_(WAITING)
    decided = exists().where(col(Decision.space_id) == col(Space.id))
    queued = col(ReviewCase.space_id).is_not(None)
    found = [col(Space.id) > wanted.after, or_(queued, waits, decided)]
    if wanted.key is not None:
        found.append(col(Space.id) == wanted.key)
    if wanted.campaign is not None:
        found.append(col(Campaign.code) == wanted.campaign)
    if wanted.county is not None:
        found.append(col(Region.name) == wanted.county)
    if wanted.state is not None:
        here = col(ReviewCase.state) == wanted.state
        if wanted.state is CaseState.QUEUED:
            here = or_(here, and_(~queued, waits))
        if wanted.state is CaseState.DECIDED:
            here = or_(here, and_(~queued, ~waits))
        found.append(here)
    if wanted.dimension is not None:
        found.append(
            exists().where(
                col(Finding.screening_id) == _newest_screening(),
                col(Finding.dimension) == wanted.dimension,
            )
        )
    return found


def _nomination_in_force() -> ColumnElement[int]:
    return (
        select(Nomination.id)
        .where(Nomination.space_id == Space.id)
        .order_by(col(Nomination.revision).desc())
        .limit(1)
        .correlate(Space)
        .scalar_subquery()
    )


def _newest_screening() -> ColumnElement[str]:
    """The newest screening of the newest snapshot, as ``audit.records`` has it."""
    snapshot = (
        select(Snapshot.id)
        .where(Snapshot.space_id == Space.id)
        .order_by(col(Snapshot.taken_at).desc(), col(Snapshot.recorded_at).desc())
        .limit(1)
        .correlate(Space)
        .scalar_subquery()
    )
    return (
        select(Screening.id)
        .where(Screening.snapshot_id == snapshot)
        .order_by(col(Screening.screened_at).desc(), col(Screening.id).desc())
        .limit(1)
        .correlate(Space)
        .scalar_subquery()
    )


def _newest_verdict_state() -> ColumnElement[str]:
    return (
        select(Verdict.state)
        .where(Verdict.space_id == Space.id, Verdict.event != FeedEvent.STALED)
        .order_by(col(Verdict.serial).desc())
        .limit(1)
        .correlate(Space)
        .scalar_subquery()
    )


def _shown(row: _Row, findings: Sequence[Finding], decided: Sequence[Decision]) -> CaseShown:
    review = row.review
    seen = [row.screening, review.version if review else 0, [each.id for each in decided]]
    return CaseShown(
        id=row.space.id or 0,
        campaign=row.campaign,
        space=row.space.code,
        county=row.county,
        state=row.state,
        due_at=review.due_at if review else None,
        findings=tuple(
            FindingShown(
                **each.finding.model_dump(include=set(FindingShown.model_fields) - {"state"}),
                state=each.state,
            )
            for each in with_states(findings, in_force(decided))
        ),
        etag=etag_of(seen),
    )
