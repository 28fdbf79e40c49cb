"""RAR archives by their headers: locked, cut short, or damaged. Both formats, 4 and 5.

Nothing is unpacked. The layout is that of the published format notes ("RAR 5.0 archive format", and
``technote.txt`` of RAR 4).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from zlib import crc32

from crawler.filetypes import Sniffed
from models.vocabulary import ResourceKind

RAR4 = b"Rar!\x1a\x07\x00"
RAR5 = b"Rar!\x1a\x07\x01\x00"

#: Headers read at most; an archive of more members is judged by the first.
_MOST_HEADERS = 10_000

_MAIN4, _FILE4, _SERVICE4, _END4 = 0x73, 0x74, 0x7A, 0x7B
_LOCKED_HEADERS4, _LOCKED_FILE4, _LONG_BLOCK4, _LARGE4 = 0x0080, 0x0004, 0x8000, 0x0100
_FILE5, _ENCRYPTION5, _END5 = 2, 4, 5
_HAS_EXTRA5, _HAS_DATA5 = 1, 2
#: The record in a file header's extra area that says how the file is encrypted.
_CRYPT5 = 1

NAMES_TOO = "压缩包加了密码,文件名也加密"
FILES_ONLY = "压缩包里的文件加了密码"


@dataclass(frozen=True, slots=True)
class _Block:
    """One header: what it is, whether it says that something is encrypted, where the next begins."""

    ends: bool
    names_locked: bool
    file_locked: bool
    next_at: int


class _CutError(ValueError):
    """The archive ends inside a header or inside a member's data."""


class _BrokenError(ValueError):
    """A header does not hold its own check sum, or makes no sense."""


def look_into_rar(body: bytes, *, whole: bool) -> Sniffed:
    """Say whether a RAR archive is locked, cut short or damaged."""
    locked: str | None = None
    try:
        for block in _blocks(body):
            if block.names_locked:
                return Sniffed(ResourceKind.ARCHIVE, locked=True, note=NAMES_TOO)
            if block.file_locked:
                locked = FILES_ONLY
            if block.ends:
                break
    except _CutError:
        if whole:
            return Sniffed(ResourceKind.ARCHIVE, cut="RAR 压缩包在成员中间中断")
    except _BrokenError as error:
        return Sniffed(ResourceKind.ARCHIVE, broken=f"RAR 压缩包头损坏({error})")
    return Sniffed(ResourceKind.ARCHIVE, locked=locked is not None, note=locked)


def _blocks(body: bytes) -> Iterator[_Block]:
    modern = body.startswith(RAR5)
    at, read = (len(RAR5), _block5) if modern else (len(RAR4), _block4)
    for _ in range(_MOST_HEADERS):
        if at == len(body):
            # An archive by an old version has no end mark; one without any header was cut.
            if modern or at == len(RAR4):
                raise _CutError
            return
        block = read(body, at)
        yield block
        if block.next_at > len(body):
            raise _CutError
        at = block.next_at


def _block4(body: bytes, at: int) -> _Block:
    if at + 7 > len(body):
        raise _CutError
    check, kind, flags, size = struct.unpack_from("<HBHH", body, at)
    if size < 7:
        raise _BrokenError("长度不对")
    if at + size > len(body):
        raise _CutError
    # Where a comment of the old kind is part of the header, its sum leaves that out.
    summed = not flags & {_MAIN4: 0x0002, _FILE4: 0x0008}.get(kind, 0xFFFF)
    if summed and crc32(body[at + 2 : at + size]) & 0xFFFF != check:
        raise _BrokenError("校验和不符")
    data = 0
    if flags & _LONG_BLOCK4 or kind in (_FILE4, _SERVICE4):
        data = struct.unpack_from("<I", body, at + 7)[0] if size >= 11 else 0
        if kind in (_FILE4, _SERVICE4) and flags & _LARGE4 and size >= 40:
            data |= struct.unpack_from("<I", body, at + 32)[0] << 32
    return _Block(
        ends=kind == _END4,
        names_locked=kind == _MAIN4 and bool(flags & _LOCKED_HEADERS4),
        file_locked=kind == _FILE4 and bool(flags & _LOCKED_FILE4),
        next_at=at + size + data,
    )


def _block5(body: bytes, at: int) -> _Block:
    if at + 6 > len(body):
        raise _CutError
    check = struct.unpack_from("<I", body, at)[0]
    size, start = _number(body, at + 4)
    end = start + size
    if not size or size > 2 * 1024 * 1024:
        raise _BrokenError("长度不对")
    if end > len(body):
        raise _CutError
    if crc32(body[at + 4 : end]) != check:
        raise _BrokenError("校验和不符")
    kind, next_field = _number(body, start)
    flags, next_field = _number(body, next_field)
    extra = data = 0
    if flags & _HAS_EXTRA5:
        extra, next_field = _number(body, next_field)
    if flags & _HAS_DATA5:
        data, next_field = _number(body, next_field)
    return _Block(
        ends=kind == _END5,
        names_locked=kind == _ENCRYPTION5,
        file_locked=kind == _FILE5 and _CRYPT5 in _extra_records(body, end - extra, end),
        next_at=end + data,
    )


def _extra_records(body: bytes, at: int, end: int) -> set[int]:
    found: set[int] = set()
    while at < end:
        size, start = _number(body, at)
        if not size:
            break
        kind, _ = _number(body, start)
        found.add(kind)
        at = start + size
    return found


def _number(body: bytes, at: int) -> tuple[int, int]:
    """A number of variable length, and where the next field begins."""
    value = 0
    for index in range(10):
        if at + index >= len(body):
            raise _CutError
        byte = body[at + index]
        value |= (byte & 0x7F) << (7 * index)
        if not byte & 0x80:
            return value, at + index + 1
    raise _BrokenError("数字太长")
