"""Reminders of notices to mend, put into the outbox: once a notice, day and kind, for each channel."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from sqlmodel import Session, select

from models.outbox_tables import Notification, NotificationChannel
from models.review_tables import Notice
from models.tables import Nomination, School, Teacher
from models.vocabulary import DeliveryState, NotifiedEvent
from service.notices import SETTLED, is_overdue

#: A reminder goes out so long before the deadline.
BEFORE_DEADLINE = timedelta(days=2)


def tell(  # noqa: PLR0913  (a message is of what, once by key, says what, to whom, when)
    session: Session,
    event: NotifiedEvent,
    *,
    key: str,
    title: str,
    body: str,
    region_id: int | None,
    at: datetime,
) -> int:
    """Queue a message to every channel that wants it; how many are new."""
    queued = 0
    channels = session.exec(select(NotificationChannel)).all()
    for channel in channels:
        bounded = channel.region_id is not None and channel.region_id != region_id
        if channel.disabled_at or bounded or (channel.events and event.value not in channel.events):
            continue
        known = select(Notification.id).where(
            Notification.channel_id == channel.id, Notification.key == key
        )
        if session.exec(known).first() is None:
            session.add(
                Notification(
                    id=f"nf_{uuid.uuid4().hex[:16]}",
                    channel_id=channel.id,
                    event=event,
                    key=key,
                    title=title,
                    body=body,
                    state=DeliveryState.WAITING,
                    created_at=at,
                )
            )
            queued += 1
    return queued


def remind_due(session: Session, now: datetime) -> int:
    """Queue the reminders that are due today: deadlines near, and gone by. For the calendar."""
    queued = 0
    for notice in session.exec(select(Notice)).all():
        if notice.state in SETTLED or notice.due_at is None:
            continue
        if is_overdue(notice, now):
            queued += _remind(session, notice, NotifiedEvent.OVERDUE, now)
        elif now >= notice.due_at - BEFORE_DEADLINE:
            queued += _remind(session, notice, NotifiedEvent.DEADLINE, now)
    return queued


def _remind(session: Session, notice: Notice, event: NotifiedEvent, now: datetime) -> int:
    title = f"整改通知第 {notice.number} 号{event.label}"
    key = f"notice:{notice.id}:{event}:{now:%Y-%m-%d}"
    body = f"通知状态:{notice.state.label}。请在整改通知页面查看。"
    region = region_of(session, notice.space_id)
    return tell(session, event, key=key, title=title, body=body, region_id=region, at=now)


def region_of(session: Session, space_id: int) -> int | None:
    """The county of a space by its nomination in force."""
    query = (
        select(School.region_id)
        .join(Teacher, Teacher.school_id == School.id)  # type: ignore[arg-type]
        .join(Nomination, Nomination.teacher_id == Teacher.id)  # type: ignore[arg-type]
        .where(Nomination.space_id == space_id)
        .order_by(Nomination.revision.desc())  # type: ignore[attr-defined]
    )
    return session.exec(query.limit(1)).first()
