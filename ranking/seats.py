"""Who of one unit's ordered spaces takes which of its places."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from ranking.records import Candidate, Entry, SeatKind
from rules.quota import Quotas, QuotaUnit
from rules.scheme import RuralMode, RuralPolicy


def leaning(unit: QuotaUnit, rural: RuralPolicy) -> RuralPolicy | None:
    """The rural policy as it holds for a unit.

    The notice asks the counties to lean; a school that applies directly has places of its own.
    """
    return None if unit.direct or rural.mode is RuralMode.NONE else rural


def is_rural(candidate: Candidate, rural: RuralPolicy) -> bool:
    """Whether the policy leans towards this space; not when its school's kind is unknown."""
    return candidate.school_kind in rural.kinds


def bonus(candidate: Candidate, rural: RuralPolicy | None) -> float:
    """Points that the policy adds to a space's total for the order in its unit."""
    if rural is None or not is_rural(candidate, rural):
        return 0.0
    return rural.bonus_points or 0.0


def may_take_pilot_place(candidate: Candidate, quotas: Quotas) -> bool:
    """Whether a pilot place may go to this space: a front-line teacher in a pilot school's pilot."""
    return candidate.pilot and candidate.front_line and quotas.has_pilot_places(candidate.school)


def fill(
    ordered: Sequence[Entry], unit: QuotaUnit, quotas: Quotas, rural: RuralPolicy | None
) -> Mapping[str, SeatKind]:
    """Give out the places of a unit, from the first to the last of its spaces.

    Ordinary places go by order to anyone, apart from those that the rural policy keeps. The pilot
    places of each school then go by order to those left who may take one; a pilot place that none
    of them takes stays empty.

    Returns:
        The kind of place of each selected space, by its identifier.
    """
    seats = _ordinary(ordered, unit.places, rural)
    if unit.listed:
        seats.update(
            _pilot([e.candidate for e in ordered if e.candidate.space not in seats], quotas)
        )
    return seats


def _ordinary(
    ordered: Sequence[Entry], places: int, rural: RuralPolicy | None
) -> dict[str, SeatKind]:
    """Keep the share first and fill up by order: the least change that satisfies the share."""
    spaces = [entry.candidate.space for entry in ordered]
    kept: list[str] = []
    if rural is not None and rural.mode is RuralMode.RESERVED_SHARE:
        leaned = [e.candidate.space for e in ordered if is_rural(e.candidate, rural)]
        kept = leaned[: rural.reserved(places)]
    taken = set(kept)
    open_to_all = [space for space in spaces if space not in taken][: places - len(kept)]
    by_order = set(spaces[:places])
    return {
        space: SeatKind.ORDINARY if space in by_order else SeatKind.RESERVED
        for space in (*kept, *open_to_all)
    }


def _pilot(left: Sequence[Candidate], quotas: Quotas) -> dict[str, SeatKind]:
    used: Counter[str] = Counter()
    seats = {}
    for candidate in left:
        school = quotas.school_of(candidate.school)
        if may_take_pilot_place(candidate, quotas) and used[school] < quotas.pilot.extra_places:
            used[school] += 1
            seats[candidate.space] = SeatKind.PILOT
    return seats
