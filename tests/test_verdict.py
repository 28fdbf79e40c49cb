"""The verdict: what follows from what, and how long it stands (design §3, 1 to 4)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine
from sqlmodel import Session, col, select

from audit.records import keep_screening, newest_screening
from audit.review import ReviewedFinding, decide, reviewed_findings
from audit.screening import LedgerRow, Tools
from audit.tally import tally
from audit.verdict import (
    GRAVITY,
    Basis,
    Facts,
    Judged,
    announce_stale,
    current_verdict,
    hold_against,
    issue_verdict,
    judge,
    newest_verdict,
)
from models.audit_log import broken_links
from models.database import AppendOnlyError, session
from models.tables import Coverage, Decision, Finding, Resource, Space, User, Verdict
from models.vocabulary import (
    Access,
    Action,
    CoverageKind,
    FeedEvent,
    FindingState,
    NotScreened,
    Openness,
    Severity,
    VerdictReason,
    VerdictState,
    Visibility,
)
from rules.policy import Policy, load_policy
from service.pipeline import facts_of
from tests.engines import BOTH, fresh_engine
from tests.judgement import (
    DAY,
    NOW,
    a_finding,
    a_resource,
    a_snapshot,
    add_snapshot,
    add_space,
    basis,
    found,
    gap,
    ledger,
    screened,
    tools,
)
from tests.snapshots import AT

DEFAULT = load_policy()
ELIGIBLE, PENDING = VerdictState.ELIGIBLE, VerdictState.PENDING
REJECTED, UNDETERMINED = VerdictState.REJECTED, VerdictState.UNDETERMINED


def word(action: Action, snapshot: str = "sn1") -> Decision:
    """A decision on the space as a whole."""
    return Decision(
        id="dc",
        space_id=1,
        snapshot_id=snapshot,
        action=action,
        reason="",
        user_id=1,
        decided_at=AT,
    )


def reviewed(severity: Severity, state: FindingState, key: str = "f") -> ReviewedFinding:
    return ReviewedFinding(a_finding(severity, key), state, None)


CLEAN = Facts(a_snapshot(), ledger=ledger(), screened=True)
SERIOUS, SUSPECT, NOTICE = Severity.SERIOUS, Severity.SUSPECT, Severity.NOTICE
OPEN, CONFIRMED, DISMISSED = FindingState.OPEN, FindingState.CONFIRMED, FindingState.DISMISSED
R = VerdictReason


@pytest.mark.parametrize(
    ("facts", "state", "reasons"),
    [
        (Facts(None), UNDETERMINED, [R.NO_SNAPSHOT]),
        (CLEAN, ELIGIBLE, [R.ALL_CLEAR]),
        (replace(CLEAN, screened=False), PENDING, [R.COVERAGE_GAP]),
        # a public space of which not one page was read
        (replace(CLEAN, ledger=()), PENDING, [R.COVERAGE_GAP]),
        (replace(CLEAN, ledger=ledger()[:0]), PENDING, [R.COVERAGE_GAP]),
        (replace(CLEAN, ledger=ledger(gap(NotScreened.DECORATION))), ELIGIBLE, [R.ALL_CLEAR]),
        (replace(CLEAN, ledger=ledger(gap(NotScreened.PICTURE_TEXT))), PENDING, [R.COVERAGE_GAP]),
        (replace(CLEAN, findings=[reviewed(NOTICE, OPEN)]), ELIGIBLE, [R.ALL_CLEAR]),
        (replace(CLEAN, findings=[reviewed(SUSPECT, OPEN)]), PENDING, [R.FINDING_OPEN]),
        (replace(CLEAN, findings=[reviewed(SERIOUS, OPEN)]), PENDING, [R.FINDING_OPEN]),
        (replace(CLEAN, findings=[reviewed(SERIOUS, DISMISSED)]), ELIGIBLE, [R.ALL_CLEAR]),
        (replace(CLEAN, findings=[reviewed(NOTICE, CONFIRMED)]), REJECTED, [R.FINDING_CONFIRMED]),
        (replace(CLEAN, word=word(Action.CONFIRM)), REJECTED, [R.REJECTED_BY_PERSON]),
        (replace(CLEAN, rejected_before=True), PENDING, [R.PERSON_MUST_PASS]),
        (replace(CLEAN, rejected_before=True, word=word(Action.DISMISS)), ELIGIBLE, [R.ALL_CLEAR]),
        # passed once, on another snapshot
        (
            replace(CLEAN, rejected_before=True, word=word(Action.DISMISS, "sn0")),
            PENDING,
            [R.PERSON_MUST_PASS],
        ),
        # a person looked at what the machine could not read
        (
            replace(CLEAN, ledger=ledger(gap(NotScreened.PICTURE_TEXT)), word=word(Action.DISMISS)),
            ELIGIBLE,
            [R.ALL_CLEAR],
        ),
        # but "fit" is no decision on a finding
        (
            replace(CLEAN, findings=[reviewed(SERIOUS, OPEN)], word=word(Action.DISMISS)),
            PENDING,
            [R.FINDING_OPEN],
        ),
        (
            replace(CLEAN, findings=[reviewed(SERIOUS, CONFIRMED)], word=word(Action.DISMISS)),
            REJECTED,
            [R.FINDING_CONFIRMED],
        ),
        # ... nor on what was measured
        (
            replace(CLEAN, resources=[a_resource(Openness.LOGIN)], word=word(Action.DISMISS)),
            REJECTED,
            [R.RESOURCE_NOT_OPEN],
        ),
    ],
)
def test_what_follows_from_what(
    facts: Facts, state: VerdictState, reasons: list[VerdictReason]
) -> None:
    judged = judge(facts, DEFAULT)
    assert (judged.state, [ground.code for ground in judged.grounds]) == (state, reasons)


@pytest.mark.parametrize("visibility", list(Visibility))
def test_access_is_rejected_only_when_measured(visibility: Visibility) -> None:
    expected = {
        Access.PUBLIC: (ELIGIBLE, R.ALL_CLEAR),
        Access.NOT_PUBLIC: (REJECTED, R.NOT_PUBLIC),
        Access.CANNOT_TELL: (UNDETERMINED, R.ACCESS_UNKNOWN),
    }
    judged = judge(replace(CLEAN, snapshot=a_snapshot(visibility)), DEFAULT)
    assert (judged.state, judged.grounds[0].code) == expected[visibility.access]


@pytest.mark.parametrize(
    ("openness", "state", "reason"),
    [
        (Openness.OPEN, ELIGIBLE, R.ALL_CLEAR),
        (Openness.LOGIN, REJECTED, R.RESOURCE_NOT_OPEN),
        (Openness.FORBIDDEN, REJECTED, R.RESOURCE_NOT_OPEN),
        (Openness.PAID, REJECTED, R.RESOURCE_NOT_OPEN),
        (Openness.PASSWORD, REJECTED, R.RESOURCE_NOT_OPEN),
        (Openness.DISGUISED, REJECTED, R.RESOURCE_NOT_OPEN),
        (Openness.OFFSITE, REJECTED, R.RESOURCE_NOT_OPEN),
        (Openness.MISSING, PENDING, R.RESOURCE_BROKEN),
        (Openness.EMPTY, PENDING, R.RESOURCE_BROKEN),
        (Openness.CORRUPT, PENDING, R.RESOURCE_BROKEN),
        (Openness.BLOCKED, UNDETERMINED, R.RESOURCE_UNKNOWN),
        (Openness.UNREACHABLE, UNDETERMINED, R.RESOURCE_UNKNOWN),
    ],
)
def test_a_file_weighs_what_the_policy_says(
    openness: Openness, state: VerdictState, reason: VerdictReason
) -> None:
    files = [a_resource(Openness.OPEN), a_resource(openness), a_resource(openness)]
    judged = judge(replace(CLEAN, resources=files), DEFAULT)
    assert (judged.state, judged.grounds[0].code) == (state, reason)
    assert judged.grounds[0].count == (0 if openness is Openness.OPEN else 2)


@pytest.mark.parametrize("reason", list(NotScreened))
def test_a_gap_keeps_a_space_from_eligible_unless_the_policy_lets_it_pass(
    reason: NotScreened,
) -> None:
    facts = replace(CLEAN, ledger=ledger(gap(reason), gap(reason)))
    strict = DEFAULT.model_copy(update={"allowed_gaps": frozenset()})
    lenient = DEFAULT.model_copy(update={"allowed_gaps": frozenset({reason})})
    held = judge(facts, strict)
    assert (held.state, held.grounds[0].code, held.grounds[0].count) == (
        PENDING,
        R.COVERAGE_GAP,
        2,
    )
    assert judge(facts, lenient).state is ELIGIBLE
    assert tally(facts.ledger).as_json(strict) == {
        "found": {"page": 1, "resource": 2},
        "screened": {"page": 1, "resource": 0},
        "not_screened": [{"reason": reason.value, "count": 2}],
        "complete": False,
        "gaps_allowed": False,
    }


def test_the_severity_from_which_a_finding_holds_is_the_policys() -> None:
    facts = replace(CLEAN, findings=[reviewed(NOTICE, OPEN)])
    strict = DEFAULT.model_copy(update={"holding_severity": NOTICE})
    assert judge(facts, strict).state is PENDING


def test_a_ground_carries_numbers_the_worst_severity_and_no_quoted_content() -> None:
    facts = replace(CLEAN, findings=[reviewed(SUSPECT, OPEN, "a"), reviewed(SERIOUS, OPEN, "b")])
    [ground] = judge(facts, DEFAULT).grounds
    assert ground.as_json() == {
        "code": "finding_open",
        "basis": "某规范第一条",
        "severity": "serious",
        "findings": 2,
    }


# Whatever the facts are

rows = st.builds(
    LedgerRow,
    st.sampled_from(CoverageKind),
    st.text(max_size=3),
    st.none() | st.sampled_from(NotScreened),
)
ledgers = st.lists(rows, max_size=8).map(lambda drawn: ledger(*drawn))
findings = st.lists(
    st.builds(
        reviewed,
        st.sampled_from(Severity),
        st.sampled_from((OPEN, CONFIRMED, DISMISSED)),
        st.sampled_from(("a", "b", "c")),
    ),
    max_size=4,
)
some_facts = st.builds(
    Facts,
    snapshot=st.none() | st.builds(a_snapshot, st.sampled_from(Visibility)),
    resources=st.lists(st.builds(a_resource, st.sampled_from(Openness)), max_size=4),
    ledger=ledgers | st.just([]),
    findings=findings,
    word=st.none()
    | st.builds(
        word, st.sampled_from((Action.CONFIRM, Action.DISMISS)), st.sampled_from(("sn0", "sn1"))
    ),
    rejected_before=st.booleans(),
    screened=st.booleans(),
)
LIVE = [state for state in VerdictState if state is not VerdictState.STALE]


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    states = {
        each: draw(
            st.sampled_from(
                [s for s in LIVE if s is not REJECTED or each.access is not Access.CANNOT_TELL]
            )
        )
        for each in Openness
        if each is not Openness.OPEN
    }
    changes = {
        "openness": states,
        "allowed_gaps": draw(st.frozensets(st.sampled_from(NotScreened))),
        "holding_severity": draw(st.sampled_from(Severity)),
    }
    return Policy.model_validate({**DEFAULT.model_dump(), **changes})


@given(some_facts, policies())
def test_the_machine_alone_rejects_only_what_is_measured(facts: Facts, policy: Policy) -> None:
    judged = judge(facts, policy)
    if judged.state is not REJECTED:
        return
    closed = facts.snapshot is not None and facts.snapshot.visibility.access is Access.NOT_PUBLIC
    kept_back = any(
        each.openness.access is Access.NOT_PUBLIC and policy.openness[each.openness] is REJECTED
        for each in facts.resources
    )
    by_person = any(item.state is CONFIRMED for item in facts.findings) or (
        facts.word is not None and facts.word.action is Action.CONFIRM
    )
    assert closed or kept_back or by_person


@given(some_facts, policies())
def test_what_cannot_be_told_is_never_rejected_nor_passed(facts: Facts, policy: Policy) -> None:
    unknown = Visibility.BLOCKED, Visibility.UNREACHABLE
    calm = replace(facts, findings=[], word=None, resources=[])
    for visibility in unknown:
        judged = judge(replace(calm, snapshot=a_snapshot(visibility)), policy)
        assert judged.state is UNDETERMINED
        passed = replace(facts, snapshot=a_snapshot(visibility))
        assert judge(passed, policy).state is not ELIGIBLE


@given(some_facts, policies())
def test_eligible_means_that_nothing_is_left_to_look_at(facts: Facts, policy: Policy) -> None:
    if judge(facts, policy).state is not ELIGIBLE:
        return
    assert facts.snapshot is not None
    assert facts.snapshot.visibility.access is Access.PUBLIC
    assert facts.screened
    passed = (
        facts.word is not None
        and facts.word.action is Action.DISMISS
        and facts.word.snapshot_id == facts.snapshot.id
    )
    assert passed or not facts.rejected_before
    gaps = {row.reason for row in facts.ledger if row.reason is not None}
    assert passed or gaps <= policy.allowed_gaps
    assert passed or any(row.screened and row.kind is CoverageKind.PAGE for row in facts.ledger)
    for item in facts.findings:
        held = item.finding.severity.rank >= policy.holding_severity.rank
        assert item.state is DISMISSED or (item.state is OPEN and not held)
    for each in facts.resources:
        assert each.openness is Openness.OPEN or policy.openness[each.openness] is ELIGIBLE


@given(some_facts, policies(), st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(facts: Facts, policy: Policy, random: Random) -> None:
    other = replace(
        facts,
        resources=random.sample(facts.resources, len(facts.resources)),
        ledger=random.sample(facts.ledger, len(facts.ledger)),
        findings=random.sample(facts.findings, len(facts.findings)),
    )
    assert judge(other, policy) == judge(facts, policy)
    assert tally(other.ledger).as_json(policy) == tally(facts.ledger).as_json(policy)


def test_reasons_of_equal_gravity_have_an_order_of_their_own() -> None:
    """Rows come in any order, and a verdict that says the same is the same."""
    lenient = DEFAULT.model_copy(update={"openness": dict.fromkeys(Openness, PENDING)})
    files = [a_resource(o) for o in (Openness.MISSING, Openness.LOGIN, Openness.BLOCKED)]
    suspicions = [reviewed(SERIOUS, OPEN, key) for key in ("a", "b")]
    suspicions[1].finding.basis = "另一规范第二条"
    orders = {
        judge(replace(CLEAN, resources=some, findings=other), lenient)
        for some in (files, files[::-1])
        for other in (suspicions, suspicions[::-1])
    }
    assert len(orders) == 1


def gravity(judged: Judged) -> int:
    return GRAVITY.index(judged.state)


@given(some_facts, policies(), st.sampled_from(NotScreened), st.sampled_from(Severity))
def test_more_to_look_at_never_makes_a_verdict_better(
    facts: Facts, policy: Policy, reason: NotScreened, severity: Severity
) -> None:
    before = judge(facts, policy)
    with_gap = replace(facts, ledger=[*facts.ledger, *ledger(gap(reason))[1:]])
    with_finding = replace(facts, findings=[*facts.findings, reviewed(severity, OPEN, "z")])
    for after in (judge(with_gap, policy), judge(with_finding, policy)):
        assert gravity(after) <= gravity(before)
        assert (after.state is REJECTED) == (before.state is REJECTED)


@given(st.lists(rows, max_size=30))
def test_what_was_found_is_what_was_screened_plus_the_gaps(drawn: list[LedgerRow]) -> None:
    kept: list[Coverage] = ledger(*drawn)
    counted = tally(kept)
    assert sum(counted.found.values()) == len(drawn) + 1
    assert sum(counted.found.values()) == sum(counted.screened.values()) + sum(
        counted.gaps.values()
    )
    for kind, number in counted.found.items():
        missed = sum(row.kind == kind and row.reason is not None for row in kept)
        assert number == counted.screened[kind] + missed
    assert counted.complete == all(row.reason is None for row in drawn)


# Standing and going stale


@pytest.fixture(params=BOTH)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    with fresh_engine(request, tmp_path, request.param) as fresh:
        with session(fresh) as current:
            add_space(current)
        yield fresh


def visit(
    current: Session,
    number: int = 1,
    *spans: str,
    gaps: Sequence[NotScreened] = (),
    with_tools: Tools | None = None,
) -> None:
    """The numbered visit to the space, screened; each span is found in a sentence of its own."""
    keep_screening(
        current,
        screened(
            *(found(f"今天的内容有{span}。", span) for span in spans),
            rows=[gap(reason) for reason in gaps],
        ),
        with_tools or tools(),
        screening_id=f"sc{number}{len(spans)}{with_tools is not None}",
        snapshot=add_snapshot(current, number),
        at=NOW,
    )
    current.flush()


def issue(
    current: Session,
    on: Basis | None = None,
    *,
    by: str = "machine",
    now: datetime = NOW,
    policy: Policy = DEFAULT,
) -> Verdict:
    """The verdict that follows from the rows."""
    facts = facts_of(current, 1)
    number = int(facts.snapshot.id.removeprefix("sn")) if facts.snapshot else 0
    return issue_verdict(
        current,
        facts,
        policy,
        on or basis(number),
        campaign_id=1,
        space_id=1,
        decided_by=by,
        now=now,
    )


def feed(current: Session) -> list[tuple[FeedEvent, VerdictState]]:
    rows_ = current.exec(select(Verdict).order_by(col(Verdict.serial))).all()
    assert [row.serial for row in rows_] == list(range(1, len(rows_) + 1))
    return [(row.event, row.state) for row in rows_]


def say(current: Session, action: Action, reason: str, about: Finding | Space) -> None:
    decide(
        current,
        user=current.exec(select(User)).one(),
        action=action,
        reason=reason,
        note="",
        at=NOW,
        finding=about if isinstance(about, Finding) else None,
        space=about if isinstance(about, Space) else None,
    )
    current.flush()


CHANGES: Sequence[tuple[dict[str, Any], VerdictReason]] = (
    ({"content_digest": "sha256:other"}, R.CONTENT_CHANGED),
    ({"rule_pack": "sha256:other"}, R.RULES_CHANGED),
    ({"models": {"solicitation": "sha256:other"}}, R.MODELS_CHANGED),
    ({"policy": "default@2 sha256:other"}, R.POLICY_CHANGED),
)


@pytest.mark.parametrize(("values", "reason"), CHANGES)
def test_a_verdict_is_stale_while_what_it_stands_on_is_not_todays(
    engine: Engine, values: dict[str, Any], reason: VerdictReason
) -> None:
    with session(engine) as current:
        visit(current)
        issued = issue(current).id
    with session(engine) as current:
        changed = current_verdict(current, 1, basis(**values), NOW)
        assert changed is not None
        assert (changed.state, changed.stale_because) == (VerdictState.STALE, (reason,))
        assert changed.row.id == issued
        assert changed.row.state is ELIGIBLE
        back = current_verdict(current, 1, basis(), NOW)
        assert back is not None
        assert (back.state, back.stale_because) == (ELIGIBLE, ())


def test_another_snapshot_of_the_same_content_is_no_change(engine: Engine) -> None:
    with session(engine) as current:
        visit(current)
        issue(current)
        held = current_verdict(current, 1, basis(snapshot="sn2"), NOW)
        assert held is not None
        assert held.state is ELIGIBLE


def test_all_changes_are_named() -> None:
    row = Verdict(
        id="vd",
        campaign_id=1,
        space_id=1,
        decided_by="machine",
        state=ELIGIBLE,
        basis=basis().as_json(),
        valid_until=NOW,
    )
    values = {name: value for change, _ in CHANGES for name, value in change.items()}
    held = hold_against(row, basis(**values), NOW)
    assert held.stale_because == (*(reason for _, reason in CHANGES), R.EXPIRED)


@pytest.mark.parametrize(
    ("seconds", "state"),
    [(-1, ELIGIBLE), (0, VerdictState.STALE), (1, VerdictState.STALE)],
)
def test_a_verdict_runs_out_at_its_very_moment(
    engine: Engine, seconds: int, state: VerdictState
) -> None:
    end = AT + DEFAULT.valid_days * DAY
    with session(engine) as current:
        visit(current)
        assert issue(current).valid_until == end
        held = current_verdict(current, 1, basis(), end + timedelta(seconds=seconds))
        assert held is not None
        assert held.state is state
        assert held.stale_because == ((R.EXPIRED,) if state is VerdictState.STALE else ())


def test_there_is_no_verdict_on_what_was_never_judged(engine: Engine) -> None:
    with session(engine) as current:
        assert current_verdict(current, 1, basis(), NOW) is None
        assert issue(current).state is UNDETERMINED
        held = current_verdict(current, 1, basis(0, snapshot=None, content_digest=None), NOW)
        assert held is not None


def test_the_feed_is_told_once_and_told_again_when_it_stands_again(engine: Engine) -> None:
    with session(engine) as current:
        visit(current)
        issue(current)
        changed = current_verdict(current, 1, basis(rule_pack="sha256:other"), NOW)
        assert changed is not None
        told = announce_stale(current, changed, NOW)
        assert told is not None
        assert told.supersedes == changed.row.id
        assert [reason["code"] for reason in told.reasons] == ["rules_changed"]
        assert announce_stale(current, changed, NOW) is None
    with session(engine) as current:
        # The announcement is no verdict of its own: what stands is still the one before it.
        held = current_verdict(current, 1, basis(), NOW)
        assert held is not None
        assert held.state is ELIGIBLE
        issue(current)
        issue(current)
        assert feed(current) == [
            (FeedEvent.ISSUED, ELIGIBLE),
            (FeedEvent.STALED, VerdictState.STALE),
            (FeedEvent.ISSUED, ELIGIBLE),
        ]
        assert list(broken_links(current)) == []


def test_nothing_is_announced_of_a_verdict_that_stands(engine: Engine) -> None:
    with session(engine) as current:
        visit(current)
        issue(current)
        held = current_verdict(current, 1, basis(), NOW)
        assert held is not None
        assert announce_stale(current, held, NOW) is None
        assert len(feed(current)) == 1


def test_a_verdict_that_was_replaced_meanwhile_is_not_announced(engine: Engine) -> None:
    with session(engine) as current:
        visit(current)
        issue(current)
        old = current_verdict(current, 1, basis(content_digest="sha256:content-2"), NOW)
        visit(current, 2)
        issue(current)
        assert old is not None
        assert announce_stale(current, old, NOW) is None
        assert feed(current) == [(FeedEvent.ISSUED, ELIGIBLE)] * 2


def test_the_same_verdict_is_not_repeated_by_running_again(engine: Engine) -> None:
    for number in range(3):
        with session(engine) as current:
            if number == 0:
                visit(current, 1, "一对一辅导", gaps=[NotScreened.AUDIO_VIDEO])
            issue(current, now=NOW + number * DAY)
            assert feed(current) == [(FeedEvent.ISSUED, PENDING)]


def test_a_verdict_that_ran_out_is_not_issued_again_as_it_was(engine: Engine) -> None:
    """No new visit could be made: the job runs every night, and the feed stays as it is."""
    late = AT + (DEFAULT.valid_days + 1) * DAY
    with session(engine) as current:
        visit(current)
        issue(current)
        for _ in range(3):
            held = current_verdict(current, 1, basis(), late)
            assert held is not None
            announce_stale(current, held, late)
            issue(current, now=late)
        assert feed(current) == [
            (FeedEvent.ISSUED, ELIGIBLE),
            (FeedEvent.STALED, VerdictState.STALE),
        ]


def test_a_verdict_stands_on_a_screening_by_the_rules_it_names(engine: Engine) -> None:
    """The rules changed and an officer decides before the space was screened again."""
    other = tools("political")
    assert other.pack.digest != tools().pack.digest
    with session(engine) as current:
        visit(current)
        assert issue(current).state is ELIGIBLE
        todays = basis(rule_pack=other.pack.digest)
        assert issue(current, todays).state is PENDING
        models = basis(models={"solicitation": "sha256:model-1"})
        assert issue(current, models).state is PENDING
        snapshot = facts_of(current, 1).snapshot
        assert snapshot is not None
        keep_screening(current, screened(), other, screening_id="sc9", snapshot=snapshot, at=NOW)
        assert issue(current, todays).state is ELIGIBLE


def test_rules_changed_and_changed_back(engine: Engine) -> None:
    """What the first rules found holds the space again, though they were screened with before."""
    other, first = tools("political"), tools()
    with session(engine) as current:
        visit(current, 1, "一对一辅导")
        key = newest_screening(current, "sn1")
        snapshot = facts_of(current, 1).snapshot
        assert key is not None
        assert snapshot is not None
        assert issue(current).state is PENDING
        keep_screening(current, screened(), other, screening_id="sc9", snapshot=snapshot, at=NOW)
        assert issue(current, basis(rule_pack=other.pack.digest)).state is ELIGIBLE
        again = screened(found("今天的内容有一对一辅导。", "一对一辅导"))
        for _ in range(2):
            keep_screening(current, again, first, screening_id=key.id, snapshot=snapshot, at=NOW)
            assert issue(current).state is PENDING
        assert len(feed(current)) == 3


@pytest.mark.parametrize("fails", [False, True])
def test_serials_have_no_gaps_even_after_a_failure(engine: Engine, fails: bool) -> None:
    with session(engine) as current:
        visit(current)
        issue(current)
    with Session(engine) as current:
        issue(current, basis(policy="default@2 sha256:other"))
        (current.rollback if fails else current.commit)()
    with session(engine) as current:
        issue(current, basis(policy="default@3 sha256:other"))
        assert len(feed(current)) == (2 if fails else 3)


def test_serials_are_given_out_one_by_one_to_many_at_once(engine: Engine) -> None:
    with session(engine) as current:
        visit(current)

    def one(number: int) -> None:
        with session(engine) as current:
            issue(current, basis(policy=f"default@{number}"))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(one, range(12)))
    with session(engine) as current:
        assert len(feed(current)) == 12
        assert list(broken_links(current)) == []


def test_a_verdict_cannot_be_edited_or_removed(engine: Engine) -> None:
    with session(engine) as current:
        visit(current)
        issue(current)
    for spoil in ("edit", "remove"):
        with Session(engine) as current:
            row = newest_verdict(current, 1)
            assert row is not None
            if spoil == "edit":
                row.state = REJECTED
            else:
                current.delete(row)
            with pytest.raises(AppendOnlyError):
                current.commit()


# After a person rejected, a person must pass


def test_after_a_rejection_only_a_person_passes_and_only_what_was_looked_at(
    engine: Engine,
) -> None:
    with session(engine) as current:
        visit(current, 1, "一对一辅导")
        assert issue(current).state is PENDING
        [item] = reviewed_findings(current, 1)
        say(current, Action.CONFIRM, "violation", item.finding)
        assert issue(current, by="审核员甲").state is REJECTED
        # The teacher removes it: the machine finds nothing any more, and may not say so.
        visit(current, 2)
        row = issue(current)
        assert (row.state, row.event) == (PENDING, FeedEvent.ISSUED)
        assert [reason["code"] for reason in row.reasons] == ["person_must_pass"]
        say(current, Action.DISMISS, "fit", current.get_one(Space, 1))
        assert issue(current, by="审核员甲").state is ELIGIBLE
        # That word was on that content.
        visit(current, 3)
        assert issue(current).state is PENDING


def test_a_person_who_takes_a_rejection_back_overturns_the_verdict(engine: Engine) -> None:
    with session(engine) as current:
        visit(current, 1, "一对一辅导")
        [item] = reviewed_findings(current, 1)
        say(current, Action.CONFIRM, "violation", item.finding)
        first = issue(current, by="审核员甲")
        say(current, Action.DISMISS, "teaching", item.finding)
        second = issue(current, by="审核员甲")
        assert (second.event, second.state) == (FeedEvent.OVERTURNED, ELIGIBLE)
        assert second.supersedes == first.id
        visit(current, 2)
        assert issue(current).state is ELIGIBLE


def test_the_machine_overturns_nothing(engine: Engine) -> None:
    with session(engine) as current:
        visit(current)
        current.add(Resource(**a_resource(Openness.LOGIN).model_dump(exclude={"id"})))
        current.flush()
        assert issue(current).state is REJECTED
        visit(current, 2)
        row = issue(current)
        assert (row.event, row.state) == (FeedEvent.ISSUED, ELIGIBLE)


def test_an_undone_word_on_the_space_no_longer_passes_it(engine: Engine) -> None:
    with session(engine) as current:
        visit(current, 1, gaps=[NotScreened.PICTURE_TEXT])
        assert issue(current).state is PENDING
        space = current.get_one(Space, 1)
        say(current, Action.DISMISS, "fit", space)
        assert issue(current, by="审核员甲").state is ELIGIBLE
        say(current, Action.UNDO, "mistake", space)
        assert issue(current, by="审核员甲").state is PENDING


@pytest.mark.parametrize("reason", list(VerdictReason))
def test_a_reason_is_worded_for_officers(reason: VerdictReason) -> None:
    assert len(reason.label) >= 4
