"""A person's decision, taken whole: the rules of the review, the word itself, and what follows from it.

Pages, API and command line all come through ``take``. One person's word is a decision at once; on a
serious political finding it is an opinion, and becomes a decision when a second, different person says
the same, or when an adjudicator decides between the two. Until then the finding stays open, and with it
the space pending.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session

from audit.opinions import (
    NotYoursError,
    Standing,
    fits_two,
    give,
    needs_two,
    opinions,
    require_other_unit,
    round_for,
    standing_opinions,
)
from audit.records import newest_snapshot
from audit.review import (
    DecisionError,
    check,
    decide,
    decisions,
    in_force,
    reviewed_findings,
)
from models.database import take_writer_lock
from models.review_tables import Opinion, ReviewCase
from models.tables import Campaign, Decision, Finding, Space, User, Verdict
from models.vocabulary import (
    Action,
    CaseEventKind,
    CaseState,
    FindingState,
    ReviewRound,
    VerdictState,
)
from service.desk import Desk
from service.leasing import adjudicates, expire, free, held_now, seconds_held, step
from service.users import acting_user

#: How long one may take back one's own last word; later it is reopened by the city's staff.
UNDO_WITHIN = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Ruling:
    """What somebody decides; ``reason`` is a code of ``rules.reasons``, ``by`` a user's name.

    ``seen`` is the version of the case that was on the screen; None: not told.
    """

    action: Action
    reason: str
    note: str
    by: str
    seen: int | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """What was written: an opinion, and the decision if it led to one."""

    opinion: Opinion
    decision: Decision | None

    @property
    def id(self) -> str:
        """Of the decision, or of the opinion that waits for another."""
        return self.decision.id if self.decision else self.opinion.id

    @property
    def action(self) -> Action:
        """What was said."""
        return self.opinion.action


class ConflictError(DecisionError):
    """Somebody else was there first; nothing was written, and the note is to be kept.

    Attributes:
        who: The other person's name.
        at: When they decided, or took the case.
        decision: What they decided; None: they hold the case, or it may not be seen before one's own.
    """

    def __init__(self, who: str, at: datetime, decision: Decision | None) -> None:
        what = f"decided ({decision.action})" if decision else "is at work on it or gave an opinion"
        super().__init__(f"{who} {what} since {at:%Y-%m-%d %H:%M} UTC: look again before deciding")
        self.who, self.at, self.decision = who, at, decision


@dataclass(frozen=True, slots=True)
class _Matter:
    """What a ruling is about, as it stands under the writer's lock."""

    case: ReviewCase
    space_id: int
    finding: Finding | None
    #: The decision in force on it.
    decision: Decision | None
    #: Opinions on it that were not taken back.
    stack: list[Opinion]


def take(
    session: Session, desk: Desk, campaign: Campaign, about: Finding | Space, ruling: Ruling
) -> Taken:
    """Append a person's word on a finding or a whole space, and judge the space anew.

    Raises:
        AccountError: there is no such user, or it is disabled.
        ConflictError: somebody else decided meanwhile, or holds the case.
        NotYoursError: another person has to decide: the own unit's nominee, or the own first opinion.
        DecisionError: the reason does not fit, the user may not decide, or nothing can be undone.
    """
    user, at = acting_user(session, ruling.by), desk.clock()
    finding = about if isinstance(about, Finding) else None
    check(user, ruling.action, ruling.reason, space_level=finding is None)
    take_writer_lock(session)
    space_id = finding.space_id if finding else getattr(about, "id", 0)
    require_other_unit(session, user, space_id)
    matter = _matter(session, campaign, space_id, finding, at)
    _refuse_conflict(session, matter, user, ruling, at)
    taken = (
        _undo(session, matter, user, ruling, at)
        if ruling.action is Action.UNDO
        else _say(session, matter, user, ruling, at)
    )
    # The verdict is judged from the rows, the new one among them.
    session.flush()
    verdict = desk.issue(session, campaign, space_id, ruling.by)
    settle(session, matter.case, verdict, taken, user, at)
    session.flush()
    return taken


