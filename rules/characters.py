"""What one character folds to: the table behind :mod:`rules.folding`.

Folding a character undoes width, styling (circled, squared, parenthesised, mathematical letters
and digits), case, Latin diacritics, letters of another script that look the same, and the
traditional form, and drops what no reader sees. The table is a fixed point: no character of a
result folds to anything but itself.
"""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import opencc

#: Code points of a text, or something said of each of them.
Codes: TypeAlias = npt.NDArray[np.uint32]

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
    (0x1F10B, ("0", "0")),  # circled sans-serif zero, plain and negative
    (0x1F150, _LETTERS),  # negative circled letters
    (0x1F170, _LETTERS),  # negative squared letters
    (0x1F18E, ("ab",)),
    (0x1F191, ("cl", "cool", "free", "id", "new", "ng", "ok", "sos", "up", "vs")),
    (0x1F1E6, _LETTERS),  # regional indicators
    # Those that decompose with brackets, a full stop or a comma: 微⑴, ⒈⒊⒏ read as bare ones.
    (0x2474, tuple(str(number) for number in range(1, 21))),  # parenthesised
    (0x2488, tuple(str(number) for number in range(1, 21))),  # with full stop
    (0x249C, _LETTERS),  # parenthesised
    (0x1F100, ("0", *(str(number) for number in range(10)))),  # with full stop, with comma
    (0x1F110, _LETTERS),  # parenthesised capitals
    (0x3220, tuple("一二三四五六七八九十月火水木金土日株有社名特财祝劳代呼学监企资协祭休自至")),
)
#: Cyrillic letters that no reader tells from Latin ones: VХ, сom. Greek ones are left: physics.
_LOOKALIKE_LETTERS = dict(
    zip("аеоркстухмвнігѕјԁԛԝһАВЕКМНОРСТУХІЅЈ", "aeopkctyxmbhirsjdqwhabekmhopctyxisj", strict=True)
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
_TABLE_RANGES = ((0, 0xD800), (0xE000, 0x10000), (0x13430, 0x13440), (0x1BCA0, 0x1BCA4),
                 (0x1D165, 0x1D183), (0x1D400, 0x1D800), (0x1EE00, 0x1EF00), (0x1F000, 0x1FC00),
                 (0x2F800, 0x2FA20), (0xE0000, 0xE0200))  # fmt: skip
#: Halves of a pair, alone: broken text, that no scan takes.
_SURROGATES = slice(0xD800, 0xE000)
_HAN_RANGE = (0x3400, 0xA000)
#: Traditional characters that also stand for something else; the folding looks at their neighbours.
BY_NEIGHBOUR = frozenset("乾")


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
    } | {chr(code): plain for code, plain in _small_capitals()}


def _small_capitals() -> Iterable[tuple[int, str]]:
    """ᴠ, ᴡ and their like: letters of a phonetic alphabet, used as styled ones."""
    for code in (*range(0x0250, 0x02B0), *range(0x1D00, 0x1D80), *range(0xA700, 0xA800)):
        name = unicodedata.name(chr(code), "")
        letter = name.removeprefix("LATIN LETTER SMALL CAPITAL ")
        if letter != name and len(letter) == 1:
            yield code, letter.lower()


def _simplified() -> dict[str, str]:
    """Traditional to simplified, one character to one character."""
    characters = [chr(code) for code in range(*_HAN_RANGE)]
    converted = opencc.OpenCC("t2s").convert("\n".join(characters)).split("\n")
    return {
        a: b
        for a, b in zip(characters, converted, strict=True)
        if a != b and len(b) == 1 and a not in BY_NEIGHBOUR
    }


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


#: What the table holds for a character that folds to none or several; more is its place in
#: :attr:`FoldTable.irregular`.
IRREGULAR = sys.maxunicode + 1


@dataclass(frozen=True, slots=True)
class FoldTable:
    """What every code point folds to, to be looked up for a whole text at once."""

    codes: Codes
    #: The folded forms that are not one character long.
    irregular: tuple[str, ...]


@cache
def fold_table() -> FoldTable:
    """The table, built once."""
    direct = _styled() | _LOOKALIKE_LETTERS | _simplified()
    codes = np.arange(IRREGULAR, dtype=np.uint32)
    codes[_SURROGATES] = ord("\ufffd")
    irregular: list[str] = []
    for code in _codes(_TABLE_RANGES):
        folded = _fixed_point(chr(code), direct)
        if len(folded) == 1:
            codes[code] = ord(folded)
        else:
            codes[code] = IRREGULAR + len(irregular)
            irregular.append(folded)
    return FoldTable(codes, tuple(irregular))
