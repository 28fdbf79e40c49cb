"""Cases and who holds them: taken for a while, extended, handed over, skipped, escalated.

Every step is an appended ``CaseEvent``; the ``ReviewCase`` row says where the case stands because of
them (``state_from`` derives the same from the events alone). All steps are taken under the one writer's
lock, so a case is never held by two people. A lease that ran out frees the case by its time alone;
the next step on it notes that it expired.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from audit.records import after
from models.audit_log import record
from models.database import take_writer_lock
from models.review_tables import CaseEvent, ReviewCase
from models.tables import User
from models.vocabulary import CaseEventKind, CaseState, Permission, SignOffLevel
from service.permissions import PERMISSIONS

#: Coop's adopters find 10 minutes too short (its issue 382); 30 hold a space of 15 findings.
LEASE = timedelta(minutes=30)
#: A skipped case comes back to the one who skipped it after this time.
SKIPPED_FOR = timedelta(hours=1)
#: States in which a case waits for somebody.
WAITING = (CaseState.QUEUED, CaseState.LEASED, CaseState.FIRST_DECISION, CaseState.DISPUTED)


class LeaseError(ValueError):
    """The case is not this person's to take or change; the sentence is for the page."""


def adjudicates(user: User) -> bool:
    """Whether the user may decide where two people differ."""
    return Permission.CASES_ADJUDICATE in PERMISSIONS[user.role]


def held_now(case: ReviewCase, at: datetime) -> int | None:
    """Who holds the case at this moment; None: nobody, or the lease ran out."""
    if case.holder_id is None or case.held_until is None or case.held_until <= at:
        return None
    return case.holder_id


def state_from(events: Iterable[CaseEvent]) -> CaseState | None:
    """The state that the events of a case lead to, oldest first; None without any."""
    state = None
    for event in events:
        state = event.after or state
    return state


def events_of(session: Session, space_id: int) -> list[CaseEvent]:
    """The steps of a case, oldest first."""
    query = select(CaseEvent).where(CaseEvent.space_id == space_id)
    return list(session.exec(query.order_by(col(CaseEvent.at), col(CaseEvent.id))))


def step(  # noqa: PLR0913  (a step is what, by whom, when, to which state)
    session: Session,
    case: ReviewCase,
    kind: CaseEventKind,
    *,
    at: datetime,
    user: User | None = None,
    to: CaseState | None = None,
    other: int | None = None,
    note: str = "",
    seconds: int | None = None,
) -> CaseEvent:
    """Append a step and move the case; ``to`` None leaves the state as it is."""
    latest = session.exec(
        select(CaseEvent.at)
        .where(CaseEvent.space_id == case.space_id)
        .order_by(col(CaseEvent.at).desc())
    ).first()
    event = CaseEvent(
        id=f"ce_{uuid.uuid4().hex[:16]}",
        space_id=case.space_id,
        kind=kind,
        user_id=user.id if user else None,
        other_user_id=other,
        before=case.state,
        after=to or case.state,
        note=note,
        seconds=seconds,
        at=after(latest, at),
    )
    case.state = event.after or case.state
    case.version += 1
    case.changed_at = at
    session.add_all((event, case))
    actor = user.name if user else "machine"
    record(session, actor=actor, action=f"case.{kind}", at=at, row=event)
    return event


def seconds_held(case: ReviewCase, at: datetime) -> int | None:
    """How long the holder has had it."""
    return int((at - case.held_since).total_seconds()) if case.held_since else None


def free(case: ReviewCase) -> None:
    """Take the case out of its holder's hands."""
    case.holder_id = case.held_since = case.held_until = None
    case.extensions = 0


def resting_state(case: ReviewCase) -> CaseState:
    """The state of the case while nobody holds it."""
    return CaseState.QUEUED if case.state is CaseState.LEASED else case.state


def locked_case(session: Session, space_id: int, at: datetime) -> ReviewCase:
    """The case as it is now, under the writer's lock; one whose lease ran out is freed first.

    Raises:
        LeaseError: the space is not in the queue.
    """
    take_writer_lock(session)
    case = session.get(ReviewCase, space_id, populate_existing=True)
    if case is None:
        raise LeaseError("这个空间不在审核队列中")
    if case.holder_id is not None and held_now(case, at) is None:
        expire(session, case, at)
    return case


