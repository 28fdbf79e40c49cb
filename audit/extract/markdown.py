"""Markdown as it reads when shown: without its marks, and where its links lead."""

from __future__ import annotations

import re
from collections.abc import Iterator

#: Emphasis, code and strike-out around words; a phrase would be torn apart by them.
_MARKS = re.compile(r"(?<!\\)(\*{1,3}|~~|`{1,3}|(?<!\w)_{1,3}|_{1,3}(?!\w))")
#: ``[text](address "title")`` and the same for a picture.
_LINK = re.compile(
    r"!?\[([^\]\n]{0,500})\]\(\s*<?([^)\s>]{1,2000})>?(?:\s+[\"']([^\"'\n]{0,500})[\"'])?\s*\)"
)
_REFERENCE = re.compile(r"^\s{0,3}\[[^\]\n]{1,200}\]:\s*<?(\S{1,2000}?)>?(?:\s|$)", re.MULTILINE)
_AUTOMATIC = re.compile(r"<(https?://[^>\s]{1,2000})>")
_ADDRESS = re.compile(r"(https?:)?//")


def shown(text: str) -> str:
    """The text of a run as a reader sees it; a link's title stays behind its words."""
    return _MARKS.sub("", _LINK.sub(_words, text))


def _words(link: re.Match[str]) -> str:
    return f"{link[1]} {link[3]}" if link[3] else link[1]


def addresses(text: str) -> Iterator[str]:
    """Where the links of a run lead, each once."""
    found = [match[2] for match in _LINK.finditer(text)]
    found += [match[1] for match in (*_REFERENCE.finditer(text), *_AUTOMATIC.finditer(text))]
    yield from (address for address in dict.fromkeys(found) if _ADDRESS.match(address))
