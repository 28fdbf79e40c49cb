"""What one character folds to: the table behind :mod:`rules.folding`.

Folding a character undoes width, styling (circled, squared, mathematical letters and digits),
case, Latin diacritics and the traditional form, and drops what no reader sees. The table is a
fixed point: no character of a result folds to anything but itself.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from functools import cache

import opencc

_ONE_TO_TEN = tuple(str(number) for number in range(1, 11))
_LETTERS = tuple("abcdefghijklmnopqrstuvwxyz")

#: Styled letters and digits that Unicode gives no compatibility decomposition:
#: first code point of the run, and the plain text its members stand for.
_STYLED_RUNS: tuple[tuple[int, tuple[str, ...]], ...] = (
    (0x2776, _ONE_TO_TEN),  # negative circled
    (0x2780, _ONE_TO_TEN),  # circled sans-serif
    (0x278A, _ONE_TO_TEN),  # negative circled sans-serif
    (0x24EB, tuple(str(number) for number in range(11, 21))),  # negative circled 11-20
    (0x24F5, _ONE_TO_TEN),  # double circled
    (0x24FF, ("0",)),
    (0x1F150, _LETTERS),  # negative circled letters
    (0x1F170, _LETTERS),  # negative squared letters
    (0x1F1E6, _LETTERS),  # regional indicators
)

#: Marks laid over or under a letter; vowel signs of other scripts are letters there and stay.
_MARK_RANGES = (
    (0x0300, 0x036F),
    (0x0483, 0x0489),
    (0x1AB0, 0x1AFF),
    (0x1DC0, 0x1DFF),
    (0x20D0, 0x20FF),
    (0xFE00, 0xFE0F),
    (0xFE20, 0xFE2F),
    (0xE0100, 0xE01EF),
)
#: Letters by category, yet without ink: Hangul fillers, Mongolian selectors, the empty braille cell.
_BLANK = frozenset("\u115f\u1160\u3164\uffa0\u180b\u180c\u180d\u180f\u17b4\u17b5\u2800")

#: Blocks that hold characters which fold to something else.
_TABLE_RANGES = ((0, 0x10000), (0x1D400, 0x1D800), (0x1EE00, 0x1EF00), (0x1F000, 0x1FC00),
                 (0x2F800, 0x2FA20), (0xE0000, 0xE0200))  # fmt: skip
_HAN_RANGE = (0x3400, 0xA000)


def is_invisible(character: str) -> bool:
    """Whether a character has no ink of its own: a format mark, a filler, an overlaid mark."""
    code = ord(character)
    if character in _BLANK or any(first <= code <= last for first, last in _MARK_RANGES):
        return True
    category = unicodedata.category(character)
    return category == "Cf" or (category == "Cc" and character not in "\t\n\v\f\r\x85")


def _styled() -> dict[str, str]:
    return {
        chr(first + offset): plain
        for first, run in _STYLED_RUNS
        for offset, plain in enumerate(run)
    }


def _simplified() -> dict[str, str]:
    """Traditional to simplified, one character to one character."""
    characters = [chr(code) for code in range(*_HAN_RANGE)]
    converted = opencc.OpenCC("t2s").convert("\n".join(characters)).split("\n")
    return {a: b for a, b in zip(characters, converted, strict=True) if a != b and len(b) == 1}


def _without_diacritics(text: str) -> str:
    """Drop accents from letters; leave ``≠`` and its like, which mean something else without."""
    return "".join(_plain_letter(character) for character in text)


def _plain_letter(character: str) -> str:
    decomposed = unicodedata.normalize("NFD", character)
    if len(decomposed) == 1 or not decomposed[0].isalpha():
        return character
    kept = (part for part in decomposed if not is_invisible(part))
    return unicodedata.normalize("NFC", "".join(kept))


def _fixed_point(character: str, direct: dict[str, str]) -> str:
    """Fold one character until nothing changes; the steps shrink, so this ends."""
    folded = character
    while True:
        visible = (part for part in folded if not is_invisible(part))
        mapped = "".join(direct.get(part, part) for part in visible)
        plain = _without_diacritics(unicodedata.normalize("NFKC", mapped)).lower()
        if plain == folded:
            return folded
        folded = plain


def _codes(ranges: Iterable[tuple[int, int]]) -> Iterable[int]:
    return (code for first, end in ranges for code in range(first, end))


class FoldTable(dict[int, int | str]):
    """A table for :meth:`str.translate`: every code point, those that do not change included.

    Holding the unchanged ones too is what makes ``translate`` fast: a missing key costs an
    exception for each character of ordinary text.
    """

    def __missing__(self, code: int) -> int:
        """A character outside the blocks folds to itself."""
        return code


@cache
def fold_table() -> FoldTable:
    """The table, built once."""
    direct = _styled() | _simplified()
    table = FoldTable()
    for code in _codes(_TABLE_RANGES):
        character = chr(code)
        folded = _fixed_point(character, direct)
        table[code] = code if folded == character else folded
    return table


@cache
def irregular_characters() -> frozenset[str]:
    """The characters whose folded form is not exactly one character long."""
    return frozenset(
        chr(code) for code, to in fold_table().items() if isinstance(to, str) and len(to) != 1
    )