def expire(session: Session, case: ReviewCase, at: datetime) -> None:
    """Note that a lease ran out."""
    before, seconds = case.holder_id, seconds_held(case, case.held_until or at)
    free(case)
    step(
        session,
        case,
        CaseEventKind.EXPIRED,
        at=at,
        to=resting_state(case),
        other=before,
        seconds=seconds,
    )


def lease(session: Session, case: ReviewCase, user: User, at: datetime) -> None:
    """Give a free case (of ``locked_case``) to a user.

    Raises:
        LeaseError: somebody else holds it, or it is not for this user.
    """
    holder = held_now(case, at)
    if holder == user.id:
        return
    if holder is not None:
        name = session.get_one(User, holder).name
        raise LeaseError(f"{name} 正在审核这个空间")
    if case.state not in WAITING:
        raise LeaseError("这个空间已办结")
    if case.first_user_id == user.id and case.state is CaseState.FIRST_DECISION:
        raise LeaseError("您已作过一审,二审须由另一人完成")
    if not adjudicates(user) and (case.state is CaseState.DISPUTED or case.escalated_to):
        raise LeaseError("这个空间已上报或有意见分歧,须由市级工作人员处理")
    case.holder_id, case.held_since, case.held_until = user.id, at, at + LEASE
    case.extensions = 0
    to = CaseState.LEASED if case.state is CaseState.QUEUED else case.state
    step(session, case, CaseEventKind.LEASED, at=at, user=user, to=to)


def _held_by(case: ReviewCase, user: User, at: datetime) -> None:
    if held_now(case, at) != user.id:
        raise LeaseError("您没有占用这个空间,或占用已到期;请重新领取")


def extend(session: Session, case: ReviewCase, user: User, at: datetime) -> None:
    """Begin the holder's time anew."""
    _held_by(case, user, at)
    case.held_until = at + LEASE
    case.extensions += 1
    step(session, case, CaseEventKind.EXTENDED, at=at, user=user)


def hand_over(session: Session, case: ReviewCase, user: User, other: User, at: datetime) -> None:
    """Give what one holds to a colleague, whose time begins anew."""
    _held_by(case, user, at)
    if other.id == user.id or other.disabled:
        raise LeaseError("请选择另一位可用的同事")
    if case.first_user_id == other.id and case.state is CaseState.FIRST_DECISION:
        raise LeaseError(f"{other.name} 已作过一审,二审须由另一人完成")
    spent = seconds_held(case, at)
    case.holder_id, case.held_since, case.held_until = other.id, at, at + LEASE
    case.extensions = 0
    kind = CaseEventKind.HANDED_OVER
    step(session, case, kind, at=at, user=user, other=other.id, seconds=spent)


def give_back(  # noqa: PLR0913, PLR0917  (a step is what, by whom, when, why)
    session: Session,
    case: ReviewCase,
    user: User,
    at: datetime,
    kind: CaseEventKind = CaseEventKind.RELEASED,
    note: str = "",
) -> None:
    """Put what one holds back into the queue: released, or skipped for a while."""
    _held_by(case, user, at)
    spent = seconds_held(case, at)
    free(case)
    to = resting_state(case)
    step(session, case, kind, at=at, user=user, to=to, note=note, seconds=spent)


def escalate(session: Session, case: ReviewCase, user: User, at: datetime, note: str) -> None:
    """Hand a case up to the city's staff; it need not be held, but by nobody else."""
    if held_now(case, at) not in (None, user.id):
        raise LeaseError("别人正在审核这个空间")
    if case.state not in WAITING:
        raise LeaseError("这个空间已办结")
    case.escalated_to = SignOffLevel.CITY
    spent = seconds_held(case, at)
    free(case)
    to, kind = resting_state(case), CaseEventKind.ESCALATED
    step(session, case, kind, at=at, user=user, to=to, note=note, seconds=spent)
