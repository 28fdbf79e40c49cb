"""The other way to respect words: cut everything with jieba, look each word up."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

from _scanning import run

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import jieba


def build(phrases: Sequence[str]) -> tuple[jieba.Tokenizer, frozenset[str]]:
    """The tokeniser with its own dictionary, and the phrases as a set."""
    tokenizer = jieba.Tokenizer()
    tokenizer.FREQ, tokenizer.total = tokenizer.gen_pfdict(tokenizer.get_dict_file())
    tokenizer.initialized = True
    return tokenizer, frozenset(phrases)


def scan(built: tuple[jieba.Tokenizer, frozenset[str]], texts: Sequence[str]) -> int:
    """The number of words that are phrases."""
    tokenizer, phrases = built
    return sum(word in phrases for text in texts for word in tokenizer.cut(text, HMM=False))


if __name__ == "__main__":
    run(build, scan)
