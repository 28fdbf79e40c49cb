"""The looser fold: what was put between characters is skipped, what was taken apart is joined.

It skips symbols, blanks and emoji between characters; marks and line ends that stand between
single characters one after another; long repeats, and doubling character by character; and it
joins a character written as its parts (弓虽, 讠兑). What it gives only *finds* candidates: a hit
that only it shows is reported as an evasion undone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from importlib import resources
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import yaml

from rules.characters import Codes
from rules.folding import Folded, codes_of, text_of
from rules.offsets import OffsetMap, Positions

Mask = npt.NDArray[np.bool_]
Kinds = npt.NDArray[np.uint8]


# What a folded character can be to what stands beside it.
HAN = np.uint8(1)
LATIN = np.uint8(2)
DIGIT = np.uint8(4)
#: Skipped beside anything: blanks on one line, symbols that end no clause, emoji, icons.
PLAIN_GAP = np.uint8(8)
#: Skipped beside letters; beside a number it says what the number is (-3, 5%, 1.5).
SIGN_GAP = np.uint8(16)
#: Parts clauses, and is skipped only between single characters one after another.
MARK = np.uint8(32)
#: The first and the second part of a character taken apart.
PART = np.uint8(64)
SECOND_PART = np.uint8(128)
_GAP = PLAIN_GAP | SIGN_GAP
_HAN = "[\u3400-\u9fff\U00020000-\U00031fff]"

_RANGES: tuple[tuple[np.uint8, int, int], ...] = (
    (HAN, 0x3400, 0xA000),
    (HAN, 0x20000, 0x32000),
    (LATIN, ord("a"), ord("z") + 1),
    (DIGIT, ord("0"), ord("9") + 1),
    (PLAIN_GAP, 0x2190, 0x2200),
    (PLAIN_GAP, 0x2460, 0x27C0),
    (PLAIN_GAP, 0x2B00, 0x2C00),
    (PLAIN_GAP, 0xE000, 0xF900),
    (PLAIN_GAP, 0x1F000, 0x1FB00),
    (MARK, 0x2010, 0x2028),
    (MARK, 0x3008, 0x3012),
    (MARK, 0x3014, 0x3020),
)
_LISTED: tuple[tuple[np.uint8, str], ...] = (
    (PLAIN_GAP, " \t·•*_|\\~#@$`'※\ufffc"),
    (SIGN_GAP, ".-/^+=&%"),
    (MARK, '\n,;:!?"()[]{}<>、。'),
)
#: A longer gap than this is a layout, not an evasion.
_LONGEST_GAP = 6
_LONGEST_MARK = 2
#: Closing marks and their opening ones: 加【微】信.
_OPENED_BY = {ord(b): ord(a) for a, b in ("()", "[]", "{}", "<>", "【】", "「」", "『』", "《》", "〈〉", "〔〕", "“”", "‘’")}  # fmt: skip
#: Runs from this long on are repeats; two are ordinary Chinese (妈妈, 天天).
_REPEATS = 3
#: Below this length the looser fold first looks with one expression whether there is any cause;
#: the arrays' fixed cost is that of some hundred characters (measured).
_SHORT = 400


@cache
def _opened() -> Codes:
    """Every code point, closing marks as the ones that open them."""
    codes = np.arange(0x110000, dtype=np.uint32)
    for closing, opening in _OPENED_BY.items():
        codes[closing] = opening
    return codes


@cache
def _kinds() -> Kinds:
    kinds = np.zeros(0x110000, dtype=np.uint8)
    for kind, first, end in _RANGES:
        kinds[first:end] |= kind
    for kind, characters in _LISTED:
        for character in characters:
            kinds[ord(character)] |= kind
    for pair in part_pairs():
        kinds[ord(pair[0])] |= PART
        kinds[ord(pair[1])] |= SECOND_PART
    return kinds


def kinds_of(codes: Codes) -> Kinds:
    """What each character of a folded text is to what stands beside it."""
    kinds: Kinds = _kinds()[codes]
    return kinds


@cache
def part_pairs() -> dict[str, str]:
    """Characters by the two parts that they are written as."""
    text = (resources.files(__package__) / "parts.yaml").read_text(encoding="utf-8")
    table: dict[str, str] = yaml.safe_load(text)
    return {pair: whole for whole, pairs in table.items() for pair in pairs.split()}


@cache
def _pairs() -> tuple[npt.NDArray[np.uint64], Codes]:
    """The pairs as sorted numbers, and the code point each becomes."""
    pairs = sorted((_joined(*map(ord, pair)), ord(whole)) for pair, whole in part_pairs().items())
    return (
        np.array([number for number, _ in pairs], dtype=np.uint64),
        np.array([code for _, code in pairs], dtype=np.uint32),
    )


def _joined(first: int, second: int) -> int:
    return first << 32 | second


_NOWHERE: Positions = np.zeros(0, dtype=np.int64)


@cache
def _cause() -> re.Pattern[str]:
    """What gives cause to look closer at a short text."""
    gaps, marks = ("".join(c for k, c in _LISTED if k & kind) for kind in (_GAP, MARK))
    gaps += "".join(f"{chr(a)}-{chr(b - 1)}" for k, a, b in _RANGES if k & _GAP)
    marks += "".join(f"{chr(a)}-{chr(b - 1)}" for k, a, b in _RANGES if k & MARK)
    gaps, marks = (re.sub(r"([\]\\^\[]|-(?=[/+]))", r"\\\1", some) for some in (gaps, marks))
    brackets = re.escape("".join(map(chr, {*_OPENED_BY, *_OPENED_BY.values()})))
    seconds: dict[str, str] = {}
    for pair in part_pairs():
        first, second = pair[0], pair[1]
        seconds[first] = seconds.get(first, "") + second
    causes = (
        rf"{_HAN}[{gaps}]|[{gaps}]{_HAN}",
        rf"(?P<mark>[{marks}])[{marks}]?{_HAN}(?:(?P=mark)|[{brackets}])",
        r"(?P<one>[^\W\d])(?P=one)(?:(?P=one)|(?P<other>\w)(?P=other))",
        *(f"{first}[{some}]" for first, some in seconds.items()),
    )
    return re.compile("|".join(causes))


class _Change(NamedTuple):
    """Spans of the folded text, and the code point that each becomes; 0 is none."""

    start: Positions
    end: Positions
    made: Positions


def loosen(folded: Folded) -> Folded | None:
    """The looser fold, mapping back to the *folded* text; None when it changes nothing."""
    if len(folded.text) < _SHORT and not _cause().search(folded.text):
        return None
    codes = codes_of(folded.text)
    start, end, made = _in_order(list(_found(codes, kinds_of(codes))))
    if not start.size:
        return None
    step = np.zeros(codes.size + 1, dtype=np.int8)
    step[start] += 1
    step[end] -= 1
    kept = np.cumsum(step[:-1], dtype=np.int8) == 0
    whole = made > 0
    kept[start[whole]] = True
    loose = codes.copy()
    loose[start[whole]] = made[whole]
    return Folded(text_of(loose[kept]), OffsetMap.from_arrays(start, end - start, whole * 1))


def _found(codes: Codes, kinds: Kinds) -> Iterator[_Change]:
    """The changes of each sort; most short texts give cause for none, which is seen first."""
    present = np.bitwise_or.reduce(kinds)
    if present & _GAP:
        yield _gaps(kinds)
    if present & MARK:
        yield _singled(codes, kinds)
    same = codes[1:] == codes[:-1]
    if same.any():
        yield from _repeats(codes, kinds, same)
    if present & PART:
        yield _parted(codes, kinds)


def _in_order(found: Sequence[_Change]) -> _Change:
    """All changes by their place; of two that overlap, the first."""
    if not any(change.start.size for change in found):
        return _removed(_NOWHERE, _NOWHERE)
    start, end, made = (np.concatenate(columns) for columns in zip(*found, strict=True))
    order = np.argsort(start, kind="stable")
    changes = _Change(start[order], end[order], made[order])
    while (overlap := (changes.start[1:] < changes.end[:-1]).nonzero()[0]).size:
        changes = _Change(*(np.delete(column, overlap[0] + 1) for column in changes))
    return changes


def _runs(mask: Mask) -> tuple[Positions, Positions]:
    """Where runs of True begin and end."""
    framed = np.zeros(mask.size + 2, dtype=np.bool_)
    framed[1:-1] = mask
    edges = (framed[1:] != framed[:-1]).nonzero()[0]
    return edges[::2], edges[1::2]


def _inner_runs(mask: Mask, longest: int) -> tuple[Positions, Positions]:
    """Runs that are not too long and have something on both sides."""
    start, end = _runs(mask)
    inner = (start > 0) & (end < mask.size) & (end - start <= longest)
    return start[inner], end[inner]


def _removed(start: Positions, end: Positions) -> _Change:
    return _Change(start, end, np.zeros_like(start))


def _both(pairs: Mask, size: int) -> Mask:
    """Of neighbours that make a pair, both."""
    mask = np.zeros(size, dtype=np.bool_)
    mask[:-1] |= pairs
    mask[1:] |= pairs
    return mask


def _gaps(kinds: Kinds) -> _Change:
    """Symbols and blanks between a Han character and another, a letter or a number."""
    start, end = _inner_runs((kinds & _GAP) != 0, _LONGEST_GAP)
    left, right = kinds[start - 1], kinds[end % kinds.size]
    signs = np.searchsorted((kinds & SIGN_GAP).nonzero()[0], (start, end))
    plain = signs[0] == signs[1]
    letters = _beside(left, right, HAN, HAN) | _beside(left, right, HAN, LATIN)
    numbers = plain & _beside(left, right, HAN, DIGIT)
    skipped = letters | numbers
    return _removed(start[skipped], end[skipped])


def _beside(left: Kinds, right: Kinds, one: np.uint8, other: np.uint8) -> Mask:
    as_is, turned = (
        (left & one != 0) & (right & other != 0),
        (left & other != 0) & (right & one != 0),
    )
    either: Mask = as_is | turned
    return either


def _singled(codes: Codes, kinds: Kinds) -> _Change:
    """One mark again and again, or brackets, around single Han characters: 加,微,信."""
    start, end = _inner_runs(kinds & MARK != 0, _LONGEST_MARK)
    between = (kinds[start - 1] & HAN != 0) & (kinds[end % kinds.size] & HAN != 0)
    start, end = start[between], end[between]
    mark = _opened()[codes[start]]
    again = (start[1:] - end[:-1] == 1) & (mark[1:] == mark[:-1])
    skipped = _both(again, start.size)
    return _removed(start[skipped], end[skipped])


def _repeats(codes: Codes, kinds: Kinds, same: Mask) -> Iterator[_Change]:
    """Long runs of one character, and two or more characters doubled one after another."""
    same &= kinds[1:] & (HAN | LATIN) != 0
    start, end = _runs(same)
    long = end - start >= _REPEATS - 1
    yield _once(codes, start[long], end[long] + 1)
    twice = start[(end - start == 1) & (kinds[start] & HAN != 0)]
    doubled = twice[_both(twice[1:] - twice[:-1] == 2, twice.size)]
    yield _once(codes, doubled, doubled + 2)


def _once(codes: Codes, start: Positions, end: Positions) -> _Change:
    """Runs of one character as one of it."""
    return _Change(start, end, codes[start].astype(np.int64))


def _parted(codes: Codes, kinds: Kinds) -> _Change:
    """Characters written as their parts."""
    at = ((kinds[:-1] & PART != 0) & (kinds[1:] & SECOND_PART != 0)).nonzero()[0]
    pairs, wholes = _pairs()
    numbers = codes[at].astype(np.uint64) << np.uint64(32) | codes[at + 1]
    places = np.minimum(np.searchsorted(pairs, numbers), pairs.size - 1)
    known = pairs[places] == numbers
    start = at[known]
    return _Change(start, start + 2, wholes[places[known]].astype(np.int64))


#: Skips this far apart, in loosened characters, leave single characters standing alone; words of
#: two, set apart, are a heading or a table.
_DENSE = 1


def dense_skips(folded: Folded, loosened: Folded) -> Positions:
    """Where in a loosened text the skips look like an evasion rather than a heading or a table.

    A blank between two words is neither; one on each side of a character, or a symbol, may be.
    """
    at, source = (np.array(column) for column in (loosened.offsets.at, loosened.offsets.source))
    near = at[1:] - at[:-1] <= _DENSE
    dense = _both(near, at.size)
    text, taken = folded.text, loosened.offsets.taken
    for index in (~dense).nonzero()[0].tolist():
        dense[index] = not text[source[index] : source[index] + taken[index]].isspace()
    found: Positions = at[dense]
    return found
