"""The least that a model must do before it may be put in force: by family, groups held out.

Raised when a better model stands; a promotion below needs a flag and a reason, which the audit log
keeps.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

#: Share of the seed's legitimate lessons that may come out suspect, whatever the family.
LESSONS_CEILING = 0.002


@dataclass(frozen=True, slots=True)
class Floor:
    """What a card must show: at least the first two, at most the third."""

    macro_f1: float
    suspect_recall: float
    suspect_false_alarms: float


#: A little below what the seed corpora gave when they were written.
FLOORS: Mapping[str, Floor] = MappingProxyType(
    {
        "abusive": Floor(0.88, 0.5, 0.02),
        "headline": Floor(0.89, 0.55, 0.01),
        "rumour": Floor(0.84, 0.06, 0.01),
        "solicitation": Floor(0.84, 0.6, 0.04),
        "subject": Floor(0.73, 0.28, 0.06),
    }
)


def short_of(card: Mapping[str, Any]) -> list[str]:
    """Where a card's figures miss its family's floor, each in a few words."""
    floor = FLOORS.get(card["family"])
    return [] if floor is None else list(_missed(card, floor))


def _missed(card: Mapping[str, Any], floor: Floor) -> Iterator[str]:
    suspect = card["suspect"]
    if card["macro_f1"] < floor.macro_f1:
        yield f"macro-F1 {card['macro_f1']} is below {floor.macro_f1}"
    if suspect["recall"] < floor.suspect_recall:
        yield f"suspect recall {suspect['recall']} is below {floor.suspect_recall}"
    if suspect["false_alarms"] > floor.suspect_false_alarms:
        yield f"false alarms {suspect['false_alarms']} are above {floor.suspect_false_alarms}"
    if suspect["lessons"] > LESSONS_CEILING:
        yield f"lessons reached {suspect['lessons']} are above {LESSONS_CEILING}"
