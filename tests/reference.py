"""Matching written plainly: no automaton, no arrays, no windows; whole sentences cut by jieba.

The product's matcher has to find the same. Rules here are phrases and allow phrases alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate

from rules.characters import IRREGULAR, fold_table
from rules.folding import fold
from rules.segmentation import sentence_around, words_in

Span = tuple[int, int]


def folded_with_origins(text: str) -> tuple[str, list[Span]]:
    """The folded text, character by character, and the source span of each."""
    table = fold_table()
    folded, origins = "", []
    for at, character in enumerate(text):
        code = int(table.codes[ord(character)])
        form = chr(code) if code < IRREGULAR else table.irregular[code - IRREGULAR]
        folded += form
        origins += [(at, at + 1)] * len(form)
    return fold(folded).text, origins


def whole_words(text: str, start: int, end: int) -> bool:
    """Whether a span of folded text is whole words, by cutting its whole sentence."""
    for at in (start, end):
        pair = text[at - 1 : at + 1] if at else ""
        if len(pair) == 2 and pair.isascii() and (pair.isalpha() or pair.isdigit()):
            return False
    if end - start >= 4:
        return True
    first, last = sentence_around(text, start, end)
    bounds = set(accumulate(map(len, words_in(text[first:last])), initial=first))
    if start in bounds and end in bounds:
        return True
    return end - start > 2 and not any(start < bound < end for bound in bounds)


def matches(text: str, phrases: Sequence[str], allowed: Sequence[str]) -> list[Span]:
    """The spans of the original that one rule of these phrases hits in the folded text."""
    folded, origins = folded_with_origins(text)
    spared = [span for phrase in allowed for span in _found(folded, fold(phrase).text)]
    spans = [
        (start, end)
        for phrase in phrases
        for start, end in _found(folded, fold(phrase).text)
        if whole_words(folded, start, end)
        if not any(a <= start and end <= b for a, b in spared)
    ]
    kept: list[Span] = []
    for start, end in sorted(spans, key=lambda span: (span[0], -span[1])):
        if not kept or start >= kept[-1][1]:
            kept.append((start, end))
    return [(origins[start][0], origins[end - 1][1]) for start, end in kept]


def _found(text: str, phrase: str) -> Iterator[Span]:
    at = text.find(phrase)
    while at >= 0:
        yield at, at + len(phrase)
        at = text.find(phrase, at + 1)
