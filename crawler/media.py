"""Pictures, sound and film: whether the end is there, by each format's own sign."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from types import MappingProxyType

from crawler.filetypes import ASF, OGG, Sniffed
from models.vocabulary import ResourceKind

#: Forms of the RIFF container.
RIFF_FORMS: Mapping[bytes, ResourceKind] = MappingProxyType(
    {
        b"WAVE": ResourceKind.AUDIO,
        b"AVI ": ResourceKind.VIDEO,
        b"WEBP": ResourceKind.IMAGE,
        b"RMID": ResourceKind.AUDIO,
    }
)
#: Brands of the ISO container that are no film.
_SOUND_BRANDS = (b"M4A", b"M4B")
_PICTURE_BRANDS = (b"heic", b"heix", b"hevc", b"mif1", b"msf1", b"avif", b"avis")
#: Boxes with which such a file may begin.
_FIRST_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")
#: Boxes that say how the film in the file is to be read: without one of them nothing plays.
_INDEX_BOXES = (b"moov", b"moof")

_ENDS: tuple[tuple[bytes, Callable[[bytes], bool], str], ...] = (
    (b"\x89PNG", lambda body: b"IEND" in body[-64:], "PNG 图片没有结尾标记"),
    (b"\xff\xd8\xff", lambda body: b"\xff\xd9" in body[-1024:], "JPEG 图片没有结尾标记"),
    (b"GIF8", lambda body: body.rstrip(b"\x00")[-1:] == b";", "GIF 图片没有结尾标记"),
)


def cut_picture(body: bytes) -> str | None:
    """What shows that a picture's end is missing, or None."""
    for beginning, is_whole, why in _ENDS:
        if body.startswith(beginning) and not is_whole(body):
            return why
    return None


def look_into_media(body: bytes, *, whole: bool) -> Sniffed | None:
    """Say what a container of sound, film or pictures is; None when it is none."""
    if body[:4] == b"RIFF" and len(body) >= 12:
        return _riff(body, whole=whole)
    if body[4:8] in _FIRST_BOXES:
        return _boxes(body, whole=whole)
    if body[:2] == b"BM" and len(body) >= 26:
        return _bitmap(body, whole=whole)
    if body.startswith(ASF):
        # The stream's type is a GUID deep inside: this one stands for film.
        film = b"\xc0\xef\x19\xbc\x4d\x5b\xcf\x11\xa8\xfd\x00\x80\x5f\x5c\x44\x2b" in body[:65536]
        return Sniffed(ResourceKind.VIDEO if film else ResourceKind.AUDIO)
    if body.startswith(OGG):
        film = b"theora" in body[:4096]
        return Sniffed(ResourceKind.VIDEO if film else ResourceKind.AUDIO)
    if len(body) > 376 and body[0] == body[188] == body[376] == 0x47:
        return Sniffed(ResourceKind.VIDEO)
    return None


def _riff(body: bytes, *, whole: bool) -> Sniffed:
    kind = RIFF_FORMS.get(body[8:12], ResourceKind.OTHER)
    announced = struct.unpack_from("<I", body, 4)[0] + 8
    # Recorders that never came to write the size leave 0 or all ones there.
    unknown = announced <= 8 or announced >= 0xFFFFFF00
    cut = None
    if whole and not unknown and len(body) < announced - 1:
        cut = f"文件头说有 {announced} 字节,实有 {len(body)} 字节"
    return Sniffed(kind, cut=cut)


def _bitmap(body: bytes, *, whole: bool) -> Sniffed | None:
    size, header = struct.unpack_from("<I8xI", body, 2)
    if header not in (12, 16, 40, 52, 56, 64, 108, 124):
        return None
    cut = f"文件头说有 {size} 字节,实有 {len(body)} 字节" if whole and len(body) < size else None
    return Sniffed(ResourceKind.IMAGE, cut=cut)


def _boxes(body: bytes, *, whole: bool) -> Sniffed:
    """MP4 and its kin: a row of boxes, each with its size."""
    kind = _kind_of_brand(body)
    seen: set[bytes] = set()
    at, runs_over = 0, False
    while at + 8 <= len(body):
        size, name = struct.unpack_from(">I4s", body, at)
        seen.add(name)
        if size == 1 and at + 16 <= len(body):
            size = struct.unpack_from(">Q", body, at + 8)[0]
        elif size == 0:
            size = len(body) - at
        if size < 8:
            break
        at += size
        runs_over = at > len(body)
    indexed = any(name in seen for name in _INDEX_BOXES) or kind is ResourceKind.IMAGE
    if not whole:
        return Sniffed(kind, note=None if indexed else "视频索引(moov)在文件末尾,未能核对")
    if runs_over:
        return Sniffed(kind, cut="媒体文件的数据块超出了文件末尾")
    return Sniffed(kind, cut=None if indexed else "媒体文件没有索引(moov),无法播放")


def _kind_of_brand(body: bytes) -> ResourceKind:
    brand = body[8:12] if body[4:8] == b"ftyp" else b""
    if brand[:3] in _SOUND_BRANDS:
        return ResourceKind.AUDIO
    return ResourceKind.IMAGE if brand in _PICTURE_BRANDS else ResourceKind.VIDEO
