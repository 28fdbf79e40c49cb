"""pyahocorasick's side: every occurrence, found and counted, nothing else."""

from __future__ import annotations

from collections.abc import Sequence

import ahocorasick
from _scanning import run


def build(phrases: Sequence[str]) -> ahocorasick.Automaton:
    """The automaton."""
    automaton = ahocorasick.Automaton()
    for phrase in phrases:
        automaton.add_word(phrase, phrase)
    automaton.make_automaton()
    return automaton


def scan(automaton: ahocorasick.Automaton, texts: Sequence[str]) -> int:
    """The number of occurrences, overlapping ones too."""
    return sum(1 for text in texts for _ in automaton.iter(text))


if __name__ == "__main__":
    run(build, scan)
