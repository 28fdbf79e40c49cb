"""Our side: the whole matcher, from the text as extracted to hits with their explanation.

The phrases become rules of all families in turn, each with phrases it allows and words of context
that refuse a hit, as the built-in packs have them.
"""

from __future__ import annotations

from collections.abc import Sequence

from _scanning import run

from models.vocabulary import Severity
from rules.families import families
from rules.matcher import Matcher
from rules.pack import RulePack, cue_sets
from rules.rule import Basis, Context, Rule

#: Phrases a rule, about as in the built-in packs.
PHRASES_EACH = 30


def build(phrases: Sequence[str]) -> Matcher:
    """A pack of the phrases, compiled."""
    chunks = [phrases[at : at + PHRASES_EACH] for at in range(0, len(phrases), PHRASES_EACH)]
    rules = [_rule(number, chunk) for number, chunk in enumerate(chunks)]
    return Matcher(RulePack(id="bench", version="1", rules=tuple(rules)))


def _rule(number: int, phrases: Sequence[str]) -> Rule:
    names = list(families())
    family = names[number % len(names)]
    exclude = tuple(cue_sets()[name] for name in ("negation", "debunking", "quotation"))
    return Rule(
        id=f"bench.rule.r{number}",
        title="示例",
        dimension=families()[family].dimension,
        family=family,
        severity=Severity.SUSPECT,
        basis=(Basis(document="示例", clause="一"),),
        mend="示例",
        phrases=tuple(phrases),
        allow=tuple(dict.fromkeys(phrase + "教育" for phrase in phrases[:3])),
        context=Context(exclude=exclude),
        should_hit=("示例",),
        near_misses=("示例",),
    )


def scan(matcher: Matcher, texts: Sequence[str]) -> int:
    """The number of hits."""
    return sum(len(matcher.match(text)) for text in texts)


if __name__ == "__main__":
    run(build, scan)
