"""Judging: what follows from what, whatever the facts are (design §3, 2 and 3)."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.review import ReviewedFinding
from audit.screening import LedgerRow
from audit.tally import tally
from audit.verdict import (
    GRAVITY,
    Facts,
    Judged,
    judge,
)
from models.tables import Coverage, Decision
from models.vocabulary import (
    Access,
    Action,
    CoverageKind,
    FindingState,
    NotScreened,
    Openness,
    Severity,
    VerdictReason,
    VerdictState,
    Visibility,
)
from rules.policy import Policy, load_policy
from tests.judgement import (
    a_finding,
    a_resource,
    a_snapshot,
    gap,
    ledger,
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


@pytest.mark.parametrize("reason", list(VerdictReason))
def test_a_reason_is_worded_for_officers(reason: VerdictReason) -> None:
    assert len(reason.label) >= 4
