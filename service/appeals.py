"""Appeals against an item of a notice: lodged by the link, heard by somebody who did not decide it."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from audit.review import decide, decisions
from models.audit_log import record
from models.database import take_writer_lock
from models.review_tables import Appeal, CaseEvent, Notice, NoticeEvent, NoticeItem, Opinion
from models.tables import Campaign, Finding, User
from models.vocabulary import (
    Action,
    AppealState,
    CaseEventKind,
    NoticeEventKind,
    ReviewRound,
)
from rules.reasons import reasons_for
from service.desk import Desk
from service.notices import SETTLED, Actor, NoticeError, append
from service.scope import Scope


@dataclass(frozen=True, slots=True)
class ItemAppeal:
    """An appeal and the item that it contests."""

    row: Appeal
    item_id: int


def lodge(  # noqa: PLR0913, PLR0917  (an appeal is on what, by whom, why, when)
    session: Session, notice: Notice, item: NoticeItem, name: str, grounds: str, at: datetime
) -> Appeal:
    """The teacher contests one item.

    Raises:
        NoticeError: the notice is settled, nothing was said, or the item is measured or contested.
    """
    if notice.state in SETTLED:
        raise NoticeError(f"这份通知{notice.state.label},不能再申诉")
    if item.fingerprint is None:
        raise NoticeError("访问和开放是测得的:如已改正请提交答复,我们会重新访问核实")
    if not name or not grounds:
        raise NoticeError("请写明姓名和申诉理由")
    take_writer_lock(session)
    if any(each.item_id == item.id for each in appeals_of(session, notice)):
        raise NoticeError("这一项已经申诉过")
    appeal = Appeal(
        id=f"ap_{uuid.uuid4().hex[:16]}",
        space_id=notice.space_id,
        verdict_id=notice.verdict_id,
        notice_id=notice.id,
        state=AppealState.LODGED,
        lodged_name=name,
        grounds=grounds,
        lodged_at=at,
    )
    session.add(appeal)
    session.flush()
    details = {"appeal": appeal.id, "item": item.id}
    actor = Actor(name)
    kind = NoticeEventKind.APPEALED
    append(session, notice, kind, actor, at=at, text=grounds, details=details)
    _case_event(session, appeal, CaseEventKind.APPEALED, None, grounds, at)
    return appeal


def appeals_of(session: Session, notice: Notice) -> list[ItemAppeal]:
    """The appeals on a notice's items, the oldest first."""
    query = select(NoticeEvent).where(
        NoticeEvent.notice_id == notice.id, NoticeEvent.kind == NoticeEventKind.APPEALED
    )
    events = session.exec(query.order_by(col(NoticeEvent.at))).all()
    return [
        ItemAppeal(session.get_one(Appeal, each.details["appeal"]), int(each.details["item"]))
        for each in events
    ]


def campaign_appeals(session: Session, campaign: Campaign, scope: Scope) -> Sequence[Appeal]:
    """The appeals of a campaign that may be seen: those that wait first, the oldest first."""
    query = (
        select(Appeal)
        .join(Notice, col(Notice.id) == col(Appeal.notice_id))
        .where(Notice.campaign_id == campaign.id, scope.covers(col(Appeal.space_id)))
        .order_by(col(Appeal.lodged_at))
    )
    rows = session.exec(query).all()
    return sorted(rows, key=lambda row: row.state is not AppealState.LODGED)


def visible_appeal(session: Session, scope: Scope, key: str) -> Appeal | None:
    """The appeal with this id if its space may be seen."""
    query = select(Appeal).where(Appeal.id == key, scope.covers(col(Appeal.space_id)))
    return session.exec(query).first()


def item_of(session: Session, appeal: Appeal) -> NoticeItem:
    """The item that an appeal contests."""
    notice = session.get_one(Notice, appeal.notice_id)
    found = next(each for each in appeals_of(session, notice) if each.row.id == appeal.id)
    return session.get_one(NoticeItem, found.item_id)


