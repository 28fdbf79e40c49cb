"""A person's decision, taken whole: the word itself and the verdict that follows from it."""

from __future__ import annotations

from dataclasses import dataclass

from sqlmodel import Session

from audit.review import decide
from models.tables import Campaign, Decision, Finding, Space
from models.vocabulary import Action
from service.desk import Desk
from service.users import acting_user


@dataclass(frozen=True, slots=True)
class Ruling:
    """What somebody decides; ``reason`` is a code of ``rules.reasons``, ``by`` a user's name."""

    action: Action
    reason: str
    note: str
    by: str


def take(
    session: Session, desk: Desk, campaign: Campaign, about: Finding | Space, ruling: Ruling
) -> Decision:
    """Append a decision on a finding or a whole space, and judge the space anew.

    Raises:
        AccountError: there is no such user, or it is disabled.
        DecisionError: the reason does not fit, the user may not decide, or nothing can be undone.
    """
    decision = decide(
        session,
        user=acting_user(session, ruling.by),
        action=ruling.action,
        reason=ruling.reason,
        note=ruling.note.strip(),
        at=desk.clock(),
        finding=about if isinstance(about, Finding) else None,
        space=about if isinstance(about, Space) else None,
    )
    # The verdict is judged from the rows, the new one among them.
    session.flush()
    desk.issue(session, campaign, decision.space_id, ruling.by)
    return decision
