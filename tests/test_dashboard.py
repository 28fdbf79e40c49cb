"""The dashboard's figures against figures counted by hand; sampling and agreement."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from openpyxl import load_workbook
from sqlmodel import Session, col, select

from audit.estimates import Interval, agreement, share
from audit.review import decide
from models.database import migrate, open_engine, session
from models.outbox_tables import Progress
from models.review_tables import CaseEvent, Opinion, ReviewCase, SampleItem
from models.tables import Campaign, Finding, Region, Space, User
from models.vocabulary import (
    Action,
    CaseEventKind,
    CaseState,
    ReviewRound,
    Role,
    SampleOutcome,
)
from rules.reasons import reasons_for
from service.dashboard import Dashboard, dashboard
from service.progress import Reporter, running
from service.sampling import (
    DrawWish,
    Look,
    SamplingError,
    draw_sample,
    estimate,
    items_of,
    keep_outcome,
    machine_clean,
    reviewers_agreement,
)
from service.scope import EVERYTHING, Scope
from service.sheet_files import csv_bytes, xlsx_bytes
from service.web.app import create_app
from tests.factories import AUDITOR, CAMPAIGN, NOW, Made, add_campaign, find_space, make_desk
from tests.serving import client_of
from tests.signing_in import add_account, browser_of, log_in, post

C = f"/campaigns/{CAMPAIGN}"


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Made]:
    engine = open_engine(f"sqlite:///{tmp_path / 'test.db'}")
    migrate(engine)
    made = make_desk(engine)
    yield made
    engine.dispose()


def the_campaign(current: Session) -> Campaign:
    return current.exec(select(Campaign).where(Campaign.code == CAMPAIGN)).one()


def board_of(made: Made, scope: Scope = EVERYTHING) -> Dashboard:
    with session(made.desk.engine) as current:
        return dashboard(current, made.desk, the_campaign(current), scope)


def test_intervals_by_hand() -> None:
    # None of 30: the upper end is 1 - 0.025 ** (1 / 30).
    none = share(0, 30)
    assert (none.value, none.low) == (0, 0)
    assert none.high == pytest.approx(1 - 0.025 ** (1 / 30))
    assert not none.small
    # Wilson of 1 in 10: centre (0.1 + z2/20) / (1 + z2/10), z2 = 3.8415; half width 0.1932.
    few = share(1, 10, Interval.WILSON)
    assert few.low == pytest.approx(0.0179, abs=1e-4)
    assert few.high == pytest.approx(0.4042, abs=1e-4)
    assert few.small
    assert share(0, 0).value is None


def test_kappa_by_hand() -> None:
    # 35 of 50 the same = 0.7; by chance 0.5 * 0.6 + 0.5 * 0.4 = 0.5; (0.7 - 0.5) / 0.5.
    pairs = [("y", "y")] * 20 + [("y", "n")] * 5 + [("n", "y")] * 10 + [("n", "n")] * 15
    found = agreement(pairs)
    assert (found.pairs, found.same) == (50, 35)
    assert found.kappa == pytest.approx(0.4)
    # The analytic standard error is sqrt(0.7 * 0.3 / 50) / 0.5 = 0.1296: 0.4 ± 0.254.
    assert found.low == pytest.approx(0.146, abs=0.05)
    assert found.high == pytest.approx(0.654, abs=0.05)
    assert agreement(pairs) == found
    alike = agreement([("y", "y")] * 5)
    assert (alike.same, alike.kappa, alike.small) == (5, None, True)
    assert agreement([]).pairs == 0


def test_counties_and_what_lies_outside_is_not_counted(made: Made) -> None:
    add_campaign(made, spaces=30)
    board = board_of(made)
    counties = board.table("counties")
    assert counties is not None
    assert board.spaces == 30
    # Every 29th is not crawled: one of thirty.
    assert board.visited == 29
    assert sum(row[1] for row in counties.rows) == 30  # type: ignore[misc]
    for row in counties.rows:
        assert sum(row[3:9]) == row[1]  # type: ignore[arg-type]
    with session(made.desk.engine) as current:
        region = current.exec(select(Region.id).where(Region.name == "乙区")).one()
    own = board_of(made, Scope(region_id=region)).table("counties")
    assert own is not None
    assert [row[0] for row in own.rows] == ["乙区"]
    assert own.rows[0] in counties.rows
    assert board_of(made, Scope()).spaces == 0


def test_deadlines_times_and_rules_by_hand(made: Made) -> None:
    add_campaign(made, spaces=4)
    with session(made.desk.engine) as current:
        campaign, space = the_campaign(current), find_space(current, "s001")
        other = find_space(current, "s002")
        for each, days, state in ((space, -1, CaseState.QUEUED), (other, -2, CaseState.DECIDED)):
            current.add(
                ReviewCase(
                    space_id=each.id or 0,
                    campaign_id=campaign.id or 0,
                    state=state,
                    entered_at=NOW,
                    changed_at=NOW,
                    due_at=NOW + timedelta(days=days),
                )
            )
        for number in range(1, 11):
            current.add(
                CaseEvent(
                    id=f"e{number}",
                    space_id=space.id or 0,
                    kind=CaseEventKind.FIRST_DECIDED,
                    seconds=60 * number,
                    at=NOW,
                )
            )
        findings = current.exec(select(Finding).order_by(col(Finding.id))).all()
        user = current.exec(select(User).where(User.name == AUDITOR)).one()
        first, second = findings[0], findings[1]
        plan = (
            (first, Action.DISMISS, "teaching"),
            (second, Action.DISMISS, "teaching"),
            (second, Action.UNDO, reasons_for(Action.UNDO, space_level=False)[0].code),
            (second, Action.CONFIRM, "violation"),
        )
        for number, (finding, action, reason) in enumerate(plan):
            at = NOW + timedelta(seconds=number)
            decide(
                current, user=user, action=action, reason=reason, note="", at=at, finding=finding
            )
        names = (first.rule, second.rule)
    board = board_of(made)
    assert board.overdue == 1
    assert board.due_at == NOW - timedelta(days=1)
    times = board.table("times")
    assert times is not None
    # One to ten minutes: the middle is 5.5, and nine of ten took at most 9.
    assert times.rows == [("一审完成", 10, 5.5, 9.0)]
    rules = board.table("rules")
    assert rules is not None
    rows = {row[0]: row for row in rules.rows}
    assert rows[names[0]][1:5] == (1, 0, 1, 100.0)
    assert rows[names[1]][1:5] == (1, 1, 0, 0.0)
    assert rows[names[0]][6] == "样本少,仅供参考"


def test_a_sample_is_reproducible_and_an_outcome_is_given_once(made: Made) -> None:
    add_campaign(made, spaces=60)
    with session(made.desk.engine) as current:
        campaign = the_campaign(current)
        user = current.exec(select(User)).first()
        assert user is not None
        clean = machine_clean(current, made.desk, campaign, EVERYTHING)
        assert len(clean) >= 4
        drawn = []
        for seed in ("示例", "示例", "别的"):
            draw = draw_sample(
                current, made.desk, campaign, EVERYTHING, user.id or 0, DrawWish(4, seed)
            )
            drawn.append([row.item.space_id for row in items_of(current, draw)])
        assert drawn[0] == drawn[1] != drawn[2]
        assert set(drawn[0]) <= set(clean)
        items = [row.item for row in items_of(current, draw)]
        assert "还没有抽查结果" in estimate(draw, items).words
        with pytest.raises(SamplingError, match="至少选一类"):
            keep_outcome(current, items[0], user, Look(SampleOutcome.MISSED), NOW)
        keep_outcome(current, items[0], user, Look(SampleOutcome.MISSED, ["commercial"]), NOW)
        keep_outcome(current, items[1], user, Look(SampleOutcome.CLEAN), NOW)
        keep_outcome(current, items[2], user, Look(SampleOutcome.UNUSABLE), NOW)
        with pytest.raises(SamplingError, match="不能改写"):
            keep_outcome(current, items[1], user, Look(SampleOutcome.MISSED, ["x"]), NOW)
        found = estimate(draw, items)
        words = found.words
    # 1 of 2: Clopper-Pearson is 1 - 0.975 ** 0.5 to 0.975 ** 0.5.
    assert (found.missed.found, found.missed.of) == (1, 2)
    assert found.missed.low == pytest.approx(1 - 0.975**0.5)
    assert (found.waiting, found.unusable) == (1, 1)
    assert "漏检率估计为 50.0%,95% 置信区间 1.3%–98.7%" in words


def test_blind_second_opinions_only_count_for_agreement(made: Made) -> None:
    add_campaign(made, spaces=2)
    with session(made.desk.engine) as current:
        campaign, space = the_campaign(current), find_space(current, "s001")
        user = current.exec(select(User)).first()
        assert user is not None
        said = (
            ("a", Action.CONFIRM, Action.CONFIRM, True),
            ("b", Action.DISMISS, Action.CONFIRM, True),
            ("c", Action.DISMISS, Action.CONFIRM, False),
        )
        for name, first, second, blind in said:
            rounds = ((ReviewRound.FIRST, first, True), (ReviewRound.SECOND, second, blind))
            for round_, action, apart in rounds:
                current.add(
                    Opinion(
                        id=f"{name}{round_.value}",
                        space_id=space.id or 0,
                        fingerprint=name,
                        round=round_,
                        user_id=user.id or 0,
                        action=action,
                        reason="",
                        blind=apart,
                        at=NOW,
                    )
                )
        current.flush()
        found = reviewers_agreement(current, campaign, EVERYTHING)
        assert (found.pairs, found.same) == (2, 1)
        assert reviewers_agreement(current, campaign, Scope()).pairs == 0


def test_pages_of_a_campaign_and_of_an_empty_one(made: Made) -> None:
    add_campaign(made, spaces=60)
    with session(made.desk.engine) as current:
        current.add(Campaign(code="empty", profile="generic", policy="default", created_at=NOW))
    with browser_of(create_app(made.desk, AUDITOR)) as client:
        page = client.get(f"{C}/dashboard").text
        for title in ("各县区进度", "空间能否公开访问", "资源开放情况", "线索类别", "各规则误报率"):
            assert title in page
        answer = client.get(f"{C}/dashboard/export?table=counties")
        assert answer.content.startswith(b"\xef\xbb\xbf")
        assert "甲县" in answer.text
        sheet = client.get(f"{C}/dashboard/export?table=families&kind=xlsx").content
        assert load_workbook(io.BytesIO(sheet)).worksheets[0].cell(1, 1).value == "类别"
        assert client.get(f"{C}/dashboard/export?table=none").status_code == 404
        answer = post(client, f"{C}/samples", size="2", seed="示例")
        assert answer.status_code == 303
        address = answer.headers["location"]
        assert "随机抽取 2 个" in client.get(address).text
        with session(made.desk.engine) as current:
            item = current.exec(select(SampleItem.id)).first()
        assert post(client, f"{address}/{item}", outcome="clean").status_code == 303
        assert "已看完 1 个" in client.get(f"{C}/quality").text
        assert post(client, f"{address}/{item}", outcome="clean").status_code == 303
        assert "不能改写" in client.get(f"{C}/quality").text


def test_a_sample_of_the_whole_city_is_hidden_from_a_county(made: Made) -> None:
    add_campaign(made, spaces=60)
    add_account(made, "市级", Role.CITY_STAFF)
    add_account(made, "乙区审核", Role.COUNTY_AUDITOR, "乙区")
    with client_of(create_app(made.desk)) as client:
        log_in(client, "市级")
        address = post(client, f"{C}/samples", size="50", seed="x").headers["location"]
        assert client.get(address).is_success
    with client_of(create_app(made.desk)) as client:
        log_in(client, "乙区审核")
        assert client.get(address).status_code == 404
        assert post(client, f"{address}/1", outcome="clean").status_code == 404
        own = post(client, f"{C}/samples", size="50").headers["location"]
        with session(made.desk.engine) as current:
            outside = {s.code for s in current.exec(select(Space)) if "s001" in s.code}
        assert not [code for code in outside if code in client.get(own).text]


def test_progress_is_told_step_by_step(made: Made) -> None:
    add_campaign(made, spaces=1)
    with session(made.desk.engine) as current:
        campaign = the_campaign(current)
        current.expunge(campaign)
    told = Reporter(made.desk.engine, campaign.id or 0, "job1")
    told.start(3, NOW)
    told.step("stored", "s001", "s001", NOW)
    told.step("failed", "s002", "s002", NOW)
    told.step("waiting", "", "夜间不访问", NOW + timedelta(minutes=1))
    with session(made.desk.engine) as current:
        job = running(current, campaign, NOW + timedelta(minutes=2))[0]
        assert (job.row.done, job.row.failed, job.waiting, job.state) == (1, 1, 1, "进行中")
        assert job.row.text == "夜间不访问"
        late = running(current, campaign, NOW + timedelta(minutes=20))[0]
        assert late.state == "长时间无响应"
    with browser_of(create_app(made.desk, AUDITOR)) as client:
        assert 'hx-trigger="every 5s"' in client.get(f"{C}/dashboard").text
        told.finish("完成", NOW + timedelta(minutes=3))
        part = client.get(f"{C}/progress").text
        assert "已结束" in part
        assert "hx-trigger" not in part
    with session(made.desk.engine) as current:
        assert running(current, campaign, NOW + timedelta(days=1)) == []
        assert current.get_one(Progress, "job1").done == 1


def test_no_cell_of_an_export_is_run() -> None:
    rows = [("=1+1", 2), ("@SUM(A1)", None)]
    assert "'=1+1,2" in csv_bytes(("甲", "乙"), rows).decode("utf-8-sig")
    sheet = load_workbook(io.BytesIO(xlsx_bytes("表", ("甲", "乙"), rows))).worksheets[0]
    assert sheet.cell(2, 1).value == "=1+1"
    assert sheet.cell(2, 1).data_type == "s"
