"""Accounts: who may decide, in which role, for which county, school or teacher."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from models.audit_log import record
from models.tables import Region, School, Teacher, User
from models.vocabulary import Role
from service.errors import AccountError

#: Roles that see one county, one school, or one teacher's spaces only: each needs all of it named.
COUNTY_ROLES: frozenset[Role] = frozenset({Role.TEACHER, Role.SCHOOL_AUDITOR, Role.COUNTY_AUDITOR})
SCHOOL_ROLES: frozenset[Role] = frozenset({Role.TEACHER, Role.SCHOOL_AUDITOR})
TEACHER_ROLES: frozenset[Role] = frozenset({Role.TEACHER})


@dataclass(frozen=True, slots=True)
class Account:
    """A user as lists show it."""

    name: str
    role: Role
    county: str | None
    disabled: bool
    created_at: datetime
    school: str | None = None
    teacher: str | None = None
    id: int = 0


def add_user(  # noqa: PLR0913  (an account is name, role and place; an event is who and when)
    session: Session,
    name: str,
    role: Role,
    county: str | None,
    *,
    at: datetime,
    actor: str,
    school: str | None = None,
    teacher: str | None = None,
) -> User:
    """Add an account; it has no password yet.

    Raises:
        AccountError: the name is taken or empty, or county, school and teacher do not fit the role.
    """
    name = name.strip()
    county, school, teacher = (_given(each) for each in (county, school, teacher))
    if not name:
        raise AccountError("the user name is empty", "give a name")
    for value, what, roles in (
        (county, "county", COUNTY_ROLES),
        (school, "school", SCHOOL_ROLES),
        (teacher, "teacher", TEACHER_ROLES),
    ):
        if (value is not None) != (role in roles):
            raise _misfit(role, what, needed=role in roles)
    taken = _by_name(session, name)
    if taken is not None:
        state = "disabled" if taken.disabled else "there already"
        raise AccountError(
            f"the user {name} is {state}", "use another name; see: spaceaudit user list"
        )
    region_id = _region_id(session, county) if county else None
    school_id = _school_id(session, region_id or 0, school) if school else None
    user = User(
        name=name,
        role=role,
        region_id=region_id,
        school_id=school_id,
        teacher_id=_teacher_id(session, school_id or 0, teacher) if teacher else None,
        created_at=at,
    )
    session.add(user)
    details = {"name": name, "role": role.value, "county": county}
    details |= {"school": school, "teacher": teacher} if school else {}
    record(session, actor=actor, action="user.added", at=at, row=user, details=details)
    return user


def disable_user(session: Session, name: str, *, at: datetime, actor: str) -> User:
    """Disable an account; its decisions stay, and disabling it again changes nothing.

    Raises:
        AccountError: there is no such user, or it is the last administrator.
    """
    user = find_user(session, name)
    if not user.disabled:
        _require_another_administrator(session, user)
        user.disabled = True
        session.add(user)
        details = {"name": user.name}
        record(session, actor=actor, action="user.disabled", at=at, row=user, details=details)
    return user


def enable_user(session: Session, name: str, *, at: datetime, actor: str) -> User:
    """Let a disabled account act again; once more changes nothing.

    Raises:
        AccountError: there is no such user.
    """
    user = find_user(session, name)
    if user.disabled:
        user.disabled = False
        session.add(user)
        details = {"name": user.name}
        record(session, actor=actor, action="user.enabled", at=at, row=user, details=details)
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
    schools = dict(session.exec(select(School.id, School.name)).all())
    teachers = dict(session.exec(select(Teacher.id, Teacher.name)).all())
    return [
        Account(
            name=user.name,
            role=user.role,
            county=counties.get(user.region_id),
            disabled=user.disabled,
            created_at=user.created_at,
            school=schools.get(user.school_id),
            teacher=teachers.get(user.teacher_id),
            id=user.id or 0,
        )
        for user in session.exec(select(User).order_by(col(User.name)))
    ]


def _given(value: str | None) -> str | None:
    return (value or "").strip() or None


def _misfit(role: Role, what: str, *, needed: bool) -> AccountError:
    if needed:
        return AccountError(f"{role.value} ({role.label}) needs a {what}", f"add --{what} NAME")
    return AccountError(
        f"{role.value} ({role.label}) is of no single {what}", f"leave out --{what}"
    )


def _require_another_administrator(session: Session, user: User) -> None:
    if user.role is not Role.ADMINISTRATOR:
        return
    others = select(User.id).where(
        User.role == Role.ADMINISTRATOR, col(User.disabled).is_(False), User.id != user.id
    )
    if session.exec(others.limit(1)).first() is None:
        raise AccountError(
            f"{user.name} is the last administrator: nobody could add accounts any more",
            "add another one first: spaceaudit user add NAME --role administrator",
        )


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


def _school_id(session: Session, region_id: int, name: str) -> int | None:
    own = (School.region_id == region_id, School.name == name)
    school = session.exec(select(School).where(*own)).first()
    if school is None:
        school = School(region_id=region_id, name=name)
        session.add(school)
        session.flush()
    return school.id


def _teacher_id(session: Session, school_id: int, name: str) -> int | None:
    own = (Teacher.school_id == school_id, Teacher.name == name)
    teacher = session.exec(select(Teacher).where(*own)).first()
    if teacher is None:
        teacher = Teacher(school_id=school_id, name=name)
        session.add(teacher)
        session.flush()
    return teacher.id
