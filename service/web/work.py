"""What the case page says of the review itself: who holds the case, and whose word is still missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from audit.opinions import (
    NotYoursError,
    Standing,
    fits_two,
    needs_two,
    opinions,
    require_other_unit,
    standing_opinions,
)
from models.review_tables import Opinion, ReviewCase
from models.tables import Finding, User
from models.vocabulary import CaseState, FindingState
from rules.reasons import load_reasons
from service.case import Case
from service.leasing import adjudicates, held_now


@dataclass(frozen=True, slots=True)
class Word:
    """One opinion, as it may be shown."""

    who: str
    said: str
    reason: str
    note: str
    at: datetime


@dataclass(frozen=True, slots=True)
class TwoPeople:
    """How far a finding of the two-person rule has come, for one reader."""

    label: str
    #: What the reader said, and for an adjudicator what both said.
    words: Sequence[Word]
    #: Whether the reader's word is what is missing.
    wants_reader: bool
    #: Whether the reader may take the last word back.
    may_undo: bool


@dataclass(frozen=True, slots=True)
class Work:
    """The review of one space, for one reader."""

    case: ReviewCase | None
    holder: str
    mine: bool
    seconds_left: int
    own_unit: bool
    two: Mapping[str, TwoPeople]

    @property
    def version(self) -> int:
        """The version that the page shows; 0 before the case is in the queue."""
        return self.case.version if self.case else 0

    @property
    def state(self) -> CaseState | None:
        """Where the case stands; one that nobody holds any more waits again."""
        if self.case is None:
            return None
        lapsed = self.case.state is CaseState.LEASED and not self.holder
        return CaseState.QUEUED if lapsed else self.case.state


def work_of(session: Session, shown: Case, user_id: int, at: datetime) -> Work:
    """The review of a space as this reader may see it: nobody sees another's word before their own."""
    space_id, reader = shown.space.id or 0, session.get_one(User, user_id)
    case = session.get(ReviewCase, space_id)
    holder = held_now(case, at) if case else None
    left = int((case.held_until - at).total_seconds()) if case and case.held_until else 0
    return Work(
        case=case,
        holder=session.get_one(User, holder).name if holder else "",
        mine=holder == user_id,
        seconds_left=left if holder else 0,
        own_unit=_own_unit(session, reader, space_id),
        two=_two(session, shown, reader),
    )


def _own_unit(session: Session, reader: User, space_id: int) -> bool:
    try:
        require_other_unit(session, reader, space_id)
    except NotYoursError:
        return True
    return False


def _two(session: Session, shown: Case, reader: User) -> dict[str, TwoPeople]:
    chosen = [
        each.row
        for each in shown.findings
        if needs_two(each.row) and each.state is FindingState.OPEN
    ]
    if not chosen:
        return {}
    given = opinions(session, shown.space.id or 0)
    held = standing_opinions(given)
    people = {each.user_id for each in given}
    names = dict(session.exec(select(User.id, User.name).where(col(User.id).in_(people))).all())
    return {row.id: _one(row, held, names, reader) for row in chosen}


#: What the card says of a finding that two people decide on.
_LABELS: Mapping[Standing, str] = {
    Standing.UNTOUCHED: "须两人审核",
    Standing.AWAITING_SECOND: "一审已完成,等待二审",
    Standing.DISPUTED: "两人意见不一致,等待终审",
    Standing.COMPLETE: "两人审核已完成",
}


def _one(
    row: Finding,
    held: Mapping[str | None, list[Opinion]],
    names: Mapping[int | None, str],
    reader: User,
) -> TwoPeople:
    stack, where = held.get(row.fingerprint, []), fits_two(held, row)
    spoke = any(each.user_id == reader.id for each in stack)
    judges = where is Standing.DISPUTED and adjudicates(reader) and not spoke
    seen = [each for each in stack if judges or each.user_id == reader.id]
    return TwoPeople(
        label=_LABELS[where],
        words=[_word(each, names) for each in seen],
        wants_reader=judges or (not spoke and where is not Standing.DISPUTED),
        may_undo=bool(stack) and stack[-1].user_id == reader.id,
    )


def _word(opinion: Opinion, names: Mapping[int | None, str]) -> Word:
    reasons = load_reasons()
    label = reasons[opinion.reason].label if opinion.reason in reasons else opinion.reason
    name = names.get(opinion.user_id, "")
    return Word(name, opinion.action.label, label, opinion.note, opinion.at)
