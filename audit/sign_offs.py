"""逐级责任: the teacher's consent to openness and each level's word on safety, and which of them hold.

A word is appended with who gave it, when and on which snapshot. Consent is to openness whatever the
content; a word on safety is on one content and does not hold for another.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from sqlmodel import Session, col, select

from audit.records import after, newest_snapshot
from models.audit_log import record
from models.database import take_writer_lock
from models.review_tables import SignOff
from models.tables import Nomination, Snapshot, User
from models.vocabulary import Role, SignOffLevel, Statement

#: For which level each role may speak.
LEVELS: Mapping[Role, SignOffLevel] = MappingProxyType(
    {
        Role.TEACHER: SignOffLevel.TEACHER,
        Role.SCHOOL_AUDITOR: SignOffLevel.SCHOOL,
        Role.COUNTY_AUDITOR: SignOffLevel.COUNTY,
        Role.CITY_STAFF: SignOffLevel.CITY,
        Role.ADMINISTRATOR: SignOffLevel.CITY,
    }
)


class SignOffError(ValueError):
    """A word cannot be taken as given; nothing was written."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where one level stands: its newest word, and whether that holds for the content of today.

    ``by_file`` is a teacher's consent that the nomination file carries.
    """

    level: SignOffLevel
    word: SignOff | None
    holds: bool
    by_file: bool = False


def standing(session: Session, space_id: int, snapshot: Snapshot | None) -> list[Standing]:
    """Every level's standing, the lowest first."""
    words = {row.level: row for row in _words(session, space_id)}
    by_file = SignOffLevel.TEACHER not in words and _consented_in_file(session, space_id)
    shown = []
    for level in SignOffLevel:
        word = words.get(level)
        filed = by_file and level is SignOffLevel.TEACHER
        shown.append(Standing(level, word, filed or _holds(word, snapshot), filed))
    return shown


def levels_signed(session: Session, snapshot: Snapshot) -> frozenset[SignOffLevel]:
    """The levels whose word holds for a snapshot of a space."""
    found = standing(session, snapshot.space_id, snapshot)
    return frozenset(each.level for each in found if each.holds)


def _holds(word: SignOff | None, snapshot: Snapshot | None) -> bool:
    if word is None or word.statement is Statement.WITHDRAWN:
        return False
    if word.statement is Statement.CONSENT:
        return True
    return snapshot is not None and word.content_digest == snapshot.content_digest


def _words(session: Session, space_id: int) -> Sequence[SignOff]:
    query = select(SignOff).where(SignOff.space_id == space_id)
    return session.exec(query.order_by(col(SignOff.at), col(SignOff.id))).all()


def _consented_in_file(session: Session, space_id: int) -> bool:
    query = select(Nomination.consent).where(Nomination.space_id == space_id)
    return bool(session.exec(query.order_by(col(Nomination.revision).desc()).limit(1)).first())


def sign(  # noqa: PLR0913  (a word is whose, on what, why, when)
    session: Session, user: User, space_id: int, *, withdraw: bool, note: str, at: datetime
) -> SignOff:
    """Append the word of a user's level on the newest snapshot of a space, or take it back.

    Raises:
        SignOffError: the user speaks for no level, or there is nothing yet to sign for.
    """
    level = LEVELS.get(user.role)
    if level is None or user.disabled:
        raise SignOffError("您的角色不能签署")
    take_writer_lock(session)
    snapshot = newest_snapshot(session, space_id)
    if snapshot is None and level is not SignOffLevel.TEACHER and not withdraw:
        raise SignOffError("空间尚未抓取,没有可以签署的内容")
    given = Statement.CONSENT if level is SignOffLevel.TEACHER else Statement.SAFETY
    words = _words(session, space_id)
    word = SignOff(
        id=f"so_{uuid.uuid4().hex[:16]}",
        space_id=space_id,
        level=level,
        statement=Statement.WITHDRAWN if withdraw else given,
        snapshot_id=snapshot.id if snapshot else None,
        content_digest=snapshot.content_digest if snapshot else None,
        user_id=user.id,
        signed_name=user.name,
        source="desk",
        note=note,
        at=after(words[-1].at if words else None, at),
    )
    session.add(word)
    record(session, actor=user.name, action=f"sign_off.{word.statement}", at=at, row=word)
    return word
