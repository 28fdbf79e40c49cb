"""Subtitles, lyrics, and what sound and film say of themselves, each with its time."""

from __future__ import annotations

from fractions import Fraction
from io import BytesIO
from typing import Any

import av
import numpy as np
import pytest

from audit.extract import Extraction, Gap, extract
from crawler.sniff import sniff
from models.vocabulary import NotScreened, ResourceKind


def said(found: Extraction) -> list[tuple[str, str]]:
    return [(segment.locator, segment.text) for segment in found.segments]


SRT = "1\n00:00:01,000 --> 00:00:03,500\n同学们好\n<i>请坐</i>\n\n2\n01:02:03,000 --> 01:02:04,000\n{\\an8}下课\n"
VTT = "WEBVTT 示例\n\nNOTE 说明\n\nintro\n00:01.000 --> 00:03.000 align:start\n<v 老师>同学们好\n"
ASS = """[Script Info]
Title: 示例字幕

[V4+ Styles]
Format: Name, Fontname
Style: Default,宋体

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
Dialogue: 0,0:00:01.00,0:00:03.00,Default,,0,0,0,,{\\pos(1,2)}同学们好,\\N请坐
Comment: 0,0:00:05.00,0:00:06.00,Default,,0,0,0,,备用的话
"""
LRC = "[ti:示例之歌]\n[ar:示例班]\n[00:01.50][00:31.50]春天在哪里\n[01:02]<01:02.00>在<01:03.00>山里\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (SRT, [("00:00:01", "同学们好\n请坐"), ("01:02:03", "下课")]),
        (VTT, [("开头", "WEBVTT 示例"), ("开头", "NOTE 说明"), ("开头", "intro"), ("00:00:01", "同学们好")]),
        (ASS, [("字幕信息", "示例字幕"), ("00:00:01", "同学们好,\n请坐"), ("00:00:05·注释", "备用的话")]),
        (
            LRC,
            [("歌曲信息", "示例之歌"), ("歌曲信息", "示例班"), ("00:00:01", "春天在哪里"), ("00:01:02", "在山里")],
        ),
    ],
    ids=["srt", "vtt", "ass", "lrc"],
)  # fmt: skip
@pytest.mark.parametrize("encoding", ["utf-8", "gb18030", "utf-16"])
def test_subtitles_are_told_by_content_and_placed_by_time(
    text: str, expected: list[tuple[str, str]], encoding: str
) -> None:
    data = text.replace("\n", "\r\n").encode(encoding)
    assert sniff(data).kind is ResourceKind.SUBTITLE
    assert said(extract(data, ResourceKind.SUBTITLE, "a.txt")) == expected


@pytest.mark.parametrize(
    "text",
    [
        "作息时间\n[08:00] 早读\n下课\n午休\n放学\n",
        '["00:01", "00:02"]',
        "比分 3:2 --> 4:2",
        "[Script 说明]",
        "",
    ],
)
def test_lists_with_times_are_no_subtitles(text: str) -> None:
    assert sniff(text.encode()).kind is not ResourceKind.SUBTITLE


def sound(kind: str, metadata: dict[str, str], *, codec: str = "flac") -> bytes:
    """A tenth of a second of silence."""
    out = BytesIO()
    with av.open(out, "w", format=kind) as file:
        stream: Any = file.add_stream(codec, rate=44100)
        file.metadata.update(metadata)
        if kind == "matroska":
            file.set_chapters(
                [
                    {
                        "id": 1,
                        "start": 61_000,
                        "end": 62_000,
                        "time_base": Fraction(1, 1000),
                        "metadata": {"title": "第二部分"},
                    }
                ]
            )
        frame = av.AudioFrame.from_ndarray(
            np.zeros((1, 4410 * 2), dtype=np.int16), format="s16", layout="stereo"
        )
        frame.rate = 44100
        for packet in (*stream.encode(frame), *stream.encode(None)):
            file.mux(packet)
    return out.getvalue()