def deciders(session: Session, appeal: Appeal) -> frozenset[int]:
    """Who decided what the appeal contests, in any round: none of them hears it."""
    item = item_of(session, appeal)
    taken = decisions(session, appeal.space_id)
    decided = {row.user_id for row in taken if row.fingerprint in (item.fingerprint, None)}
    query = select(Opinion.user_id).where(
        Opinion.space_id == appeal.space_id, Opinion.fingerprint == item.fingerprint
    )
    return frozenset(decided | set(session.exec(query)))


def hear(  # noqa: PLR0913  (a hearing is of what, by whom, how it ends and why)
    session: Session,
    desk: Desk,
    appeal: Appeal,
    user: User,
    *,
    uphold: bool,
    reason: str,
    note: str,
) -> None:
    """Uphold the decision, or overturn it: then the finding is dismissed and the space judged anew.

    ``reason`` is, when overturned, a code of ``rules.reasons`` for dismissing; ``note`` says why, for the
    teacher to read.

    Raises:
        NoticeError: the user decided it, it was heard, or no reason was given.
        DecisionError: the reason does not fit, or the user may not decide.
    """
    take_writer_lock(session)
    session.refresh(appeal)
    if appeal.state is not AppealState.LODGED:
        raise NoticeError("这项申诉已经审结")
    if user.id is None or user.id in deciders(session, appeal):
        raise NoticeError("原决定是您作出的,须由另一人审理")
    if not note:
        raise NoticeError("请写明审理理由")
    at = desk.clock()
    appeal.state = AppealState.UPHELD if uphold else AppealState.OVERTURNED
    appeal.version += 1
    appeal.heard_by_id, appeal.heard_at, appeal.reason, appeal.note = user.id, at, reason, note
    session.add(appeal)
    _record_hearing(session, desk, appeal, user, at)


def _record_hearing(session: Session, desk: Desk, appeal: Appeal, user: User, at: datetime) -> None:
    overturned = appeal.state is AppealState.OVERTURNED
    notice = session.get_one(Notice, appeal.notice_id)
    item = item_of(session, appeal)
    finding = session.get_one(Finding, item.finding_id)
    decision = None
    if overturned:
        decision = decide(
            session,
            user=user,
            action=Action.DISMISS,
            reason=appeal.reason,
            note=appeal.note,
            at=at,
            finding=finding,
        )
        session.flush()
    opinion = Opinion(
        id=f"op_{uuid.uuid4().hex[:16]}",
        space_id=appeal.space_id,
        fingerprint=item.fingerprint,
        finding_id=finding.id,
        snapshot_id=notice.snapshot_id,
        round=ReviewRound.APPEAL,
        user_id=user.id or 0,
        action=Action.DISMISS if overturned else Action.CONFIRM,
        reason=appeal.reason,
        note=appeal.note,
        blind=False,
        decision_id=decision.id if decision else None,
        at=at,
    )
    session.add(opinion)
    record(session, actor=user.name, action=f"appeal.{appeal.state}", at=at, row=opinion)
    details = {"appeal": appeal.id, "item": item.id, "state": appeal.state.value}
    actor, kind = Actor(user.name, user.id), NoticeEventKind.APPEAL_DECIDED
    append(session, notice, kind, actor, at=at, text=appeal.note, details=details)
    step = CaseEventKind.OVERTURNED if overturned else CaseEventKind.UPHELD
    _case_event(session, appeal, step, user.id, appeal.note, at)
    campaign = session.get_one(Campaign, notice.campaign_id)
    desk.issue(session, campaign, appeal.space_id, user.name)


def dismissing_reasons() -> list[tuple[str, str]]:
    """Why an appeal may be granted: code and label."""
    return [(each.code, each.label) for each in reasons_for(Action.DISMISS, space_level=False)]


def _case_event(  # noqa: PLR0917, PLR0913  (a step is what, whose, by whom, why, when)
    session: Session,
    appeal: Appeal,
    kind: CaseEventKind,
    user_id: int | None,
    note: str,
    at: datetime,
) -> None:
    event = CaseEvent(
        id=f"ce_{uuid.uuid4().hex[:16]}",
        space_id=appeal.space_id,
        kind=kind,
        user_id=user_id,
        note=note,
        at=at,
    )
    session.add(event)
    actor = f"user:{user_id}" if user_id is not None else f"link:{appeal.notice_id}"
    record(session, actor=actor, action=f"case.{kind}", at=at, row=event)
