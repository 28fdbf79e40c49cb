"""Subtitles and lyrics: what is shown, at the time when it is shown (srt, vtt, ass, ssa, lrc)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from audit.extract.plain import text_of
from audit.extract.records import Item, Segment
from audit.extract.registry import Context, extractor
from models.vocabulary import Part, ResourceKind

_ARROW = re.compile(r"^\s*((?:\d+:)?\d{1,2}:\d\d)[,.]\d{1,3}\s*-->")
_TAGS = re.compile(r"<[^<>\n]{0,200}>|\{\\[^{}\n]{0,500}\}")
#: Lines of SubStation Alpha: what it is, then its fields, the text last and with commas of its own.
_EVENT = re.compile(r"^(Dialogue|Comment):\s*(.*)$", re.IGNORECASE)
_FORMAT = re.compile(r"^Format:\s*(.*)$", re.IGNORECASE)
_USUAL_FIELDS = 10
_TITLES = re.compile(r"^(Title|Original Script|Script Updated By):\s*(.+)$", re.IGNORECASE)
_TIMES = re.compile(r"^((?:\[\d{1,3}:\d\d(?:[.:]\d{1,3})?\])+)(.*)$")
_INFORMATION = re.compile(r"^\[(ti|ar|al|by|au|re):(.*)\]\s*$", re.IGNORECASE)
_WORD_TIMES = re.compile(r"<\d{1,3}:\d\d(?:[.:]\d{1,3})?>")


@extractor(ResourceKind.SUBTITLE)
def read_subtitles(data: bytes, context: Context) -> Iterator[Item]:
    """One segment a cue or line, placed by its time (``00:01:02``)."""
    text = text_of(data, context)
    lines = text.splitlines()
    if any(_ARROW.match(line) for line in lines):
        yield from _cues(lines)
    elif any(_EVENT.match(line) or line.lower().startswith("[script info]") for line in lines):
        yield from _script(lines)
    else:
        yield from _lyrics(lines)


def _cues(lines: list[str]) -> Iterator[Segment]:
    """SubRip and WebVTT: a line of times, then text up to a blank line."""
    place = "开头"
    run: list[str] = []
    for number, line in enumerate(lines):
        time = _ARROW.match(line)
        if time or not line.strip():
            yield from _shown(run, place)
            run = []
            place = _clock(time[1]) if time else place
        elif not _is_counter(lines, number):
            run.append(line)
    yield from _shown(run, place)


def _is_counter(lines: list[str], number: int) -> bool:
    """Whether a line only counts or names the cue that begins in the next one."""
    following = lines[number + 1] if number + 1 < len(lines) else ""
    return bool(_ARROW.match(following)) and lines[number].strip().isdigit()


def _script(lines: list[str]) -> Iterator[Segment]:
    fields = _USUAL_FIELDS
    for line in lines:
        if title := _TITLES.match(line):
            yield Segment(title[2], Part.ATTACHMENT, "字幕信息")
        elif said := _FORMAT.match(line):
            fields = said[1].count(",") + 1
        elif event := _EVENT.match(line):
            cells = event[2].split(",", fields - 1)
            time = cells[1].strip() if len(cells) > 1 else ""
            where = _clock(time.partition(".")[0])
            if event[1].lower() == "comment":
                where += "·注释"
            yield from _shown(re.split(r"\\[Nn]", cells[-1].replace("\\h", " ")), where)


def _lyrics(lines: list[str]) -> Iterator[Segment]:
    for number, line in enumerate(lines, 1):
        if information := _INFORMATION.match(line.strip()):
            yield Segment(information[2].strip(), Part.ATTACHMENT, "歌曲信息")
        elif timed := _TIMES.match(line.strip()):
            first = re.split(r"[\[\].]", timed[1])[1]
            yield from _shown([_WORD_TIMES.sub("", timed[2])], _clock(first))
        else:
            yield from _shown([line], f"第{number}行")


def _shown(run: list[str], place: str) -> Iterator[Segment]:
    text = "\n".join(_TAGS.sub("", line).strip() for line in run).strip()
    if text:
        yield Segment(text, Part.ATTACHMENT, place)


def _clock(time: str) -> str:
    """A time of hours, minutes and seconds, however it was written."""
    numbers = [int(part) for part in time.split(":") if part.isdigit()]
    hours, minutes, seconds = [0, 0, 0, *numbers][-3:]
    return f"{hours:02}:{minutes:02}:{seconds:02}"
