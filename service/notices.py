"""Notices to mend (整改通知): issued, read, answered, re-checked, closed or sent back.

Every step is appended (``NoticeEvent``); the notice's own row says where it stands now.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, func, select

from audit.records import after
from models.audit_log import record
from models.database import take_writer_lock
from models.review_tables import Notice, NoticeEvent, NoticeItem
from models.tables import Campaign, Space
from models.vocabulary import NoticeEventKind, NoticeState
from rules.policy import load_policy
from service.case import Case
from service.notice_items import items_of
from service.scope import EVERYTHING, Scope

#: Days that a teacher has when the officer names no other deadline; the notice sets none.
DAYS_TO_MEND = 7
#: Nothing more is asked of the teacher.
SETTLED = frozenset({NoticeState.CLOSED, NoticeState.WITHDRAWN})


class NoticeError(ValueError):
    """A step cannot be taken as the notice stands; nothing was written. Said in Chinese."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who takes a step: a user, or (without an id) the person behind the link."""

    name: str
    user_id: int | None = None


def issue_notice(  # noqa: PLR0913  (of what, by whom, until when, with what word, when)
    session: Session, case: Case, actor: Actor, *, due_at: datetime | None, note: str, at: datetime
) -> Notice:
    """Write the notice of a space on what is known of it now.

    Raises:
        NoticeError: there is nothing to mend, or a notice is still open.
    """
    items = items_of(case, load_policy(case.campaign.policy))
    if not items:
        raise NoticeError("没有已确认的问题,也没有测得的访问或开放问题,不需要整改")
    take_writer_lock(session)
    if open_notice(session, case.nomination.space_id) is not None:
        raise NoticeError("这个空间还有未办结的整改通知")
    due = due_at or at + timedelta(days=DAYS_TO_MEND)
    if due <= at:
        raise NoticeError("整改期限已经过去")
    notice = Notice(
        id=f"nt_{uuid.uuid4().hex[:16]}",
        campaign_id=case.campaign.id or 0,
        space_id=case.nomination.space_id,
        number=_next_number(session, case.campaign),
        state=NoticeState.SENT,
        snapshot_id=case.snapshot.id if case.snapshot else None,
        verdict_id=case.verdict.row.id if case.verdict else None,
        issued_by_id=actor.user_id or 0,
        issued_at=at,
        due_at=due,
        note=note,
    )
    session.add(notice)
    session.flush()
    for item in items:
        item.notice_id = notice.id
        session.add(item)
    append(session, notice, NoticeEventKind.SENT, actor, at=at, text=note)
    return notice


def _next_number(session: Session, campaign: Campaign) -> int:
    query = select(func.max(Notice.number)).where(Notice.campaign_id == campaign.id)
    return (session.exec(query).one() or 0) + 1


def open_notice(session: Session, space_id: int) -> Notice | None:
    """The notice of a space that is not settled."""
    query = select(Notice).where(Notice.space_id == space_id)
    rows = session.exec(query.order_by(col(Notice.number).desc())).all()
    return next((row for row in rows if row.state not in SETTLED), None)


def append(  # noqa: PLR0913  (a step is whose, what, by whom, when, on what)
    session: Session,
    notice: Notice,
    kind: NoticeEventKind,
    actor: Actor,
    *,
    at: datetime,
    text: str = "",
    snapshot_id: str | None = None,
    details: Mapping[str, object] | None = None,
) -> NoticeEvent:
    """Append a step, and the audit log's link of it."""
    before = steps_of(session, notice)
    event = NoticeEvent(
        id=f"ne_{uuid.uuid4().hex[:16]}",
        notice_id=notice.id,
        kind=kind,
        user_id=actor.user_id,
        name=actor.name,
        text=text,
        snapshot_id=snapshot_id,
        details=dict(details or {}),
        at=after(before[-1].at if before else None, at),
    )
    session.add(event)
    # Who came by the link is not known: the name that was typed stays in the event.
    who = actor.name if actor.user_id is not None else f"link:{notice.id}"
    record(session, actor=who, action=f"notice.{kind}", at=at, row=event)
    return event


def move(session: Session, notice: Notice, state: NoticeState) -> None:
    """Put a notice into another state."""
    notice.state = state
    notice.version += 1
    session.add(notice)


def steps_of(session: Session, notice: Notice) -> Sequence[NoticeEvent]:
    """The steps of a notice, the oldest first."""
    query = select(NoticeEvent).where(NoticeEvent.notice_id == notice.id)
    return session.exec(query.order_by(col(NoticeEvent.at), col(NoticeEvent.id))).all()


def things_of(session: Session, notice: Notice) -> Sequence[NoticeItem]:
    """The items of a notice, as they were written."""
    query = select(NoticeItem).where(NoticeItem.notice_id == notice.id)
    return session.exec(query.order_by(col(NoticeItem.id))).all()


def visible_notice(session: Session, scope: Scope, key: str) -> Notice | None:
    """The notice with this id if its space may be seen."""
    query = select(Notice).where(Notice.id == key, scope.covers(col(Notice.space_id)))
    return session.exec(query).first()


@dataclass(frozen=True, slots=True)
class Listed:
    """A notice in the list; ``overdue`` when the teacher's time is over and it is not settled."""

    notice: Notice
    code: str
    overdue: bool


def listed_notices(
    session: Session, campaign: Campaign, now: datetime, scope: Scope = EVERYTHING
) -> list[Listed]:
    """The notices of a campaign that may be seen: the overdue first, then by deadline, settled last."""
    query = (
        select(Notice, Space.code)
        .join(Space, col(Space.id) == col(Notice.space_id))
        .where(Notice.campaign_id == campaign.id, scope.covers(col(Notice.space_id)))
    )
    rows = [Listed(notice, code, is_overdue(notice, now)) for notice, code in session.exec(query)]
    return sorted(
        rows,
        key=lambda each: (
            not each.overdue,
            each.notice.state in SETTLED,
            each.notice.due_at or each.notice.issued_at,
            each.notice.number,
        ),
    )


def is_overdue(notice: Notice, now: datetime) -> bool:
    """Whether the deadline went by and the teacher has not answered, or did not mend."""
    waiting = (NoticeState.SENT, NoticeState.READ, NoticeState.NOT_RECTIFIED)
    return notice.state in waiting and notice.due_at is not None and now >= notice.due_at
