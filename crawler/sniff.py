"""What a file is by its bytes, whether it is whole, and whether it is locked."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import PurePosixPath
from types import MappingProxyType
from urllib.parse import unquote, urlsplit

import pypdfium2

from models.vocabulary import ResourceKind

EXTENSIONS: Mapping[str, ResourceKind] = MappingProxyType(
    {
        "doc": ResourceKind.DOC,
        "wps": ResourceKind.DOC,
        "docx": ResourceKind.DOCX,
        "ppt": ResourceKind.PPT,
        "dps": ResourceKind.PPT,
        "pptx": ResourceKind.PPTX,
        "xls": ResourceKind.XLS,
        "et": ResourceKind.XLS,
        "xlsx": ResourceKind.XLSX,
        "pdf": ResourceKind.PDF,
        "txt": ResourceKind.TXT,
        "csv": ResourceKind.TXT,
        "md": ResourceKind.TXT,
        "htm": ResourceKind.HTML,
        "html": ResourceKind.HTML,
        "zip": ResourceKind.ARCHIVE,
        "rar": ResourceKind.ARCHIVE,
        "7z": ResourceKind.ARCHIVE,
        "gz": ResourceKind.ARCHIVE,
        "mp3": ResourceKind.AUDIO,
        "m4a": ResourceKind.AUDIO,
        "wav": ResourceKind.AUDIO,
        "aac": ResourceKind.AUDIO,
        "ogg": ResourceKind.AUDIO,
        "mp4": ResourceKind.VIDEO,
        "mov": ResourceKind.VIDEO,
        "avi": ResourceKind.VIDEO,
        "flv": ResourceKind.VIDEO,
        "webm": ResourceKind.VIDEO,
        "mkv": ResourceKind.VIDEO,
        "png": ResourceKind.IMAGE,
        "jpg": ResourceKind.IMAGE,
        "jpeg": ResourceKind.IMAGE,
        "gif": ResourceKind.IMAGE,
        "webp": ResourceKind.IMAGE,
        "bmp": ResourceKind.IMAGE,
        "rtf": ResourceKind.OTHER,
        "epub": ResourceKind.OTHER,
    }
)

#: Beginnings of files that tell the kind by themselves.
SIGNATURES: tuple[tuple[bytes, ResourceKind], ...] = (
    (b"\x89PNG\r\n\x1a\n", ResourceKind.IMAGE),
    (b"\xff\xd8\xff", ResourceKind.IMAGE),
    (b"GIF87a", ResourceKind.IMAGE),
    (b"GIF89a", ResourceKind.IMAGE),
    (b"BM", ResourceKind.IMAGE),
    (b"Rar!\x1a\x07", ResourceKind.ARCHIVE),
    (b"7z\xbc\xaf\x27\x1c", ResourceKind.ARCHIVE),
    (b"\x1f\x8b", ResourceKind.ARCHIVE),
    (b"ID3", ResourceKind.AUDIO),
    (b"\xff\xfb", ResourceKind.AUDIO),
    (b"\xff\xf3", ResourceKind.AUDIO),
    (b"\xff\xf1", ResourceKind.AUDIO),
    (b"OggS", ResourceKind.AUDIO),
    (b"fLaC", ResourceKind.AUDIO),
    (b"FLV\x01", ResourceKind.VIDEO),
    (b"\x1a\x45\xdf\xa3", ResourceKind.VIDEO),
    (b"{\\rtf", ResourceKind.OTHER),
)

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
#: Names of streams in an OLE file (UTF-16) and the kind they belong to, the lock first.
OLE_STREAMS: tuple[tuple[str, ResourceKind], ...] = (
    ("WordDocument", ResourceKind.DOC),
    ("PowerPoint Document", ResourceKind.PPT),
    ("Workbook", ResourceKind.XLS),
    ("Book", ResourceKind.XLS),
)
OOXML_PARTS: tuple[tuple[str, ResourceKind], ...] = (
    ("word/document.xml", ResourceKind.DOCX),
    ("ppt/presentation.xml", ResourceKind.PPTX),
    ("xl/workbook.xml", ResourceKind.XLSX),
    ("META-INF/container.xml", ResourceKind.OTHER),
)


@dataclass(frozen=True, slots=True)
class Sniffed:
    """The kind by content (None: not recognised), and what is wrong with the file."""

    kind: ResourceKind | None
    locked: bool = False
    broken: str | None = None
    json: bool = False


def claimed_kind(url: str, disposition: str = "") -> ResourceKind | None:
    """The kind that an address or a ``Content-Disposition`` claims by its extension."""
    for name in (file_name(disposition), unquote(urlsplit(url).path)):
        kind = EXTENSIONS.get(PurePosixPath(name).suffix.lower().lstrip("."))
        if kind is not None:
            return kind
    return None


def file_name(disposition: str) -> str:
    """The file name in a ``Content-Disposition`` header, or an empty string."""
    for part in disposition.split(";")[1:]:
        key, _, value = part.strip().partition("=")
        if key.lower() == "filename*":
            return unquote(value.rpartition("''")[2])
        if key.lower() == "filename":
            return unquote(value.strip('"'))
    return ""


def sniff(body: bytes) -> Sniffed:
    """Say what a file is by its content."""
    if b"%PDF-" in body[:1024]:
        return _pdf(body)
    if body[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        return _zip(body)
    if body.startswith(OLE):
        return _ole(body)
    if body[:4] == b"RIFF":
        return _riff(body)
    if body[4:8] == b"ftyp":
        audio = body[8:11] == b"M4A"
        return Sniffed(ResourceKind.AUDIO if audio else ResourceKind.VIDEO)
    for beginning, kind in SIGNATURES:
        if body.startswith(beginning):
            return Sniffed(kind, broken=_cut_picture(body))
    return _text(body)


def _pdf(body: bytes) -> Sniffed:
    try:
        with pypdfium2.PdfDocument(body) as document:
            pages = len(document)
    except pypdfium2.PdfiumError as error:
        if "password" in str(error).lower():
            return Sniffed(ResourceKind.PDF, locked=True)
        return Sniffed(ResourceKind.PDF, broken=f"PDF 无法打开({error})")
    return Sniffed(ResourceKind.PDF, broken=None if pages else "PDF 没有页")


def _zip(body: bytes) -> Sniffed:
    try:
        with zipfile.ZipFile(BytesIO(body)) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        return Sniffed(ResourceKind.ARCHIVE, broken=f"压缩结构不完整({error})")
    names = {entry.filename for entry in entries}
    locked = any(entry.flag_bits & 0x1 for entry in entries)
    kind = next((k for part, k in OOXML_PARTS if part in names), ResourceKind.ARCHIVE)
    return Sniffed(kind, locked=locked)


def _ole(body: bytes) -> Sniffed:
    if "EncryptedPackage".encode("utf-16-le") in body:
        return Sniffed(ResourceKind.DOCX, locked=True)
    for stream, kind in OLE_STREAMS:
        if stream.encode("utf-16-le") in body:
            return Sniffed(kind)
    return Sniffed(ResourceKind.OTHER)


def _riff(body: bytes) -> Sniffed:
    forms: Mapping[bytes, ResourceKind] = {
        b"WAVE": ResourceKind.AUDIO,
        b"AVI ": ResourceKind.VIDEO,
        b"WEBP": ResourceKind.IMAGE,
    }
    return Sniffed(forms.get(body[8:12], ResourceKind.OTHER))


def _cut_picture(body: bytes) -> str | None:
    ends: tuple[tuple[bytes, Callable[[bytes], bool]], ...] = (
        (b"\x89PNG", lambda b: b"IEND" in b[-64:]),
        (b"\xff\xd8\xff", lambda b: b"\xff\xd9" in b[-1024:]),
    )
    for beginning, whole in ends:
        if body.startswith(beginning) and not whole(body):
            return "图片没有结尾"
    return None


def _text(body: bytes) -> Sniffed:
    head = body[:4096].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if head.startswith((b"<!doctype html", b"<html", b"<head", b"<body", b"<script")):
        return Sniffed(ResourceKind.HTML)
    if head.startswith((b"{", b"[")):
        return Sniffed(ResourceKind.TXT, json=True)
    if b"\x00" in body[:4096]:
        return Sniffed(None)
    for encoding in ("utf-8", "gb18030"):
        try:
            body.decode(encoding)
        except UnicodeDecodeError:
            continue
        return Sniffed(ResourceKind.TXT)
    return Sniffed(None)
