"""整改 and appeals: the notice, its link, what became of each item, who hears an appeal, what follows."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from httpx import Client
from sqlmodel import Session, col, select

from audit.review import decide
from models.database import migrate, open_engine, session
from models.outbox_tables import Notification, NotificationChannel
from models.review_tables import Appeal, Notice, NoticeEvent
from models.tables import (
    Campaign,
    Coverage,
    Crawl,
    Decision,
    Finding,
    Resource,
    Screening,
    Snapshot,
    Space,
    User,
    Verdict,
)
from models.vocabulary import (
    Action,
    AppealState,
    CoverageKind,
    NoticeEventKind,
    NoticeState,
    NotifiedEvent,
    NotScreened,
    Openness,
    Role,
    VerdictReason,
    VerdictState,
    Visibility,
)
from service.nominations import NominatedSpace
from service.reminders import remind_due
from service.web.app import create_app
from tests.factories import AUDITOR, CAMPAIGN, NOW, Made, add_campaign, issue_now, make_desk
from tests.serving import client_of
from tests.signing_in import OURS, add_account, csrf, log_in, post

C = f"/campaigns/{CAMPAIGN}"
#: s002 has one finding (a telephone number) and one open file; s008 is rich; s005 asks for a log-in.
CODE, RICH, CLOSED = "s002", "s008", "s005"
NUMBER = "13900001234"


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Made]:
    engine = open_engine(f"sqlite:///{tmp_path / 'test.db'}")
    migrate(engine)
    made = make_desk(engine)
    add_campaign(made, spaces=9)
    add_account(made, "甲县一审", Role.COUNTY_AUDITOR, "甲县")
    add_account(made, "甲县二审", Role.COUNTY_AUDITOR, "甲县")
    yield made
    engine.dispose()


@pytest.fixture
def after_visit() -> dict[str, object]:
    """What the next visit finds; a test changes it."""
    return {"findings": False, "gap": False, "visibility": Visibility.PUBLIC}


def with_visits(made: Made, wanted: dict[str, object]) -> Made:
    """A desk whose re-checks write a snapshot as wanted."""

    def revisit(campaign: Campaign, space: NominatedSpace) -> bool:
        with session(made.desk.engine) as current:
            write_visit(current, made, space, wanted)
            current.flush()
            issue_now(current, made.desk, campaign, space.space_id)
        return bool(wanted.get("works", True))

    desk = dataclasses.replace(made.desk, revisit=revisit, print_pdf=lambda html: html.encode())
    return dataclasses.replace(made, desk=desk)


def write_visit(
    current: Session, made: Made, space: NominatedSpace, wanted: dict[str, object]
) -> None:
    old = current.exec(
        select(Snapshot).where(Snapshot.space_id == space.space_id).order_by(col(Snapshot.taken_at))
    ).first()
    assert old is not None
    at = made.desk.clock()
    mark = f"{at:%H%M%S%f}"
    current.add(Crawl(id=f"c{mark}", campaign_id=1, started_at=at, settings={}))
    current.flush()
    values = old.model_dump() | {
        "id": f"sn{mark}",
        "crawl_id": f"c{mark}",
        "content_digest": f"sha256:{mark}",
        "visibility": wanted["visibility"],
        "taken_at": at,
        "recorded_at": at,
    }
    current.add(Snapshot(**values))
    current.flush()
    screening = Screening(
        id=f"sc{mark}",
        snapshot_id=f"sn{mark}",
        space_id=space.space_id,
        rule_pack="test",
        rule_pack_version="2022.1",
        rule_pack_digest=made.desk.pack.digest,
        models={},
        screened_at=at,
        measures={},
    )
    current.add(screening)
    current.flush()
    current.add(
        Coverage(
            screening_id=screening.id, kind=CoverageKind.PAGE, what=f"{old.url}?x", screened=True
        )
    )
    if wanted["gap"]:
        current.add(
            Coverage(
                screening_id=screening.id,
                kind=CoverageKind.PAGE,
                what=old.url,
                screened=False,
                reason=next(iter(NotScreened)),
            )
        )
    before = current.exec(select(Screening).where(Screening.snapshot_id == old.id)).one()
    if wanted["findings"]:
        for row in current.exec(select(Finding).where(Finding.screening_id == before.id)).all():
            again = row.model_dump() | {"id": f"{row.id}_{mark}", "screening_id": screening.id}
            current.add(Finding(**again))
    for file in current.exec(select(Resource).where(Resource.snapshot_id == old.id)).all():
        openness = wanted.get("openness", Openness.OPEN)
        again = file.model_dump(exclude={"id"}) | {"snapshot_id": f"sn{mark}", "openness": openness}
        current.add(Resource(**again))


def confirm_all(made: Made, code: str = CODE, by: str = "甲县一审") -> None:
    """A person confirms everything that was found on a space."""
    with session(made.desk.engine) as current:
        user = current.exec(select(User).where(User.name == by)).one()
        space = current.exec(select(Space).where(Space.code == code)).one()
        for row in current.exec(select(Finding).where(Finding.space_id == space.id)).all():
            decide(
                current,
                user=user,
                action=Action.CONFIRM,
                reason="violation",
                note="",
                at=made.desk.clock(),
                finding=row,
            )
        current.flush()
        campaign = current.exec(select(Campaign)).one()
        made.desk.issue(current, campaign, space.id or 0, by)


def send(client: Client, code: str = CODE) -> tuple[str, str]:
    """Write a notice; the officers' address and the teacher's."""
    answer = post(client, f"{C}/spaces/{code}/notice", due="2022-09-30", note="请尽快整改")
    assert answer.status_code == 303, answer.text[:500]
    address = answer.headers["location"]
    found = re.search(r"(/mend/nt_[\w.\-]+)<", client.get(address).text)
    assert found is not None
    return address, found.group(1)


def by_link(client: Client, link: str, what: str, **form: str | list[str]) -> int:
    """Send a form of the teacher's page."""
    data = {"csrf": csrf(client, link), **form}
    return client.post(f"{link}/{what}", data=data, headers=OURS).status_code


