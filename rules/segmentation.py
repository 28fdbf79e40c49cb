"""Sentences and word boundaries, asked only where a candidate stands.

jieba's words keep a phrase from being found across two others (创作|爱国, 出口|活动). Its
dictionary is read without its cache file, which it would load by ``marshal`` from the shared
temporary folder, where anybody may have put it.
"""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterator, Mapping
from functools import cache, lru_cache
from itertools import accumulate
from typing import TypeVar

import numpy as np
import numpy.typing as npt

with warnings.catch_warnings():
    # jieba's own source, not ours to mend: invalid escapes, and pkg_resources where it is there.
    warnings.filterwarnings("ignore", category=SyntaxWarning)
    warnings.filterwarnings("ignore", "invalid escape sequence", DeprecationWarning)
    warnings.filterwarnings("ignore", message=".*pkg_resources.*")
    import jieba

_SENTENCE_ENDS = "。!?;\n"
#: How far a sentence reaches to each side at most, so that a text without stops stays cheap.
_SENTENCE_REACH = 160

#: The longest word of jieba's dictionary has 16 characters (counted).
_LONGEST_WORD = 16
#: A phrase this long is not put together by chance out of two others.
_SURE_LENGTH = 4
#: Inside a longer word of the dictionary, a phrase this short is a coincidence (大麻 in 大麻烦).
_WHOLE_WORD_LENGTH = 2

#: Marks kept of pairs of neighbours, and how far apart those of two first characters begin (odd,
#: so that all slots are used).
_SLOTS = 1 << 22
_SPREAD = 40_503

_Code = TypeVar("_Code", int, npt.NDArray[np.uint32])


@cache
def _tokenizer() -> jieba.Tokenizer:
    tokenizer = jieba.Tokenizer()
    tokenizer.FREQ, tokenizer.total = tokenizer.gen_pfdict(tokenizer.get_dict_file())
    tokenizer.initialized = True
    return tokenizer


def words(text: str) -> list[str]:
    """A text in words, in order; together they are the text."""
    return list(_tokenizer().cut(text, HMM=False))


def frequency(word: str) -> int:
    """How often the tokeniser's dictionary saw a word; 0 for what it does not know."""
    known: int = _dictionary().get(word, 0)
    return known


@cache
def _dictionary() -> Mapping[str, int]:
    """The words of jieba with their frequencies, and the beginnings of words with none."""
    words: Mapping[str, int] = _tokenizer().FREQ
    return words


@lru_cache(maxsize=4096)
def _boundaries(piece: str) -> frozenset[int]:
    """Where words begin or end. Without HMM: a guessed word must not hide a phrase."""
    words = _tokenizer().cut(piece, HMM=False)
    return frozenset(accumulate((len(word) for word in words), initial=0))


@cache
def _neighbours() -> bytes:
    """Which pairs of characters may stand beside each other within a word, by their slots.

    One look here spares up to fifteen in the dictionary. Pairs may share a slot, so a mark says
    no more than "perhaps"; that there is none is sure.
    """
    codes = np.frombuffer("\n".join(_dictionary()).encode("utf-32-le"), dtype="<u4")
    marks = np.zeros(_SLOTS, dtype=np.uint8)
    marks[_slot(codes[:-1], codes[1:])] = 1
    return marks.tobytes()


def _slot(before: _Code, after: _Code) -> _Code:
    """Where the mark of a pair of code points is kept; wrapping at 32 bits changes nothing."""
    return (before * _SPREAD + after) % _SLOTS


def _parted(text: str, at: int) -> bool:
    """Whether a position surely parts two words: no word of the dictionary reaches over it.

    jieba chooses among ways to cut, each made of the dictionary's words and single characters, and
    joins Latin letters and digits; so such a position is in every one of them.
    """
    if at <= 0 or at >= len(text):
        return True
    before, after = text[at - 1], text[at]
    if _is_latin(before) and _is_latin(after):
        return False
    if not _neighbours()[_slot(ord(before), ord(after))]:
        return True
    words = _dictionary()
    for first in range(at - 1, max(-1, at - _LONGEST_WORD), -1):
        if text[first : at + 1] in words:
            return False
    return True


def _is_latin(character: str) -> bool:
    return character.isascii() and character.isalnum()


def word_bounds(text: str, start: int, end: int) -> Collection[int]:
    """Word boundaries from the start to the end of a span of folded text, both included.

    Only the piece around the span that surely stands by itself is cut, which gives what cutting
    the whole sentence would.
    """
    first, last = start, end
    while start - first < _SENTENCE_REACH and not _parted(text, first):
        first -= 1
    while last - end < _SENTENCE_REACH and not _parted(text, last):
        last += 1
    return {first + at for at in _boundaries(text[first:last]) if start <= first + at <= end}


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
    bounds = word_bounds(text, start, end)
    if start in bounds and end in bounds:
        return True
    # A word that begins or ends inside: the span is no part of one single word.
    straddled = any(start < bound < end for bound in bounds)
    return end - start > _WHOLE_WORD_LENGTH and not straddled


def _cuts_latin(text: str, at: int) -> bool:
    """Whether a position parts two Latin letters or two digits."""
    if not 0 < at < len(text):
        return False
    before, after = text[at - 1], text[at]
    if not (before.isascii() and after.isascii()):
        return False
    return (before.isalpha() and after.isalpha()) or (before.isdigit() and after.isdigit())


def words_in(text: str) -> Iterator[str]:
    """All words of a text, as the boundaries are drawn; slow: a candidate's sentence is enough."""
    words: Iterator[str] = _tokenizer().cut(text, HMM=False)
    return words
