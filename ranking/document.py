"""A ranking as plain data, for the API, ``--json`` and the tables that keep it as it was shown."""

from __future__ import annotations

from ranking.explanation import note
from ranking.records import Entry, Ranking, Score, UnitTotals
from ranking.scoring import how

Plain = dict[str, object]


def ranking_document(ranking: Ranking) -> Plain:
    """The whole ranking; names of teachers are in it."""
    scheme = ranking.scheme
    return {
        "stage": ranking.stage.value,
        "ranked_at": ranking.at.isoformat(),
        "sample": ranking.sample,
        "scheme": {
            "id": scheme.id,
            "version": scheme.version,
            "title": scheme.title,
            "source": scheme.source,
            "digest": scheme.digest,
        },
        "rural": {
            "mode": scheme.rural.mode.value,
            "came_in": list(ranking.effect.came_in),
            "went_out": list(ranking.effect.went_out),
        },
        "warnings": list(ranking.warnings),
        "units": [_unit(totals) for totals in ranking.units],
        "entries": [entry_document(ranking, entry) for entry in ranking.entries],
    }


def entry_document(ranking: Ranking, entry: Entry) -> Plain:
    """One entry."""
    candidate, county = entry.candidate, entry.county
    return {
        "space": candidate.space,
        "teacher": candidate.teacher,
        "school": candidate.school,
        "county": candidate.county,
        "unit": entry.unit.title,
        "place": entry.place.value,
        "rank": entry.rank,
        "seat": entry.seat.value if entry.seat else None,
        "total": entry.score.total,
        "bonus": entry.bonus,
        "held": [{"code": h.reason.value, "sentence": h.sentence} for h in entry.gate.holds],
        "county_place": county.place.value if county else None,
        "county_rank": county.rank if county else None,
        "note": note(ranking, entry),
    }


def score_document(score: Score) -> Plain:
    """One score with its items."""
    return {
        "total": score.total,
        "points": score.points,
        "scored_max": score.scored_max,
        "full": score.full,
        "sample": score.sample,
        "items": [
            {
                "id": found.item.id,
                "title": found.item.title,
                "scorer": found.item.scorer.value,
                "points": found.points,
                "max": found.item.max,
                "how": how(found),
                "evidence": found.item.evidence,
            }
            for found in score.items
        ],
    }


def _unit(totals: UnitTotals) -> Plain:
    return {
        "unit": totals.unit.title,
        "direct": totals.unit.direct,
        "listed": totals.unit.listed,
        "places": totals.unit.places,
        "nominated": totals.nominated,
        "held_out": totals.held_out,
        "selected": totals.selected,
        "pilot": totals.pilot,
        "rural": totals.rural,
        "reserve": totals.reserve,
        "beyond": totals.beyond,
    }