def items(client: Client, link: str) -> list[str]:
    return re.findall(r'name="asked" value="(\d+)"', client.get(link).text)


def verdict(made: Made, code: str = CODE) -> Verdict:
    with session(made.desk.engine) as current:
        space = current.exec(select(Space).where(Space.code == code)).one()
        query = select(Verdict).where(Verdict.space_id == space.id)
        row = current.exec(query.order_by(col(Verdict.serial).desc())).first()
        assert row is not None
        current.expunge(row)
        return row


def state(made: Made) -> NoticeState:
    with session(made.desk.engine) as current:
        return NoticeState.of(current.exec(select(Notice.state)).one())


def test_the_whole_loop_ends_in_a_space_that_may_be_ranked(
    made: Made, after_visit: dict[str, object]
) -> None:
    made = with_visits(made, after_visit)
    confirm_all(made)
    assert verdict(made).state is VerdictState.REJECTED
    app = create_app(made.desk)
    with client_of(app) as officer:
        log_in(officer, "甲县一审")
        address, link = send(officer)
        with Client(base_url=officer.base_url, trust_env=False) as teacher:
            shown = teacher.get(link)
            assert shown.headers["x-robots-tag"].startswith("noindex")
            assert "noindex" in shown.text
            assert NUMBER not in shown.text
            assert "1390*******" in shown.text
            assert "《示例审核规范》第六条" in shown.text
            assert "请删除该内容" in shown.text
            (item,) = items(teacher, link)
            form = {"name": "林老师", "mended": item, "asked": item, "words": "已删除电话"}
            assert by_link(teacher, link, "answers", **form) == 303
            assert "已删除电话" in teacher.get(link).text
        assert state(made) is NoticeState.ANSWERED
        after_visit["findings"] = True
        assert post(officer, address, step="recheck").status_code == 303
        assert state(made) is NoticeState.NOT_RECTIFIED
        assert "仍然存在" in officer.get(address).text
        assert post(officer, address, step="close").status_code == 422
        after_visit["findings"] = False
        assert post(officer, address, step="recheck").status_code == 303
        assert state(made) is NoticeState.RECTIFIED
        assert re.search(
            r"已整改</span> <span class=\"quiet\">快照 sn\d+", officer.get(address).text
        )
        # The machine does not pass again what a person rejected.
        assert verdict(made).state is VerdictState.PENDING
        assert post(officer, address, step="close").status_code == 303
    assert state(made) is NoticeState.CLOSED
    assert verdict(made).state is VerdictState.ELIGIBLE
    assert verdict(made).decided_by == "甲县一审"


def test_what_was_not_read_again_is_not_mended(made: Made, after_visit: dict[str, object]) -> None:
    made = with_visits(made, after_visit)
    confirm_all(made)
    with client_of(create_app(made.desk)) as officer:
        log_in(officer, "甲县一审")
        address, _ = send(officer)
        after_visit["gap"] = True
        post(officer, address, step="recheck")
        assert "未能复查" in officer.get(address).text
        assert state(made) is NoticeState.NOT_RECTIFIED
        after_visit["gap"], after_visit["visibility"] = False, Visibility.UNREACHABLE
        post(officer, address, step="recheck")
        assert state(made) is NoticeState.NOT_RECTIFIED
        after_visit["works"] = False
        assert post(officer, address, step="recheck").status_code == 422
        assert state(made) is NoticeState.NOT_RECTIFIED


