"""Matching: the rules of a pack against one text.

    fold → phrases of all rules in one pass → patterns near their anchors → allow phrases
         → word boundaries → context → validator → hits with explanation

A second pass over the loosened text finds what had characters put between; such a hit says that
an evasion was undone, and its context is read in the loosened text too. The engine knows rules only as data: there is no ``if`` for one rule.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import chain

from models.vocabulary import Part
from rules.context import ContextCheck
from rules.folding import Folded, fold
from rules.hits import Hit, Matched, explain, fingerprint
from rules.lexicon import Entry, Lexicon, Occurrence, Use
from rules.names import misspelt, pieces
from rules.pack import RulePack
from rules.reading import ANCHOR_REACH, Reading, Span, shared_windows, windows_around
from rules.rule import Rule
from rules.segmentation import on_word_boundaries
from rules.sounds import Sounds, evaded_families
from rules.validators import VALIDATORS

__all__ = ["Hit", "Matcher", "fingerprint"]


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A span of a reading that a rule may hit."""

    start: int
    end: int
    matched: str
    value: str
    gapped: bool = False
    #: The phrase is there only by sound or likeness.
    heard: bool = False
    #: The official name of which it is a slip.
    meant: str | None = None


@dataclass(frozen=True, slots=True)
class _Standing:
    """A candidate that stands, as a span of the folded text."""

    start: int
    end: int
    loose: bool
    candidate: _Candidate
    seen: tuple[str, ...]


@dataclass(slots=True)
class _Seen:
    """What the scan of a reading found for one rule."""

    candidates: list[_Candidate] = field(default_factory=list)
    allowed: list[Span] = field(default_factory=list)
    anchors: list[Span] = field(default_factory=list)


