"""All phrases of a pack in one automaton, and where they occur in a folded text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum, auto
from itertools import chain
from typing import NamedTuple

import ahocorasick_rs

from rules.folding import fold
from rules.names import MOST_SLIPS


class Use(Enum):
    """What a phrase is to its rule."""

    PHRASE = auto()
    ALLOW = auto()
    ANCHOR = auto()
    #: A piece of an official name.
    PIECE = auto()


@dataclass(frozen=True, slots=True)
class Entry:
    """One phrase in its use by one rule (by the rule's place in the pack)."""

    rule: int
    use: Use
    phrase: str
    #: Of a piece: the whole name, folded, and where in it the piece stands.
    name: str = ""
    offset: int = 0


class Occurrence(NamedTuple):
    """An entry found in a folded text."""

    entry: Entry
    start: int
    end: int


def _reach(entry: Entry) -> int:
    return max(len(fold(entry.phrase).text), len(entry.name) + MOST_SLIPS if entry.name else 0)


class Lexicon:
    """Finds every occurrence of every phrase, overlapping ones too.

    Overlaps matter: the longest phrase of one rule must not hide another rule's shorter one, and
    an allow phrase must be seen beside the phrase inside it. Each rule settles its own overlaps.
    """

    def __init__(self, entries: Iterable[Entry]) -> None:
        by_phrase: dict[str, list[Entry]] = {}
        for entry in entries:
            by_phrase.setdefault(fold(entry.phrase).text, []).append(entry)
        self._automaton = ahocorasick_rs.AhoCorasick(list(by_phrase), store_patterns=False)
        self._by_place = tuple(map(tuple, by_phrase.values()))
        #: The length of the longest phrase or slip of a name, folded.
        self.longest = max(map(_reach, chain.from_iterable(self._by_place)), default=0)

    def scan(self, text: str, first: int = 0, last: int | None = None) -> Iterator[Occurrence]:
        """Every entry's occurrences in a folded text, or a part of it, in order of their ends."""
        entries = self._by_place
        part = text if last is None else text[first:last]
        for place, start, end in self._automaton.find_matches_as_indexes(part, overlapping=True):
            for entry in entries[place]:
                yield Occurrence(entry, first + start, first + end)
