"""The selection: gate, score, county stage within quotas, city stage from what counties selected."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from models.vocabulary import RankingStage
from ranking.gate import gate
from ranking.notices import notices
from ranking.ordering import criteria, in_order
from ranking.records import (
    Candidate,
    Entry,
    Place,
    Ranking,
    RankingError,
    RuralEffect,
    SeatKind,
    UnitTotals,
)
from ranking.scoring import score
from ranking.seats import bonus, fill, is_rural, leaning
from rules.quota import Quotas, QuotaUnit
from rules.scheme import RuralMode, RuralPolicy, Scheme


def select(
    candidates: Iterable[Candidate],
    scheme: Scheme,
    quotas: Quotas,
    stage: RankingStage,
    now: datetime,
) -> Ranking:
    """Select, and say of every space where it stands.

    The gate is asked anew at ``now``. In the county stage every unit fills its places; in the city
    stage the awards go by total to what the units selected, without any lean. The result does not
    depend on the order of ``candidates``.

    Raises:
        RankingError: a space occurs twice, or has a score that cannot be.
    """
    judged = [_judged(candidate, scheme, quotas, now) for candidate in candidates]
    _refuse_twins(judged)
    entries = _run(judged, scheme, quotas, stage, scheme.rural)
    return Ranking(
        stage=stage,
        at=now,
        scheme=scheme,
        quotas=quotas,
        entries=tuple(entries),
        units=tuple(_totals(entries, scheme.rural)),
        effect=_effect(judged, entries, scheme, quotas, stage),
        warnings=tuple(notices(entries, scheme, quotas)),
    )


def _judged(candidate: Candidate, scheme: Scheme, quotas: Quotas, now: datetime) -> Entry:
    """A candidate with its gate and score, before any place is given out."""
    return Entry(
        candidate=candidate,
        unit=quotas.unit_of(candidate.county, candidate.unit, candidate.school),
        gate=gate(candidate, now),
        score=score(candidate, scheme),
        place=Place.HELD_OUT,
    )


def _refuse_twins(entries: Sequence[Entry]) -> None:
    counted = Counter(entry.candidate.space for entry in entries)
    twice = sorted(space for space, number in counted.items() if number > 1)
    if twice:
        raise RankingError(f"空间编号重复:{'、'.join(twice)}。请核对名单。")


def _run(
    judged: Sequence[Entry],
    scheme: Scheme,
    quotas: Quotas,
    stage: RankingStage,
    rural: RuralPolicy,
) -> list[Entry]:
    entries = _county_stage(judged, scheme, quotas, rural)
    return _city_stage(entries, scheme) if stage is RankingStage.CITY else entries


def _county_stage(
    judged: Sequence[Entry], scheme: Scheme, quotas: Quotas, rural: RuralPolicy
) -> list[Entry]:
    units: defaultdict[QuotaUnit, list[Entry]] = defaultdict(list)
    for entry in judged:
        units[entry.unit].append(entry)
    placed: list[Entry] = []
    for unit in sorted(units, key=lambda unit: unit.order):
        competing = [entry for entry in units[unit] if _competes(entry)]
        placed.extend(_unit_stage(competing, unit, scheme, quotas, leaning(unit, rural)))
        placed.extend(_by_space(entry for entry in units[unit] if not _competes(entry)))
    return placed


def _competes(entry: Entry) -> bool:
    """Admitted, and scored in at least one item."""
    return entry.gate.admitted and entry.score.total is not None


def _by_space(entries: Iterable[Entry]) -> list[Entry]:
    return sorted(entries, key=lambda entry: entry.candidate.space)


def _unit_stage(
    competing: Sequence[Entry],
    unit: QuotaUnit,
    scheme: Scheme,
    quotas: Quotas,
    rural: RuralPolicy | None,
) -> Iterator[Entry]:
    raised = [replace(entry, bonus=bonus(entry.candidate, rural)) for entry in competing]
    ordered = in_order(raised, criteria(scheme, rural))
    seats = fill(ordered, unit, quotas, rural)
    waiting = scheme.reserve_per_unit if unit.places else 0
    for rank, entry in enumerate(ordered, start=1):
        seat = seats.get(entry.candidate.space)
        place = Place.SELECTED
        if seat is None:
            place = Place.RESERVE if waiting else Place.BEYOND_QUOTA
            waiting = max(waiting - 1, 0)
        yield replace(entry, place=place, rank=rank, seat=seat)


def _city_stage(recommended: Sequence[Entry], scheme: Scheme) -> list[Entry]:
    competing = [
        replace(entry, bonus=0.0, seat=None, county=entry)
        for entry in recommended
        if entry.place is Place.SELECTED
    ]
    ordered = in_order(competing, criteria(scheme, None))
    awards, reserve = scheme.award.places, scheme.award.reserve
    placed = [
        replace(entry, rank=rank, place=_city_place(rank, awards, reserve))
        for rank, entry in enumerate(ordered, start=1)
    ]
    left = [_not_recommended(e) for e in recommended if e.place is not Place.SELECTED]
    return [*placed, *left]


def _city_place(rank: int, awards: int, reserve: int) -> Place:
    if rank <= awards:
        return Place.SELECTED
    return Place.RESERVE if rank <= awards + reserve else Place.BEYOND_QUOTA


def _not_recommended(entry: Entry) -> Entry:
    place = Place.HELD_OUT if entry.place is Place.HELD_OUT else Place.BEYOND_QUOTA
    return replace(entry, place=place, rank=None, bonus=0.0, county=entry)


def _effect(
    judged: Sequence[Entry],
    entries: Sequence[Entry],
    scheme: Scheme,
    quotas: Quotas,
    stage: RankingStage,
) -> RuralEffect:
    """Who is selected with the policy and not without it, and the other way round."""
    if scheme.rural.mode is RuralMode.NONE:
        return RuralEffect()
    none = RuralPolicy(mode=RuralMode.NONE, source=scheme.rural.source, sample=scheme.rural.sample)
    without = _selected(_run(judged, scheme, quotas, stage, none))
    with_policy = _selected(entries)
    return RuralEffect(
        came_in=tuple(sorted(with_policy - without)), went_out=tuple(sorted(without - with_policy))
    )


def _selected(entries: Iterable[Entry]) -> set[str]:
    return {entry.candidate.space for entry in entries if entry.place is Place.SELECTED}


def _totals(entries: Iterable[Entry], rural: RuralPolicy) -> Iterator[UnitTotals]:
    units: defaultdict[QuotaUnit, list[Entry]] = defaultdict(list)
    for entry in entries:
        units[entry.unit].append(entry)
    for unit in sorted(units, key=lambda unit: unit.order):
        places = Counter(entry.place for entry in units[unit])
        selected = [entry for entry in units[unit] if entry.place is Place.SELECTED]
        yield UnitTotals(
            unit=unit,
            nominated=len(units[unit]),
            held_out=places[Place.HELD_OUT],
            selected=len(selected),
            pilot=sum((entry.county or entry).seat is SeatKind.PILOT for entry in selected),
            rural=sum(is_rural(entry.candidate, rural) for entry in selected),
            reserve=places[Place.RESERVE],
            beyond=places[Place.BEYOND_QUOTA],
        )
