"""Sentences and word boundaries, asked only where a candidate stands.

jieba's words keep a phrase from being found across two others (创作|爱国, 出口|活动). Its
dictionary is read without its cache file, which it would load by ``marshal`` from the shared
temporary folder, where anybody may have put it.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import cache, lru_cache
from itertools import accumulate

with warnings.catch_warnings():
    # jieba's own source, not ours to mend: invalid escapes, and pkg_resources where it is there.
    warnings.filterwarnings("ignore", category=SyntaxWarning)
    warnings.filterwarnings("ignore", "invalid escape sequence", DeprecationWarning)
    warnings.filterwarnings("ignore", message=".*pkg_resources.*")
    import jieba

_SENTENCE_ENDS = "。!?;\n"
#: How far a sentence reaches to each side at most, so that a text without stops stays cheap.
_SENTENCE_REACH = 160

#: A phrase this long is not put together by chance out of two others.
_SURE_LENGTH = 4
#: Inside a longer word of the dictionary, a phrase this short is a coincidence (大麻 in 大麻烦).
_WHOLE_WORD_LENGTH = 2


@cache
def _tokenizer() -> jieba.Tokenizer:
    tokenizer = jieba.Tokenizer()
    tokenizer.FREQ, tokenizer.total = tokenizer.gen_pfdict(tokenizer.get_dict_file())
    tokenizer.initialized = True
    return tokenizer


def words(text: str) -> list[str]:
    """A text in words, in order; together they are the text."""
    return list(_tokenizer().cut(text, HMM=False))


@lru_cache(maxsize=2048)
def _boundaries(sentence: str) -> frozenset[int]:
    """Where words begin or end. Without HMM: a guessed word must not hide a phrase."""
    words = _tokenizer().cut(sentence, HMM=False)
    return frozenset(accumulate((len(word) for word in words), initial=0))


def sentence_around(text: str, start: int, end: int) -> tuple[int, int]:
    """The span of the sentence or line (of folded text) that holds a span."""
    low = max(0, start - _SENTENCE_REACH)
    high = min(len(text), end + _SENTENCE_REACH)
    first = max(text.rfind(mark, low, start) for mark in _SENTENCE_ENDS) + 1
    stops = [at for mark in _SENTENCE_ENDS if (at := text.find(mark, end, high)) >= 0]
    return max(first, low), min(stops, default=high)


def on_word_boundaries(text: str, start: int, end: int) -> bool:
    """Whether a span of folded text is made of whole words rather than parts of its neighbours."""
    if _cuts_latin(text, start) or _cuts_latin(text, end):
        return False
    if end - start >= _SURE_LENGTH:
        return True
    first, last = sentence_around(text, start, end)
    bounds = _boundaries(text[first:last])
    inside = [start - first in bounds, end - first in bounds]
    if all(inside):
        return True
    return end - start > _WHOLE_WORD_LENGTH and not _straddles(
        sorted(bounds), start - first, end - first
    )


def _straddles(bounds: Sequence[int], start: int, end: int) -> bool:
    """Whether a word begins or ends inside the span: the span is no part of one single word."""
    return any(start < bound < end for bound in bounds)


def _cuts_latin(text: str, at: int) -> bool:
    """Whether a position parts two Latin letters or two digits."""
    if not 0 < at < len(text):
        return False
    before, after = text[at - 1], text[at]
    if not (before.isascii() and after.isascii()):
        return False
    return (before.isalpha() and after.isalpha()) or (before.isdigit() and after.isdigit())
