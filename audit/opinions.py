"""Opinions: who looked at a finding in which round, and what is still missing before it is decided.

A serious political finding is decided by two different people; the second does not see what the first
said. Where they differ, a third one decides (七牛's strict mode: first, second, expert). An opinion is
appended; taking it back is a row too.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum

from sqlmodel import Session, col, select

from audit.records import after
from audit.review import DecisionError
from models.audit_log import record
from models.review_tables import Opinion
from models.tables import Finding, Nomination, Teacher, User
from models.vocabulary import Action, Dimension, ReviewRound, Severity

#: Opinions of different people that a finding under the two-person rule needs.
PEOPLE = 2


class Standing(StrEnum):
    """How far the review of one finding has come; ``UNTOUCHED`` too where one person is enough."""

    UNTOUCHED = "untouched"
    AWAITING_SECOND = "awaiting_second"
    DISPUTED = "disputed"
    COMPLETE = "complete"


class NotYoursError(DecisionError):
    """This person may not give this opinion: another has to; nothing was written."""


def needs_two(finding: Finding) -> bool:
    """Whether two different people decide on this finding."""
    return finding.dimension is Dimension.POLITICAL and finding.severity is Severity.SERIOUS


def opinions(session: Session, space_id: int) -> list[Opinion]:
    """All opinions on a space and its findings, oldest first."""
    query = select(Opinion).where(Opinion.space_id == space_id)
    return list(session.exec(query.order_by(col(Opinion.at), col(Opinion.id))))


def standing_opinions(given: Iterable[Opinion]) -> dict[str | None, list[Opinion]]:
    """The opinions that nobody took back, by fingerprint, oldest first."""
    stacks: dict[str | None, list[Opinion]] = defaultdict(list)
    for opinion in given:
        stack = stacks[opinion.fingerprint]
        if opinion.action is not Action.UNDO:
            stack.append(opinion)
            continue
        own = [each for each in stack if each.user_id == opinion.user_id]
        if own:
            stack.remove(own[-1])
        else:
            # Reopened by the city's staff, who had no word in it: all begins anew.
            stack.clear()
    return dict(stacks)


def standing(stack: Iterable[Opinion]) -> Standing:
    """How far the review of a finding under the two-person rule has come."""
    held = list(stack)
    if not held:
        return Standing.UNTOUCHED
    if any(each.round is ReviewRound.ADJUDICATION for each in held):
        return Standing.COMPLETE
    people = {each.user_id: each.action for each in held}
    if len(people) < PEOPLE:
        return Standing.AWAITING_SECOND
    return Standing.COMPLETE if len(set(people.values())) == 1 else Standing.DISPUTED


def round_for(stack: Iterable[Opinion], user: User, *, adjudicator: bool) -> ReviewRound:
    """The round in which this person's opinion on a two-person finding would count.

    Raises:
        NotYoursError: the person gave one already, or it takes an adjudicator.
    """
    held = list(stack)
    where = standing(held)
    if any(each.user_id == user.id for each in held):
        raise NotYoursError(
            f"{user.name} has already given an opinion on this finding: another person has to decide"
        )
    if where is Standing.UNTOUCHED:
        return ReviewRound.FIRST
    if where is Standing.AWAITING_SECOND:
        return ReviewRound.SECOND
    if not adjudicator:
        raise NotYoursError("two people differ on this finding: the city's staff has to decide")
    return ReviewRound.ADJUDICATION


def give(  # noqa: PLR0913  (an opinion is who, what, why, when, on what, in which round)
    session: Session,
    *,
    user: User,
    space_id: int,
    finding: Finding | None,
    snapshot_id: str | None,
    round_: ReviewRound,
    action: Action,
    reason: str,
    note: str,
    decision_id: str | None,
    at: datetime,
) -> Opinion:
    """Append an opinion. Its event in the log does not tell what it says: the next round is blind."""
    before = opinions(session, space_id)
    opinion = Opinion(
        id=f"op_{uuid.uuid4().hex[:16]}",
        space_id=space_id,
        fingerprint=finding.fingerprint if finding else None,
        finding_id=finding.id if finding else None,
        snapshot_id=snapshot_id,
        round=round_,
        user_id=user.id or 0,
        action=action,
        reason=reason,
        note=note,
        # Who adjudicates has to read both.
        blind=round_ is not ReviewRound.ADJUDICATION,
        decision_id=decision_id,
        at=after(before[-1].at if before else None, at),
    )
    session.add(opinion)
    record(session, actor=user.name, action=f"opinion.{round_}", at=at, row=opinion)
    return opinion


def require_other_unit(session: Session, user: User, space_id: int) -> None:
    """Nobody reviews the nominee of their own unit, nor their own space.

    Raises:
        NotYoursError: the user belongs to the teacher's school, or is the teacher.
    """
    query = (
        select(Teacher)
        .join(Nomination, col(Nomination.teacher_id) == col(Teacher.id))
        .where(Nomination.space_id == space_id)
        .order_by(col(Nomination.revision).desc())
        .limit(1)
    )
    teacher = session.exec(query).first()
    if teacher is None:
        return
    if user.school_id == teacher.school_id or user.teacher_id == teacher.id:
        raise NotYoursError(f"{user.name} is of the nominee's own unit: another unit has to review")


def fits_two(held: Mapping[str | None, list[Opinion]], finding: Finding) -> Standing:
    """How far a finding of the two-person rule has come, by its fingerprint."""
    return standing(held.get(finding.fingerprint, ()))
