from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlmodel import Session, select

from models.audit_log import broken_links
from models.database import session
from models.tables import AuditEvent, Region
from models.vocabulary import Role
from service.errors import AccountError
from service.users import COUNTY_ROLES, accounts, acting_user, add_user, disable_user
from tests.engines import BOTH, fresh_engine

AT = datetime(2022, 10, 1, tzinfo=UTC)


@pytest.fixture(params=BOTH)
def current(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Session]:
    with fresh_engine(request, tmp_path, request.param) as engine, session(engine) as opened:
        yield opened


def add(
    current: Session, name: str, role: Role, county: str | None = None, school: str | None = None
) -> None:
    add_user(current, name, role, county, school=school, at=AT, actor="test")


def test_an_account_has_a_role_and_where_needed_a_county(current: Session) -> None:
    current.add(Region(name="示例县"))
    add(current, "王", Role.COUNTY_AUDITOR, " 示例县 ")
    add(current, "李", Role.SCHOOL_AUDITOR, "新县", "新县中学")
    add(current, "赵", Role.CITY_STAFF)
    found = {each.name: (each.role, each.county, each.disabled) for each in accounts(current)}
    assert found == {
        "王": (Role.COUNTY_AUDITOR, "示例县", False),
        "李": (Role.SCHOOL_AUDITOR, "新县", False),
        "赵": (Role.CITY_STAFF, None, False),
    }
    assert len(current.exec(select(Region)).all()) == 2


@pytest.mark.parametrize("role", list(Role))
def test_a_county_goes_with_the_roles_of_one_county_only(role: Role, current: Session) -> None:
    wrong_county = None if role in COUNTY_ROLES else "示例县"
    with pytest.raises(AccountError, match=role.value):
        add(current, "王", role, wrong_county)
    assert accounts(current) == []


@pytest.mark.parametrize("name", ["王", " 王 ", "", "  "])
def test_a_taken_or_empty_name_is_refused(name: str, current: Session) -> None:
    add(current, "王", Role.CITY_STAFF)
    with pytest.raises(AccountError, match=r"there already|empty"):
        add(current, name, Role.CITY_STAFF)


def test_a_disabled_user_stays_and_acts_no_more(current: Session) -> None:
    add(current, "王", Role.CITY_STAFF)
    assert acting_user(current, "王").name == "王"
    for _ in range(2):
        disable_user(current, "王", at=AT, actor="test")
    assert [each.disabled for each in accounts(current)] == [True]
    with pytest.raises(AccountError, match="disabled"):
        acting_user(current, "王")
    with pytest.raises(AccountError, match="disabled"):
        add(current, "王", Role.CITY_STAFF)
    with pytest.raises(AccountError, match="no user 李"):
        disable_user(current, "李", at=AT, actor="test")
    actions = current.exec(select(AuditEvent.action)).all()
    assert actions == ["user.added", "user.disabled"]
    assert list(broken_links(current)) == []
