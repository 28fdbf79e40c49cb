"""Matching: the rules of a pack against one text.

    fold → phrases of all rules in one pass → patterns near their anchors → allow phrases
         → word boundaries → context → validator → hits with explanation

A second pass over the loosened text finds phrases with characters put between; such a hit says
that an evasion was undone. The engine knows rules only as data: there is no ``if`` for one rule.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date

from models.vocabulary import Part
from rules.context import ContextCheck
from rules.folding import Folded, fold
from rules.hits import Hit, explain, fingerprint
from rules.lexicon import Entry, Lexicon, Use
from rules.pack import RulePack
from rules.rule import Rule
from rules.segmentation import on_word_boundaries
from rules.validators import VALIDATORS

__all__ = ["Hit", "Matcher", "fingerprint"]

#: How far from its anchor a pattern may match, in folded characters.
_ANCHOR_REACH = 100

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A span of folded text that a rule may hit; ``loose`` when found in the loosened text."""

    start: int
    end: int
    matched: str
    value: str
    loose: bool = False
    gapped: bool = False


@dataclass(slots=True)
class _Seen:
    """What the scans found for one rule."""

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

    def pattern_candidates(self, text: str, anchors: list[Span]) -> Iterator[_Candidate]:
        """Matches of the patterns, near the anchors where the rule has some."""
        windows = _windows(anchors, len(text)) if self.rule.anchors else [(0, len(text))]
        for pattern in self.patterns:
            for first, last in windows:
                for match in pattern.finditer(text, first, last):
                    yield _from_match(match)

    def stands(self, candidate: _Candidate, text: str) -> tuple[str, ...] | None:
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


def _windows(anchors: list[Span], length: int) -> list[Span]:
    """The reaches of the anchors, joined where they overlap."""
    windows: list[Span] = []
    for start, end in sorted(anchors):
        first, last = max(0, start - _ANCHOR_REACH), min(length, end + _ANCHOR_REACH)
        if windows and first <= windows[-1][1]:
            windows[-1] = (windows[-1][0], max(last, windows[-1][1]))
        else:
            windows.append((first, last))
    return windows


def _longest(candidates: Iterable[_Candidate]) -> list[_Candidate]:
    """Leftmost-longest: of overlapping candidates of one rule, the first and longest."""
    kept: list[_Candidate] = []
    for candidate in sorted(candidates, key=lambda c: (c.start, -c.end, c.loose)):
        if not kept or candidate.start >= kept[-1].end:
            kept.append(candidate)
    return kept


def _inside_any(candidate: _Candidate, spans: list[Span]) -> bool:
    return any(start <= candidate.start and candidate.end <= end for start, end in spans)


class Matcher:
    """A pack made ready: built once, asked for many texts. Safe to share between threads."""

    def __init__(self, pack: RulePack) -> None:
        self.pack = pack
        self._rules = tuple(_Compiled(rule) for rule in pack.rules)
        self._lexicon = Lexicon(_entries(pack))
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
        hits: list[Hit] = []
        for index, seen in self._scan(folded).items():
            compiled = self._rules[index]
            if compiled.rule.applies(subject=subject, stage=stage, part=part, on=on):
                hits += self._settle(compiled, seen, folded, text)
        return sorted(hits, key=lambda hit: (hit.start, hit.end, hit.rule.id))

    def _scan(self, folded: Folded) -> dict[int, _Seen]:
        """Everything the automaton finds, strictly and loosely, by rule."""
        found: dict[int, _Seen] = defaultdict(_Seen)
        for index in self._everywhere:
            found[index] = _Seen()
        self._note(found, folded.text, None)
        loosened = folded.loosened()
        if loosened is not None:
            self._note(found, loosened.text, loosened)
        return found

    def _note(self, found: dict[int, _Seen], text: str, loosened: Folded | None) -> None:
        """Sort occurrences by use; of a loosened text, only those that cross what was skipped."""
        for occurrence in self._lexicon.scan(text):
            start, end = occurrence.start, occurrence.end
            if loosened is not None:
                start, end = loosened.original(start, end)
                if end - start == occurrence.end - occurrence.start:
                    continue
            seen = found[occurrence.entry.rule]
            if occurrence.entry.use is Use.ALLOW:
                seen.allowed.append((start, end))
            elif occurrence.entry.use is Use.ANCHOR:
                seen.anchors.append((start, end))
            elif on_word_boundaries(text, occurrence.start, occurrence.end):
                matched = text[occurrence.start : occurrence.end]
                seen.candidates.append(
                    _Candidate(start, end, matched, matched, loose=loosened is not None)
                )

    def _settle(self, compiled: _Compiled, seen: _Seen, folded: Folded, text: str) -> Iterator[Hit]:
        """From a rule's candidates to its hits."""
        candidates = [*seen.candidates, *compiled.pattern_candidates(folded.text, seen.anchors)]
        standing = {
            candidate: words
            for candidate in candidates
            if candidate.end > candidate.start
            and not _inside_any(candidate, seen.allowed)
            and (words := compiled.stands(candidate, folded.text)) is not None
        }
        for candidate in _longest(standing):
            start, end = folded.original(candidate.start, candidate.end)
            reason = explain(
                compiled.rule,
                text[start:end],
                candidate.matched,
                standing[candidate],
                loose=candidate.loose,
            )
            yield Hit(compiled.rule, start, end, text[start:end], candidate.matched, reason)


def _entries(pack: RulePack) -> Iterator[Entry]:
    for index, rule in enumerate(pack.rules):
        uses = ((Use.PHRASE, rule.phrases), (Use.ALLOW, rule.allow), (Use.ANCHOR, rule.anchors))
        for use, phrases in uses:
            yield from (Entry(index, use, phrase) for phrase in phrases)
