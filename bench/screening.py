"""The built-in rules on held-out cases, beside the floors kept in git.

The cases' author had not seen the rules; their texts are not for tuning (tests/cases/README.md).
False alarms are given as the share of harmless texts left alone, so that in every row more is
better and a ratio below one misses the floor. A family's rows stand beside all families' and
promise nothing: ten or so cases are too few for a floor.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rules.evaluation import Tally, parse_cases, read_cases, tally, tally_by_family
from rules.families import families
from rules.matcher import Matcher
from rules.pack import load_packs

TESTS = Path(__file__).resolve().parent.parent / "tests"
CASES = TESTS / "cases" / "heldout.jsonl"
FLOORS = TESTS / "floors.json"


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison; ``floor`` is the least ratio, none where nothing was promised."""

    measure: str
    ours: float
    peer: str
    peer_value: float
    ratio: float
    floor: float | None = None

    @property
    def ok(self) -> bool:
        """Whether the ratio holds its floor."""
        return self.floor is None or self.ratio >= self.floor


def shares(counted: Tally) -> dict[str, float]:
    """What is measured: in each, more is better."""
    return {
        "problems found by any rule": counted.recall,
        "problems found by a rule of their family": counted.recall_in_kind,
        "problems found at suspect or above": counted.suspected / counted.problems,
        "harmless not flagged at suspect or above": 1 - counted.false_alarm,
        "harmless not flagged serious": 1 - counted.serious / counted.harmless,
        "harmless not flagged at all": 1 - counted.noticed / counted.harmless,
    }


def promised(floor: Mapping[str, float], harmless: int) -> dict[str, float]:
    """The floors under the same names, ceilings turned over."""
    return {
        "problems found by any rule": floor["recall"],
        "problems found by a rule of their family": floor["recall_in_kind"],
        "harmless not flagged at suspect or above": 1 - floor["false_alarm"],
        "harmless not flagged serious": 1 - floor["serious"] / harmless,
    }


def compared(overall: Tally, by_family: Mapping[str, Tally]) -> Iterator[Row]:
    """All families beside the floors, then each family beside all of them."""
    floor = json.loads(FLOORS.read_text(encoding="utf-8"))["screening.heldout"]
    whole, least = shares(overall), promised(floor, overall.harmless)
    for measure, ours in whole.items():
        if measure in least:
            yield _row(measure, ours, "floor", least[measure], floor=1.0)
        else:
            yield _row(measure, ours, "none", ours)
    for family, counted in by_family.items():
        for measure in least:
            ours = shares(counted)[measure]
            yield _row(f"{family}: {measure}", ours, "all families", whole[measure])


def _row(measure: str, ours: float, peer: str, theirs: float, *, floor: float | None = None) -> Row:
    # The ratio is of the unrounded shares: a share just below its floor does not round up to it.
    return Row(measure, round(ours, 4), peer, round(theirs, 4), ours / theirs, floor)


def as_json(row: Row) -> str:
    """A row for machines."""
    return json.dumps(asdict(row) | {"ok": row.ok}, ensure_ascii=False)


def as_table(overall: Tally, by_family: Mapping[str, Tally], rows: Sequence[Row]) -> Iterator[str]:
    """The counts by family, and the measures that have a floor."""
    heads = (
        "problems",
        "found",
        "in kind",
        "suspect+",
        "harmless",
        "notice+",
        "suspect+",
        "serious",
    )
    yield f"{'family':<16}" + "".join(f"{head:>10}" for head in heads)
    for name, counted in (*by_family.items(), ("all", overall)):
        numbers = "".join(f"{number:>10}" for number in asdict(counted).values())
        label = families()[name].label if name in families() else ""
        yield f"{name:<16}{numbers}   {label}"
    yield ""
    for row in rows:
        if row.floor is not None:
            state = "ok" if row.ok else "MISSED"
            yield f"{row.measure:<44}{row.ours:>8.3f}   floor {row.peer_value:.3f}   {state}"


def main(arguments: Sequence[str]) -> int:
    """Measure, print, and say by the exit code whether a floor was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one object a line")
    chosen = parser.parse_args(arguments)
    cases = parse_cases(CASES.read_text(encoding="utf-8"), CASES.name)
    readings = read_cases(Matcher(load_packs()), cases)
    overall, by_family = tally(readings), tally_by_family(readings)
    rows = list(compared(overall, by_family))
    for line in map(as_json, rows) if chosen.json else as_table(overall, by_family, rows):
        print(line)
    return 0 if all(row.ok for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
