"""Zip archives and what is built on them (docx, pptx, xlsx): kind, lock, missing end, damage."""

from __future__ import annotations

import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterable
from io import BytesIO

from crawler.filetypes import Sniffed
from models.vocabulary import ResourceKind

#: Beginnings: a member, an archive without members, the first part of a split one.
ZIPS = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")

#: The parts by which a kind is told.
PARTS: tuple[tuple[str, ResourceKind], ...] = (
    ("word/document.xml", ResourceKind.DOCX),
    ("ppt/presentation.xml", ResourceKind.PPTX),
    ("xl/workbook.xml", ResourceKind.XLSX),
    ("xl/workbook.bin", ResourceKind.OTHER),
    ("META-INF/container.xml", ResourceKind.EPUB),
    ("META-INF/manifest.xml", ResourceKind.OTHER),
)
_END = b"PK\x05\x06"
_LOCAL = struct.Struct("<4x2xHHHHIIIHH")
#: Of the flags of a member: encrypted; its sizes follow it; the directory is encrypted as well.
_ENCRYPTED, _SIZES_LATER, _DIRECTORY_ENCRYPTED = 0x0001, 0x0008, 0x2000
#: So much of a document's main part is unpacked to see that it holds, in bytes.
_TRIED = 4 * 1024 * 1024

#: What unpacking a damaged member may raise, by any of the methods.
UNPACKING_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    NotImplementedError,
    ValueError,
)


def look_into_zip(body: bytes, *, whole: bool) -> Sniffed:
    """Say what a zip archive is, whether it is locked, cut short or damaged."""
    if not whole:
        return _by_beginning(body)
    try:
        with zipfile.ZipFile(BytesIO(body)) as archive:
            entries = archive.infolist()
            names = {entry.filename for entry in entries}
            kind = _kind(names)
            locked = [entry for entry in entries if entry.flag_bits & _ENCRYPTED]
            if locked:
                note = f"压缩包里 {len(entries)} 个文件中 {len(locked)} 个加了密码"
                return Sniffed(kind, locked=True, note=note)
            return Sniffed(kind, broken=_damage(archive, names))
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError) as error:
        return _unreadable(body, error)


def _kind(names: Iterable[str]) -> ResourceKind:
    known = set(names)
    return next((kind for part, kind in PARTS if part in known), ResourceKind.ARCHIVE)


def _damage(archive: zipfile.ZipFile, names: set[str]) -> str | None:
    """Whether a document's main part does not unpack."""
    part = next((part for part, _ in PARTS if part in names), None)
    if part is None:
        return None
    try:
        with archive.open(part) as stream:
            stream.read(_TRIED)
    except UNPACKING_ERRORS as error:
        return f"{part} 无法解开({error})"
    return None


def _unreadable(body: bytes, error: Exception) -> Sniffed:
    beginning = _by_beginning(body)
    if _END not in body:
        return Sniffed(beginning.kind, cut="缺少压缩包末尾的目录")
    if _first_flags(body) & _DIRECTORY_ENCRYPTED:
        return Sniffed(beginning.kind, locked=True, note="压缩包的目录也加密")
    return Sniffed(beginning.kind, broken=f"压缩结构损坏({error})")


def _first_flags(body: bytes) -> int:
    if len(body) < _LOCAL.size or not body.startswith(b"PK\x03\x04"):
        return 0
    flags: int = _LOCAL.unpack_from(body)[0]
    return flags


def _by_beginning(body: bytes) -> Sniffed:
    """By the members' own headers, as far as they can be walked; the directory is at the end."""
    names: list[str] = []
    locked = bool(_first_flags(body) & _DIRECTORY_ENCRYPTED)
    at = 0
    while at + _LOCAL.size <= len(body) and body[at : at + 4] == b"PK\x03\x04":
        flags, _, _, _, _, packed, _, name_size, extra_size = _LOCAL.unpack_from(body, at)
        name_at = at + _LOCAL.size
        names.append(body[name_at : name_at + name_size].decode("utf-8", errors="replace"))
        locked = locked or bool(flags & _ENCRYPTED)
        if flags & _SIZES_LATER and not packed:
            break
        at = name_at + name_size + extra_size + packed
    for part, _ in PARTS:
        # A header whose size is told later ends the walk; the names still stand in the bytes.
        if part.encode() in body:
            names.append(part)
    return Sniffed(_kind(names), locked=locked, note="目录在文件末尾,其余未能核对")
