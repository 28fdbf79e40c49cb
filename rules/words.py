"""Lists of words that rules share: ``{country}`` in a pattern, ``"@country"`` among phrases."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources

import yaml

from rules import quantities
from rules.events import event_years
from rules.folding import fold

#: The counts of a quantifier are digits, so that a name in braces is never one.
_NAMED = re.compile(r"\{([a-z][a-z-]*)\}")


@cache
def word_lists() -> Mapping[str, tuple[str, ...]]:
    """The words of every list, folded; those of the quantities' table among them."""
    text = (resources.files(__package__) / "words.yaml").read_text(encoding="utf-8")
    lists = {
        name: tuple(fold(str(word)).text for word in words)
        for name, words in yaml.safe_load(text).items()
    }
    return {**lists, **quantities.word_lists(), "event": tuple(event_years())}


def words_of(name: str) -> tuple[str, ...]:
    """The words of one list.

    Raises:
        ValueError: there is no such list.
    """
    known = word_lists()
    if name not in known:
        raise ValueError(f"unknown list of words {name!r}; known: {', '.join(known)}")
    return known[name]


@cache
def _alternatives(name: str) -> str:
    if name == "number":
        return quantities.NUMBER
    words = sorted(words_of(name), key=len, reverse=True)
    return "(?:" + "|".join(re.escape(word) for word in words) + ")"


def expand_pattern(pattern: str) -> str:
    """Write out the lists that a pattern names; ``{number}`` is any written number.

    Raises:
        ValueError: a list is unknown.
    """
    return _NAMED.sub(lambda match: _alternatives(match[1]), pattern)


def expand_words(words: Sequence[str]) -> list[str]:
    """Write out ``@name`` among words; what a list brings that stands there is not repeated.

    Raises:
        ValueError: a list is unknown.
    """
    written = [word for word in words if not word.startswith("@")]
    for name in (word[1:] for word in words if word.startswith("@")):
        written += [word for word in words_of(name) if word not in written]
    return written
