"""Importing nominations into a campaign, on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, event
from sqlmodel import Session, col, select

from models.audit_log import broken_links
from models.database import AppendOnlyError, session
from models.tables import AuditEvent, Campaign, Nomination, School
from models.vocabulary import SchoolKind
from rules.profile import ProfileError
from service.campaigns import campaign_for, find_campaign
from service.errors import CampaignError
from service.nomination_rows import read_nominations
from service.nominations import (
    Change,
    ImportResult,
    NominatedSpace,
    current_nominations,
    import_nominations,
)
from tests.engines import BOTH, fresh_engine
from tests.nomination_samples import numbered, row, table, write_csv

AT = datetime(2022, 10, 1, tzinfo=UTC)


@pytest.fixture(params=BOTH)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    with fresh_engine(request, tmp_path, request.param) as fresh:
        yield fresh


Rows = Sequence[Mapping[str, str]]


def load(engine: Engine, folder: Path, rows: Rows, **options: bool) -> ImportResult:
    file = read_nominations(write_csv(folder / "a.csv", table(rows)))
    with session(engine) as current:
        campaign = campaign_for(current, "2022", None, None, AT)
        return import_nominations(current, file, campaign, at=AT, actor="test", **options)


def in_force(engine: Engine) -> list[NominatedSpace]:
    with session(engine) as current:
        return current_nominations(current, find_campaign(current, "2022"))


def events(engine: Engine) -> list[str]:
    with session(engine) as current:
        assert list(broken_links(current)) == []
        return list(current.exec(select(AuditEvent.action).order_by(col(AuditEvent.seq))))


def test_rows_come_in_as_they_are_written(engine: Engine, tmp_path: Path) -> None:
    result = load(engine, tmp_path, [row(额外="甲"), numbered(2) | {"推荐单位": "", "额外": ""}])
    assert (result.added, result.changed, result.unchanged) == (("s001", "s002"), (), 0)
    first, second = in_force(engine)
    assert (first.code, first.revision, first.teacher, first.school) == (
        "s001",
        1,
        "张三",
        "示例第一小学",
    )
    assert first.school_kind is SchoolKind.RURAL
    assert (first.pilot, first.front_line, first.consent) == (False, True, True)
    assert (first.unit, second.unit) == ("示例县教育局", "示例县")
    assert first.extra == {"额外": "甲"}


def test_importing_again_changes_nothing(engine: Engine, tmp_path: Path) -> None:
    rows = [numbered(number) for number in range(1, 6)]
    load(engine, tmp_path, rows)
    before = in_force(engine)
    result = load(engine, tmp_path, list(reversed(rows)))
    assert (result.added, result.changed, result.unchanged, result.refused) == ((), (), 5, ())
    assert in_force(engine) == before


def test_a_changed_row_is_a_new_revision_and_the_old_one_stays(
    engine: Engine, tmp_path: Path
) -> None:
    load(engine, tmp_path, [numbered(1), numbered(2)])
    result = load(engine, tmp_path, [numbered(1), numbered(2) | {"学科": "数学", "备注": "改"}])
    assert result.changed == (Change("s002", ("学科", "备注")),)
    assert result.unchanged == 1
    assert [(each.code, each.revision, each.subject) for each in in_force(engine)] == [
        ("s001", 1, "语文"),
        ("s002", 2, "数学"),
    ]
    with session(engine) as current:
        subjects = select(Nomination.revision, Nomination.subject).order_by(
            col(Nomination.space_id), col(Nomination.revision)
        )
        assert list(current.exec(subjects)) == [(1, "语文"), (1, "语文"), (2, "数学")]


@pytest.mark.parametrize(
    ("changes", "columns"),
    [
        ({"县区": "另一县"}, ("县区",)),
        ({"学校": "示例第二小学"}, ("学校",)),
        ({"学校类别": "镇区"}, ("学校类别",)),
        ({"学校类别": ""}, ()),
        ({"姓名": "李四"}, ("姓名",)),
        ({"姓名": "张 三"}, ()),
        ({"空间地址": "http://space.example.test/t/9"}, ("空间地址",)),
        ({"是否同意开放": ""}, ("是否同意开放",)),
        ({"额外": "乙"}, ("额外",)),
    ],
)
def test_what_counts_as_a_change(
    changes: dict[str, str], columns: tuple[str, ...], engine: Engine, tmp_path: Path
) -> None:
    load(engine, tmp_path, [row(额外="甲")])
    result = load(engine, tmp_path, [row(额外="甲") | changes])
    assert result.changed == ((Change("s001", columns),) if columns else ())


def test_every_import_and_every_written_row_is_in_the_audit_log(
    engine: Engine, tmp_path: Path
) -> None:
    load(engine, tmp_path, [numbered(1), numbered(2)])
    load(engine, tmp_path, [numbered(1), numbered(2) | {"学科": "数学"}])
    assert events(engine) == [
        "campaign.created",
        "school.changed",
        "nomination.added",
        "nomination.added",
        "nominations.imported",
        "nomination.changed",
        "nominations.imported",
    ]


def test_a_dry_run_says_the_same_and_writes_nothing(engine: Engine, tmp_path: Path) -> None:
    rows = [numbered(1), row(编号="s9", 姓名="")]
    dry = load(engine, tmp_path, rows, dry_run=True)
    assert in_force(engine) == []
    real = load(engine, tmp_path, rows)
    assert (dry.added, dry.refused, dry.dry_run) == (real.added, real.refused, True)


def test_an_identifier_is_made_from_the_address_not_from_the_order(
    engine: Engine, tmp_path: Path
) -> None:
    rows = [numbered(number) | {"编号": ""} for number in (1, 2, 3)]
    first = load(engine, tmp_path, rows)
    assert all(code.startswith("n-") for code in first.added)
    again = load(engine, tmp_path, [rows[2], rows[0], numbered(4) | {"编号": ""}, rows[1]])
    assert (len(again.added), again.changed, again.unchanged) == (1, (), 3)


def test_a_space_that_is_known_keeps_its_identifier(engine: Engine, tmp_path: Path) -> None:
    load(engine, tmp_path, [numbered(1)])
    result = load(engine, tmp_path, [numbered(1) | {"编号": ""}])
    assert (result.added, result.unchanged) == ((), 1)


@pytest.mark.parametrize(
    ("rows", "refused"),
    [
        ([numbered(1), numbered(1)], [(3, "空间地址", "第 2 行")]),
        ([numbered(1), numbered(2) | {"编号": "s001"}], [(3, "编号", "第 2 行")]),
        # The same space, written in another way.
        (
            [numbered(1), numbered(2) | {"空间地址": "http://SPACE.example.test/t/1/"}],
            [(3, "空间地址", "第 2 行")],
        ),
        ([numbered(1), numbered(2) | {"空间地址": "http://space.example.test/t/1x"}], []),
        (
            [numbered(1), numbered(2) | {"学校类别": "城区"}, numbered(3) | {"学校类别": ""}],
            [(3, "学校类别", "第 2 行写作“乡村”")],
        ),
        ([numbered(1), numbered(2) | {"学校类别": "城区", "县区": "另一县"}], []),
    ],
)
def test_rows_of_one_file_that_clash(
    rows: Rows, refused: list[tuple[int, str, str]], engine: Engine, tmp_path: Path
) -> None:
    result = load(engine, tmp_path, rows)
    assert [(each.row, each.column) for each in result.refused] == [
        (number, column) for number, column, _ in refused
    ]
    assert all(
        says in each.reason for each, (_, _, says) in zip(result.refused, refused, strict=True)
    )
    assert len(result.added) == len(rows) - len(refused)


def test_an_address_that_another_identifier_keeps_is_refused(
    engine: Engine, tmp_path: Path
) -> None:
    load(engine, tmp_path, [numbered(1), numbered(2)])
    result = load(engine, tmp_path, [numbered(1) | {"编号": "s007"}])
    (problem,) = result.refused
    assert "s001" in problem.reason
    assert result.added == ()


def test_two_spaces_may_swap_addresses(engine: Engine, tmp_path: Path) -> None:
    one, two = numbered(1), numbered(2)
    load(engine, tmp_path, [one, two])
    swapped = [
        one | {"空间地址": two["空间地址"]},
        two | {"空间地址": one["空间地址"]},
    ]
    result = load(engine, tmp_path, swapped)
    assert [change.columns for change in result.changed] == [("空间地址",), ("空间地址",)]
    assert result.refused == ()


def test_a_refused_row_frees_no_address(engine: Engine, tmp_path: Path) -> None:
    one, two, three = numbered(1), numbered(2), numbered(3)
    load(engine, tmp_path, [one, two, three])
    # s001 wants what s002 leaves, and s002 wants what s003 keeps: both stay where they are.
    rows = [one | {"空间地址": two["空间地址"]}, two | {"空间地址": three["空间地址"]}]
    result = load(engine, tmp_path, rows)
    assert {problem.row for problem in result.refused} == {2, 3}
    assert result.changed == ()


def test_an_address_off_the_platform_is_refused(engine: Engine, tmp_path: Path) -> None:
    profile = tmp_path / "school.yaml"
    profile.write_text(
        "id: school\nversion: '1'\ntitle: 示例平台\nhosts: ['*.example.test']\n"
        "space_pattern: '^(?P<space>/t/\\d+)'\n",
        encoding="utf-8",
    )
    rows = [
        numbered(1),
        numbered(2) | {"空间地址": "http://elsewhere.test/t/2"},
        numbered(3) | {"空间地址": "http://space.example.test/help"},
    ]
    file = read_nominations(write_csv(tmp_path / "a.csv", table(rows)))
    with session(engine) as current:
        campaign = campaign_for(current, "2022", str(profile), None, AT)
        result = import_nominations(current, file, campaign, at=AT, actor="test")
    assert result.added == ("s001",)
    off, no_space = result.refused
    assert (off.row, off.column, off.value) == (3, "空间地址", "http://elsewhere.test/t/2")
    assert "示例平台" in off.reason
    assert "*.example.test" in off.reason
    assert "不是平台“示例平台”上某个空间" in no_space.reason


def test_schools_of_one_name_in_two_counties_are_two(engine: Engine, tmp_path: Path) -> None:
    load(engine, tmp_path, [numbered(1), numbered(2) | {"县区": "另一县", "学校类别": "城区"}])
    assert [each.school_kind for each in in_force(engine)] == [SchoolKind.RURAL, SchoolKind.URBAN]
    with session(engine) as current:
        assert len(current.exec(select(School)).all()) == 2


def test_five_thousand_rows_take_few_statements(engine: Engine, tmp_path: Path) -> None:
    rows = [numbered(number) | {"学校": f"示例第{number % 300}小学"} for number in range(5000)]
    file = read_nominations(write_csv(tmp_path / "a.csv", table(rows), "gb18030"))
    statements: list[str] = []

    @event.listens_for(engine, "before_cursor_execute")
    def _count(_c: object, _k: object, statement: str, *_rest: object) -> None:
        if statement.startswith("SELECT"):
            statements.append(statement)

    with session(engine) as current:
        campaign = campaign_for(current, "2022", None, None, AT)
        result = import_nominations(current, file, campaign, at=AT, actor="test")
    assert (len(result.added), result.refused) == (5000, ())
    assert len(statements) < 40
    with session(engine) as current:
        assert list(broken_links(current)) == []
        assert len(current_nominations(current, find_campaign(current, "2022"))) == 5000


def test_a_nomination_is_never_edited(engine: Engine, tmp_path: Path) -> None:
    load(engine, tmp_path, [numbered(1)])
    with Session(engine) as current:
        current.exec(select(Nomination)).one().title = "改过"
        with pytest.raises(AppendOnlyError):
            current.flush()


def test_a_campaign_keeps_its_profile_and_policy(engine: Engine) -> None:
    with session(engine) as current:
        made = campaign_for(current, "2022", None, None, AT)
        assert (made.profile, made.policy) == ("generic", "default")
        again = campaign_for(current, "2022", "generic", None, AT + timedelta(days=1))
        assert again.id == made.id
        with pytest.raises(CampaignError, match="profile generic, not other"):
            campaign_for(current, "2022", "other", None, AT)
        with pytest.raises(CampaignError, match="policy default, not strict"):
            campaign_for(current, "2022", None, "strict", AT)
        with pytest.raises(ProfileError, match="no profile 'other'"):
            campaign_for(current, "2023", "other", None, AT)
        with pytest.raises(CampaignError, match="empty"):
            campaign_for(current, " ", None, None, AT)
        with pytest.raises(CampaignError, match="no campaign 2021; known: 2022"):
            find_campaign(current, "2021")
        assert [campaign.code for campaign in current.exec(select(Campaign))] == ["2022"]
