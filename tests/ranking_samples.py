"""Candidates and schemes that the tests of the ranking share; all names are invented."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from models.vocabulary import RankingStage, SchoolKind, VerdictState, Visibility
from ranking.records import Candidate, Ranking, VerdictView
from ranking.selection import select
from rules.scheme import RuralMode, RuralPolicy, Scheme, load_scheme

NOW = datetime(2022, 10, 12, 1, 0, tzinfo=UTC)
ELIGIBLE = VerdictView(
    state=VerdictState.ELIGIBLE,
    visibility=Visibility.PUBLIC,
    coverage_complete=True,
    gaps_allowed=False,
    valid_until=NOW + timedelta(days=3),
    reasons=("all_clear",),
    serial=7,
    snapshot_at=NOW - timedelta(days=1),
)

NO_POLICY = RuralPolicy(mode=RuralMode.NONE, source="试算", sample=True)
TIE_BREAK = RuralPolicy(mode=RuralMode.TIE_BREAK, source="试算", sample=True)


def bonus(points: float) -> RuralPolicy:
    return RuralPolicy(mode=RuralMode.BONUS, source="试算", sample=True, bonus_points=points)


def share(percent: int) -> RuralPolicy:
    return RuralPolicy(
        mode=RuralMode.RESERVED_SHARE, source="试算", sample=True, share_percent=percent
    )


def candidate(space: str, index: float | None = 50, **fields: Any) -> Candidate:
    """A space of 鲤城区 that the gate admits; alone its depth index scores, and is its total."""
    given: dict[str, Any] = {
        "space": space,
        "teacher": "林某",
        "school": "示例小学",
        "unit": "鲤城区教育局",
        "county": "鲤城区",
        "school_kind": SchoolKind.URBAN,
        "stage": "小学",
        "subject": "语文",
        "pilot": False,
        "front_line": True,
        "consent": True,
        "verdict": ELIGIBLE,
        "depth_index": index,
    }
    return Candidate(**{**given, **fields})


def rural(space: str, index: float = 50, **fields: Any) -> Candidate:
    return candidate(space, index, school_kind=SchoolKind.RURAL, **fields)


def direct(space: str, index: float = 50, school: str = "泉州一中", **fields: Any) -> Candidate:
    return candidate(space, index, school=school, unit=school, county="市直", **fields)


def pilot(space: str, index: float = 50, **fields: Any) -> Candidate:
    return direct(space, index, pilot=True, **fields)


def scheme(
    places: int = 2,
    policy: RuralPolicy = NO_POLICY,
    *,
    awards: int = 300,
    reserve: int = 1,
    missing: str = "not_scored",
    other_county: int = 2,
) -> Scheme:
    """The sample scheme with small numbers: 鲤城区 and 丰泽区 have few places, nobody else any."""
    data = load_scheme().model_dump()
    data["rural"] = policy.model_dump()
    data["award"] |= {"places": awards, "reserve": reserve}
    data["reserve_per_unit"] = reserve
    data["missing"] = missing
    units = data["quotas"]["counties"]["units"][:2]
    data["quotas"]["counties"]["units"] = [
        {**unit, "places": number}
        for unit, number in zip(units, (places, other_county), strict=True)
    ]
    return Scheme.model_validate(data)


def ranked(
    candidates: Iterable[Candidate],
    rules: Scheme | None = None,
    stage: RankingStage = RankingStage.COUNTY,
) -> Ranking:
    rules = rules or scheme()
    return select(candidates, rules, rules.quotas, stage, NOW)


def selected(ranking: Ranking) -> list[str]:
    return [entry.candidate.space for entry in ranking.selected]
