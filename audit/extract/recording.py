"""Sound and film: what the file says of itself, chapters, subtitles, the cover.

Only the container is read; nothing is decoded but subtitles. What is said and shown stays a gap.
Lists that lead elsewhere (m3u8) are not followed: the demuxers are named, and no protocol is left
to them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from io import BytesIO
from itertools import count
from typing import Any

import av
from av.container import InputContainer
from av.stream import Disposition
from av.subtitles.subtitle import AssSubtitle

from audit.extract.decoding import decode, written
from audit.extract.embedded import embedded
from audit.extract.records import Gap, Item
from audit.extract.registry import Context, Refused, contained, extractor
from models.vocabulary import NotScreened, ResourceKind

#: Containers of sound and film; none of them opens another file.
_FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,asf,flv,mp3,wav,w64,ogg,aac,flac,amr,amrnb,amrwb,"
    "mpeg,mpegvideo,mpegts,rm,aiff,au,caf,ape,tta,wv,dv,swf"
)
_OPTIONS = {"format_whitelist": _FORMATS, "protocol_whitelist": "none"}
#: What a file says of itself that a listener may read, and what officers call it.
_LABELS: Mapping[str, str] = {
    "title": "标题", "artist": "作者", "author": "作者", "album_artist": "作者", "composer": "作者",
    "performer": "作者", "album": "专辑", "comment": "备注", "description": "简介",
    "synopsis": "简介", "copyright": "版权", "genre": "类型", "keywords": "关键词",
    "publisher": "发布者", "show": "节目", "subtitle": "副标题",
}  # fmt: skip
_LYRICS = re.compile(r"lyrics", re.IGNORECASE)
#: Cues of one film; a lesson of an hour has about 1,500.
_MOST_CUES = 20_000
_DRAWN = re.compile(r"\{[^{}]{0,500}\}")


@extractor(ResourceKind.AUDIO, ResourceKind.VIDEO)
def read_recording(data: bytes, context: Context) -> Iterator[Item]:
    """The words around a recording; what is said or shown in it is a gap."""
    if context.depth:
        yield from embedded("", data, context.kind)
    else:
        yield Gap("", NotScreened.AUDIO_VIDEO)
    yield from contained("文件信息", _words(data))


def _words(data: bytes) -> Iterator[Item]:
    if data.startswith(b"#EXTM3U"):  # a list of where the parts are
        return
    try:
        file = av.open(BytesIO(data), "r", options=_OPTIONS, metadata_errors="surrogateescape")
    except av.FFmpegError as error:
        raise Refused(NotScreened.UNREADABLE, str(error)) from error
    with file:
        yield from _described(file.metadata, "文件信息")
        for stream in file.streams:
            yield from _described(stream.metadata, f"第{stream.index + 1}轨")
        for number, chapter in enumerate(file.chapters(), 1):
            title = _mended(chapter["metadata"].get("title", ""))
            yield from written(title, f"章节{number} {_clock(_seconds(chapter))}")
        yield from contained("封面和字幕", _packets(file))


def _described(metadata: Mapping[str, str], place: str) -> Iterator[Item]:
    for key, value in metadata.items():
        label = "歌词" if _LYRICS.match(key) else _LABELS.get(key.lower())
        if label:
            yield from written(_mended(value), f"{place}·{label}")


def _mended(text: str) -> str:
    """Chinese programs write GBK where the format wants Latin-1 or UTF-8."""
    raw = text.encode("utf-8", "surrogateescape")
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return decode(raw)
    if not text.isascii() and all(ord(character) < 0x100 for character in text):
        try:
            return decode(text.encode("latin-1"))
        except Refused:
            return text
    return text


def _seconds(chapter: av.container.core.Chapter) -> float:
    base = chapter["time_base"]
    return float(chapter["start"] * base) if base else 0.0


def _clock(seconds: float) -> str:
    whole = int(seconds)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}"


def _packets(file: InputContainer) -> Iterator[Item]:
    """Covers and subtitles: a cover is one packet of a stream of its own."""
    covers = [s for s in file.streams.video if s.disposition & Disposition.attached_pic]
    streams = [*covers, *file.streams.subtitles]
    pictures, cues = count(1), count(1)
    for packet in file.demux(streams) if streams else ():
        if not packet.size:
            continue
        if packet.stream in covers:
            yield from embedded(f"封面{next(pictures)}", bytes(packet))
            continue
        start = float(packet.pts * packet.time_base) if packet.pts is not None else 0.0
        place = f"字幕 {_clock(start)}"
        if next(cues) > _MOST_CUES:
            yield Gap(f"{place}及以后", NotScreened.BUDGET)
            return
        yield from contained(place, _cue(packet, place))


def _cue(packet: av.Packet[Any], place: str) -> Iterator[Item]:
    for subtitle in packet.decode():
        if isinstance(subtitle, AssSubtitle):
            text = _DRAWN.sub("", decode(subtitle.dialogue)).replace("\\N", "\n")
            yield from written(text.strip(), place)
        else:
            yield Gap(place, NotScreened.PICTURE_TEXT)
