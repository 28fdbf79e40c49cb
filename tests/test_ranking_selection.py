"""Selection: quotas, direct schools, pilot places, rural policies, ties, the city stage."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.vocabulary import RankingStage, SchoolKind, VerdictState
from ranking.document import ranking_document
from ranking.records import Candidate, Place, RankingError, SeatKind
from rules.scheme import RuralPolicy, Scheme
from tests.ranking_samples import (
    ELIGIBLE,
    NO_POLICY,
    TIE_BREAK,
    bonus,
    candidate,
    direct,
    pilot,
    ranked,
    rural,
    scheme,
    selected,
    share,
)

CITY = RankingStage.CITY


def places(candidates: list[Candidate], rules: Scheme | None = None) -> dict[str, Place]:
    return {e.candidate.space: e.place for e in ranked(candidates, rules).entries}


def seats(candidates: list[Candidate], rules: Scheme | None = None) -> dict[str, SeatKind | None]:
    return {e.candidate.space: e.seat for e in ranked(candidates, rules).selected}


def test_quota_bites_in_order_and_reserves_wait() -> None:
    found = places([candidate(f"s{n}", 10 * n) for n in range(1, 6)], scheme(2, reserve=1))
    assert found == {
        "s5": Place.SELECTED,
        "s4": Place.SELECTED,
        "s3": Place.RESERVE,
        "s2": Place.BEYOND_QUOTA,
        "s1": Place.BEYOND_QUOTA,
    }


def test_each_unit_has_its_own_places() -> None:
    other = {"county": "丰泽区", "unit": "丰泽区教育局"}
    ranking = ranked(
        [candidate(f"a{n}", 90 + n) for n in range(3)]
        + [candidate(f"b{n}", n, **other) for n in range(3)],
        scheme(2, other_county=1),
    )
    assert selected(ranking) == ["a2", "a1", "b2"]
    assert [(e.candidate.space, e.rank) for e in ranking.entries] == [
        ("a2", 1), ("a1", 2), ("a0", 3), ("b2", 1), ("b1", 2), ("b0", 3),
    ]  # fmt: skip
    assert [(u.unit.title, u.nominated, u.selected, u.reserve) for u in ranking.units] == [
        ("鲤城区", 3, 2, 1),
        ("丰泽区", 3, 1, 1),
    ]


def test_a_held_out_space_takes_no_place() -> None:
    late = replace(ELIGIBLE, valid_until=None)
    found = places(
        [candidate("best", 99, verdict=late), candidate("s1", 2), candidate("s2", 1)], scheme(2)
    )
    assert found == {"s1": Place.SELECTED, "s2": Place.SELECTED, "best": Place.HELD_OUT}


def test_an_unlisted_unit_has_no_places_and_is_named() -> None:
    stranger = candidate("s1", 99, county="福州市", unit="福州市教育局", pilot=True)
    ranking = ranked([stranger])
    assert ranking.entry("s1").place is Place.BEYOND_QUOTA
    assert any("福州市教育局" in line for line in ranking.warnings)


@pytest.mark.parametrize(
    ("school", "number"),
    [("泉州一中", 6), ("泉州五中", 6), ("晋光小学", 6), ("示例幼儿园", 4), ("泉州五中分校", 4)],
)
def test_direct_schools(school: str, number: int) -> None:
    rivals = [direct(f"s{n}", 10 + n, school) for n in range(8)]
    assert len(selected(ranked(rivals))) == number


def test_two_spellings_share_the_places_of_one_school() -> None:
    rivals = [direct(f"a{n}", 50 + n, "泉州一中") for n in range(5)]
    rivals += [direct(f"b{n}", 10 + n, "福建省泉州第一中学") for n in range(5)]
    assert len(selected(ranked(rivals))) == 6


def test_a_direct_school_takes_no_place_of_its_county() -> None:
    rivals = [direct("d", 99, "示例幼儿园"), candidate("s1", 2), candidate("s2", 1)]
    assert len(selected(ranked(rivals, scheme(2)))) == 3


def test_pilot_places_come_on_top() -> None:
    rivals = [pilot(f"s{n:02}", 50 + n, school="示例幼儿园") for n in range(9)]
    found = seats(rivals)
    assert list(found) == [f"s{n:02}" for n in range(8, 1, -1)]
    assert list(found.values()) == [SeatKind.ORDINARY] * 4 + [SeatKind.PILOT] * 3


@pytest.mark.parametrize(("is_pilot", "front_line"), [(False, True), (True, False), (False, False)])
def test_a_pilot_place_never_goes_to_others(is_pilot: bool, front_line: bool) -> None:
    filled = [pilot(f"s{n}", 90 + n, school="示例幼儿园") for n in range(4)]
    other = direct("other", 80, "示例幼儿园", pilot=is_pilot, front_line=front_line)
    last = pilot("last", 1, school="示例幼儿园")
    ranking = ranked([*filled, other, last])
    assert ranking.entry("other").place is Place.RESERVE
    assert ranking.entry("last").seat is SeatKind.PILOT


def test_an_ordinary_place_may_go_to_anyone() -> None:
    assert seats([direct("s1", front_line=False)]) == {"s1": SeatKind.ORDINARY}


def test_pilot_places_belong_to_the_school() -> None:
    first = [direct(f"a{n}", 90 + n, "泉州一中") for n in range(6)]
    elsewhere = [pilot(f"b{n}", 10 + n, school="泉州五中") for n in range(10)]
    found = seats([*first, direct("a9", 1, "泉州一中"), *elsewhere])
    assert "a9" not in found
    assert sum(seat is SeatKind.PILOT for seat in found.values()) == 3


def test_a_pilot_school_of_a_county_has_pilot_places_too() -> None:
    rivals = [candidate("a", 90), candidate("b", 80)]
    rivals += [candidate(f"p{n}", 10 + n, pilot=True, school="示例试点小学") for n in range(4)]
    rivals += [candidate(f"q{n}", 20 + n, pilot=True, school="示例二小") for n in range(1)]
    found = seats(rivals, scheme(2))
    assert [space for space, seat in found.items() if seat is SeatKind.PILOT] == [
        "q0", "p3", "p2", "p1",
    ]  # fmt: skip


def field() -> list[Candidate]:
    """Two places; two urban spaces ahead of two rural ones."""
    return [candidate("u1", 90), candidate("u2", 80), rural("r1", 78), rural("r2", 50)]


@pytest.mark.parametrize(
    ("policy", "chosen", "came_in", "went_out"),
    [
        (NO_POLICY, {"u1", "u2"}, (), ()),
        (TIE_BREAK, {"u1", "u2"}, (), ()),
        (bonus(1), {"u1", "u2"}, (), ()),
        (bonus(2.01), {"u1", "r1"}, ("r1",), ("u2",)),
        (share(20), {"u1", "r1"}, ("r1",), ("u2",)),
        (share(50), {"u1", "r1"}, ("r1",), ("u2",)),
        (share(100), {"r1", "r2"}, ("r1", "r2"), ("u1", "u2")),
    ],
)
def test_rural_policy_and_its_effect(
    policy: RuralPolicy, chosen: set[str], came_in: tuple[str, ...], went_out: tuple[str, ...]
) -> None:
    ranking = ranked(field(), scheme(2, policy))
    assert set(selected(ranking)) == chosen
    assert (ranking.effect.came_in, ranking.effect.went_out) == (came_in, went_out)


def test_rural_comes_first_only_among_equals() -> None:
    rivals = [candidate("a", 50), rural("b", 50), rural("c", 49.99)]
    ranking = ranked(rivals, scheme(1, TIE_BREAK))
    assert selected(ranking) == ["b"]
    assert ranking.effect.came_in == ("b",)
    assert ranking.entry("a").rank == 2


def test_a_share_that_is_reached_anyway_changes_nothing() -> None:
    rivals = [rural("r1", 90), candidate("u1", 80), candidate("u2", 70)]
    ranking = ranked(rivals, scheme(2, share(50)))
    assert selected(ranking) == ["r1", "u1"]
    assert ranking.effect.came_in == ()
    assert ranking.entry("r1").seat is SeatKind.ORDINARY


def test_a_share_without_rural_candidates_goes_to_the_others() -> None:
    assert selected(ranked([candidate("u1", 9), candidate("u2", 8)], scheme(2, share(50)))) == [
        "u1",
        "u2",
    ]


@pytest.mark.parametrize(
    ("kind", "leans"),
    [
        (SchoolKind.RURAL, True),
        (SchoolKind.REMOTE, True),
        (SchoolKind.TOWN, False),
        (SchoolKind.URBAN, False),
        (None, False),
    ],
)
def test_whom_the_policy_leans_to(kind: SchoolKind | None, leans: bool) -> None:
    rivals = [candidate("u", 90), candidate("x", 10, school_kind=kind)]
    assert (selected(ranked(rivals, scheme(1, share(20)))) == ["x"]) is leans


def test_direct_schools_are_not_tilted() -> None:
    rivals = [direct(f"u{n}", 50 + n, "示例幼儿园") for n in range(4)]
    rivals.append(direct("r", 1, "示例幼儿园", school_kind=SchoolKind.RURAL))
    assert "r" not in selected(ranked(rivals, scheme(2, share(100))))


def test_ties_follow_the_declared_list() -> None:
    even = {"measures": {"open_resources": 1.0}}
    rivals = [
        candidate("c", 50, measures={"open_resources": 1.0, "text_chars": 5.0}),
        candidate("b", 50, **even),
        candidate("a", 50, **even),
        candidate("d", 50, measures={"open_resources": 2.0}),
    ]
    order = [entry.candidate.space for entry in ranked(rivals, scheme(4)).entries]
    assert order == ["d", "c", "a", "b"]


def test_a_space_without_the_value_comes_after_those_with_it() -> None:
    rivals = [candidate("a", 50), candidate("z", 50, measures={"text_chars": 0.0})]
    assert [e.candidate.space for e in ranked(rivals, scheme(2)).entries] == ["z", "a"]


def test_city_chooses_from_what_the_units_selected() -> None:
    other = {"county": "丰泽区", "unit": "丰泽区教育局"}
    rivals = [candidate(f"a{n}", 90 + n) for n in range(3)]
    rivals += [candidate(f"b{n}", 10 + n, **other) for n in range(2)]
    rivals.append(candidate("x", 99, verdict=None))
    ranking = ranked(rivals, scheme(2, awards=2, reserve=1), CITY)
    found = {e.candidate.space: (e.place, e.rank) for e in ranking.entries}
    assert found == {
        "a2": (Place.SELECTED, 1),
        "a1": (Place.SELECTED, 2),
        "b1": (Place.RESERVE, 3),
        "b0": (Place.BEYOND_QUOTA, 4),
        "a0": (Place.BEYOND_QUOTA, None),
        "x": (Place.HELD_OUT, None),
    }
    county = ranking.entry("a0").county
    assert county is not None
    assert county.place is Place.RESERVE


def test_the_city_does_not_lean_but_shows_whom_the_county_stage_brought() -> None:
    ranking = ranked(field(), scheme(2, bonus(50)), CITY)
    assert [(e.candidate.space, e.ordering_total) for e in ranking.selected] == [
        ("r1", 78),
        ("r2", 50),
    ]
    assert ranking.effect.came_in == ("r1", "r2")


def test_the_city_breaks_ties_without_a_lean() -> None:
    ranking = ranked([candidate("a", 50), rural("b", 50)], scheme(2, TIE_BREAK), CITY)
    assert selected(ranking) == ["a", "b"]


def test_three_hundred_awards() -> None:
    rules = scheme(310, awards=300, reserve=5)
    rivals = [candidate(f"s{n:03}", n / 4) for n in range(320)]
    ranking = ranked(rivals, rules, CITY)
    assert len(ranking.selected) == 300
    assert sum(e.place is Place.RESERVE for e in ranking.entries) == 5


def test_one_space_twice_is_refused() -> None:
    with pytest.raises(RankingError, match="s1"):
        ranked([candidate("s1", 1), candidate("s1", 2)])


def test_what_a_sample_touches_says_so() -> None:
    ranking = ranked([candidate("s1")])
    assert ranking.sample
    assert ranking.entry("s1").score.sample
    assert "示例" in ranking.warnings[0]


def test_selected_without_consent_is_pointed_out() -> None:
    assert not any("同意" in line for line in ranked([candidate("s1")]).warnings)
    doubtful = [candidate("s1", consent=None), candidate("s2", consent=False)]
    assert any("2 个入选空间未注明" in line for line in ranked(doubtful).warnings)


POLICIES = st.sampled_from([NO_POLICY, TIE_BREAK, bonus(5), share(20), share(60)])
SCHOOLS = st.sampled_from(
    [("鲤城区", "示例小学"), ("丰泽区", "示例二小"), ("市直", "泉州一中"), ("市直", "示例园")]
)
STATES = st.sampled_from([VerdictState.ELIGIBLE] * 6 + [VerdictState.STALE, VerdictState.PENDING])


@st.composite
def rounds(draw: st.DrawFn) -> list[Candidate]:
    """Nominations with many ties, pilots and some verdicts that do not pass."""
    found = []
    for number in range(draw(st.integers(0, 24))):
        county, school = draw(SCHOOLS)
        found.append(
            candidate(
                f"s{number:02}",
                draw(st.sampled_from([10, 20, 20, 30, None])),
                county=county,
                unit=county,
                school=school,
                school_kind=draw(st.sampled_from([SchoolKind.RURAL, SchoolKind.URBAN])),
                pilot=draw(st.booleans()),
                front_line=draw(st.booleans()),
                verdict=replace(ELIGIBLE, state=draw(STATES)),
                measures=draw(st.sampled_from([{}, {"open_resources": 4.0}])),
            )
        )
    return found


@given(rounds(), POLICIES, st.sampled_from(RankingStage), st.randoms(use_true_random=False))
def test_the_order_of_the_input_does_not_matter(
    candidates: list[Candidate], policy: RuralPolicy, stage: RankingStage, shuffle: Random
) -> None:
    rules = scheme(3, policy, awards=4)
    mixed = list(candidates)
    shuffle.shuffle(mixed)
    first, second = ranked(candidates, rules, stage), ranked(mixed, rules, stage)
    assert first.entries == second.entries
    assert ranking_document(first) == ranking_document(second)


@given(rounds(), POLICIES)
def test_what_always_holds(candidates: list[Candidate], policy: RuralPolicy) -> None:
    rules = scheme(3, policy)
    ranking = ranked(candidates, rules)
    assert len(ranking.entries) == len(candidates)
    for totals in ranking.units:
        mine = [e for e in ranking.selected if e.unit == totals.unit]
        ordinary = [e for e in mine if e.seat is not SeatKind.PILOT]
        competing = [e for e in ranking.entries if e.unit == totals.unit and e.rank]
        assert len(ordinary) == min(totals.unit.places, len(competing))
        assert totals.nominated == (
            totals.selected + totals.reserve + totals.beyond + totals.held_out
        )
    for entry in ranking.selected:
        assert entry.gate.admitted
        if entry.seat is SeatKind.PILOT:
            assert entry.candidate.pilot
            assert entry.candidate.front_line


@given(rounds(), POLICIES, st.data())
def test_a_higher_score_never_loses_a_place(
    candidates: list[Candidate], policy: RuralPolicy, data: st.DataObject
) -> None:
    rules = scheme(3, policy, missing="zero")
    won = selected(ranked(candidates, rules))
    if not won:
        return
    space = data.draw(st.sampled_from(won))
    better = [
        replace(c, depth_index=(c.depth_index or 0) + 15) if c.space == space else c
        for c in candidates
    ]
    assert space in selected(ranked(better, rules))
