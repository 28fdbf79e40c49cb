"""How one person wants the pages."""

from __future__ import annotations

from sqlmodel import Session

from models.account_tables import Preference
from models.vocabulary import PictureLook

_PICTURES = "pictures"


def picture_look(session: Session, user_id: int) -> PictureLook:
    """How pictures are shown to a person; what is stored and no longer known is as new."""
    row = session.get(Preference, user_id)
    said = (row.values or {}).get(_PICTURES) if row else None
    return next((look for look in PictureLook if look.value == said), PictureLook.PLAIN)


def set_picture_look(session: Session, user_id: int, look: PictureLook) -> None:
    """Keep how pictures are shown to a person. Commits nothing."""
    row = session.get(Preference, user_id) or Preference(user_id=user_id, values={})
    # A new mapping: a change within the old one would not be seen.
    row.values = {**(row.values or {}), _PICTURES: look.value}
    session.add(row)
