"""The audit trail page: filters, exports, and a broken link that is named."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlmodel import select

from models.audit_log import record
from models.database import migrate, open_engine, session
from models.review_tables import Opening
from models.tables import User
from models.vocabulary import OpenedThing
from service.trail import TrailFilter, first_broken, trail
from service.web.app import create_app
from tests.factories import AUDITOR, CAMPAIGN, NOW, Made, add_campaign, find_space, make_desk
from tests.signing_in import browser_of, post


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Made]:
    engine = open_engine(f"sqlite:///{tmp_path / 'test.db'}")
    migrate(engine)
    made = make_desk(engine)
    add_campaign(made, spaces=2)
    yield made
    engine.dispose()


def test_who_decided_and_why_is_shown_filtered_and_exported(made: Made) -> None:
    with browser_of(create_app(made.desk, AUDITOR)) as client:
        address = f"/campaigns/{CAMPAIGN}/spaces/s001/decisions"
        form = {
            "finding": "fd_sc0_0",
            "action": "dismiss",
            "reason": "teaching",
            "note": "课堂用语",
        }
        assert post(client, address, **form).status_code == 303
        page = client.get("/audit").text
        assert "正常教学内容;课堂用语" in page
        assert "哈希链完整" in page
        assert "课堂用语" in client.get("/audit?space=s001&kind=decision").text
        assert "课堂用语" not in client.get("/audit?space=s002").text
        assert "没有符合条件的记录" in client.get("/audit?actor=nobody").text
        assert client.get("/audit?first=x").status_code == 422
        rows = client.get("/audit/export?format=json&kind=decision").json()
        assert [row["actor"] for row in rows] == [AUDITOR]
        assert "课堂用语" in client.get("/audit/export?format=csv").text


def test_pages_and_days(made: Made) -> None:
    with session(made.desk.engine) as current:
        for number in range(5):
            at = NOW + timedelta(days=100 + number)
            record(current, actor="x", action=f"test.{number}", at=at, subject="space:1")
        found = trail(current, TrailFilter(actor="x"), page=9, size=2)
        assert (found.found, found.page, found.pages) == (5, 3, 3)
        assert [row.action for row in found.rows] == ["test.0"]
        day: date = (NOW + timedelta(days=102)).date()
        within = trail(current, TrailFilter(actor="x", first=day, last=day))
        assert [row.action for row in within.rows] == ["test.2"]
        assert trail(current, TrailFilter(actor="x", space="s001")).found == 5


def test_who_saw_is_shown(made: Made) -> None:
    with session(made.desk.engine) as current:
        user = current.exec(select(User)).first()
        assert user is not None
        current.add(
            Opening(
                id="o1",
                user_id=user.id or 0,
                space_id=find_space(current, "s001").id or 0,
                thing=OpenedThing.PERSONAL_DATA,
                why="核对投诉",
                at=NOW,
            )
        )
    with browser_of(create_app(made.desk, AUDITOR)) as client:
        assert "核对投诉" in client.get("/audit?space=s001").text
        assert "核对投诉" not in client.get("/audit?space=s002").text


def test_the_first_broken_link_is_named_on_the_page(made: Made) -> None:
    with session(made.desk.engine) as current:
        for number in range(3):
            record(current, actor="x", action=f"test.{number}", at=NOW, subject="space:1")
        assert first_broken(current) is None
        second = current.execute(text("SELECT seq FROM auditevent WHERE action='test.1'")).scalar()
    with made.desk.engine.begin() as raw:
        raw.execute(text("UPDATE auditevent SET actor='y' WHERE action='test.1'"))
    with browser_of(create_app(made.desk, AUDITOR)) as client:
        page = client.get("/audit").text
    assert "哈希链断裂" in page
    assert f"auditevent:{second}" in page
    assert json.dumps("哈希链完整") not in page
