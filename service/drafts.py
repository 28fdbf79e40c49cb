"""What somebody began to write and did not save, kept for the next time they open the page."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session, col, select

from models.review_tables import Draft

#: As long as the note of a decision may be.
MOST_CHARACTERS = 2000


def keep_draft(  # noqa: PLR0913  (whose note, on what, and when)
    session: Session, *, user_id: int, space_id: int, subject: str, text: str, at: datetime
) -> None:
    """Keep what somebody wrote about a subject; an empty text forgets it. Commits nothing."""
    if not text.strip():
        forget_draft(session, user_id, subject)
        return
    query = select(Draft).where(Draft.user_id == user_id, Draft.subject == subject)
    draft = session.exec(query).first() or Draft(
        user_id=user_id, subject=subject, space_id=space_id, saved_at=at, body={}
    )
    draft.body = {"note": text[:MOST_CHARACTERS]}
    draft.saved_at = at
    session.add(draft)


def forget_draft(session: Session, user_id: int, subject: str) -> None:
    """Forget what somebody wrote about a subject: it was saved. Commits nothing."""
    row = session.exec(
        select(Draft).where(Draft.user_id == user_id, Draft.subject == subject)
    ).first()
    if row is not None:
        session.delete(row)


def notes_of(session: Session, *, user_id: int, space_id: int) -> dict[str, str]:
    """The notes that somebody began on a space, by subject."""
    query = select(Draft).where(Draft.user_id == user_id, col(Draft.space_id) == space_id)
    return {row.subject: str((row.body or {}).get("note", "")) for row in session.exec(query)}