def test_closing_as_mended_does_not_pass_what_no_machine_read(
    made: Made, after_visit: dict[str, object]
) -> None:
    """The word "mended" is on the items, not on pages that could not be read."""
    made = with_visits(made, after_visit)
    with client_of(create_app(made.desk)) as officer:
        log_in(officer, "甲县一审")
        confirm_all(made)
        address, _ = send(officer)
        post(officer, address, step="recheck")
        assert post(officer, address, step="close").status_code == 303
        assert verdict(made).state is VerdictState.ELIGIBLE
    with session(made.desk.engine) as current:
        word = current.exec(select(Decision).where(col(Decision.fingerprint).is_(None))).one()
        assert word.reason == "mended"
        screening = current.exec(
            select(Screening).order_by(col(Screening.screened_at).desc())
        ).first()
        assert screening is not None
        current.add(
            Coverage(
                screening_id=screening.id,
                kind=CoverageKind.PAGE,
                what="http://space.example/other",
                screened=False,
                reason=NotScreened.of("too_large"),
            )
        )
        current.flush()
        campaign = current.exec(select(Campaign)).one()
        row = issue_now(current, made.desk, campaign, word.space_id)
        assert row.state is VerdictState.PENDING
        assert row.reasons[0]["code"] == VerdictReason.COVERAGE_GAP


def test_measured_faults_are_asked_for_and_settled_by_measuring(
    made: Made, after_visit: dict[str, object]
) -> None:
    made = with_visits(made, after_visit)
    add_account(made, "丙市审核", Role.COUNTY_AUDITOR, "丙市")
    with client_of(create_app(made.desk)) as officer:
        log_in(officer, "丙市审核")
        shown = officer.get(f"{C}/spaces/{CLOSED}/notice").text
        assert "空间未对所有人公开" in shown
        address, link = send(officer, CLOSED)
        with Client(base_url=officer.base_url, trust_env=False) as teacher:
            (item,) = items(teacher, link)
            refused = {"item": item, "name": "张老师", "grounds": "本来就是公开的"}
            assert by_link(teacher, link, "appeals", **refused) == 422
        after_visit["visibility"] = Visibility.LOGIN
        post(officer, address, step="recheck")
        assert state(made) is NoticeState.NOT_RECTIFIED
        after_visit["visibility"] = Visibility.PUBLIC
        post(officer, address, step="recheck")
        assert state(made) is NoticeState.RECTIFIED


def test_an_appeal_is_heard_by_another_and_changes_the_verdict(made: Made) -> None:
    confirm_all(made)
    with client_of(create_app(made.desk)) as first:
        log_in(first, "甲县一审")
        address, link = send(first)
        with Client(base_url=first.base_url, trust_env=False) as teacher:
            (item,) = items(teacher, link)
            form = {"item": item, "name": "林老师", "grounds": "这是学校的公开电话"}
            assert by_link(teacher, link, "appeals", **form) == 303
            assert by_link(teacher, link, "appeals", **form) == 422
        with session(made.desk.engine) as current:
            appeal = current.exec(select(Appeal.id)).one()
        shown = first.get(f"{C}/appeals").text
        assert "须由另一人审理" in shown
        verdict_form = {"uphold": "false", "reason": "lawful", "note": "公开电话,不属个人信息"}
        assert post(first, f"/appeals/{appeal}", **verdict_form).status_code == 422
        assert post(first, address, step="close", note="x").status_code == 422
    with client_of(create_app(made.desk)) as second:
        log_in(second, "甲县二审")
        assert post(second, f"/appeals/{appeal}", **verdict_form).status_code == 303
        assert post(second, f"/appeals/{appeal}", **verdict_form).status_code == 422
        assert "撤销原判" in second.get(f"{C}/appeals").text
    with session(made.desk.engine) as current:
        assert current.get_one(Appeal, appeal).state is AppealState.OVERTURNED
        last = current.exec(select(Decision).order_by(col(Decision.decided_at).desc())).first()
        assert last is not None
        assert (last.action, last.note) == (Action.DISMISS, "公开电话,不属个人信息")
    assert verdict(made).state is VerdictState.ELIGIBLE