class _Compiled:
    """A rule with its patterns and context made ready."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.patterns = tuple(re.compile(pattern) for pattern in rule.patterns)
        self.context = ContextCheck(rule.context)
        self.validate = VALIDATORS[rule.validator] if rule.validator else None

    def everywhere(self) -> bool:
        """Whether the patterns have to be tried on every text."""
        return bool(self.patterns) and not self.rule.anchors

    def standing(self, reading: Reading, seen: _Seen) -> Iterator[_Standing]:
        """The candidates of one reading that stand."""
        found = list(self._pattern_candidates(reading, seen.anchors))
        for candidate in dict.fromkeys(seen.candidates + found):
            start, end = candidate.start, candidate.end
            if start == end or not reading.adds(start, end) or _inside_any(candidate, seen.allowed):
                continue
            words = self._words_stood_by(candidate, reading.text)
            if words is not None:
                first, last = reading.folded_span(start, end)
                yield _Standing(first, last, reading.loosened is not None, candidate, words)

    def _pattern_candidates(self, reading: Reading, anchors: list[Span]) -> Iterator[_Candidate]:
        """Matches of the patterns, near the anchors where the rule has some."""
        if not self.patterns or reading.reach == ():
            return
        length = len(reading.text)
        windows = (
            windows_around(anchors, length, ANCHOR_REACH) if self.rule.anchors else [(0, length)]
        )
        if reading.reach is not None:
            windows = shared_windows(windows, reading.reach)
        for first, last in windows:
            for pattern in self.patterns:
                for match in pattern.finditer(reading.text, first, last):
                    yield _from_match(match)

    def _words_stood_by(self, candidate: _Candidate, text: str) -> tuple[str, ...] | None:
        """The context words that a candidate stands by; None when it falls."""
        if self.validate is not None and not self.validate(candidate.value):
            return None
        standing = self.context.judge(text, candidate.start, candidate.end, gapped=candidate.gapped)
        return standing.seen if standing.stands else None


def _from_match(match: re.Match[str]) -> _Candidate:
    groups = match.re.groupindex
    start, end = match.span("hit") if "hit" in groups else match.span()
    value = match["value"] if "value" in groups else match.group()
    return _Candidate(start, end, match.string[start:end], value or "", gapped=True)


def _longest(standing: Iterable[_Standing]) -> list[_Standing]:
    """Leftmost-longest: of overlapping hits of one rule, the first and longest."""
    kept: list[_Standing] = []
    for one in sorted(standing, key=lambda s: (s.start, -s.end, s.loose)):
        if not kept or one.start >= kept[-1].end:
            kept.append(one)
    return kept


def _inside_any(candidate: _Candidate, spans: list[Span]) -> bool:
    return any(start <= candidate.start and candidate.end <= end for start, end in spans)


class Matcher:
    """A pack made ready: built once, asked for many texts. Safe to share between threads."""

    def __init__(self, pack: RulePack) -> None:
        self.pack = pack
        self._rules = tuple(_Compiled(rule) for rule in pack.rules)
        self._lexicon = Lexicon(_entries(pack))
        self._sounds = Sounds(_evaded(pack))
        self._everywhere = [i for i, rule in enumerate(self._rules) if rule.everywhere()]

    def match(
        self,
        text: str,
        *,
        subject: str | None = None,
        stage: str | None = None,
        part: Part | None = None,
        on: date | None = None,
    ) -> list[Hit]:
        """The hits in a text, by start. What is not known (None) exempts nothing.

        Args:
            text: Any text, as extracted; offsets of hits refer to it.
            subject: 学科 of the teacher, for the rules' exempt subjects.
            stage: 学段, for rules that speak for some stages only.
            part: The part of the space that the text is from.
            on: The day on which a rule's basis must be in force.
        """
        folded = fold(text)
        standing: dict[int, list[_Standing]] = defaultdict(list)
        loose = Reading.loose(folded, self._lexicon.longest)
        for reading in (Reading(folded.text), *([loose] if loose else [])):
            found = self._scan(reading)
            if reading.loosened is None:
                self._hear(reading, found)
            for index, seen in found.items():
                compiled = self._rules[index]
                if compiled.rule.applies(subject=subject, stage=stage, part=part, on=on):
                    standing[index] += compiled.standing(reading, seen)
        hits = [
            _hit(self._rules[index].rule, one, folded, text)
            for index, found in standing.items()
            for one in _longest(found)
        ]
        return sorted(hits, key=lambda hit: (hit.start, hit.end, hit.rule.id))

    def _scan(self, reading: Reading) -> dict[int, _Seen]:
        """What the automaton finds in a reading, by rule and use."""
        found = self._scan_in(reading, reading.windows)
        if reading.wide != reading.windows and any(seen.candidates for seen in found.values()):
            return self._scan_in(reading, reading.wide)
        return found

    def _scan_in(self, reading: Reading, windows: Sequence[Span] | None) -> dict[int, _Seen]:
        found: dict[int, _Seen] = defaultdict(_Seen)
        for index in self._everywhere:
            found[index] = _Seen()
        for occurrence in self._occurrences(reading.text, windows):
            entry, start, end = occurrence
            use = entry.use
            if use is Use.ANCHOR:
                if reading.reach != ():
                    found[entry.rule].anchors.append((start, end))
            elif use is Use.ALLOW:
                found[entry.rule].allowed.append((start, end))
            elif use is Use.PIECE:
                if slips := list(_slip(occurrence, reading.text)):
                    found[entry.rule].candidates += slips
            elif reading.adds(start, end) and on_word_boundaries(reading.text, start, end):
                matched = reading.text[start:end]
                found[entry.rule].candidates.append(_Candidate(start, end, matched, matched))
        return found

    def _hear(self, reading: Reading, found: dict[int, _Seen]) -> None:
        """Add what is there by sound or likeness only; on the folded text, whose words are whole."""
        for rule, start, end, phrase in self._sounds.find(reading.text):
            found[rule].candidates.append(_Candidate(start, end, phrase, phrase, heard=True))

    def _occurrences(self, text: str, windows: Sequence[Span] | None) -> Iterator[Occurrence]:
        if windows is None:
            return self._lexicon.scan(text)
        return chain.from_iterable(self._lexicon.scan(text, *window) for window in windows)


def _slip(occurrence: Occurrence, text: str) -> Iterator[_Candidate]:
    """The slip of an official name around a piece of it, if there is one."""
    entry = occurrence.entry
    length = occurrence.end - occurrence.start
    span = misspelt(text, occurrence.start, entry.name, entry.offset, length)
    if span is not None:
        matched = text[slice(*span)]
        yield _Candidate(*span, matched, matched, meant=entry.name)


def _hit(rule: Rule, standing: _Standing, folded: Folded, text: str) -> Hit:
    """A hit on the exact original characters, with its explanation."""
    start, end = folded.original(standing.start, standing.end)
    candidate = standing.candidate
    matched = Matched(candidate.matched, standing.loose, candidate.heard, candidate.meant)
    reason = explain(rule, text[start:end], matched, standing.seen)
    return Hit(rule, start, end, text[start:end], candidate.matched, reason)


def _evaded(pack: RulePack) -> Iterator[tuple[int, str]]:
    """The phrases that are also sought by sound."""
    for index, rule in enumerate(pack.rules):
        if rule.family in evaded_families():
            yield from ((index, phrase) for phrase in rule.phrases)


def _entries(pack: RulePack) -> Iterator[Entry]:
    for index, rule in enumerate(pack.rules):
        uses = ((Use.PHRASE, rule.phrases), (Use.ALLOW, rule.allow), (Use.ANCHOR, rule.anchors))
        for use, phrases in uses:
            yield from (Entry(index, use, phrase) for phrase in phrases)
        for name in (fold(name).text for name in rule.names):
            for offset, piece in pieces(name):
                yield Entry(index, Use.PIECE, piece, name, offset)
