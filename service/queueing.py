"""What is in the queue: cases enter when a verdict waits for people, and leave when it does not.

The value of looking at a space next is what its findings are worth: the weight of each severity times
how often people confirmed that rule so far. One that is nearly due comes before all that are not.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

from sqlalchemy import ColumnElement, case, exists, func, or_
from sqlmodel import Session, col, select

from models.database import take_writer_lock
from models.review_tables import CaseEvent, ReviewCase
from models.tables import (
    Campaign,
    Decision,
    Finding,
    Nomination,
    Screening,
    Snapshot,
    Space,
    Teacher,
    User,
    Verdict,
)
from models.vocabulary import Action, CaseEventKind, CaseState, FeedEvent, Severity, VerdictState
from service.leasing import SKIPPED_FOR, WAITING, adjudicates, free, lease, locked_case, step
from service.scope import Scope

#: What one finding is worth looking at, by severity. Chosen so that one serious finding comes before
#: three suspected ones; agreement figures of a first campaign would change it.
WEIGHTS: Mapping[Severity, float] = MappingProxyType(
    {Severity.NOTICE: 1.0, Severity.SUSPECT: 3.0, Severity.SERIOUS: 10.0}
)
#: States of a verdict in which a person has to look.
_FOR_PEOPLE = (VerdictState.PENDING, VerdictState.UNDETERMINED)


def newest_screening_id(space: Any) -> ColumnElement[str]:  # noqa: ANN401  (a column of any query)
    """The newest screening of a space's newest visit, as a subquery."""
    return (
        select(Screening.id)
        .join(Snapshot, col(Snapshot.id) == col(Screening.snapshot_id))
        .where(Screening.space_id == space)
        .order_by(col(Snapshot.taken_at).desc(), col(Screening.screened_at).desc())
        .limit(1)
        .correlate(ReviewCase)
        .scalar_subquery()
    )


def sync(session: Session, campaign: Campaign, at: datetime) -> int:
    """Let the spaces that wait for people enter, those decided by the machine leave; how many moved."""
    moved = _to_move(session, campaign)
    if not moved:
        return 0
    take_writer_lock(session)
    rates = confirm_rates(session)
    for space_id, state in _to_move(session, campaign):
        row = session.get(ReviewCase, space_id)
        if row is None:
            row = _enter(campaign, space_id, at)
            session.add(row)
            session.flush()
            step(session, row, CaseEventKind.QUEUED, at=at, to=CaseState.QUEUED)
        elif state in _FOR_PEOPLE:
            step(session, row, CaseEventKind.REOPENED, at=at, to=CaseState.QUEUED)
        else:
            free(row)
            step(session, row, CaseEventKind.DECIDED, at=at, to=CaseState.DECIDED)
        row.priority = value_of(session, space_id, rates)
    session.flush()
    return len(moved)


def _to_move(session: Session, campaign: Campaign) -> list[tuple[int, VerdictState]]:
    """The spaces whose newest verdict and place in the queue do not fit each other."""
    newest = (
        select(func.max(Verdict.serial))
        .where(Verdict.campaign_id == campaign.id, Verdict.event != FeedEvent.STALED)
        .group_by(col(Verdict.space_id))
    )
    waits = col(Verdict.state).in_(_FOR_PEOPLE)
    # Two people's review goes on although a verdict is out; what they began is not cut off.
    idle = col(ReviewCase.state).in_((CaseState.QUEUED, CaseState.LEASED))
    query = (
        select(Verdict.space_id, Verdict.state)
        .outerjoin(ReviewCase, col(ReviewCase.space_id) == col(Verdict.space_id))
        .where(
            col(Verdict.serial).in_(newest),
            or_(
                waits & col(ReviewCase.space_id).is_(None),
                waits & (col(ReviewCase.state) == CaseState.DECIDED),
                ~waits & idle,
            ),
        )
        .order_by(col(Verdict.space_id))
    )
    return [(space, VerdictState.of(state)) for space, state in session.exec(query)]


def _enter(campaign: Campaign, space_id: int, at: datetime) -> ReviewCase:
    return ReviewCase(
        space_id=space_id,
        campaign_id=campaign.id or 0,
        state=CaseState.QUEUED,
        version=0,
        entered_at=at,
        changed_at=at,
    )


