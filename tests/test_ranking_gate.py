"""The gate: only a current 合格 passes; every reason, and the near misses of each."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta, timezone
from typing import Any

import pytest

from models.vocabulary import VerdictReason, VerdictState, Visibility
from ranking.gate import REMEDIES, gate
from ranking.records import GateReason, Place
from tests.ranking_samples import ELIGIBLE, NOW, candidate, ranked, selected

TICK = timedelta(microseconds=1)
CHINA = timezone(timedelta(hours=8))


def reasons(**changes: Any) -> tuple[GateReason, ...]:
    return gate(candidate("s1", verdict=replace(ELIGIBLE, **changes)), NOW).reasons


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"valid_until": NOW + TICK},
        {"valid_until": (NOW + TICK).astimezone(CHINA)},
        {"coverage_complete": False, "gaps_allowed": True},
        {"coverage_complete": True, "gaps_allowed": True},
        {"reasons": (), "serial": None, "snapshot_at": None},
    ],
)
def test_admitted(changes: dict[str, Any]) -> None:
    assert gate(candidate("s1", verdict=replace(ELIGIBLE, **changes)), NOW).admitted


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"state": VerdictState.STALE}, GateReason.STALE),
        ({"state": VerdictState.PENDING}, GateReason.PENDING),
        ({"state": VerdictState.REJECTED}, GateReason.REJECTED),
        ({"state": VerdictState.UNDETERMINED}, GateReason.UNDETERMINED),
        ({"valid_until": NOW}, GateReason.EXPIRED),
        ({"valid_until": NOW.astimezone(CHINA)}, GateReason.EXPIRED),
        ({"valid_until": NOW - TICK}, GateReason.EXPIRED),
        ({"valid_until": None}, GateReason.NO_VALIDITY),
        ({"visibility": Visibility.PARTIAL}, GateReason.NOT_PUBLIC),
        ({"visibility": Visibility.LOGIN}, GateReason.NOT_PUBLIC),
        ({"visibility": Visibility.PASSWORD}, GateReason.NOT_PUBLIC),
        ({"visibility": Visibility.RESTRICTED}, GateReason.NOT_PUBLIC),
        ({"visibility": Visibility.HIDDEN}, GateReason.NOT_PUBLIC),
        ({"visibility": Visibility.MISSING}, GateReason.NOT_PUBLIC),
        ({"visibility": Visibility.BLOCKED}, GateReason.ACCESS_UNKNOWN),
        ({"visibility": Visibility.UNREACHABLE}, GateReason.ACCESS_UNKNOWN),
        ({"coverage_complete": False, "gaps_allowed": False}, GateReason.COVERAGE_GAP),
    ],
)
def test_held_out_for_one_reason(changes: dict[str, Any], reason: GateReason) -> None:
    assert reasons(**changes) == (reason,)


def test_never_checked_is_not_clean() -> None:
    assert gate(candidate("s1", verdict=None), NOW).reasons == (GateReason.NEVER_CHECKED,)


def test_every_reason_is_given() -> None:
    found = reasons(
        state=VerdictState.PENDING,
        visibility=Visibility.LOGIN,
        coverage_complete=False,
        valid_until=NOW,
    )
    assert found == (
        GateReason.PENDING,
        GateReason.EXPIRED,
        GateReason.NOT_PUBLIC,
        GateReason.COVERAGE_GAP,
    )


def test_sentences_carry_the_verdicts_own_reasons() -> None:
    verdict = replace(
        ELIGIBLE,
        state=VerdictState.PENDING,
        reasons=(VerdictReason.FINDING_OPEN.value, "a_reason_of_tomorrow"),
    )
    (hold,) = gate(candidate("s1", verdict=verdict), NOW).holds
    assert hold.sentence == (
        f"审核结论为“待复核”:{VerdictReason.FINDING_OPEN.label}、a_reason_of_tomorrow。"
    )


def test_the_end_of_validity_is_said_in_china_time() -> None:
    (hold,) = gate(candidate("s1", verdict=replace(ELIGIBLE, valid_until=NOW)), NOW).holds
    assert "2022-10-12 09:00" in hold.sentence


def test_every_reason_has_a_remedy() -> None:
    assert set(REMEDIES) == set(GateReason)


@pytest.mark.parametrize("state", [s for s in VerdictState if s is not VerdictState.ELIGIBLE])
def test_nothing_but_eligible_is_ever_selected(state: VerdictState) -> None:
    best = candidate("best", 100, verdict=replace(ELIGIBLE, state=state))
    ranking = ranked([best, candidate("poor", 1)])
    assert selected(ranking) == ["poor"]
    assert ranking.entry("best").place is Place.HELD_OUT
    assert ranking.entry("best").rank is None
