"""Sessions of browsers: kept on our side, ended on our side; the cookie holds a random token only."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from models.account_tables import WebSession
from models.tables import User
from models.vocabulary import FlashLevel, LoginMethod

TOKEN_BYTES = 32
#: ``seen_at`` is written at most so often: not every look at a page is a write.
SEEN_EVERY = timedelta(minutes=1)
#: Messages that wait for the next page.
MOST_FLASHES = 5


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """How long a session lasts: without a request, and at most."""

    idle: timedelta = timedelta(hours=2)
    most: timedelta = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Browser:
    """Who asks: shown to the user in the list of sessions, and so bounded."""

    address: str = ""
    agent: str = ""


def token_digest(token: str) -> str:
    """What is stored of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def begin_session(  # noqa: PLR0913  (a session is whose, how, when, how long, from where)
    session: Session,
    user: User,
    method: LoginMethod,
    *,
    at: datetime,
    limits: SessionLimits,
    browser: Browser,
) -> str:
    """Start a session; gives the token for the cookie, which is stored nowhere."""
    token = secrets.token_urlsafe(TOKEN_BYTES)
    session.add(
        WebSession(
            id=token_digest(token),
            user_id=user.id or 0,
            method=method,
            created_at=at,
            seen_at=at,
            expires_at=at + limits.most,
            address=browser.address[:64],
            agent=browser.agent[:200],
            flashes=[],
        )
    )
    return token


def find_session(
    session: Session, token: str, at: datetime, limits: SessionLimits
) -> tuple[WebSession, User] | None:
    """The session of a token and its user; None when it has ended, or the user is disabled."""
    row = session.get(WebSession, token_digest(token))
    if row is None or not is_open(row, at, limits):
        return None
    user = session.get(User, row.user_id)
    if user is None or user.disabled:
        return None
    if at - row.seen_at >= SEEN_EVERY:
        row.seen_at = at
        session.add(row)
    return row, user


def is_open(row: WebSession, at: datetime, limits: SessionLimits) -> bool:
    """Whether a session still holds."""
    return row.ended_at is None and at < row.expires_at and at - row.seen_at < limits.idle


def end_session(session: Session, row: WebSession, at: datetime) -> None:
    """End one session."""
    if row.ended_at is None:
        row.ended_at = at
        session.add(row)


def end_sessions(session: Session, user_id: int, at: datetime, but: str | None = None) -> int:
    """End all sessions of a user but one; gives how many there were."""
    rows = session.exec(
        select(WebSession).where(
            WebSession.user_id == user_id, col(WebSession.ended_at).is_(None), WebSession.id != but
        )
    ).all()
    for row in rows:
        end_session(session, row, at)
    return len(rows)


def open_sessions(
    session: Session, user_id: int, at: datetime, limits: SessionLimits
) -> list[WebSession]:
    """The sessions of a user that still hold, the one last seen first."""
    rows = session.exec(
        select(WebSession)
        .where(WebSession.user_id == user_id, col(WebSession.ended_at).is_(None))
        .order_by(col(WebSession.seen_at).desc())
    )
    return [row for row in rows if is_open(row, at, limits)]


def add_flash(row: WebSession, level: FlashLevel, text: str) -> None:
    """Leave a message for the next page."""
    # A new list: the column does not see changes within one.
    row.flashes = [*row.flashes, [level.value, text]][-MOST_FLASHES:]


def take_flashes(row: WebSession) -> list[tuple[FlashLevel, str]]:
    """The messages that wait, which are then gone."""
    found = [(FlashLevel.of(level), text) for level, text in row.flashes]
    if found:
        row.flashes = []
    return found
