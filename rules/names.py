"""Official names written with a slip: a character wrong, missing, too many, or two swapped.

A slip inside a name leaves one of its pieces whole. The pieces are looked up with all other
phrases; around one that occurs, the rest of the name is compared with what stands there.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

#: Names from this length on may have two slips; shorter ones have one.
_LONG_NAME = 10
MOST_SLIPS = 2

#: A piece shorter than this occurs everywhere.
SHORTEST_NAME = 6


def _slips(name: str) -> int:
    return MOST_SLIPS if len(name) >= _LONG_NAME else 1


def pieces(name: str) -> Iterator[tuple[int, str]]:
    """The pieces of a name with their offsets, one more than it may have slips."""
    count = _slips(name) + 1
    bounds = [len(name) * part // count for part in range(count + 1)]
    for first, last in pairwise(bounds):
        yield first, name[first:last]


def misspelt(text: str, at: int, name: str, offset: int, length: int) -> tuple[int, int] | None:
    """The span of a slip of a name around a piece of it, or None.

    Its first and last characters have to be right: a name cut short is another word
    (中国人民解放[军], 中国人民解放[战争]).

    Args:
        text: Folded text.
        at: Where the piece occurs in it.
        name: The whole name.
        offset: Where the piece stands in the name.
        length: How long the piece is.
    """
    if text.startswith(name, at - offset):
        return None
    limit = _slips(name)
    if not _has_edges(text, at - offset, name, limit):
        return None
    left = _best(name[:offset], [text[max(0, at - n) : at] for n in _lengths(offset, limit, at)], 0)
    end, rest = at + length, name[offset + length :]
    room = len(text) - end
    right = _best(rest, [text[end : end + n] for n in _lengths(len(rest), limit, room)], -1)
    if left is None or right is None or not 0 < left[0] + right[0] <= limit:
        return None
    start, stop = at - left[1], end + right[1]
    return (start, stop) if all(map(_is_han, text[start:stop])) else None


def _has_edges(text: str, start: int, name: str, limit: int) -> bool:
    """Whether the first and last characters of a name stand about where a slip leaves them."""
    end = start + len(name)
    return (
        text.find(name[0], max(0, start - limit), max(0, start + limit + 1)) >= 0
        and text.find(name[-1], max(0, end - limit - 1), end + limit) >= 0
    )


def _is_han(character: str) -> bool:
    """Whether a character is one of a name; a quotation mark in it is no slip (“三个代表”)."""
    return "\u4e00" <= character <= "\u9fff"


def _lengths(wanted: int, limit: int, room: int) -> Iterator[int]:
    """Lengths to try beside a piece: the right one first, then those a slip makes."""
    if wanted == 0:
        yield 0
        return
    for change in sorted(range(-limit, limit + 1), key=abs):
        if 0 < wanted + change <= room:
            yield wanted + change


def _best(part: str, candidates: list[str], edge: int) -> tuple[int, int] | None:
    """The least distance of a part of a name to what stands there, and that one's length."""
    if not part:
        return 0, 0
    found = [
        (_distance(part, text), len(text))
        for text in candidates
        if text and text[edge] == part[edge]
    ]
    return min(found, key=lambda one: one[0], default=None)


def _distance(one: str, other: str) -> int:
    """Optimal string alignment: changes, omissions, insertions, swaps of neighbours."""
    previous: list[int] = []
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, start=1):
        before, previous, row = previous, row, [i]
        for j, b in enumerate(other, start=1):
            best = min(previous[j] + 1, row[j - 1] + 1, previous[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                best = min(best, before[j - 2] + 1)
            row.append(best)
    return row[-1]
