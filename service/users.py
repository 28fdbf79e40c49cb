"""Accounts: who may decide, in which role, for which county."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from models.audit_log import record
from models.tables import Region, User
from models.vocabulary import Role
from service.errors import AccountError

#: Roles that see one county only.
COUNTY_ROLES: frozenset[Role] = frozenset({Role.SCHOOL_AUDITOR, Role.COUNTY_AUDITOR})


@dataclass(frozen=True, slots=True)
class Account:
    """A user as lists show it."""

    name: str
    role: Role
    county: str | None
    disabled: bool
    created_at: datetime


def add_user(  # noqa: PLR0913  (an account is name, role and county; an event is who and when)
    session: Session, name: str, role: Role, county: str | None, *, at: datetime, actor: str
) -> User:
    """Add an account.

    Raises:
        AccountError: the name is taken or empty, or the county does not fit the role.
    """
    name, county = name.strip(), (county or "").strip() or None
    if not name:
        raise AccountError("the user name is empty", "give a name")
    if (county is not None) != (role in COUNTY_ROLES):
        raise _misfit(role)
    taken = _by_name(session, name)
    if taken is not None:
        state = "disabled" if taken.disabled else "there already"
        raise AccountError(
            f"the user {name} is {state}", "use another name; see: spaceaudit user list"
        )
    region_id = _region_id(session, county) if county else None
    user = User(name=name, role=role, region_id=region_id, created_at=at)
    session.add(user)
    details = {"name": name, "role": role.value, "county": county}
    record(session, actor=actor, action="user.added", at=at, row=user, details=details)
    return user


def disable_user(session: Session, name: str, *, at: datetime, actor: str) -> User:
    """Disable an account; its decisions stay, and disabling it again changes nothing.

    Raises:
        AccountError: there is no such user.
    """
    user = find_user(session, name)
    if not user.disabled:
        user.disabled = True
        session.add(user)
        details = {"name": user.name}
        record(session, actor=actor, action="user.disabled", at=at, row=user, details=details)
    return user


def find_user(session: Session, name: str) -> User:
    """The account with this name, disabled ones too.

    Raises:
        AccountError: there is none.
    """
    user = _by_name(session, name)
    if user is None:
        raise AccountError(
            f"there is no user {name}", "see: spaceaudit user list; add one: spaceaudit user add"
        )
    return user


def acting_user(session: Session, name: str) -> User:
    """The account with this name, which may act.

    Raises:
        AccountError: there is none, or it is disabled.
    """
    user = find_user(session, name)
    if user.disabled:
        raise AccountError(f"the user {name} is disabled", "act as another user")
    return user


def accounts(session: Session) -> list[Account]:
    """All accounts by name."""
    counties = dict(session.exec(select(Region.id, Region.name)).all())
    return [
        Account(
            name=user.name,
            role=user.role,
            county=counties.get(user.region_id),
            disabled=user.disabled,
            created_at=user.created_at,
        )
        for user in session.exec(select(User).order_by(col(User.name)))
    ]


def _misfit(role: Role) -> AccountError:
    if role in COUNTY_ROLES:
        return AccountError(f"{role.value} ({role.label}) needs a county", "add --county NAME")
    return AccountError(f"{role.value} ({role.label}) is of no single county", "leave out --county")


def _by_name(session: Session, name: str) -> User | None:
    return session.exec(select(User).where(User.name == name)).first()


def _region_id(session: Session, county: str) -> int | None:
    """The county's key; auditors may be added before the first nominations name their county."""
    region = session.exec(select(Region).where(Region.name == county)).first()
    if region is None:
        region = Region(name=county)
        session.add(region)
        session.flush()
    return region.id
