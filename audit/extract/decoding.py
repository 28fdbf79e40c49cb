"""Bytes to text where the encoding is not told: UTF-8 or GB18030, as Chinese files are."""

from __future__ import annotations

import codecs
import re

from audit.extract.registry import Refused
from models.vocabulary import NotScreened

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
#: What a file in a wrong encoding turns into: control characters, private use, replacements.
_NONSENSE = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f\ue000-\uf8ff\ufffd\ufffe\uffff]")
#: Share of nonsense beyond which the text is not what the author wrote. Good files have none;
#: PDF pages with broken fonts have over half.
NONSENSE_SHARE = 0.1


def decode(data: bytes) -> str:
    """The text of a file without a declared encoding.

    Raises:
        Refused: It is no text in UTF-8, UTF-16 with a mark, or GB18030.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data.decode(encoding, "replace")
    for encoding in ("utf-8", "gb18030"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if is_sensible(text):
            return text
    raise Refused(NotScreened.UNREADABLE, "neither UTF-8 nor GB18030 text")


def is_sensible(text: str) -> bool:
    """Whether the text could have been written by a person."""
    return len(_NONSENSE.findall(text)) <= NONSENSE_SHARE * len(text)
