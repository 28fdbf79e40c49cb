"""Words written by sound or likeness: 堵博, 威信, 保zheng提分, 保z提分, 薇❤.

Matching by sound floods (a public lexicon so matched flags a third of exam questions), so it is
gated. Only phrases of families that people evade take part. A Han character can be a replaced one
only where the tokeniser leaves it standing alone, and at least one has to be right. In phrases of
two characters only a rare character or a picture can replace one. Latin letters, as syllables or as
initials, count where they are mixed into Chinese.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from importlib import resources
from typing import NamedTuple

import ahocorasick_rs
import numpy as np
import numpy.typing as npt
import yaml

from rules.characters import Codes
from rules.folding import codes_of, fold, text_of
from rules.loosening import HAN, LATIN, kinds_of
from rules.record import Record
from rules.segmentation import word_bounds

#: Syllables stand as characters from here on, of a script that says nothing in a Chinese text:
#: each takes two bytes, and the automaton's time goes by bytes.
_FIRST_SYLLABLE, _AFTER_SYLLABLES = 0x0400, 0x0600
#: Phrases from this length on are sought by sound among Han characters alone.
_LONG_ENOUGH = 3
#: A longer run of letters is a word of another language; six syllables of six letters at most.
_LONGEST_RUN = 36
_LONGEST_SYLLABLE = 6
#: More letters than this are no initials put for characters.
_MOST_INITIALS = 4
_LATIN = re.compile(r"[a-z]+(?: [a-z]+){0,5}")
_LATIN_BEFORE = re.compile(r"[a-z]+(?: [a-z]+){0,5}\Z")
#: GB 2312's common characters: rows 16 to 55, five cells short of full.
_ROWS, _CELLS = range(0xB0, 0xD8), range(0xA1, 0xFF)


class _Table(Record):
    syllables: str
    others: Mapping[str, str]
    alike: Mapping[str, str]
    families: tuple[str, ...]


class Heard(NamedTuple):
    """A phrase of a rule, written otherwise in a span of folded text."""

    rule: int
    start: int
    end: int
    phrase: str


@cache
def _table() -> _Table:
    text = (resources.files(__package__) / "sounds.yaml").read_text(encoding="utf-8")
    return _Table.model_validate(yaml.safe_load(text))


def evaded_families() -> frozenset[str]:
    """The families whose phrases are also sought by sound."""
    return frozenset(_table().families)


@cache
def syllable_of() -> Mapping[str, str]:
    """The syllable of each character that has one here."""
    first = {entry[-1]: entry[:-1] for entry in _table().syllables.split()}
    sounds, syllable = {}, ""
    for row in _ROWS:
        for character in bytes(b for cell in _CELLS for b in (row, cell)).decode(
            "gb2312", "ignore"
        ):
            syllable = first.get(character, syllable)
            sounds[character] = syllable
    others = {c: sound for sound, some in _table().others.items() for c in some}
    return others | sounds


@cache
def _tokens() -> Mapping[str, str]:
    """The character that stands for each syllable."""
    syllables = sorted(set(syllable_of().values()))
    return {syllable: chr(_FIRST_SYLLABLE + at) for at, syllable in enumerate(syllables)}


@cache
def _sounds() -> Codes:
    """Every code point as the token of its syllable, or as itself."""
    codes = np.arange(0x110000, dtype=np.uint32)
    codes[_FIRST_SYLLABLE:_AFTER_SYLLABLES] = 0
    for character, syllable in syllable_of().items():
        codes[ord(character)] = ord(_tokens()[syllable])
    return codes


@cache
def _initials() -> Codes:
    """Every code point as the first letter of its syllable, or as itself."""
    codes = np.arange(0x110000, dtype=np.uint32)
    for character, syllable in syllable_of().items():
        codes[ord(character)] = ord(syllable[0])
    return codes


def sounded(text: str) -> str:
    """A folded text with a token for each character that has a syllable; as long as the text."""
    return text_of(_sounds()[codes_of(text)])


@cache
def _rare() -> npt.NDArray[np.bool_]:
    """Which code points are the table's own: seldom seen but in place of another."""
    rare = np.zeros(0x110000, dtype=np.bool_)
    rare[codes_of("".join(_table().others.values()))] = True
    return rare


