"""The queue and the rules of the review: leases, two people, adjudication, conflicts, undo."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import event
from sqlmodel import Session, col, func, select

from audit.opinions import NotYoursError
from audit.review import DecisionError, reviewed_findings
from audit.verdict import newest_verdict
from models.audit_log import broken_links
from models.database import session
from models.review_tables import CaseEvent, Opinion, ReviewCase
from models.tables import Campaign, Decision, Finding, Region, School, Space, Teacher, User
from models.vocabulary import (
    Action,
    CaseEventKind,
    CaseState,
    Dimension,
    FindingState,
    Role,
    Severity,
    VerdictState,
)
from service.deciding import UNDO_WITHIN, ConflictError, Ruling, Taken, take
from service.leasing import (
    LEASE,
    SKIPPED_FOR,
    LeaseError,
    escalate,
    events_of,
    extend,
    give_back,
    hand_over,
    lease,
    locked_case,
    state_from,
)
from service.queue_list import QueueQuery, queue_page
from service.queueing import sync, take_next
from service.scope import EVERYTHING
from tests.engines import BOTH, fresh_engine
from tests.factories import CAMPAIGN, NOW, Made, add_campaign, make_desk

FIRST, SECOND, CITY, SCHOOL = "审核员一", "审核员二", "市级示例", "学校示例"
POLITICAL = "fd_political"
#: Spaces of the sample with findings that wait; all of them have a pending verdict.
SPACES = 8


@dataclass
class Clocked:
    """A desk whose clock is set by hand."""

    made: Made
    now: list[datetime]

    def later(self, by: timedelta) -> None:
        self.now[0] += by


@pytest.fixture(params=BOTH)
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Clocked]:
    with fresh_engine(request, tmp_path, request.param) as engine:
        made = make_desk(engine)
        add_campaign(made, spaces=SPACES)
        with session(engine) as current:
            _add_people(current)
            _add_political(current)
            campaign = current.exec(select(Campaign)).one()
            for space_id in current.exec(select(Space.id)).all():
                made.desk.issue(current, campaign, space_id or 0, "machine")
        now = [NOW]
        made.desk = replace(made.desk, clock=lambda: now[0])
        yield Clocked(made, now)


def _add_people(current: Session) -> None:
    for name, role in ((FIRST, Role.COUNTY_AUDITOR), (SECOND, Role.COUNTY_AUDITOR)):
        current.add(User(name=name, role=role, created_at=NOW))
    current.add(User(name=CITY, role=Role.CITY_STAFF, created_at=NOW))
    school = current.exec(select(School).order_by(col(School.id))).first()
    assert school is not None
    row = User(name=SCHOOL, role=Role.SCHOOL_AUDITOR, school_id=school.id, created_at=NOW)
    current.add(row)
    assert current.exec(select(Region)).first() is not None
    assert current.exec(select(Teacher)).first() is not None


def _add_political(current: Session) -> None:
    model = current.get_one(Finding, "fd_sc1_0")
    values = model.model_dump() | {
        "id": POLITICAL,
        "fingerprint": "f_political",
        "dimension": Dimension.POLITICAL,
        "severity": Severity.SERIOUS,
    }
    current.add(Finding(**values))


def ruled(  # noqa: PLR0917  (who says what on which finding)
    current: Session,
    desk: Clocked,
    by: str,
    action: Action,
    key: str = POLITICAL,
    seen: int | None = None,
) -> Taken:
    reason = {Action.CONFIRM: "violation", Action.DISMISS: "teaching", Action.UNDO: "mistake"}
    ruling = Ruling(action, reason[action], "示例", by, seen)
    campaign = current.exec(select(Campaign)).one()
    return take(current, desk.made.desk, campaign, current.get_one(Finding, key), ruling)


def person(current: Session, name: str) -> User:
    return current.exec(select(User).where(User.name == name)).one()


def state_of(current: Session, key: str = POLITICAL) -> FindingState:
    row = current.get_one(Finding, key)
    return next(
        each.state for each in reviewed_findings(current, row.space_id) if each.finding.id == key
    )


def case_at(current: Session, key: str = POLITICAL) -> ReviewCase:
    case = current.get_one(ReviewCase, current.get_one(Finding, key).space_id)
    assert state_from(events_of(current, case.space_id)) is case.state
    return case


# Two people


def test_one_word_on_a_serious_political_finding_decides_nothing(desk: Clocked) -> None:
    with session(desk.made.desk.engine) as current:
        ruled(current, desk, FIRST, Action.DISMISS, "fd_sc1_0")
        taken = ruled(current, desk, FIRST, Action.DISMISS)
        assert taken.decision is None
        assert state_of(current) is FindingState.OPEN
        verdict = newest_verdict(current, case_at(current).space_id)
        assert verdict is not None
        assert verdict.state is VerdictState.PENDING
        assert case_at(current).state is CaseState.FIRST_DECISION


def test_the_same_person_is_no_second_one(desk: Clocked) -> None:
    with session(desk.made.desk.engine) as current:
        ruled(current, desk, FIRST, Action.DISMISS)
        with pytest.raises(NotYoursError):
            ruled(current, desk, FIRST, Action.DISMISS)
        assert state_of(current) is FindingState.OPEN


def test_a_second_person_of_the_same_mind_decides(desk: Clocked) -> None:
    with session(desk.made.desk.engine) as current:
        ruled(current, desk, FIRST, Action.DISMISS, "fd_sc1_0")
        ruled(current, desk, FIRST, Action.DISMISS)
        taken = ruled(current, desk, SECOND, Action.DISMISS)
        assert taken.decision is not None
        assert taken.opinion.blind
        assert state_of(current) is FindingState.DISMISSED
        kinds = [each.kind for each in events_of(current, case_at(current).space_id)]
        assert CaseEventKind.AGREED in kinds


def test_where_two_differ_only_a_third_of_the_city_decides(desk: Clocked) -> None:
    with session(desk.made.desk.engine) as current:
        ruled(current, desk, FIRST, Action.DISMISS)
        assert ruled(current, desk, SECOND, Action.CONFIRM).decision is None
        assert state_of(current) is FindingState.OPEN
        assert case_at(current).state is CaseState.DISPUTED
        third = User(name="审核员三", role=Role.COUNTY_AUDITOR, created_at=NOW)
        current.add(third)
        with pytest.raises(NotYoursError):
            ruled(current, desk, third.name, Action.CONFIRM)
        assert ruled(current, desk, CITY, Action.CONFIRM).decision is not None
        assert state_of(current) is FindingState.CONFIRMED
        kinds = [each.kind for each in events_of(current, case_at(current).space_id)]
        assert CaseEventKind.ADJUDICATED in kinds


def test_a_word_against_the_whole_space_is_no_way_around_the_second_person(desk: Clocked) -> None:
    with session(desk.made.desk.engine) as current:
        campaign = current.exec(select(Campaign)).one()
        space = current.get_one(Space, current.get_one(Finding, POLITICAL).space_id)
        against = Ruling(Action.CONFIRM, "unfit", "", FIRST)
        with pytest.raises(NotYoursError):
            take(current, desk.made.desk, campaign, space, against)


def test_nobody_reviews_a_nominee_of_the_own_school(desk: Clocked) -> None:
    with session(desk.made.desk.engine) as current:
        # The first space is of the first school.
        with pytest.raises(NotYoursError):
            ruled(current, desk, SCHOOL, Action.DISMISS, "fd_sc0_0")
        assert current.exec(select(Decision)).all() == []


# Undo


def test_ones_own_last_word_is_taken_back_by_a_new_row_within_the_limit(desk: Clocked) -> None:
    with session(desk.made.desk.engine) as current:
        ruled(current, desk, FIRST, Action.CONFIRM, "fd_sc0_0")
        desk.later(UNDO_WITHIN)
        ruled(current, desk, FIRST, Action.UNDO, "fd_sc0_0")
        assert state_of(current, "fd_sc0_0") is FindingState.OPEN
        actions = [each.action for each in current.exec(select(Decision))]
        assert Counter(actions) == {Action.CONFIRM: 1, Action.UNDO: 1}
        assert list(broken_links(current)) == []


def test_later_or_anothers_word_is_reopened_by_the_city_only(desk: Clocked) -> None:
    with session(desk.made.desk.engine) as current:
        ruled(current, desk, FIRST, Action.CONFIRM, "fd_sc0_0")
        with pytest.raises(NotYoursError):
            ruled(current, desk, SECOND, Action.UNDO, "fd_sc0_0")
        desk.later(UNDO_WITHIN + timedelta(seconds=1))
        with pytest.raises(NotYoursError):
            ruled(current, desk, FIRST, Action.UNDO, "fd_sc0_0")
        ruled(current, desk, CITY, Action.UNDO, "fd_sc0_0")
        assert state_of(current, "fd_sc0_0") is FindingState.OPEN


def test_taking_back_a_first_opinion_and_reopening_after_two_begin_anew(desk: Clocked) -> None:
    with session(desk.made.desk.engine) as current:
        ruled(current, desk, FIRST, Action.CONFIRM)
        ruled(current, desk, FIRST, Action.UNDO)
        ruled(current, desk, SECOND, Action.DISMISS)
        ruled(current, desk, FIRST, Action.DISMISS)
        assert state_of(current) is FindingState.DISMISSED
        ruled(current, desk, CITY, Action.UNDO)
        assert state_of(current) is FindingState.OPEN
        assert ruled(current, desk, FIRST, Action.DISMISS).decision is None


# Conflicts


def test_of_two_auditors_the_second_learns_who_decided(desk: Clocked) -> None:
    with session(desk.made.desk.engine) as current:
        campaign = current.exec(select(Campaign)).one()
        sync(current, campaign, NOW)
        seen = case_at(current, "fd_sc1_0").version
        ruled(current, desk, FIRST, Action.CONFIRM, "fd_sc1_0", seen=seen)
        with pytest.raises(ConflictError) as refused:
            ruled(current, desk, SECOND, Action.DISMISS, "fd_sc1_0", seen=seen)
        assert refused.value.who == FIRST
        assert refused.value.decision is not None
        assert len(current.exec(select(Decision)).all()) == 1
        again = case_at(current, "fd_sc1_0").version
        ruled(current, desk, SECOND, Action.DISMISS, "fd_sc1_0", seen=again)
        assert state_of(current, "fd_sc1_0") is FindingState.DISMISSED


def test_a_conflict_does_not_tell_what_a_first_reviewer_said(desk: Clocked) -> None:
    with session(desk.made.desk.engine) as current:
        sync(current, current.exec(select(Campaign)).one(), NOW)
        seen = case_at(current).version
        ruled(current, desk, FIRST, Action.CONFIRM, seen=seen)
        with pytest.raises(ConflictError) as refused:
            ruled(current, desk, SECOND, Action.DISMISS, seen=seen)
        assert refused.value.decision is None
        assert "confirm" not in str(refused.value)


def test_who_holds_a_case_is_the_one_who_decides(desk: Clocked) -> None:
    with session(desk.made.desk.engine) as current:
        campaign = current.exec(select(Campaign)).one()
        sync(current, campaign, NOW)
        lease(current, case_at(current, "fd_sc1_0"), person(current, FIRST), NOW)
        with pytest.raises(ConflictError, match=FIRST):
            ruled(current, desk, SECOND, Action.CONFIRM, "fd_sc1_0")
        desk.later(LEASE)
        ruled(current, desk, SECOND, Action.CONFIRM, "fd_sc1_0")
        kinds = [each.kind for each in events_of(current, case_at(current, "fd_sc1_0").space_id)]
        assert CaseEventKind.EXPIRED in kinds


# The queue


def test_a_case_is_taken_extended_handed_over_skipped_and_escalated(desk: Clocked) -> None:
    with session(desk.made.desk.engine) as current:
        campaign = current.exec(select(Campaign)).one()
        sync(current, campaign, NOW)
        one, two, city = (person(current, name) for name in (FIRST, SECOND, CITY))
        space = take_next(current, campaign, EVERYTHING, one, NOW)
        assert space is not None
        key = space.id or 0
        extend(current, locked_case(current, key, NOW), one, NOW + LEASE / 2)
        held = locked_case(current, key, NOW + LEASE)
        assert held.holder_id == one.id
        hand_over(current, held, one, two, NOW + LEASE)
        with pytest.raises(LeaseError):
            extend(current, locked_case(current, key, NOW + LEASE), one, NOW + LEASE)
        at = NOW + LEASE
        give_back(current, locked_case(current, key, at), two, at, CaseEventKind.SKIPPED)
        following = take_next(current, campaign, EVERYTHING, two, at)
        assert following is not None
        assert following.id != key
        give_back(current, locked_case(current, following.id or 0, at), two, at)
        # Steps of one moment are put microseconds apart.
        at += timedelta(seconds=1)
        back = take_next(current, campaign, EVERYTHING, two, at + SKIPPED_FOR)
        assert back is not None
        assert back.id == key
        escalate(current, locked_case(current, key, at), two, at + SKIPPED_FOR, "拿不准")
        other = take_next(current, campaign, EVERYTHING, one, at + SKIPPED_FOR)
        assert other is not None
        assert other.id != key
        for_city = take_next(current, campaign, EVERYTHING, city, at + SKIPPED_FOR)
        assert for_city is not None
        assert for_city.id == key
        assert state_from(events_of(current, key)) is CaseState.LEASED


def test_the_queue_gives_the_most_valuable_first_and_filters(desk: Clocked) -> None:
    with session(desk.made.desk.engine) as current:
        campaign = current.exec(select(Campaign)).one()
        sync(current, campaign, NOW)
        assert sync(current, campaign, NOW) == 0
        page = queue_page(current, campaign, EVERYTHING, QueueQuery(), NOW)
        values = [row.case.priority for row in page.rows]
        assert values == sorted(values, reverse=True)
        assert page.found == len(page.rows) > 1
        narrowed = QueueQuery(dimension="political", severity="serious")
        codes = [r.code for r in queue_page(current, campaign, EVERYTHING, narrowed, NOW).rows]
        assert codes == ["s002"]
        elsewhere = QueueQuery(county="甲县")
        rows = queue_page(current, campaign, EVERYTHING, elsewhere, NOW).rows
        assert {row.county for row in rows} == {"甲县"}
        old = QueueQuery(age=3)
        assert queue_page(current, campaign, EVERYTHING, old, NOW).rows == []
        later = NOW + timedelta(days=3)
        assert len(queue_page(current, campaign, EVERYTHING, old, later).rows) == page.found


def test_the_queue_asks_as_much_for_many_cases_as_for_few(desk: Clocked) -> None:
    asked: list[str] = []
    with session(desk.made.desk.engine) as current:
        campaign = current.exec(select(Campaign)).one()
        sync(current, campaign, NOW)
        current.flush()
        connection = current.connection()
        event.listen(connection, "before_cursor_execute", lambda *args: asked.append(str(args[2])))
        queue_page(current, campaign, EVERYTHING, QueueQuery(), NOW)
    assert len([each for each in asked if each.startswith("SELECT")]) <= 4


# Many at once

AUDITORS = 20


def test_twenty_auditors_never_hold_one_case_twice_and_lose_no_decision(desk: Clocked) -> None:
    engine = desk.made.desk.engine
    with session(engine) as current:
        sync(current, current.exec(select(Campaign)).one(), NOW)
        names = [f"并发审核员{i}" for i in range(AUDITORS)]
        current.add_all(User(name=n, role=Role.CITY_STAFF, created_at=NOW) for n in names)
    start = threading.Barrier(AUDITORS)

    def work(name: str, *, together: bool = True) -> tuple[list[str], int]:
        if together:
            start.wait(timeout=60)
        held: list[str] = []
        said = 0
        while True:
            with session(engine) as current:
                campaign = current.exec(select(Campaign).where(Campaign.code == CAMPAIGN)).one()
                space = take_next(current, campaign, EVERYTHING, person(current, name), NOW)
                if space is None:
                    return held, said
                held.append(space.code)
                key = space.id
            with session(engine) as current:
                ids = [
                    r.finding.id
                    for r in reviewed_findings(current, key or 0)
                    if r.state is FindingState.OPEN
                ]
            for each in ids:
                try:
                    with session(engine) as current:
                        ruled(current, desk, name, Action.DISMISS, each)
                    said += 1
                except DecisionError:
                    # The case passed to a second person after the first one's word.
                    continue

    with ThreadPoolExecutor(AUDITORS) as pool:
        results = list(pool.map(work, names))
    # A case that came back for its second person when the others had left.
    results += [work(name, together=False) for name in names[:3]]
    said = sum(number for _, number in results)
    with session(engine) as current:
        assert current.exec(select(func.count()).select_from(Opinion)).one() == said > 0
        leased = current.exec(select(CaseEvent).where(CaseEvent.kind == CaseEventKind.LEASED)).all()
        assert len(leased) == sum(len(held) for held, _ in results)
        # One after the other: a case that is held is not given out again before it is left.
        for space_id in {each.space_id for each in leased}:
            _held_by_one_at_a_time(events_of(current, space_id))
        assert state_of(current) is FindingState.DISMISSED
        people = {o.user_id for o in current.exec(select(Opinion)) if o.finding_id == POLITICAL}
        assert len(people) == 2
        assert list(broken_links(current)) == []


#: Steps after which nobody holds the case.
LEFT = {
    CaseEventKind.DECIDED,
    CaseEventKind.FIRST_DECIDED,
    CaseEventKind.DISPUTED,
    CaseEventKind.EXPIRED,
}


def _held_by_one_at_a_time(events: list[CaseEvent]) -> None:
    holder: int | None = None
    for each in events:
        if each.kind is CaseEventKind.LEASED:
            assert holder is None, each.space_id
            holder = each.user_id
        elif each.kind in LEFT:
            holder = None
