"""The built-in rules on labelled cases and on lawful texts, beside the floors kept in git.

Three sets (tests/cases/README.md): the rules were tuned on ``heldout``; ``fresh`` was written before
that by the same hand; ``unseen`` after it, and nobody tunes on it. Every share is given so that more
is better. Statutes and exam questions are public texts that stay outside the repository: with
``--data``, or where they lie beside it, they are held to the bounds of the specification.

``--write-floors`` raises the floors to what was measured; to lower one takes ``--lower --reason``.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from models.vocabulary import Severity
from rules.evaluation import (
    Reading,
    Tally,
    parse_cases,
    precision_by_family,
    read_cases,
    tally,
    tally_by_family,
)
from rules.families import families
from rules.floors import FloorLowered, Floors, Measured, joined, read_floors, write_floors
from rules.matcher import Matcher
from rules.pack import load_packs

ROOT = Path(__file__).resolve().parent.parent
CASES = ROOT / "tests" / "cases"
FLOORS = ROOT / "tests" / "floors.json"
DATA = ROOT.parent / "shared" / "data"

#: The sets, and whether their families have floors of their own: those that rules are tuned on.
SETS = {"heldout": True, "fresh": True, "unseen": False}
#: A floor lies this far below what was measured; a family has ten cases or so, and may lose one.
MARGIN, FAMILY_MARGIN = 0.02, 0.1

#: Lawful texts: findings in 10,000 characters at suspect or above, and the share of exam questions
#: that is left alone.
MOST_IN_STATUTES = 1.0
LESSONS_LEFT_ALONE = 0.998
#: Below this many findings in 10,000 characters a ratio says nothing.
_LEAST_RATE = 0.01


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


# Labelled cases


def measured(name: str, matcher: Matcher) -> tuple[Measured, Mapping[str, Tally], Tally]:
    """One set of cases: its measures, its tally by family, its whole tally."""
    path = CASES / f"{name}.jsonl"
    cases = parse_cases(path.read_text(encoding="utf-8"), path.name)
    readings = read_cases(matcher, cases)
    digest = f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"
    by_family = tally_by_family(readings)
    detail = _by_family(readings, by_family) if SETS[name] else {}
    whole = tally(readings)
    return Measured(digest, measures(whole), detail), by_family, whole


def measures(counted: Tally) -> dict[str, float]:
    """What has a floor (or a ceiling) over all families."""
    return {
        "recall": counted.recall,
        "recall_in_kind": counted.recall_in_kind,
        "false_alarm": counted.false_alarm,
        "serious": counted.serious,
    }


def _by_family(
    readings: Sequence[Reading], tallies: Mapping[str, Tally]
) -> dict[str, dict[str, float]]:
    precision = precision_by_family(readings)
    return {
        family: {"recall": counted.recall, "precision": precision.get(family, 1.0)}
        for family, counted in tallies.items()
    }


def compared(name: str, made: Measured, floors: Floors) -> Iterator[Row]:
    """A set beside its floors; ceilings turned over, so that more is better."""
    promised = floors.get(f"screening.{name}", {})
    for measure, value in made.whole.items():
        if measure == "serious":
            yield _row(f"{name}: none flagged serious", float(not value), "floor", 1.0)
        elif measure == "false_alarm":
            least = 1 - promised.get(measure, 1.0)
            yield _row(f"{name}: harmless left alone", 1 - value, "floor", least)
        else:
            yield _row(f"{name}: {measure}", value, "floor", promised.get(measure, 0.0))
    for family, each in made.families.items():
        least_of = promised.get("families", {}).get(family, {})
        for measure, value in each.items():
            yield _row(f"{name}: {family}: {measure}", value, "floor", least_of.get(measure, 0.0))


def _row(measure: str, ours: float, peer: str, theirs: float) -> Row:
    # The ratio is of the unrounded shares: a share just below its floor does not round up to it.
    ratio = ours / theirs if theirs else float(ours >= theirs)
    return Row(measure, round(ours, 4), peer, round(theirs, 4), ratio, 1.0)


# Lawful texts


def lawful(data: Path, matcher: Matcher) -> Iterator[Row]:
    """Statutes and exam questions, where they are; nothing where they are not."""
    statutes = sorted((data / "statutes").glob("*.txt"))
    if statutes:
        yield from _statutes([path.read_text(encoding="utf-8") for path in statutes], matcher)
    lessons = data / "lessons" / "gaokao.jsonl"
    if lessons.is_file():
        lines = lessons.read_text(encoding="utf-8").splitlines()
        flagged = sum(_worst(matcher, json.loads(line)["text"]) > 0 for line in lines)
        share = 1 - flagged / len(lines)
        yield _row("exam questions left alone", share, "bound", LESSONS_LEFT_ALONE)


def _statutes(texts: Sequence[str], matcher: Matcher) -> Iterator[Row]:
    hits = [hit for text in texts for hit in matcher.match(text)]
    grave = sum(hit.rule.severity is Severity.SERIOUS for hit in hits)
    doubts = sum(hit.rule.severity is not Severity.NOTICE for hit in hits)
    rate = doubts / sum(map(len, texts)) * 10_000
    ratio = MOST_IN_STATUTES / max(rate, _LEAST_RATE)
    measure = "statutes: findings in 10,000 characters"
    yield Row(measure, round(rate, 3), "bound", MOST_IN_STATUTES, ratio, 1.0)
    yield _row("statutes: none flagged serious", float(not grave), "bound", 1.0)


def _worst(matcher: Matcher, text: str) -> int:
    return max((hit.rule.severity.rank for hit in matcher.match(text)), default=0)


# Printing


def as_json(row: Row) -> str:
    """A row for machines."""
    return json.dumps(asdict(row) | {"ok": row.ok}, ensure_ascii=False)


_HEADS = ("problems", "found", "in kind", "suspect+", "harmless", "notice+", "suspect+", "serious")


def as_table(name: str, by_family: Mapping[str, Tally], whole: Tally) -> Iterator[str]:
    """The counts of a set by family."""
    yield f"{name:<16}" + "".join(f"{head:>10}" for head in _HEADS)
    for family, counted in (*by_family.items(), ("all", whole)):
        numbers = "".join(f"{number:>10}" for number in asdict(counted).values())
        label = families()[family].label if family in families() else ""
        yield f"{family:<16}{numbers}   {label}"
    yield ""


def as_line(row: Row) -> str:
    """A row for people."""
    state = "ok" if row.ok else "MISSED"
    return f"{row.measure:<52}{row.ours:>8.3f}   {row.peer} {row.peer_value:.3f}   {state}"


def main(arguments: Sequence[str]) -> int:
    """Measure, print, and say by the exit code whether a floor was missed."""
    chosen = _parsed(arguments)
    matcher, floors = Matcher(load_packs()), read_floors(FLOORS)
    rows: list[Row] = []
    results = {name: measured(name, matcher) for name in SETS}
    for name, (made, by_family, whole) in results.items():
        rows += compared(name, made, floors)
        if not chosen.json:
            print(*as_table(name, by_family, whole), sep="\n")
    rows += lawful(chosen.data, matcher)
    print(*map(as_json if chosen.json else as_line, rows), sep="\n")
    if chosen.write_floors:
        reason = chosen.reason if chosen.lower else ""
        return _written(floors, {name: made for name, (made, _, _) in results.items()}, reason)
    return 0 if all(row.ok for row in rows) else 1


def _parsed(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one object a line")
    parser.add_argument("--data", type=Path, default=DATA, help="folder of public texts")
    parser.add_argument("--write-floors", action="store_true", help="raise the floors")
    parser.add_argument("--lower", action="store_true", help="let floors go down too")
    parser.add_argument("--reason", default="", help="why a floor goes down; kept beside it")
    chosen = parser.parse_args(arguments)
    if chosen.lower and not chosen.reason.strip():
        parser.error("--lower needs --reason TEXT")
    return chosen


def _written(floors: Floors, made: Mapping[str, Measured], reason: str) -> int:
    """Write the floors of every set, or none."""
    try:
        changed = {
            f"screening.{name}": joined(
                floors.get(f"screening.{name}", {}),
                each.floors(MARGIN, FAMILY_MARGIN),
                reason=reason,
            )
            for name, each in made.items()
        }
    except FloorLowered as refusal:
        print(f"floors not written: {refusal}", file=sys.stderr)
        return 1
    write_floors(FLOORS, floors | changed)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
