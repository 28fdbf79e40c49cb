"""Subtitles and lyrics as text files: told by their time marks, whatever they are named."""

from __future__ import annotations

import codecs
import re

#: So much of a file shows its time marks, in bytes.
_HEAD = 8192
#: The line over a cue of SubRip and WebVTT.
_CUE = re.compile(
    r"^(\d+:)?\d{1,2}:\d\d[,.]\d{1,3}[ \t]*-->[ \t]*(\d+:)?\d{1,2}:\d\d", re.MULTILINE
)
#: The first section of SubStation Alpha.
_SCRIPT = re.compile(r"^\[Script Info\]", re.IGNORECASE | re.MULTILINE)
#: A line of lyrics, and a line that names the song, as LRC has them.
_LYRIC = re.compile(r"^(\[\d{1,3}:\d\d([.:]\d{1,3})?\])+|^\[(ti|ar|al|by|offset|length|re|ve):")
#: Fewer marked lines are a list with times in it, not lyrics.
_FEWEST_LYRICS = 2


def is_subtitle(body: bytes) -> bool:
    """Whether a text file is a subtitle file (srt, vtt, ass, ssa) or lyrics (lrc)."""
    head = _readable(body[:_HEAD])
    if _CUE.search(head) or _SCRIPT.search(head[:2000]):
        return True
    lines = [line.strip() for line in head.splitlines() if line.strip()]
    marked = sum(bool(_LYRIC.match(line)) for line in lines)
    return marked >= _FEWEST_LYRICS and 2 * marked > len(lines)


def _readable(head: bytes) -> str:
    """The head with its ASCII right; which Chinese encoding it has does not matter here."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return head.decode("utf-16", "replace").lstrip("\ufeff")
    return head.removeprefix(codecs.BOM_UTF8).decode("latin-1")
