"""Who opens what is hidden, for how long, and why: every opening is a row and a link of the audit log."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

from sqlmodel import Session, col, select

from models.audit_log import record
from models.review_tables import Opening
from models.tables import Finding
from models.vocabulary import OpenedThing
from service.errors import UserError

#: How long an opening holds for the person who made it: about as long as one case takes.
OPEN_FOR = timedelta(minutes=15)
#: The shortest reason that says something.
FEWEST_CHARACTERS = 2
MOST_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants to open; ``what`` is its address or name within the snapshot."""

    thing: OpenedThing
    why: str
    finding_id: str | None = None
    snapshot_id: str | None = None
    what: str = ""


def open_hidden(  # noqa: PLR0913  (who opens what, of which space, and when)
    session: Session, wish: Wish, *, space_id: int, user_id: int, actor: str, at: datetime
) -> Opening:
    """Record an opening, before anything is shown. Commits nothing.

    Raises:
        UserError: no reason is given.
    """
    why = " ".join(wish.why.split())[:MOST_CHARACTERS]
    if len(why) < FEWEST_CHARACTERS:
        raise UserError("查看原文需要写明理由", "请写一句话,例如“核对是否为学生电话”")
    row = Opening(
        id=f"op_{uuid4().hex}",
        user_id=user_id,
        space_id=space_id,
        thing=wish.thing,
        finding_id=wish.finding_id,
        snapshot_id=wish.snapshot_id,
        what=wish.what,
        why=why,
        at=at,
    )
    session.add(row)
    session.flush()
    # The log names the thing, and never what it says.
    details = {"thing": wish.thing.value, "space": space_id, "why": why}
    record(session, actor=actor, action="opening.made", at=at, row=row, details=details)
    return row


def opened_fingerprints(
    session: Session, *, user_id: int, space_id: int, now: datetime
) -> frozenset[str]:
    """The findings of a space whose personal data this person has open now."""
    query = (
        select(Finding.fingerprint)
        .join(Opening, col(Opening.finding_id) == col(Finding.id))
        .where(
            Opening.user_id == user_id,
            Opening.space_id == space_id,
            Opening.thing == OpenedThing.PERSONAL_DATA,
            col(Opening.at) > now - OPEN_FOR,
        )
    )
    return frozenset(session.exec(query))


def has_open(
    session: Session, thing: OpenedThing, *, user_id: int, space_id: int, now: datetime
) -> bool:
    """Whether this person has a thing of the space open now that is no finding."""
    query = select(Opening.id).where(
        Opening.user_id == user_id,
        Opening.space_id == space_id,
        Opening.thing == thing,
        col(Opening.at) > now - OPEN_FOR,
    )
    return session.exec(query.limit(1)).first() is not None


def openings_of(session: Session, space_id: int) -> list[Opening]:
    """Every opening of a space, the newest first."""
    query = select(Opening).where(Opening.space_id == space_id).order_by(col(Opening.at).desc())
    return list(session.exec(query))
