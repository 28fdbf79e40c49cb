"""Folding: one plain form of a text for matching, with the way back to the exact original.

Two folds. :func:`fold` is exact: it changes how characters are written, never which words are
there. :meth:`Folded.loosened` also skips symbols and spaces put between characters, and long
repeats; it only *finds* candidates, and a hit found that way is reported as an evasion undone.
The lexicon is folded with the same function as the text.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field

from rules.characters import fold_table, irregular_characters

#: A 乾 that is not the traditional form of 干; character folding would turn 乾隆 into 干隆.
_KEPT = re.compile("(?<=康)乾|乾(?=[隆坤嘉陵卦县元清德])")

_HAN = "\u3400-\u9fff"
#: What may stand beside a Han character and be skipped: blanks on one line, symbols, ASCII
#: punctuation that ends no clause, emoji. Chinese punctuation separates clauses and stays.
_PLAIN_GAP = r" \t\u00b7\u2022*_|\\~#@$`'\u2190-\u21ff\u2460-\u27bf\U0001f300-\U0001faff"
_ANY_GAP = _PLAIN_GAP + r".\-/^+=&%"
#: A gap. Beside a number a sign, a point or a percent sign says what the number is, and stays.
#: Each pattern begins with what it skips, not with what stands before: the search is faster so.
_GAP = re.compile(
    rf"[{_ANY_GAP}](?:(?<=[{_HAN}].)[{_ANY_GAP}]{{0,2}}(?=[{_HAN}a-z])"
    rf"|(?<=[a-z].)[{_ANY_GAP}]{{0,2}}(?=[{_HAN}])"
    rf"|(?<=[{_HAN}][{_PLAIN_GAP}])[{_PLAIN_GAP}]{{0,2}}(?=[0-9])"
    rf"|(?<=[0-9][{_PLAIN_GAP}])[{_PLAIN_GAP}]{{0,2}}(?=[{_HAN}]))"
)
#: A run of three or more of one character; two are ordinary Chinese (妈妈, 天天).
_REPEATED = re.compile(rf"([{_HAN}])\1{{2,}}")


@dataclass(frozen=True, slots=True)
class OffsetMap:
    """Where a shortened or lengthened text differs from its source; all else runs in step.

    Entry *k* says: source characters ``source[k]`` to ``source[k] + taken[k]`` became ``made[k]``
    characters at ``at[k]``. Entries are in order.
    """

    at: array[int] = field(default_factory=lambda: array("I"))
    made: array[int] = field(default_factory=lambda: array("I"))
    source: array[int] = field(default_factory=lambda: array("I"))
    taken: array[int] = field(default_factory=lambda: array("I"))

    @classmethod
    def of(cls, changes: Iterable[tuple[int, int, int]]) -> OffsetMap:
        """Make a map from ``(source position, characters taken, characters made)``, in order."""
        result = cls()
        shift = 0
        for position, taken, made in changes:
            result.at.append(position + shift)
            result.made.append(made)
            result.source.append(position)
            result.taken.append(taken)
            shift += made - taken
        return result

    def __bool__(self) -> bool:
        return bool(self.at)

    def character(self, position: int) -> tuple[int, int]:
        """The source span of one character of the changed text."""
        index = bisect_right(self.at, position) - 1
        if index < 0:
            return position, position + 1
        inside = position - self.at[index] - self.made[index]
        end = self.source[index] + self.taken[index]
        if inside < 0:
            return self.source[index], end
        return end + inside, end + inside + 1

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The source span of a span; an empty span maps to an empty one before its character."""
        first = self.character(start)[0]
        return (first, first) if end <= start else (first, self.character(end - 1)[1])


@dataclass(frozen=True, slots=True)
class Folded:
    """A folded text that knows where each of its characters came from."""

    text: str
    offsets: OffsetMap

    def original(self, start: int, end: int) -> tuple[int, int]:
        """Map a folded span to the exact span in the original string."""
        return self.offsets.span(start, end)

    def loosened(self) -> Folded | None:
        """The looser fold, mapping back to *this* folded text; None when it changes nothing."""
        gaps = [match.span() for match in _GAP.finditer(self.text)]
        gaps += [(match.start() + 1, match.end()) for match in _REPEATED.finditer(self.text)]
        if not gaps:
            return None
        gaps.sort()
        kept, last = [], 0
        for start, end in gaps:
            kept.append(self.text[last:start])
            last = end
        kept.append(self.text[last:])
        return Folded("".join(kept), OffsetMap.of((s, e - s, 0) for s, e in gaps))


#: Skips this far apart, in loosened characters, leave single characters standing alone; words of
#: two, set apart, are a heading or a table.
_DENSE = 1


def dense_skips(folded: Folded, loosened: Folded) -> list[int]:
    """Where in a loosened text the skips look like an evasion rather than a heading or a table.

    A blank between two words is neither; one on each side of a character, or a symbol, may be.
    """
    at = loosened.offsets.at
    return [
        position
        for index, position in enumerate(at)
        if not _blank(folded.text, loosened.offsets, index)
        or (index and position - at[index - 1] <= _DENSE)
        or (index + 1 < len(at) and at[index + 1] - position <= _DENSE)
    ]


def _blank(text: str, offsets: OffsetMap, index: int) -> bool:
    start = offsets.source[index]
    return text[start : start + offsets.taken[index]].isspace()


def _length_changes(text: str) -> list[tuple[int, int, int]]:
    """Where folding makes a text shorter or longer, as :meth:`OffsetMap.of` takes it.

    A class of only the irregular characters that occur is many times faster than one of all.
    """
    present = irregular_characters().intersection(text)
    if not present:
        return []
    table = fold_table()
    pattern = re.compile("[" + re.escape("".join(sorted(present))) + "]")
    made = {character: len(str(table[ord(character)])) for character in present}
    return [(match.start(), 1, made[match.group()]) for match in pattern.finditer(text)]


def fold(text: str) -> Folded:
    """Fold a text: width, styling, case, diacritics, invisible characters, traditional forms.

    Folding a folded text changes nothing. The result may be shorter or longer than the text;
    :meth:`Folded.original` leads back.
    """
    table = fold_table()
    pieces = (piece.translate(table) for piece in _KEPT.split(text))
    return Folded("乾".join(pieces), OffsetMap.of(_length_changes(text)))
