"""What rules said of a text before, so that only rules that are new are asked again.

Rules do not touch each other. The matcher finds every occurrence of every phrase, overlapping ones
too, and each rule then settles its own overlaps, allow phrases, context and validator
(``rules.matcher``); which rules speak for a subject, stage, part or day is told by each rule alone.
So the hits of a pack are the union of its rules' hits, and a rule, known by its digest, is the unit
that an answer depends on, beside the text and the engine.

A text's answer holds the hits of *all* rules of a set, whether or not they speak here; what is
asked for a subject, stage, part and day is taken from it. When the set in force is another, rules
that were not asked yet are matched alone, and hits of rules that are gone are dropped.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date
from typing import Any, Protocol

from audit.cache.code import MATCHING, code_digest
from audit.cache.store import AnswerStore, key_of
from models.vocabulary import Part
from rules.hits import Hit
from rules.matcher import Matcher
from rules.pack import RulePack

#: A lane of its own for rules that are only tried, so that trying them costs those in force nothing.
IN_FORCE, ON_TRIAL = "in force", "on trial"


class TextMatcher(Protocol):
    """Whatever holds a pack against texts: the matcher itself, or what it said before."""

    def match(
        self,
        text: str,
        *,
        subject: str | None = None,
        stage: str | None = None,
        part: Part | None = None,
        on: date | None = None,
    ) -> list[Hit]:
        """The hits in a text, by start. What is not known (None) exempts nothing."""


class KeptMatcher:
    """Answers as ``Matcher(pack)`` does; asks it only what was not asked before.

    Args:
        pack: The rules.
        store: What was said before.
        lane: Where this pack's answers are kept; those in force are read in any lane.
    """

    def __init__(self, pack: RulePack, store: AnswerStore, lane: str = IN_FORCE) -> None:
        self.pack = pack
        self._store = store
        self._lanes = tuple(dict.fromkeys((lane, IN_FORCE)))
        self._engine = code_digest(MATCHING)
        self._rules = {rule.digest: rule for rule in pack.rules}
        self._set = _set_name(self._rules)
        self._matchers: dict[str, Matcher | None] = {}
        self._sets: dict[str, frozenset[str] | None] = {}
        store.put(self._set_key(self._set), json.dumps(sorted(self._rules)).encode())

    def match(
        self,
        text: str,
        *,
        subject: str | None = None,
        stage: str | None = None,
        part: Part | None = None,
        on: date | None = None,
    ) -> list[Hit]:
        """The hits in a text, as :meth:`rules.matcher.Matcher.match`."""
        return [
            hit
            for hit in self._hits(text)
            if hit.rule.applies(subject=subject, stage=stage, part=part, on=on)
        ]

    def _hits(self, text: str) -> list[Hit]:
        """The hits of all rules, by start."""
        keys = [key_of("hits", self._engine, lane, text) for lane in self._lanes]
        former, hits = next(filter(None, (self._kept(key, text) for key in keys)), ("", []))
        if former == self._set:
            return hits
        if former not in self._matchers:
            self._matchers[former] = self._asking(former)
        asked = self._matchers[former]
        if asked is not None:
            hits = _ordered([*hits, *asked.match(text)])
        self._store.put(keys[0], _written(self._set, hits))
        return hits

    def _kept(self, key: bytes, text: str) -> tuple[str, list[Hit]] | None:
        """The set that was asked of a text before, and the hits of its rules still in force."""
        kept = _read(self._store.get(key))
        if kept is None or self._members(kept["set"]) is None:
            return None
        return kept["set"], [
            Hit(self._rules[rule], start, end, text[start:end], matched, why)
            for rule, start, end, matched, why in kept["hits"]
            if rule in self._rules
        ]

    def _asking(self, former: str) -> Matcher | None:
        """What asks the rules that a former set did not have; None where there are none."""
        known = self._members(former) or frozenset()
        new = tuple(rule for digest, rule in self._rules.items() if digest not in known)
        return Matcher(self.pack.model_copy(update={"rules": new})) if new else None

    def _members(self, name: str) -> frozenset[str] | None:
        """The rules of a set by digest; None when that is not known any more."""
        if name not in self._sets:
            listed = _read(self._store.get(self._set_key(name))) if name else None
            self._sets[name] = None if listed is None else frozenset(listed)
        return self._sets[name]

    def _set_key(self, name: str) -> bytes:
        return key_of("rules", self._engine, name)


def _set_name(rules: Iterable[str]) -> str:
    return key_of(*sorted(rules)).hex()[:32]


def _ordered(hits: Iterable[Hit]) -> list[Hit]:
    """As the matcher gives them."""
    return sorted(hits, key=lambda hit: (hit.start, hit.end, hit.rule.id))


def _written(set_name: str, hits: Iterable[Hit]) -> bytes:
    rows = [[h.rule.digest, h.start, h.end, h.matched, h.explanation] for h in hits]
    return json.dumps({"set": set_name, "hits": rows}).encode()


def _read(kept: bytes | None) -> Any:  # noqa: ANN401 -- JSON; the store vouches that we wrote it
    return None if kept is None else json.loads(kept)