def confirm_rates(session: Session) -> dict[str, float]:
    """How often people confirmed each rule's findings, drawn towards a half where few were decided."""
    tally: dict[str, Counter[Action]] = defaultdict(Counter)
    query = (
        select(Finding.rule, Decision.action, func.count())
        .join(Finding, col(Finding.id) == col(Decision.finding_id))
        .group_by(col(Finding.rule), col(Decision.action))
    )
    for rule, action, number in session.exec(query):
        tally[rule][Action.of(action)] += number
    return {
        rule: (seen[Action.CONFIRM] + 1) / (seen[Action.CONFIRM] + seen[Action.DISMISS] + 2)
        for rule, seen in tally.items()
    }


def value_of(session: Session, space_id: int, rates: Mapping[str, float]) -> float:
    """The expected value of looking at a space: the sum over its findings of weight × rate."""
    newest = (
        select(Screening.id)
        .join(Snapshot, col(Snapshot.id) == col(Screening.snapshot_id))
        .where(Screening.space_id == space_id)
        .order_by(col(Snapshot.taken_at).desc(), col(Screening.screened_at).desc())
        .limit(1)
    )
    query = select(Finding.rule, Finding.severity).where(
        col(Finding.screening_id).in_(newest.scalar_subquery())
    )
    found = session.exec(query).all()
    return sum(WEIGHTS[Severity.of(severity)] * rates.get(rule, 0.5) for rule, severity in found)


def next_order(at: datetime) -> tuple[Any, ...]:
    """Overdue first, then by value, then the oldest."""
    overdue = case((col(ReviewCase.due_at) <= at, 0), else_=1)
    return (
        overdue,
        col(ReviewCase.priority).desc(),
        col(ReviewCase.entered_at),
        col(ReviewCase.space_id),
    )


def takeable(user: User, at: datetime) -> ColumnElement[bool]:
    """The condition that a case is free and this user's to take."""
    nobody = or_(col(ReviewCase.holder_id).is_(None), col(ReviewCase.held_until) <= at)
    not_first = or_(
        col(ReviewCase.state) != CaseState.FIRST_DECISION,
        col(ReviewCase.first_user_id).is_(None),
        col(ReviewCase.first_user_id) != user.id,
    )
    skipped = exists().where(
        col(CaseEvent.space_id) == col(ReviewCase.space_id),
        col(CaseEvent.user_id) == user.id,
        col(CaseEvent.kind) == CaseEventKind.SKIPPED,
        col(CaseEvent.at) > at - SKIPPED_FOR,
    )
    free_for = col(ReviewCase.state).in_(WAITING) & nobody & not_first & ~skipped
    if not adjudicates(user):
        free_for &= (col(ReviewCase.state) != CaseState.DISPUTED) & col(
            ReviewCase.escalated_to
        ).is_(None)
    return free_for & ~_of_own_unit(user)


def _of_own_unit(user: User) -> ColumnElement[bool]:
    newest = (
        select(func.max(Nomination.revision))
        .where(col(Nomination.space_id) == col(ReviewCase.space_id))
        .correlate(ReviewCase)
        .scalar_subquery()
    )
    return exists().where(
        col(Nomination.space_id) == col(ReviewCase.space_id),
        col(Nomination.revision) == newest,
        col(Teacher.id) == col(Nomination.teacher_id),
        or_(col(Teacher.school_id) == user.school_id, col(Teacher.id) == user.teacher_id),
    )


def take_next(  # noqa: PLR0913, PLR0917  (who takes what, where, when)
    session: Session,
    campaign: Campaign,
    scope: Scope,
    user: User,
    at: datetime,
    chosen: ColumnElement[bool] | None = None,
) -> Space | None:
    """Lease the case that is worth most to this user; None when there is none.

    ``chosen`` narrows it to what the queue page's filters show.
    """
    take_writer_lock(session)
    query = (
        select(ReviewCase.space_id)
        .where(
            ReviewCase.campaign_id == campaign.id,
            scope.covers(col(ReviewCase.space_id)),
            takeable(user, at),
        )
        .order_by(*next_order(at))
        .limit(1)
    )
    if chosen is not None:
        query = query.where(chosen)
    space_id = session.exec(query).first()
    if space_id is None:
        return None
    lease(session, locked_case(session, space_id, at), user, at)
    return session.get_one(Space, space_id)
