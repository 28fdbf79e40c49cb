"""The review: what people decided, and where each finding stands because of it.

A decision belongs to a finding's fingerprint within its space, so it follows the finding across
re-crawls and re-screenings. Decisions are appended; the newest one that was not undone holds.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from audit.records import after, newest_snapshot, screening_of
from models.audit_log import record
from models.database import take_writer_lock
from models.tables import Decision, Finding, Space, User
from models.vocabulary import Action, FindingState, Role
from rules.reasons import load_reasons, reasons_for

STATES: Mapping[Action, FindingState] = {
    Action.CONFIRM: FindingState.CONFIRMED,
    Action.DISMISS: FindingState.DISMISSED,
}

#: Roles whose word counts on content.
DECIDING_ROLES = frozenset(
    {Role.SCHOOL_AUDITOR, Role.COUNTY_AUDITOR, Role.CITY_STAFF, Role.ADMINISTRATOR}
)


class DecisionError(ValueError):
    """A decision cannot be taken as given; nothing was written."""


@dataclass(frozen=True, slots=True)
class ReviewedFinding:
    """A finding and where it stands."""

    finding: Finding
    state: FindingState
    decision: Decision | None


def decisions(session: Session, space_id: int) -> list[Decision]:
    """All decisions on a space and its findings, oldest first."""
    statement = (
        select(Decision)
        .where(Decision.space_id == space_id)
        .order_by(col(Decision.decided_at), col(Decision.id))
    )
    return list(session.exec(statement))


def in_force(taken: Iterable[Decision]) -> dict[str | None, Decision]:
    """The decision that holds for each fingerprint (None: the space as a whole)."""
    return {fingerprint: stack[-1] for fingerprint, stack in _standing(taken).items() if stack}


def rejected(taken: Iterable[Decision]) -> bool:
    """Whether a person ever rejected the space, and nobody took that very decision back.

    A later word for the space passes the content it was given on; it does not make the rejection
    undone.
    """
    standing = _standing(taken)
    on_space = standing.pop(None, [])
    last_words = [stack[-1] for stack in standing.values() if stack]
    return any(decision.action is Action.CONFIRM for decision in (*on_space, *last_words))


def _standing(taken: Iterable[Decision]) -> dict[str | None, list[Decision]]:
    """The decisions that were not undone, by fingerprint, oldest first."""
    stacks: dict[str | None, list[Decision]] = defaultdict(list)
    for decision in taken:
        stack = stacks[decision.fingerprint]
        if decision.action is Action.UNDO:
            if stack:
                stack.pop()
        else:
            stack.append(decision)
    return stacks


def reviewed_findings(session: Session, space_id: int) -> list[ReviewedFinding]:
    """The findings of the newest screening with their states, the most severe first."""
    screening = screening_of(session, space_id)
    if screening is None:
        return []
    findings = session.exec(select(Finding).where(Finding.screening_id == screening.id)).all()
    return with_states(findings, in_force(decisions(session, space_id)))


def with_states(
    findings: Sequence[Finding], held: Mapping[str | None, Decision]
) -> list[ReviewedFinding]:
    """Put each finding beside the decision that holds for it."""
    reviewed = []
    for finding in findings:
        decision = held.get(finding.fingerprint)
        state = STATES[decision.action] if decision else FindingState.OPEN
        reviewed.append(ReviewedFinding(finding, state, decision))
    return sorted(
        reviewed,
        key=lambda item: (
            -item.finding.severity.rank,
            item.finding.url,
            item.finding.start,
            item.finding.id,
        ),
    )


def decide(  # noqa: PLR0913  (a decision is who, what, why, when, on what)
    session: Session,
    *,
    user: User,
    action: Action,
    reason: str,
    note: str,
    at: datetime,
    finding: Finding | None = None,
    space: Space | None = None,
) -> Decision:
    """Append a person's decision on a finding, or on a whole space.

    Raises:
        DecisionError: the reason does not fit, the user may not decide, or there is nothing to undo.
    """
    space_id = finding.space_id if finding is not None else space.id if space is not None else None
    if space_id is None or user.id is None:
        raise DecisionError("a decision is on a finding or on a space: name one")
    check(user, action, reason, space_level=finding is None)
    fingerprint = finding.fingerprint if finding is not None else None
    take_writer_lock(session)
    before = decisions(session, space_id)
    if action is Action.UNDO and fingerprint not in in_force(before):
        raise DecisionError("nothing has been decided here that could be undone")
    snapshot = newest_snapshot(session, space_id)
    decision = Decision(
        id=f"dc_{uuid.uuid4().hex[:16]}",
        space_id=space_id,
        fingerprint=fingerprint,
        finding_id=finding.id if finding is not None else None,
        snapshot_id=snapshot.id if snapshot is not None else None,
        rule_digest=finding.rule_digest if finding is not None else None,
        action=action,
        reason=reason,
        note=note,
        user_id=user.id,
        decided_at=after(before[-1].decided_at if before else None, at),
    )
    session.add(decision)
    record(session, actor=user.name, action=f"decision.{action}", at=at, row=decision)
    return decision


def check(user: User, action: Action, reason: str, *, space_level: bool) -> None:
    """Refuse a decision that this user may not take, or for a reason that does not fit.

    Raises:
        DecisionError: says what would fit.
    """
    if user.disabled:
        raise DecisionError(f"{user.name} is disabled and cannot decide: use another user")
    if user.role not in DECIDING_ROLES:
        raise DecisionError(f"{user.name} is {user.role.value} and cannot decide on content")
    known = load_reasons().get(reason)
    if known is None or not known.fits(action, space_level=space_level):
        fitting = ", ".join(r.code for r in reasons_for(action, space_level=space_level))
        raise DecisionError(f"{reason!r} is no reason to {action} here: use one of {fitting}")