def test_an_upheld_appeal_leaves_the_verdict_and_says_why(made: Made) -> None:
    confirm_all(made)
    with client_of(create_app(made.desk)) as first:
        log_in(first, "甲县一审")
        _, link = send(first)
        with Client(base_url=first.base_url, trust_env=False) as teacher:
            (item,) = items(teacher, link)
            form = {"item": item, "name": "林老师", "grounds": "不同意"}
            assert by_link(teacher, link, "appeals", **form) == 303
            with session(made.desk.engine) as current:
                appeal = current.exec(select(Appeal.id)).one()
            post(first, "/logout")
            log_in(first, "甲县二审")
            form = {"uphold": "true", "note": "确为家长电话"}
            assert post(first, f"/appeals/{appeal}", **form).status_code == 303
            assert "维持原判 — 确为家长电话" in teacher.get(link).text
    assert verdict(made).state is VerdictState.REJECTED


def test_a_link_that_is_wrong_old_stopped_or_past_says_so(made: Made) -> None:
    confirm_all(made)
    clock = made.desk.clock
    late = [timedelta(0)]
    desk = dataclasses.replace(made.desk, clock=lambda: clock() + late[0])
    with client_of(create_app(desk)) as officer:
        log_in(officer, "甲县一审")
        address, link = send(officer)
        teacher = Client(base_url=officer.base_url, trust_env=False)
        assert teacher.get(link).status_code == 200
        wrong = teacher.get(link[:-1] + ("A" if link[-1] != "A" else "B"))
        assert (wrong.status_code, "链接不完整或不正确" in wrong.text) == (404, True)
        assert "林晓文" not in wrong.text
        assert post(officer, address, step="renew").status_code == 303
        old = teacher.get(link)
        assert (old.status_code, "已换发新链接" in old.text) == (410, True)
        assert "林晓文" not in old.text
        found = re.search(r"(/mend/nt_[\w.\-]+)<", officer.get(address).text)
        assert found is not None
        assert teacher.get(found.group(1)).status_code == 200
        late[0] = timedelta(days=60)
        past = teacher.get(found.group(1))
        assert (past.status_code, "已过期" in past.text) == (410, True)
        late[0] = timedelta(0)
        assert post(officer, address, step="revoke").status_code == 303
        assert teacher.get(found.group(1)).status_code == 410
        assert "链接已停用" in officer.get(address).text
        teacher.close()
    with session(made.desk.engine) as current:
        kinds = [each.kind for each in current.exec(select(NoticeEvent))]
        # The reload within minutes is the same reading.
        assert kinds.count(NoticeEventKind.OPENED) == 2
        stored = current.exec(select(Notice)).one()
        assert link.split("/")[-1] not in str(stored.model_dump())


def test_a_link_opens_its_own_notice_only(made: Made) -> None:
    """Items of another notice are not answered by it, and it names nobody else."""
    for code in (CODE, RICH):
        confirm_all(made, code, AUDITOR)
    with client_of(create_app(made.desk, AUDITOR)) as officer:
        officer.get("/login")
        _, one = send(officer, CODE)
        _, other = send(officer, RICH)
        with Client(base_url=officer.base_url, trust_env=False) as teacher:
            theirs = items(teacher, other)
            form = {"name": "x", "mended": theirs[0], "asked": theirs[0], "words": "x"}
            assert by_link(teacher, one, "answers", **form) == 422
            appeal = {"item": theirs[-1], "name": "x", "grounds": "x"}
            assert by_link(teacher, one, "appeals", **appeal) == 404
            shown = teacher.get(one).text
            assert RICH not in shown
            assert teacher.get(f"{C}/notices").status_code == 303


def test_overdue_notices_come_first_and_reminders_go_out_once_a_day(made: Made) -> None:
    with session(made.desk.engine) as current:
        current.add(
            NotificationChannel(
                id="ch1",
                name="示例",
                address="json://x",
                events=[],
                created_by="test",
                created_at=NOW,
            )
        )
    confirm_all(made)
    with client_of(create_app(made.desk)) as officer:
        log_in(officer, "甲县一审")
        assert "还没有整改通知" in officer.get(f"{C}/notices").text
        send(officer)
        assert "已逾期" not in officer.get(f"{C}/notices").text
    due = NOW + timedelta(days=11)
    with session(made.desk.engine) as current:
        assert remind_due(current, NOW) == 0
        assert remind_due(current, NOW + timedelta(days=9)) == 1
        assert remind_due(current, due) == 1
        assert remind_due(current, due) == 0
        events = [row.event for row in current.exec(select(Notification))]
        assert set(events) == {NotifiedEvent.DEADLINE, NotifiedEvent.OVERDUE}
    clock = made.desk.clock
    desk = dataclasses.replace(made.desk, clock=lambda: clock() + timedelta(days=11))
    with client_of(create_app(desk)) as officer:
        log_in(officer, "甲县一审")
        assert "1 份已逾期" in officer.get(f"{C}/notices").text