def test_what_a_recording_says_of_itself_is_read() -> None:
    data = sound("flac", {"TITLE": "示例朗读", "ARTIST": "示例老师", "COMMENT": "加群领取"})
    assert sniff(data).kind is ResourceKind.AUDIO
    found = extract(data, ResourceKind.AUDIO, "朗读.flac")
    assert set(said(found)) == {
        ("文件信息·标题", "示例朗读"),
        ("文件信息·作者", "示例老师"),
        ("文件信息·备注", "加群领取"),
    }
    assert found.gaps == (Gap("朗读.flac", NotScreened.AUDIO_VIDEO),)


def test_chapters_are_read_with_their_time() -> None:
    data = sound("matroska", {"title": "示例课"})
    found = extract(data, ResourceKind.VIDEO, "课.mkv")
    assert ("章节1 00:01:01", "第二部分") in said(found)
    assert ("文件信息·标题", "示例课") in said(found)


def test_metadata_in_gbk_is_mended() -> None:
    data = sound("flac", {"TITLE": "xxxxxxxx"})
    found = extract(
        data.replace(b"xxxxxxxx", "示例朗读".encode("gbk")), ResourceKind.AUDIO, "a.flac"
    )
    assert ("文件信息·标题", "示例朗读") in said(found)


def test_latin_letters_that_are_gbk_are_mended() -> None:
    id3 = "示例朗读".encode("gbk")
    frame = b"TIT2" + (len(id3) + 1).to_bytes(4, "big") + b"\0\0" + b"\0" + id3
    tag = b"ID3\x03\0\0" + bytes([0, 0, 0, len(frame)]) + frame
    found = extract(tag + (b"\xff\xfb\x90\0" + bytes(413)) * 4, ResourceKind.AUDIO, "a.mp3")
    assert ("文件信息·标题", "示例朗读") in said(found)


def subtitled() -> bytes:
    """A Matroska file with one subtitle of two cues, element by element."""

    def element(name: int, body: bytes) -> bytes:
        size = len(body).to_bytes(8, "big")
        return name.to_bytes((name.bit_length() + 7) // 8, "big") + bytes([1]) + size[1:] + body

    head = element(0x1A45DFA3, element(0x4282, b"matroska") + element(0x4287, b"\x04"))
    track = element(0xD7, b"\x01") + element(0x73C5, b"\x01") + element(0x83, b"\x11")
    track += element(0x86, b"S_TEXT/UTF8") + element(0x536E, "中文字幕".encode())
    cues = b""
    for time, text in ((1000, "同学们好"), (32_000, "扫码加微信")):
        block = b"\x81" + time.to_bytes(2, "big") + b"\0" + text.encode()
        cues += element(0xA0, element(0xA1, block) + element(0x9B, (500).to_bytes(2, "big")))
    cluster = element(0x1F43B675, element(0xE7, b"\0") + cues)
    info = element(0x1549A966, element(0x2AD7B1, (1_000_000).to_bytes(4, "big")))
    return head + element(0x18538067, info + element(0x1654AE6B, element(0xAE, track)) + cluster)


def test_subtitles_in_a_film_are_read() -> None:
    found = extract(subtitled(), ResourceKind.VIDEO, "课.mkv")
    assert ("字幕 00:00:01", "同学们好") in said(found)
    assert ("字幕 00:00:32", "扫码加微信") in said(found)


@pytest.mark.parametrize(
    "data",
    [
        b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nhttp://127.0.0.1:9/a.ts\n",
        b"ffconcat version 1.0\nfile /etc/hostname\n",
        b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\nm=audio 9 RTP/AVP 0\r\n",
    ],
)
def test_lists_of_recordings_are_not_followed(data: bytes) -> None:
    found = extract(data, ResourceKind.VIDEO, "a")
    assert found.segments == ()
    assert Gap("a", NotScreened.AUDIO_VIDEO) in found.gaps
