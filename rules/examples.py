"""The packs' own test: every rule's examples, held against the rule."""

from __future__ import annotations

from dataclasses import dataclass

from rules.matcher import Matcher
from rules.pack import RulePack


@dataclass(frozen=True, slots=True)
class ExampleFailure:
    """An example that its rule reads otherwise than it should."""

    rule_id: str
    text: str
    #: True: the rule should hit and does not. False: it hits a near miss.
    should_hit: bool

    def __str__(self) -> str:
        fault = "does not hit" if self.should_hit else "hits the near miss"
        return f"{self.rule_id} {fault}: {self.text!r}"


def check_examples(pack: RulePack) -> list[ExampleFailure]:
    """Try each rule on its own examples; empty when all are read rightly."""
    matcher = Matcher(pack)
    return [
        ExampleFailure(rule.id, text, expected)
        for rule in pack.rules
        for expected, texts in ((True, rule.should_hit), (False, rule.near_misses))
        for text in texts
        if any(hit.rule.id == rule.id for hit in matcher.match(text)) is not expected
    ]
