"""The quality floors kept in git: raised by what is measured, lowered only with a reason.

FloorLowered    a floor would go down (or a ceiling up) and nobody said why; nothing is written
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

#: Measures of which less is better: their floor is a ceiling.
CEILINGS = frozenset({"false_alarm", "serious"})
#: Where the reasons are kept, beside the floors themselves.
LOWERED = "lowered"

Floors = dict[str, Any]


class FloorLowered(ValueError):  # noqa: N818  (reads as what it says)
    """A floor would be lowered without a reason."""


@dataclass(frozen=True, slots=True)
class Change:
    """One floor that is put lower (or one ceiling higher)."""

    what: str
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured of one set of cases: whole, and by family."""

    digest: str
    whole: Mapping[str, float]
    families: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def floors(self, margin: float, family_margin: float) -> Floors:
        """Floors a little below what was measured, so that a change may cost a case or two."""
        made: Floors = {name: _below(name, value, margin) for name, value in self.whole.items()}
        if self.families:
            made["families"] = {
                family: {name: _below(name, value, family_margin) for name, value in each.items()}
                for family, each in self.families.items()
            }
        return made | {"cases": self.digest}


def _below(name: str, value: float, margin: float) -> float:
    if name == "serious":
        return value  # a count of what must not be: no margin
    shifted = value + margin if name in CEILINGS else value - margin
    return round(max(0.0, shifted), 3)


def joined(old: Floors, new: Floors, *, reason: str = "") -> Floors:
    """New floors over old ones: what is better is raised, what is worse needs a reason.

    Raises:
        FloorLowered: naming every floor that would go down, when no reason is given.
    """
    worse = list(_worse(old, new))
    if worse and not reason:
        told = "; ".join(f"{each.what}: {each.before} -> {each.after}" for each in worse)
        raise FloorLowered(f"{told}; lower with --lower --reason TEXT")
    kept = _best(old, new) if not worse else {**_best(old, new), **_taken(new, worse)}
    history = list(old.get(LOWERED, []))
    history += [
        {"what": each.what, "from": each.before, "to": each.after, "reason": reason}
        for each in worse
    ]
    return kept | ({LOWERED: history} if history else {})


def _flat(floors: Floors) -> Iterator[tuple[str, str, float]]:
    """Every floor as (what, name, value)."""
    for name, value in floors.items():
        if isinstance(value, (int, float)):
            yield name, name, value
    for family, each in floors.get("families", {}).items():
        for name, value in each.items():
            yield f"{family}.{name}", name, value


def _worse(old: Floors, new: Floors) -> Iterator[Change]:
    after = {what: value for what, _, value in _flat(new)}
    for what, name, before in _flat(old):
        if what not in after:
            continue
        rises = after[what] > before
        if after[what] != before and rises is (name in CEILINGS):
            yield Change(what, before, after[what])


def _best(old: Floors, new: Floors) -> Floors:
    before = {what: value for what, _, value in _flat(old)}

    def best(what: str, name: str, value: float) -> float:
        choose = min if name in CEILINGS else max
        return choose(value, before.get(what, value))

    made: Floors = {
        name: best(name, name, value) if isinstance(value, (int, float)) else value
        for name, value in new.items()
        if name != "families"
    }
    if "families" in new:
        made["families"] = {
            family: {name: best(f"{family}.{name}", name, value) for name, value in each.items()}
            for family, each in new["families"].items()
        }
    return made


def _taken(new: Floors, worse: list[Change]) -> Floors:
    """All of the new floors: once one was lowered for a reason, the set is measured afresh."""
    return {name: value for name, value in new.items() if worse}


def read_floors(path: Path) -> Floors:
    """All floors by what they are of."""
    floors: Floors = json.loads(path.read_text(encoding="utf-8"))
    return floors


def write_floors(path: Path, floors: Floors) -> None:
    """Write all floors, as the diff of a commit is read best."""
    text = json.dumps(floors, ensure_ascii=False, indent=2) + "\n"
    path.write_text(text, encoding="utf-8")