@lru_cache(maxsize=4096)
def _syllables(word: str) -> tuple[str, ...] | None:
    """The syllables that a word in letters is made of, long ones first; None if it is not."""
    if not word:
        return ()
    for length in range(min(_LONGEST_SYLLABLE, len(word)), 0, -1):
        if word[:length] in _tokens() and (rest := _syllables(word[length:])) is not None:
            return (word[:length], *rest)
    return None


class _Index:
    """Spellings of phrases in one automaton."""

    def __init__(self, spellings: Iterable[tuple[str, tuple[int, str]]]) -> None:
        self._phrases: dict[str, list[tuple[int, str]]] = {}
        for spelling, phrase in spellings:
            known = self._phrases.setdefault(spelling, [])
            if phrase not in known:
                known.append(phrase)
        self._by_place = list(self._phrases.values())
        self._automaton = ahocorasick_rs.AhoCorasick(list(self._phrases), store_patterns=False)

    def scan(self, text: str) -> Iterator[tuple[int, int, list[tuple[int, str]]]]:
        for place, start, end in self._automaton.find_matches_as_indexes(text, overlapping=True):
            yield start, end, self._by_place[place]


class Sounds:
    """Finds phrases that are written by sound or likeness."""

    def __init__(self, phrases: Iterable[tuple[int, str]]) -> None:
        folded = [(rule, fold(phrase).text) for rule, phrase in phrases]
        taking_part = [entry for entry in folded if _is_chinese(entry[1])]
        long = [entry for entry in taking_part if len(entry[1]) >= _LONG_ENOUGH]
        self._long = _Index(_spellings(long))
        self._any = _Index(_spellings(taking_part))
        self._initials = _Index((_as_initials(entry[1]), entry) for entry in long)
        self._joints = frozenset(joint for _, phrase in taking_part for joint in _joints(phrase))
        self._longest = max((len(phrase) for _, phrase in taking_part), default=0)

    def find(self, text: str) -> Iterator[Heard]:
        """The phrases of a folded text that are there only by sound."""
        if not self._longest:
            return
        codes = codes_of(text)
        for start, end, phrases in self._long.scan(text_of(_sounds()[codes])):
            for rule, phrase in phrases:
                if _is_heard(text, start, phrase):
                    yield Heard(rule, start, end, phrase)
        for at in _rare()[codes].nonzero()[0].tolist():
            yield from self._with_rare(text, at)
        for first, last in _mixed_in(text, codes):
            yield from self._spelt(text, first, last)
            yield from self._abbreviated(text, first, last)

    def _with_rare(self, text: str, at: int) -> Iterator[Heard]:
        """Phrases of two characters, the one at a position a rare one or a picture: 薇信."""
        low = max(0, at - 1)
        for start, end, phrases in self._any.scan(sounded(text[low : at + 2])):
            for rule, phrase in phrases:
                if end - start < _LONG_ENOUGH and _is_heard(text, low + start, phrase):
                    yield Heard(rule, low + start, low + end, phrase)

    def _joins(self, text: str, first: int, opening: str, closing: str, last: int) -> bool:
        """Whether what letters say can go on as a phrase with the Han character beside them."""
        return (
            text[max(0, first - 1) : first] + opening in self._joints
            or closing + text[last : last + 1] in self._joints
            or last - first >= _LONG_ENOUGH
        )

    def _spelt(self, text: str, first: int, last: int) -> Iterator[Heard]:
        """Phrases that a run of letters is part of, as syllables: 保zheng提分, wei信."""
        syllables = list(_read_aloud(text[first:last], first))
        if not syllables or not self._joins(text, first, syllables[0][0], syllables[-1][0], last):
            return
        low, high = max(0, first - self._longest), last + self._longest
        before, after = text[low:first], text[last:high]
        spans = [(at, at + 1) for at in range(low, first)] + [(a, b) for _, a, b in syllables]
        spans += [(at, at + 1) for at in range(last, last + len(after))]
        letters = "".join(token for token, _, _ in syllables)
        within = range(len(before), len(before) + len(letters))
        for start, end, phrases in self._any.scan(sounded(before) + letters + sounded(after)):
            if start > within[0] or end <= within[-1]:
                continue
            a, b = spans[start][0], spans[end - 1][1]
            for rule, phrase in phrases:
                if _keeps(text[a:first], phrase, text[last:b], _least_kept(len(letters))):
                    yield Heard(rule, a, b, phrase)

    def _abbreviated(self, text: str, first: int, last: int) -> Iterator[Heard]:
        """Phrases that a run of letters is part of, as initials: 保z提分."""
        if last - first > _MOST_INITIALS or not self._joins(
            text, first, text[first], text[last - 1], last
        ):
            return
        low, high = max(0, first - self._longest), last + self._longest
        for at, end, phrases in self._initials.scan(_as_initials(text[low:high])):
            start, stop = low + at, low + end
            if start > first or stop < last:
                continue
            for rule, phrase in phrases:
                if _keeps(text[start:first], phrase, text[last:stop], last - first):
                    yield Heard(rule, start, stop, phrase)


