"""The steps of a notice after it was sent: opened, answered, re-checked, closed, sent back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlmodel import Session, select

from audit.records import newest_screening, newest_snapshot
from audit.review import decide, decisions, in_force
from audit.verdict import MENDED
from models.review_tables import Notice, NoticeEvent, NoticeItem
from models.tables import Campaign, Coverage, Finding, Resource, Snapshot, Space, User
from models.vocabulary import (
    Access,
    Action,
    AppealState,
    NoticeEventKind,
    NoticeState,
    RecheckOutcome,
)
from service.appeals import appeals_of
from service.desk import Desk
from service.nominations import current_nominations
from service.notices import SETTLED, Actor, NoticeError, append, move, steps_of, things_of

#: Openings so soon after another are one reading; it also bounds what a link can write.
ONE_READING = timedelta(minutes=10)


def opened(session: Session, notice: Notice, at: datetime) -> None:
    """The link was opened. Kept, but not every reload of one reading."""
    last = steps_of(session, notice)[-1]
    if last.kind is NoticeEventKind.OPENED and at - last.at < ONE_READING:
        return
    append(session, notice, NoticeEventKind.OPENED, Actor(""), at=at)
    if notice.state is NoticeState.SENT:
        move(session, notice, NoticeState.READ)


def answer(
    session: Session, notice: Notice, name: str, words: Mapping[int, str], at: datetime
) -> None:
    """The teacher says what was mended, by item.

    Raises:
        NoticeError: the notice is settled, or nothing was said.
    """
    _require_open(notice)
    known = {item.id for item in things_of(session, notice)}
    said = {str(key): text for key, text in words.items() if key in known and text}
    if not said or not name:
        raise NoticeError("请写明姓名,并至少勾选一项已整改的内容")
    actor = Actor(name)
    append(session, notice, NoticeEventKind.ANSWERED, actor, at=at, details={"items": said})
    move(session, notice, NoticeState.ANSWERED)


def recheck(session: Session, desk: Desk, notice: Notice, actor: Actor) -> NoticeEvent:
    """Visit the space anew and hold every item against what is there now. Commits on the way.

    Raises:
        NoticeError: the notice is settled, or the space could not be visited.
    """
    _require_open(notice)
    if desk.revisit is None:
        raise NoticeError("本机不能抓取,请在抓取机上复查")
    campaign = session.get_one(Campaign, notice.campaign_id)
    found = current_nominations(session, campaign)
    space = next((each for each in found if each.space_id == notice.space_id), None)
    if space is None:
        raise NoticeError("这个空间已不在提名中")
    before = notice.state
    move(session, notice, NoticeState.RECHECKING)
    # No lock is held while the space is visited.
    session.commit()
    visited = False
    try:
        visited = desk.revisit(campaign, space)
    finally:
        if not visited:
            move(session, notice, before)
            session.commit()
    if not visited:
        raise NoticeError("没有取得新的快照,未能复查;请稍后再试")
    return compare(session, notice, actor, desk)


def compare(session: Session, notice: Notice, actor: Actor, desk: Desk) -> NoticeEvent:
    """Hold every item against the newest snapshot, and append what came of it."""
    snapshot = newest_snapshot(session, notice.space_id)
    if snapshot is None or snapshot.id == notice.snapshot_id:
        raise NoticeError("通知发出后还没有新的快照,请先复查")
    rules = {rule.id for rule in desk.pack.rules}
    outcomes = {
        str(item.id): outcome_of(session, item, snapshot, notice.snapshot_id, rules).value
        for item in things_of(session, notice)
    }
    settled = settled_by_appeal(session, notice)
    left = {key for key, value in outcomes.items() if value != RecheckOutcome.RECTIFIED} - settled
    move(session, notice, NoticeState.NOT_RECTIFIED if left else NoticeState.RECTIFIED)
    return append(
        session,
        notice,
        NoticeEventKind.RECHECKED,
        actor,
        at=desk.clock(),
        snapshot_id=snapshot.id,
        details={"outcomes": outcomes},
    )


def outcome_of(
    session: Session, item: NoticeItem, now: Snapshot, noticed: str | None, rules: set[str]
) -> RecheckOutcome:
    """What became of one item. Not looked at is never mended."""
    if item.fingerprint is None:
        return _measured(session, item, now, noticed)
    if now.visibility.access is not Access.PUBLIC:
        return RecheckOutcome.NOT_CHECKED
    screening = newest_screening(session, now.id)
    finding = session.get(Finding, item.finding_id) if item.finding_id else None
    if screening is None or finding is None:
        return RecheckOutcome.NOT_CHECKED
    query = select(Finding.id).where(
        Finding.screening_id == screening.id, Finding.fingerprint == item.fingerprint
    )
    if session.exec(query).first() is not None:
        return RecheckOutcome.STILL_THERE
    gaps = session.exec(
        select(Coverage.what).where(
            Coverage.screening_id == screening.id,
            Coverage.screened == False,  # noqa: E712
        )
    ).all()
    unread = any(what.startswith(finding.url) for what in gaps)
    # A rule that no longer stands finds nothing, whatever the teacher did.
    return (
        RecheckOutcome.NOT_CHECKED
        if unread or finding.rule not in rules
        else RecheckOutcome.RECTIFIED
    )


def _measured(
    session: Session, item: NoticeItem, now: Snapshot, noticed: str | None
) -> RecheckOutcome:
    was_file = _resource(session, noticed, item.where) is not None
    if not was_file or now.visibility.access is not Access.PUBLIC:
        access = now.visibility.access
    else:
        resource = _resource(session, now.id, item.where)
        # A file that is no longer offered is no longer kept back.
        access = resource.openness.access if resource else Access.PUBLIC
    if was_file and now.visibility.access is not Access.PUBLIC:
        return RecheckOutcome.NOT_CHECKED
    return {
        Access.PUBLIC: RecheckOutcome.RECTIFIED,
        Access.NOT_PUBLIC: RecheckOutcome.STILL_THERE,
        Access.CANNOT_TELL: RecheckOutcome.NOT_CHECKED,
    }[access]


def _resource(session: Session, snapshot: str | None, url: str) -> Resource | None:
    query = select(Resource).where(Resource.snapshot_id == snapshot, Resource.url == url)
    return session.exec(query).first()


def outcomes_of(steps: Sequence[NoticeEvent]) -> Mapping[int, RecheckOutcome]:
    """What the last re-check found, by item; empty before the first."""
    last = [step for step in steps if step.kind is NoticeEventKind.RECHECKED]
    if not last:
        return {}
    found = last[-1].details["outcomes"]
    return {int(key): RecheckOutcome.of(value) for key, value in found.items()}


def settled_by_appeal(session: Session, notice: Notice) -> set[str]:
    """Items on which an appeal was granted: nothing of them is left to mend."""
    return {
        str(each.item_id)
        for each in appeals_of(session, notice)
        if each.row.state is AppealState.OVERTURNED
    }


def close(session: Session, desk: Desk, notice: Notice, user: User, note: str) -> None:
    """A person closes the notice. When all is mended, the space's content of today is passed.

    Raises:
        NoticeError: it is settled, an appeal waits, or something is left and no reason was given.
    """
    _require_open(notice)
    if any(each.row.state is AppealState.LODGED for each in appeals_of(session, notice)):
        raise NoticeError("还有申诉没有审结")
    mended = notice.state is NoticeState.RECTIFIED
    if not mended and not note:
        raise NoticeError("还有内容没有复查通过,办结须写明理由")
    at, actor = desk.clock(), Actor(user.name, user.id)
    append(session, notice, NoticeEventKind.CLOSED, actor, at=at, text=note)
    move(session, notice, NoticeState.CLOSED)
    notice.closed_by_id, notice.closed_at = user.id, at
    if mended:
        _pass(session, desk, notice, user, note)


def _pass(session: Session, desk: Desk, notice: Notice, user: User, note: str) -> None:
    """The person's word that the space is mended; not over a rejection of the space as a whole."""
    word = in_force(decisions(session, notice.space_id)).get(None)
    if word is None or word.action is not Action.CONFIRM:
        decide(
            session,
            user=user,
            action=Action.DISMISS,
            reason=MENDED,
            note=note or f"整改通知第 {notice.number} 号已办结",
            at=desk.clock(),
            space=session.get_one(Space, notice.space_id),
        )
        session.flush()
    desk.issue(session, session.get_one(Campaign, notice.campaign_id), notice.space_id, user.name)


def reopen(  # noqa: PLR0913  (who, whose, until when, why, when)
    session: Session, notice: Notice, actor: Actor, *, due_at: datetime, note: str, at: datetime
) -> None:
    """Send a notice back to the teacher with a new deadline and a reason.

    Raises:
        NoticeError: there is no reason, the deadline is past, or the notice was withdrawn.
    """
    if not note or due_at <= at or notice.state is NoticeState.WITHDRAWN:
        raise NoticeError("退回须写明理由和新的期限")
    notice.due_at, notice.closed_by_id, notice.closed_at = due_at, None, None
    details = {"due_at": due_at.isoformat()}
    append(session, notice, NoticeEventKind.REOPENED, actor, at=at, text=note, details=details)
    move(session, notice, NoticeState.SENT)


def withdraw(session: Session, notice: Notice, actor: Actor, note: str, at: datetime) -> None:
    """Take a notice back; its link then says so."""
    _require_open(notice)
    append(session, notice, NoticeEventKind.WITHDRAWN, actor, at=at, text=note)
    move(session, notice, NoticeState.WITHDRAWN)


def _require_open(notice: Notice) -> None:
    if notice.state in SETTLED:
        raise NoticeError(f"这份通知{notice.state.label},不能再办理")
