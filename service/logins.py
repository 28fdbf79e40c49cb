"""Signing in with a password, changing it, and giving out one-time passwords."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from models.account_tables import Credential
from models.audit_log import record
from models.tables import User
from models.vocabulary import Role
from service.errors import AccountError
from service.passwords import (
    hash_password,
    is_outdated,
    one_time_password,
    require_good_password,
    verify_password,
)
from service.sessions import end_sessions
from service.throttle import admit, forgive, tried
from service.users import add_user, find_user

FIRST_ADMINISTRATOR = "admin"


class LoginRefused(Exception):  # noqa: N818  (reads as what it says)
    """The name and password do not fit, or it was tried too often.

    Attributes:
        wait: How long to wait before the next try; None: none.
    """

    def __init__(self, wait: timedelta | None = None) -> None:
        super().__init__()
        self.wait = wait


def sign_in(session: Session, name: str, password: str, *, address: str, at: datetime) -> User:
    """The user with this name and password. Commits.

    Raises:
        LoginRefused: they do not fit, or it was tried too often; the two look the same for names that
            nobody has.
    """
    things = tried(name, address)
    wait = admit(session, things, at)
    session.commit()
    if wait is not None:
        raise LoginRefused(wait)
    user = session.exec(select(User).where(User.name == name.strip())).first()
    credential = session.get(Credential, user.id) if user else None
    fits = verify_password(credential.password_hash if credential else None, password)
    if user is None or credential is None or not fits or user.disabled:
        record(session, actor="web", action="login.refused", at=at, subject="login")
        session.commit()
        raise LoginRefused
    forgive(session, things)
    if is_outdated(credential.password_hash):
        credential.password_hash = hash_password(password)
        session.add(credential)
    session.commit()
    return user


def set_password(session: Session, user: User, password: str, *, at: datetime, once: bool) -> None:
    """Store a password; ``once`` makes it one that has to be changed at the first log-in."""
    row = session.get(Credential, user.id or 0)
    if row is None:
        row = Credential(user_id=user.id or 0, password_hash="", changed_at=at)
    row.password_hash = hash_password(password)
    row.must_change = once
    row.changed_at = at
    session.add(row)


def must_change(session: Session, user: User) -> bool:
    """Whether the user has a one-time password and nothing may be done before it is changed."""
    row = session.get(Credential, user.id or 0)
    return row is not None and row.must_change


def change_password(  # noqa: PLR0913  (whose, from what, to what, when, in which session)
    session: Session, user: User, old: str, new: str, *, at: datetime, but: str | None
) -> None:
    """Change one's own password; other sessions than ``but`` end.

    Raises:
        AccountError: the old one is wrong, or the new one is not good enough.
    """
    row = session.get(Credential, user.id or 0)
    if not verify_password(row.password_hash if row else None, old):
        raise AccountError("现在的密码不对", "请重新输入")
    if new == old:
        raise AccountError("新密码与现在的密码相同", "请换一个")
    require_good_password(new, user.name)
    set_password(session, user, new, at=at, once=False)
    end_sessions(session, user.id or 0, at, but=but)
    record(session, actor=user.name, action="user.password_changed", at=at, subject=_subject(user))


def give_one_time_password(session: Session, name: str, *, at: datetime, actor: str) -> str:
    """Give a user a new one-time password, to be told once; all the user's sessions end.

    Raises:
        AccountError: there is no such user.
    """
    user = find_user(session, name)
    password = one_time_password()
    set_password(session, user, password, at=at, once=True)
    end_sessions(session, user.id or 0, at)
    record(session, actor=actor, action="user.password_given", at=at, subject=_subject(user))
    return password


def make_first_administrator(session: Session, *, at: datetime) -> str | None:
    """Make an administrator where none can sign in; gives the one-time password, or None.

    It is told once, on the terminal. An account ``admin`` of another role is left as it is.
    """
    able = (
        select(Credential.user_id)
        .join(User, col(User.id) == col(Credential.user_id))
        .where(User.role == Role.ADMINISTRATOR, col(User.disabled).is_(False))
    )
    if session.exec(able.limit(1)).first() is not None:
        return None
    known = session.exec(select(User).where(User.name == FIRST_ADMINISTRATOR)).first()
    if known is None:
        add_user(session, FIRST_ADMINISTRATOR, Role.ADMINISTRATOR, None, at=at, actor="first start")
        session.flush()
    elif known.role is not Role.ADMINISTRATOR or known.disabled:
        return None
    return give_one_time_password(session, FIRST_ADMINISTRATOR, at=at, actor="first start")


def _subject(user: User) -> str:
    return f"user:{user.id}"