def _is_chinese(phrase: str) -> bool:
    return len(phrase) > 1 and all(character in syllable_of() for character in phrase)


def _joints(phrase: str) -> Iterator[str]:
    """Each character beside what its neighbour sounds like, as a syllable and as an initial."""
    for written in (sounded(phrase), _as_initials(phrase)):
        for at in range(len(phrase) - 1):
            yield phrase[at] + written[at + 1]
            yield written[at] + phrase[at + 1]


def _spellings(phrases: Sequence[tuple[int, str]]) -> Iterator[tuple[str, tuple[int, str]]]:
    """Each phrase by sound, and with one character taken for another."""
    for rule, phrase in phrases:
        yield sounded(phrase), (rule, phrase)
        for at, character in enumerate(phrase):
            for other in _table().alike.get(character, ""):
                yield sounded(phrase[:at] + other + phrase[at + 1 :]), (rule, phrase)


def _as_initials(text: str) -> str:
    return text_of(_initials()[codes_of(text)])


def _is_heard(text: str, start: int, phrase: str) -> bool:
    """Whether a span says a phrase otherwise than it is written, and passes the gate."""
    end = start + len(phrase)
    changed = [start + at for at, c in enumerate(phrase) if text[start + at] != c]
    if not changed or len(changed) == len(phrase):
        return False
    bounds = word_bounds(text, start, end)
    edges = {start, end, *changed, *(at + 1 for at in changed)}
    return edges <= set(bounds)


def _mixed_in(text: str, codes: Codes) -> Iterator[tuple[int, int]]:
    """Runs of letters with a Han character on at least one side."""
    if _LATIN.search(text) is None:
        return
    kinds = kinds_of(codes)
    latin = kinds & LATIN != 0
    han = kinds & HAN != 0
    done = 0
    for at in (han[:-1] & latin[1:] | latin[:-1] & han[1:]).nonzero()[0].tolist():
        if at < done:
            continue
        low = max(done, at - _LONGEST_RUN)
        match = _LATIN.match(text, at + 1) if han[at] else _LATIN_BEFORE.search(text, low, at + 1)
        if match is not None and match.end() - match.start() <= _LONGEST_RUN:
            yield match.span()
        done = at + 1 if match is None else match.end()


def _read_aloud(run: str, first: int) -> Iterator[tuple[str, int, int]]:
    """The syllables that a run of letters is made of, with their spans; none if it is not."""
    words = [_syllables(word) for word in run.split(" ")]
    at = first
    for syllables in words if None not in words else ():
        for syllable in syllables or ():
            yield _tokens()[syllable], at, at + len(syllable)
            at += len(syllable)
        at += 1


def _least_kept(letters: int) -> int:
    """Enough syllables in letters speak for themselves; one or two need Chinese beside them."""
    return 0 if letters >= _LONG_ENOUGH else 1


def _keeps(before: str, phrase: str, after: str, least: int) -> bool:
    """Whether the Han characters around letters are the phrase's own."""
    kept = len(before) + len(after)
    return kept >= least and phrase.startswith(before) and phrase.endswith(after)
