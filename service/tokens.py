"""API tokens: what a program shows to be let in. Shown once, stored as a digest."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from models.account_tables import ApiToken
from models.audit_log import record
from models.tables import Region, User
from models.vocabulary import TokenScope
from service.errors import AccountError
from service.scope import EVERYTHING, Scope
from service.sessions import token_digest
from service.users import acting_user

#: Marks a token in logs and leaks, for people and for programs that look for leaked ones.
PREFIX = "sat_"
TOKEN_BYTES = 32
#: ``last_used_at`` is written at most so often.
USED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class TokenWish:
    """What a token is to be. Without a county it sees all; ``user`` is in whose name it decides."""

    name: str
    scopes: Collection[TokenScope]
    county: str | None = None
    user: str | None = None
    days: int | None = None


@dataclass(frozen=True, slots=True)
class TokenShown:
    """A token as lists show it."""

    id: str
    name: str
    scopes: tuple[TokenScope, ...]
    county: str | None
    user: str | None
    created_by: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


def add_token(session: Session, wish: TokenWish, *, at: datetime, actor: str) -> tuple[str, str]:
    """Make a token; gives its id and the secret, which is stored nowhere.

    Raises:
        AccountError: it has no name or scope, the county is unknown, or it decides in nobody's name.
    """
    if not wish.name.strip() or not wish.scopes:
        raise AccountError("a token needs a name and at least one scope", "give both")
    if (TokenScope.CASES_DECIDE in wish.scopes) != (wish.user is not None):
        raise AccountError(
            "a token that decides (cases:decide) does so in a user's name, and only such a one",
            "add or leave out --user NAME",
        )
    secret = f"{PREFIX}{secrets.token_urlsafe(TOKEN_BYTES)}"
    row = ApiToken(
        id=f"tk_{secrets.token_hex(4)}",
        name=wish.name.strip(),
        digest=token_digest(secret),
        scopes=sorted(each.value for each in set(wish.scopes)),
        region_id=_region(session, wish.county) if wish.county else None,
        user_id=acting_user(session, wish.user).id if wish.user else None,
        created_by=actor,
        created_at=at,
        expires_at=at + timedelta(days=wish.days) if wish.days else None,
    )
    session.add(row)
    details = {"name": row.name, "scopes": row.scopes, "county": wish.county}
    record(
        session,
        actor=actor,
        action="token.added",
        at=at,
        subject=f"token:{row.id}",
        details=details,
    )
    return row.id, secret


def find_token(session: Session, secret: str, at: datetime) -> ApiToken | None:
    """The token if it may be used now; notes its use."""
    row = session.exec(select(ApiToken).where(ApiToken.digest == token_digest(secret))).first()
    if row is None or row.revoked_at is not None:
        return None
    if row.expires_at is not None and at >= row.expires_at:
        return None
    if row.last_used_at is None or at - row.last_used_at >= USED_EVERY:
        row.last_used_at = at
        session.add(row)
    return row


def revoke_token(session: Session, key: str, *, at: datetime, actor: str) -> ApiToken:
    """Revoke a token; again changes nothing.

    Raises:
        AccountError: there is no such token.
    """
    row = session.get(ApiToken, key)
    if row is None:
        raise AccountError(f"there is no token {key}", "see: spaceaudit token list")
    if row.revoked_at is None:
        row.revoked_at = at
        session.add(row)
        record(session, actor=actor, action="token.revoked", at=at, subject=f"token:{key}")
    return row


def token_scope(token: ApiToken) -> Scope:
    """What a token may see."""
    return EVERYTHING if token.region_id is None else Scope(region_id=token.region_id)


def tokens(session: Session) -> list[TokenShown]:
    """All tokens, the newest first."""
    counties = dict(session.exec(select(Region.id, Region.name)).all())
    users = dict(session.exec(select(User.id, User.name)).all())
    rows = session.exec(select(ApiToken).order_by(col(ApiToken.created_at).desc()))
    return [
        TokenShown(
            id=row.id,
            name=row.name,
            scopes=tuple(TokenScope.of(each) for each in row.scopes),
            county=counties.get(row.region_id),
            user=users.get(row.user_id),
            created_by=row.created_by,
            created_at=row.created_at,
            expires_at=row.expires_at,
            last_used_at=row.last_used_at,
            revoked_at=row.revoked_at,
        )
        for row in rows
    ]


def _region(session: Session, county: str) -> int:
    found = session.exec(select(Region.id).where(Region.name == county)).first()
    if found is None:
        raise AccountError(f"there is no county {county}", "name one of the nominations")
    return found
