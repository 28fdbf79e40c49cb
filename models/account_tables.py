"""Tables of accounts: passwords, sessions, failed logins, tokens of programs, settings of a person.

No secret is stored as it is: passwords as Argon2 hashes, session and API tokens as SHA-256 of what the
browser or program holds (they are long and random, so a plain digest cannot be guessed back).
``models.tables`` gathers all tables.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, SQLModel

from models.columns import json_field, moment, term
from models.vocabulary import LoginMethod

#: What a JSON column holds.
Json = Any


class Credential(SQLModel, table=True):
    """The password of a user; one without a row signs in by OIDC only, or not at all."""

    user_id: int = Field(primary_key=True, foreign_key="user.id")
    password_hash: str
    #: A one-time password: nothing else is shown until it is changed.
    must_change: bool = False
    changed_at: datetime = moment()


class LoginGuard(SQLModel, table=True):
    """Failed logins of one account name or one address, and until when it has to wait.

    The key is a digest of the kind and the name as typed, so a name that nobody has is held back in
    the same way, and the table tells nothing of what people typed.
    """

    key: str = Field(primary_key=True)
    failures: int = 0
    last_at: datetime = moment(index=True)
    waits_until: datetime | None = moment(nullable=True)


class WebSession(SQLModel, table=True):
    """One browser that is signed in."""

    #: SHA-256 of the cookie's token.
    id: str = Field(primary_key=True)
    user_id: int = Field(foreign_key="user.id", index=True)
    method: LoginMethod = term(LoginMethod)
    created_at: datetime = moment()
    seen_at: datetime = moment()
    #: The absolute limit; the idle limit is counted from ``seen_at``.
    expires_at: datetime = moment(index=True)
    ended_at: datetime | None = moment(nullable=True)
    address: str = ""
    agent: str = ""
    #: Messages for the next page: lists of level and text.
    flashes: Json = json_field()


class OidcIdentity(SQLModel, table=True):
    """A person at an OpenID provider, tied to a user of ours."""

    __table_args__ = (UniqueConstraint("issuer", "subject"),)

    id: int | None = Field(default=None, primary_key=True)
    user_id: int = Field(foreign_key="user.id", index=True)
    issuer: str
    subject: str
    tied_at: datetime = moment()


class ApiToken(SQLModel, table=True):
    """A program's key to the API; shown once, stored as a digest."""

    id: str = Field(primary_key=True)
    name: str
    digest: str = Field(unique=True, index=True)
    #: Values of ``TokenScope``.
    scopes: Json = json_field()
    #: The one county it sees; None sees all.
    region_id: int | None = Field(default=None, foreign_key="region.id")
    #: In whose name it decides (scope ``cases:decide``).
    user_id: int | None = Field(default=None, foreign_key="user.id")
    created_by: str
    created_at: datetime = moment()
    expires_at: datetime | None = moment(nullable=True)
    last_used_at: datetime | None = moment(nullable=True)
    revoked_at: datetime | None = moment(nullable=True)


class Preference(SQLModel, table=True):
    """How one person wants the pages: pictures blurred or grey, rows a page and the like."""

    user_id: int = Field(primary_key=True, foreign_key="user.id")
    values: Json = json_field()
