"""Bytes to text where the encoding is not told: UTF-8, GB18030 or Big5, as Chinese files are.

Nearly any bytes are *some* text in GB18030. So a guess counts only when what comes out looks like
Chinese: garbled text would be screened as clean.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice

from audit.extract.records import Gap, Segment
from audit.extract.registry import Refused
from models.vocabulary import NotScreened, Part

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
#: Encodings that are guessed: name, the set whose rows are ordered by use, and the lead bytes of
#: its common characters (GB 2312 level 1: 3,755 characters; Big5 level 1: 5,401).
_GUESSES = (
    ("gb18030", "gb2312", (0xB0, 0xD7)),
    ("big5", "big5", (0xA4, 0xC6)),
)
#: What a file in a wrong encoding turns into: control characters, private use, replacements.
_NONSENSE = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f\ue000-\uf8ff\ufffd\ufffe\uffff]")
#: Signs of symbol fonts (bullets, ticks), which office programs write for private use.
_SYMBOLS = re.compile("[\uf000-\uf0ff]")
#: Share of nonsense beyond which the text is not what the author wrote. Good files have none;
#: PDF pages with broken fonts have over half.
NONSENSE_SHARE = 0.1
_HAN = re.compile("[\u3400-\u9fff\uf900-\ufaff]")
#: Share of common characters among the Chinese ones from which a guess is believed. Lessons have
#: 0.95 to 1.0, classical poems 0.85; Big5, Shift-JIS and Latin-1 read as GB18030 have 0.1 to 0.5.
_COMMON_SHARE = 0.6
#: The same for text that is found by offsets and not guessed, where traditional characters, names
#: and rare words are no sign: two bytes of other characters put together have 0.15 to 0.25.
_FOUND_SHARE, _FOUND_FEWEST = 0.35, 20
#: Scripts that do not stand beside Chinese in a lesson, Hangul among them; a text in one of them is
#: fine, halves of characters give many at once: so many, and at least this share of the text.
_STRANGE = re.compile("[\u0530-\u1dff\u2c00-\u2dff\ua000-\ud7ff\ufb00-\ufdff\ufe70-\ufefe]")
_STRANGE_SHARE, _STRANGE_SCRIPTS = 0.1, 3
#: So many Chinese characters are looked at, and below so many nothing can be said.
_SAMPLE, _FEWEST = 2_000, 4


def decode(data: bytes) -> str:
    """The text of a file without a declared encoding.

    Raises:
        Refused: It is no text in UTF-8, UTF-16 with a mark, GB18030 or Big5, or it is doubtful in
            which.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data.decode(encoding, "replace")
    text = _decoded(data, "utf-8")
    if text is not None and is_sensible(text):
        return text
    for encoding, charset, common in _GUESSES:
        text = _decoded(data, encoding)
        if text is not None and is_sensible(text) and _is_common(text, charset, common):
            return text
    raise Refused(NotScreened.UNREADABLE, "no text in UTF-8, GB18030 or Big5")


def path_name(raw: bytes) -> str:
    """A name in an archive whose format tells no encoding: UTF-8, else as Chinese packers write.

    Two bytes of GBK are often a letter in UTF-8 too. A name of nothing but letters that Chinese
    names do not have (Greek, Cyrillic, Arabic …) is taken for GBK.
    """
    text = _decoded(raw, "utf-8")
    chinese = _decoded(raw, "gb18030")
    if text is None:
        return chinese if chinese is not None else raw.decode("latin-1")
    letters = [character for character in text if not character.isascii()]
    foreign = letters and all("\u0180" <= character <= "\u07ff" for character in letters)
    return chinese if foreign and chinese is not None else text


def _decoded(data: bytes, encoding: str) -> str | None:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        return None


def _is_common(text: str, charset: str, common: tuple[int, int]) -> bool:
    found = _chinese(text)
    known = _common(found, charset, common)
    return len(found) < _FEWEST or known >= _COMMON_SHARE * len(found)


def _chinese(text: str) -> list[str]:
    return [match[0] for match in islice(_HAN.finditer(text), _SAMPLE)]


def _common(found: list[str], charset: str, common: tuple[int, int]) -> int:
    low, high = common
    return sum(low <= _lead(character, charset) <= high for character in found)


def _is_misplaced(text: str) -> bool:
    """Whether Chinese text is made of halves of other characters, as a wrong offset gives it."""
    strange = [ord(match[0]) for match in islice(_STRANGE.finditer(text), _SAMPLE)]
    scripts = {0xAC00 if code >= 0xAC00 else code >> 7 for code in strange}
    if len(scripts) >= _STRANGE_SCRIPTS and len(strange) >= _STRANGE_SHARE * len(text):
        return True
    found = _chinese(text)
    if len(found) < _FOUND_FEWEST:
        return False
    known = max(_common(found, charset, common) for _, charset, common in _GUESSES)
    return known < _FOUND_SHARE * len(found)


@lru_cache(8192)
def _lead(character: str, charset: str) -> int:
    return character.encode(charset, "replace")[0]


def is_sensible(text: str) -> bool:
    """Whether the text could have been written by a person."""
    return len(_NONSENSE.findall(text)) <= NONSENSE_SHARE * len(text)


def written(text: str, locator: str, part: Part = Part.ATTACHMENT) -> Iterator[Segment | Gap]:
    """A run of text out of a binary format; a gap where it is no text, nothing where it is empty.

    For formats whose text is found by offsets: a damaged offset gives words that nobody wrote.
    """
    readable = _SYMBOLS.sub(" ", text)
    if not readable.strip():
        return
    if is_sensible(readable) and not _is_misplaced(readable):
        yield Segment(readable, part, locator)
    else:
        yield Gap(locator, NotScreened.UNREADABLE)