def case_of(session: Session, campaign: Campaign, space_id: int, at: datetime) -> ReviewCase:
    """The case of a space, entered into the queue if it is not there; under the writer's lock."""
    case = session.get(ReviewCase, space_id, populate_existing=True)
    if case is None:
        case = ReviewCase(
            space_id=space_id,
            campaign_id=campaign.id or 0,
            state=CaseState.QUEUED,
            version=0,
            entered_at=at,
            changed_at=at,
        )
        session.add(case)
        session.flush()
        step(session, case, CaseEventKind.QUEUED, at=at, to=CaseState.QUEUED)
    elif case.holder_id is not None and held_now(case, at) is None:
        expire(session, case, at)
    return case


def _matter(
    session: Session, campaign: Campaign, space_id: int, finding: Finding | None, at: datetime
) -> _Matter:
    key = finding.fingerprint if finding else None
    case = case_of(session, campaign, space_id, at)
    held = in_force(decisions(session, space_id)).get(key)
    stack = standing_opinions(opinions(session, space_id)).get(key, [])
    return _Matter(case, space_id, finding, held, stack)


def _refuse_conflict(
    session: Session, matter: _Matter, user: User, ruling: Ruling, at: datetime
) -> None:
    holder = held_now(matter.case, at)
    if holder not in (None, user.id):
        raise ConflictError(_name(session, holder), matter.case.held_since or at, None)
    if ruling.action is Action.UNDO or ruling.seen == matter.case.version:
        return
    other = matter.decision
    if other is not None and other.user_id != user.id:
        raise ConflictError(_name(session, other.user_id), other.decided_at, other)
    last = matter.stack[-1] if matter.stack else None
    if ruling.seen is not None and last is not None and last.user_id != user.id:
        raise ConflictError(_name(session, last.user_id), last.at, None)


def _name(session: Session, user_id: int | None) -> str:
    found = session.get(User, user_id) if user_id is not None else None
    return found.name if found else ""


def _say(session: Session, matter: _Matter, user: User, ruling: Ruling, at: datetime) -> Taken:
    finding = matter.finding
    round_, decides = ReviewRound.FIRST, True
    if finding is not None and needs_two(finding):
        round_ = round_for(matter.stack, user, adjudicator=adjudicates(user))
        agreed = bool(matter.stack) and matter.stack[-1].action is ruling.action
        decides = round_ is ReviewRound.ADJUDICATION or (round_ is ReviewRound.SECOND and agreed)
    elif finding is None and ruling.action is Action.CONFIRM:
        _refuse_around_two(session, matter)
    decision = _append(session, matter, user, ruling, at) if decides else None
    return Taken(_opinion(session, matter, user, ruling, round_, decision, at), decision)


def _refuse_around_two(session: Session, matter: _Matter) -> None:
    """A word against the whole space must not stand in for the second person's."""
    if _unsettled(session, matter.space_id):
        raise NotYoursError(
            "a finding that two people have to decide on is open: it comes before the whole space"
        )


def _append(
    session: Session, matter: _Matter, user: User, ruling: Ruling, at: datetime
) -> Decision:
    return decide(
        session,
        user=user,
        action=ruling.action,
        reason=ruling.reason,
        note=ruling.note.strip(),
        at=at,
        finding=matter.finding,
        space=None if matter.finding else session.get_one(Space, matter.space_id),
    )


def _opinion(  # noqa: PLR0913, PLR0917  (what was said, by whom, in which round, when)
    session: Session,
    matter: _Matter,
    user: User,
    ruling: Ruling,
    round_: ReviewRound,
    decision: Decision | None,
    at: datetime,
) -> Opinion:
    snapshot = newest_snapshot(session, matter.space_id)
    return give(
        session,
        user=user,
        space_id=matter.space_id,
        finding=matter.finding,
        snapshot_id=snapshot.id if snapshot else None,
        round_=round_,
        action=ruling.action,
        reason=ruling.reason,
        note=ruling.note.strip(),
        decision_id=decision.id if decision else None,
        at=at,
    )


