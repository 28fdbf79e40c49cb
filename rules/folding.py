"""Folding: one plain form of a text for matching, with the way back to the exact original.

Two folds. :func:`fold` is exact: it changes how characters are written, never which words are
there. :func:`rules.loosening.loosen` also undoes what was put between characters; it only *finds*
candidates. The lexicon is folded with the same function as the text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from rules.characters import IRREGULAR, Codes, fold_table
from rules.offsets import OffsetMap, Positions

#: Traditional characters that are simplified only beside some others: which, and what they become.
#: 乾 is no 干 in 乾隆; 瞭 is 了 in 瞭解, not in 瞭望; 藉 is 借 in 藉口, not in 狼藉; 著 is 着 in 看著,
#: not in 显著. Each looks at one neighbour on a side that is folded already.
_BY_NEIGHBOUR: tuple[tuple[str, re.Pattern[str], str], ...] = (
    ("乾", re.compile("(?<!康)乾(?![隆坤嘉陵卦县元清德])"), "干"),
    ("瞭", re.compile("瞭(?=[解然])|(?<=明)瞭"), "了"),
    ("藉", re.compile("藉(?=[口由助故])|(?<=凭)藉"), "借"),
    ("著", re.compile("(?<=[看跟随听说等拿走坐站躺抱带忙想笑哭拉沿顺朝])著(?![作名称者述])"), "着"),
)


@dataclass(frozen=True, slots=True)
class Folded:
    """A folded text that knows where each of its characters came from."""

    text: str
    offsets: OffsetMap

    def original(self, start: int, end: int) -> tuple[int, int]:
        """Map a folded span to the exact span in the original string."""
        return self.offsets.span(start, end)


def codes_of(text: str) -> Codes:
    """The code points of a text; lone surrogates too, as broken files bring them."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")


def text_of(codes: Codes) -> str:
    """The text of some code points."""
    return codes.tobytes().decode("utf-32-le", "surrogatepass")


def fold(text: str) -> Folded:
    """Fold a text: width, styling, case, diacritics, invisible characters, traditional forms.

    Folding a folded text changes nothing. The result may be shorter or longer than the text;
    :meth:`Folded.original` leads back. The folds of two texts, joined, are the fold of both
    joined, but for the four characters that are simplified by their neighbours.
    """
    codes = codes_of(text)
    mapped = fold_table().codes[codes]
    irregular = (mapped >= IRREGULAR).nonzero()[0]
    if irregular.size:
        plain, offsets = _with_irregular(mapped, irregular)
    else:
        plain, offsets = text_of(mapped), OffsetMap()
    for character, pattern, simplified in _BY_NEIGHBOUR:
        if character in plain:
            plain = pattern.sub(simplified, plain)
    return Folded(plain, offsets)


def _with_irregular(mapped: Codes, at: Positions) -> tuple[str, OffsetMap]:
    """The text where some characters became none or several, and the map back."""
    forms = fold_table().irregular
    made = [forms[place] for place in (mapped[at] - IRREGULAR).tolist()]
    mapped[at] = 0
    pieces: list[str] = []
    whole, last = text_of(mapped), 0
    for position, form in zip(at.tolist(), made, strict=True):
        pieces += (whole[last:position], form)
        last = position + 1
    pieces.append(whole[last:])
    lengths = np.fromiter(map(len, made), dtype=np.int64, count=len(made))
    return "".join(pieces), OffsetMap.from_arrays(at, np.ones_like(at), lengths)
