"""flashtext's side: its own extraction, nothing else."""

from __future__ import annotations

from collections.abc import Sequence

from _scanning import run
from flashtext import KeywordProcessor


def build(phrases: Sequence[str]) -> KeywordProcessor:
    """The trie; no character counts as part of a word, or Chinese would have no boundaries."""
    processor = KeywordProcessor()
    processor.set_non_word_boundaries(set())
    for phrase in phrases:
        processor.add_keyword(phrase)
    return processor


def scan(processor: KeywordProcessor, texts: Sequence[str]) -> int:
    """The number of phrases extracted, leftmost-longest."""
    return sum(len(processor.extract_keywords(text)) for text in texts)


if __name__ == "__main__":
    run(build, scan)