def _undo(session: Session, matter: _Matter, user: User, ruling: Ruling, at: datetime) -> Taken:
    last = matter.stack[-1] if matter.stack else None
    if matter.decision is not None:
        who, when = matter.decision.user_id, matter.decision.decided_at
    elif last is not None:
        who, when = last.user_id, last.at
    else:
        raise DecisionError("nothing has been decided here that could be undone")
    late = at - when > UNDO_WITHIN
    if (who != user.id or late) and not adjudicates(user):
        whose = "another's word" if who != user.id else "a word this old"
        raise NotYoursError(f"{whose} is reopened by the city's staff, not undone")
    decision = _append(session, matter, user, ruling, at) if matter.decision else None
    round_ = last.round if last else ReviewRound.FIRST
    return Taken(_opinion(session, matter, user, ruling, round_, decision, at), decision)


def _unsettled(session: Session, space_id: int) -> list[Standing]:
    """How far the open findings have come that two people decide on."""
    held = standing_opinions(opinions(session, space_id))
    return [
        fits_two(held, each.finding)
        for each in reviewed_findings(session, space_id)
        if each.state is FindingState.OPEN and needs_two(each.finding)
    ]


def settle(  # noqa: PLR0913, PLR0917  (which case, after what, by whom, when)
    session: Session, case: ReviewCase, verdict: Verdict, taken: Taken, user: User, at: datetime
) -> None:
    """Move the case to where it stands after a word, with a step for each thing that happened."""
    _note_word(session, case, taken, user, at)
    two = _unsettled(session, case.space_id)
    waits = verdict.state in (VerdictState.PENDING, VerdictState.UNDETERMINED)
    if Standing.DISPUTED in two:
        _rest(session, case, CaseEventKind.DISPUTED, CaseState.DISPUTED, user, at)
    elif Standing.AWAITING_SECOND in two and _nothing_untouched(session, case.space_id):
        case.first_user_id = _first_person(session, case.space_id)
        _rest(session, case, CaseEventKind.FIRST_DECIDED, CaseState.FIRST_DECISION, user, at)
    elif not waits and not two:
        _rest(session, case, CaseEventKind.DECIDED, CaseState.DECIDED, user, at)
    elif case.state not in (CaseState.QUEUED, CaseState.LEASED):
        to = CaseState.LEASED if held_now(case, at) else CaseState.QUEUED
        case.first_user_id = None
        step(session, case, CaseEventKind.REOPENED, at=at, user=user, to=to)
    else:
        case.version += 1
        session.add(case)


def _note_word(session: Session, case: ReviewCase, taken: Taken, user: User, at: datetime) -> None:
    if taken.action is Action.UNDO:
        return
    if taken.opinion.round is ReviewRound.SECOND:
        step(session, case, CaseEventKind.SECOND_DECIDED, at=at, user=user)
        if taken.decision is not None:
            kind = CaseEventKind.AGREED
            step(session, case, kind, at=at, user=user, to=CaseState.AGREED)
    elif taken.opinion.round is ReviewRound.ADJUDICATION:
        kind = CaseEventKind.ADJUDICATED
        step(session, case, kind, at=at, user=user, to=CaseState.ADJUDICATED)


def _nothing_untouched(session: Session, space_id: int) -> bool:
    held = standing_opinions(opinions(session, space_id))
    waiting = [
        r.finding for r in reviewed_findings(session, space_id) if r.state is FindingState.OPEN
    ]
    return all(held.get(each.fingerprint) for each in waiting)


def _first_person(session: Session, space_id: int) -> int | None:
    held = standing_opinions(opinions(session, space_id)).values()
    firsts = [each for stack in held for each in stack if each.decision_id is None]
    return firsts[-1].user_id if firsts else None


def _rest(  # noqa: PLR0913, PLR0917  (which case, to where, by whom, when)
    session: Session,
    case: ReviewCase,
    kind: CaseEventKind,
    to: CaseState,
    user: User,
    at: datetime,
) -> None:
    """The holder's part is done: the case leaves their hands."""
    if case.state is to:
        case.version += 1
        session.add(case)
        return
    spent = seconds_held(case, at)
    free(case)
    step(session, case, kind, at=at, user=user, to=to, seconds=spent)
