"""Screening the sample platform's stored snapshots again, beside screening them from nothing.

The snapshots are of one crawl: a finished home is taken if named, else one is made. All sides are
processor seconds of a whole reading of all snapshots in this process and its children, with fresh
matchers, from nothing (no kept answers), again, and after one rule changed.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from audit.cache.extraction import KeptExtraction
from audit.cache.matching import KeptMatcher
from audit.cache.store import AnswerStore
from audit.extract.worker import ExtractionWorker
from audit.screening import Found, Tools, screen
from crawler.store import SnapshotReader
from rules.pack import RulePack, load_packs
from rules.rule import Rule
from service.models import load_classifiers
from tests.platform import CAMPAIGN, Installation, nomination_sheet, running_platform

#: Least ratios: about a third below what was measured on two shared cores (5.1 and 4.2). Half of what
#: is left is reading the evidence itself, which is never skipped; a faster matcher lowers the ratios,
#: more classifiers and pictures raise them.
FLOORS = {"nothing changed": 3.5, "one rule changed": 3.0}
#: Turns of each cheap side; the best counts, as other work only ever makes a turn longer.
TURNS = 3


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison: how many times longer the screening from nothing takes."""

    measure: str
    ours: float
    peer: str
    peer_value: float
    ratio: float
    floor: float

    @property
    def ok(self) -> bool:
        """Whether the ratio holds its floor."""
        return self.ratio >= self.floor


def crawled(folder: Path) -> Path:
    """The snapshots of one audit of the whole sample platform."""
    with running_platform() as address:
        installation = Installation(folder / "home", address)
        sheet = nomination_sheet(folder, address)
        done = installation.run("audit", sheet, *CAMPAIGN, "--profile", "sample", "--json")
    if done.returncode not in (0, 1):
        raise SystemExit(f"the audit failed: {done.stderr[-2000:]}")
    return installation.home


def changed(pack: RulePack) -> RulePack:
    """The pack with one more phrase in one rule."""
    at = next(i for i, rule in enumerate(pack.rules) if rule.phrases)
    values = pack.rules[at].model_dump() | {"phrases": (*pack.rules[at].phrases, "同学们好")}
    rules = (*pack.rules[:at], Rule.model_validate(values), *pack.rules[at + 1 :])
    return RulePack(id=pack.id, version=pack.version, rules=rules)


class Sides:
    """The snapshots, and what one reading of them takes."""

    def __init__(self, home: Path, folder: Path) -> None:
        self._snapshots = sorted((home / "snapshots").rglob("*.wacz"))
        self._classifiers = load_classifiers(home / "models")
        self._folder = folder

    def reading(self, pack: RulePack, answers: Path) -> tuple[float, list[Found]]:
        """Processor seconds of one reading with these kept answers, and what was found."""
        before = _processor_seconds()
        with AnswerStore(answers) as store, ExtractionWorker() as worker:
            tools = Tools(
                pack,
                KeptMatcher(pack, store),
                self._classifiers,
                KeptExtraction(worker, store),
                answers=store,
            )
            found = [each for path in self._snapshots for each in self._read(path, tools)]
        return _processor_seconds() - before, found

    @staticmethod
    def _read(path: Path, tools: Tools) -> list[Found]:
        with SnapshotReader(path) as reader:
            return screen(reader, tools).findings

    def best(self, pack: RulePack, kept: Path) -> tuple[float, list[Found]]:
        """The best of some readings, each beginning with the same kept answers."""
        turns = []
        for turn in range(TURNS):
            own = self._folder / f"turn{turn}.db"
            shutil.copyfile(kept, own)
            turns.append(self.reading(pack, own))
        return min(turns, key=lambda turn: turn[0])


def _processor_seconds() -> float:
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(used.ru_utime + used.ru_stime for used in both)


def compared(home: Path, folder: Path) -> Iterator[Row]:
    """Each side beside the screening from nothing.

    Raises:
        SystemExit: kept answers led to other findings than none.
    """
    pack = load_packs()
    other, sides = changed(pack), Sides(home, folder)
    sides.reading(warming(pack), folder / "warm.db")
    kept = folder / "kept.db"
    first, found = sides.reading(pack, kept)
    for measure, asked in (("nothing changed", pack), ("one rule changed", other)):
        seconds, again = sides.best(asked, kept)
        expected = found if asked is pack else sides.reading(asked, folder / "other.db")[1]
        if again != expected:
            raise SystemExit(f"{measure}: other findings than from nothing")
        ratio = round(first / seconds, 1)
        yield Row(
            measure, round(seconds, 2), "from nothing", round(first, 2), ratio, FLOORS[measure]
        )


def warming(pack: RulePack) -> RulePack:
    """A pack of one rule, to load jieba's dictionary and all else that is loaded once."""
    return RulePack(id=pack.id, version=pack.version, rules=pack.rules[:1])


def main(arguments: Sequence[str]) -> int:
    """Measure, print, and say by the exit code whether a floor was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one object a line")
    parser.add_argument("--home", type=Path, help="a finished home with snapshots of the sample")
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        home = chosen.home or crawled(folder)
        rows = list(compared(home, folder))
    for row in rows:
        if chosen.json:
            print(json.dumps(asdict(row) | {"ok": row.ok}, ensure_ascii=False))
        else:
            state = "ok" if row.ok else "MISSED"
            print(
                f"{row.measure:<20}{row.ours:>8.2f} s   from nothing {row.peer_value:>8.2f} s"
                f"   {row.ratio:>6.1f} times   floor {row.floor:.1f}   {state}"
            )
    return 0 if all(row.ok for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
