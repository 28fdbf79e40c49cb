"""The database: the same on SQLite and PostgreSQL, facts that stay, a log that cannot be changed unseen."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from enum import Enum
from itertools import pairwise
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, inspect, text
from sqlalchemy.exc import IntegrityError, StatementError
from sqlmodel import Session, SQLModel, col, select

from models import vocabulary
from models.audit_log import Entry, broken_links, record, record_many
from models.columns import TermType
from models.database import (
    AppendOnlyError,
    DatabaseError,
    is_current,
    migrate,
    open_engine,
    session,
)
from models.tables import (
    APPEND_ONLY,
    AuditEvent,
    Campaign,
    Decision,
    Nomination,
    Region,
    Resource,
    School,
    Snapshot,
    Space,
    Teacher,
    User,
)
from models.vocabulary import Action, Role, SchoolKind, Term
from tests.engines import BOTH, fresh_engine

AT = datetime(2022, 10, 1, 8, 30, 15, 123456, tzinfo=UTC)

TERMS: list[type[Term]] = [
    value
    for value in vars(vocabulary).values()
    if isinstance(value, type) and issubclass(value, Term) and value is not Term
]


@pytest.fixture(params=BOTH)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    with fresh_engine(request, tmp_path, request.param) as fresh:
        yield fresh


def a_space(current: Session) -> int:
    campaign = Campaign(code="2022", profile="generic", policy="default", created_at=AT)
    current.add(campaign)
    current.flush()
    space = Space(campaign_id=campaign.id or 0, code="s1")
    current.add(space)
    current.flush()
    return space.id or 0


def a_user(current: Session) -> User:
    user = User(name="王", role=Role.COUNTY_AUDITOR, created_at=AT)
    current.add(user)
    current.flush()
    return user


def a_decision(current: Session, key: str) -> Decision:
    user = current.exec(select(User)).first() or a_user(current)
    space = current.exec(select(Space.id)).first() or a_space(current)
    decision = Decision(
        id=key,
        space_id=space,
        action=Action.CONFIRM,
        reason="r",
        user_id=user.id or 0,
        decided_at=AT,
    )
    current.add(decision)
    return decision


def test_the_migrations_make_exactly_the_tables(engine: Engine) -> None:
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, SQLModel.metadata) == []
    assert set(SQLModel.metadata.tables) < set(inspect(engine).get_table_names())


def test_migrating_again_does_nothing(engine: Engine) -> None:
    with session(engine) as current:
        a_space(current)
    migrate(engine)
    assert is_current(engine)
    with session(engine) as current:
        assert current.exec(select(Space.code)).all() == ["s1"]


def test_sqlite_writes_ahead_and_holds_foreign_keys(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'new folder' / 'a.db'}")
    with engine.connect() as connection:
        values = [
            connection.execute(text(f"PRAGMA {name}")).scalar_one()
            for name in ("journal_mode", "foreign_keys", "synchronous")
        ]
    assert values == ["wal", 1, 2]
    engine.dispose()


def test_a_row_that_points_nowhere_is_refused(engine: Engine) -> None:
    with pytest.raises(IntegrityError), session(engine) as current:
        current.add(Space(campaign_id=999, code="s1"))


def test_an_error_rolls_the_whole_unit_back(engine: Engine) -> None:
    def half_a_job() -> None:
        with session(engine) as current:
            a_space(current)
            current.add(Space(campaign_id=999, code="s2"))

    with pytest.raises(IntegrityError):
        half_a_job()
    with session(engine) as current:
        assert current.exec(select(Space)).all() == []


@pytest.mark.parametrize(
    "address",
    ["", "nonsense", "oracle8://x/y", "postgresql+nodriver://x/y", "sqlite+nodriver:///x"],
)
def test_an_address_that_is_none_is_refused_with_advice(address: str) -> None:
    with pytest.raises(DatabaseError, match="SPACEAUDIT_DATABASE_URL"):
        open_engine(address)


def test_a_server_that_is_not_there_is_named() -> None:
    with pytest.raises(DatabaseError, match="does not answer"):
        migrate(open_engine("postgresql://nobody@127.0.0.1:1/none"))


@pytest.mark.parametrize("vocabulary_class", TERMS, ids=lambda each: each.__name__)
def test_vocabularies_have_labels_and_round_trip(vocabulary_class: type[Term]) -> None:
    column = TermType(vocabulary_class)
    dialect = open_engine("sqlite://").dialect
    labels = [member.label for member in vocabulary_class]
    assert len(set(labels)) == len(labels)
    for member in vocabulary_class:
        assert member.label
        assert len(member.value) <= 32
        stored = column.process_bind_param(member, dialect)
        assert type(stored) is str
        assert column.process_result_value(stored, dialect) is member


def test_members_and_moments_come_back_as_they_went_in(engine: Engine) -> None:
    china = timezone(timedelta(hours=8))
    with session(engine) as current:
        region = Region(name="示例县")
        current.add(region)
        current.flush()
        current.add(School(region_id=region.id or 0, name="甲", kind=SchoolKind.REMOTE))
        current.add(School(region_id=region.id or 0, name="乙"))
        current.add(User(name="王", role=Role.ADMINISTRATOR, created_at=AT.astimezone(china)))
    with session(engine) as current:
        kinds = current.exec(select(School.kind).order_by(col(School.id))).all()
        assert kinds == [SchoolKind.REMOTE, None]
        assert isinstance(kinds[0], Enum)
        user = current.exec(select(User)).one()
        assert user.role is Role.ADMINISTRATOR
        assert (user.created_at, user.created_at.utcoffset()) == (AT, timedelta())


def test_a_string_outside_the_vocabulary_and_a_naive_time_are_refused(engine: Engine) -> None:
    bad = (
        User(name="a", role="boss", created_at=AT),  # type: ignore[arg-type]
        User(name="b", role=Role.TEACHER, created_at=AT.replace(tzinfo=None)),
    )
    for user in bad:
        with pytest.raises((StatementError, KeyError)), session(engine) as current:
            current.add(user)


def test_facts_are_neither_changed_nor_deleted(engine: Engine) -> None:
    with session(engine) as current:
        a_decision(current, "d1")
    with Session(engine) as current:
        current.exec(select(Decision)).one().reason = "other"
        with pytest.raises(AppendOnlyError, match="Decision"):
            current.commit()
    with Session(engine) as current:
        current.delete(current.exec(select(Decision)).one())
        with pytest.raises(AppendOnlyError, match="Decision"):
            current.commit()
    with session(engine) as current:
        # Setting a value to what it is changes nothing, and is no error.
        decision = current.exec(select(Decision)).one()
        decision.reason = str(decision.reason)


def test_what_stands_for_a_person_or_place_may_change() -> None:
    assert not {User, School, Teacher, Region, Campaign, Space} & set(APPEND_ONLY)
    assert {Nomination, Snapshot, Resource, Decision, AuditEvent} <= set(APPEND_ONLY)


def test_the_chain_is_one_whether_events_come_singly_or_in_bulk(engine: Engine) -> None:
    with session(engine) as current:
        record(current, actor="a", action="one", at=AT, row=a_decision(current, "d1"))
    with session(engine) as current:
        rows = [a_decision(current, f"d{number}") for number in range(2, 5)]
        entries = [Entry("bulk", row=each, details={"n": 1}) for each in rows]
        written = record_many(current, entries, actor="a", at=AT)
        assert [event.subject for event in written] == ["decision:d2", "decision:d3", "decision:d4"]
        record_many(current, [], actor="a", at=AT)
        record(current, actor="a", action="last", at=AT, subject="campaign:1")
    with session(engine) as current:
        found = current.exec(select(AuditEvent).order_by(col(AuditEvent.seq))).all()
        assert [event.action for event in found] == ["one", "bulk", "bulk", "bulk", "last"]
        assert all(after.previous == before.digest for before, after in pairwise(found))
        assert list(broken_links(current)) == []


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        ("UPDATE auditevent SET actor = 'b' WHERE seq = 2", ["auditevent:2"]),
        ("UPDATE auditevent SET at = '2020-01-01 00:00:00+00:00' WHERE seq = 3", ["auditevent:3"]),
        ("DELETE FROM auditevent WHERE seq = 2", ["auditevent:3"]),
        ("UPDATE auditevent SET digest = 'x' WHERE seq = 2", ["auditevent:2", "auditevent:3"]),
        ("UPDATE decision SET reason = 'other' WHERE id = 'd3'", ["decision:d3"]),
        ("DELETE FROM decision WHERE id = 'd1'", ["decision:d1"]),
        ("UPDATE campaign SET policy = 'other'", []),
    ],
)
def test_a_broken_place_is_named(damage: str, named: list[str], engine: Engine) -> None:
    with session(engine) as current:
        for key in ("d1", "d2", "d3"):
            record(current, actor="a", action="decided", at=AT, row=a_decision(current, key))
    with engine.begin() as connection:
        connection.execute(text(damage))
    with session(engine) as current:
        assert [link.row for link in broken_links(current)] == named
