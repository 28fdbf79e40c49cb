"""What a file is by its bytes, whether it is whole, and whether it is locked.

A beginning that *we* cut off (``whole=False``) is judged by what its first bytes say: what stands at
a file's end is then not missed, and the note says what could not be checked.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Protocol
from urllib.parse import unquote, urlsplit

import pypdfium2

from crawler.compound import OLE, look_into_compound
from crawler.filetypes import EXTENSIONS, SIGNATURES, Sniffed
from crawler.media import cut_picture, look_into_media
from crawler.rar import RAR4, RAR5, look_into_rar
from crawler.sevenzip import SEVEN_ZIP, look_into_7z
from crawler.subtitles import is_subtitle
from crawler.zips import ZIPS, look_into_zip
from models.vocabulary import ResourceKind

__all__ = ["EXTENSIONS", "Sniffed", "claimed_kind", "file_name", "sniff"]

#: A PDF's end mark stands within this many bytes of its end; readers allow 1024.
_PDF_TAIL = 2048
#: A text's first bytes are enough to know its encoding; a character cut off at their end is allowed.
_TEXT_HEAD = 256 * 1024
_PAGE_BEGINNINGS = (
    b"<!doctype html",
    b"<html",
    b"<head",
    b"<body",
    b"<script",
    b"<title",
    b"<meta",
)


def claimed_kind(url: str, disposition: str = "") -> ResourceKind | None:
    """The kind that an address or a ``Content-Disposition`` claims by its extension."""
    return EXTENSIONS.get(claimed_extension(url, disposition))


def claimed_extension(url: str, disposition: str = "") -> str:
    """The extension of a name of a known kind, in small letters without its dot, or nothing."""
    for name in (file_name(disposition), unquote(urlsplit(url).path)):
        extension = PurePosixPath(name).suffix.lower().lstrip(".")
        if extension in EXTENSIONS:
            return extension
    return ""


def file_name(disposition: str) -> str:
    """The file name in a ``Content-Disposition`` header, or an empty string."""
    for part in disposition.split(";")[1:]:
        key, _, value = part.strip().partition("=")
        if key.lower() == "filename*":
            return unquote(value.rpartition("''")[2])
        if key.lower() == "filename":
            return unquote(value.strip('"'))
    return ""


def sniff(body: bytes, *, whole: bool = True) -> Sniffed:
    """Say what a file is by its content."""
    if b"%PDF-" in body[:1024]:
        return _pdf(body, whole=whole)
    for beginnings, look in _LOOKS:
        if body.startswith(beginnings):
            return look(body, whole=whole)
    media = look_into_media(body, whole=whole)
    if media is not None:
        return media
    for beginning, kind in SIGNATURES:
        if body.startswith(beginning):
            return Sniffed(kind, cut=cut_picture(body) if whole else None)
    return _text(body)


class _Look(Protocol):
    def __call__(self, body: bytes, *, whole: bool) -> Sniffed: ...


#: Who reads a format's own structure, by how its files begin.
_LOOKS: tuple[tuple[tuple[bytes, ...], _Look], ...] = (
    (ZIPS, look_into_zip),
    ((RAR4, RAR5), look_into_rar),
    ((SEVEN_ZIP,), look_into_7z),
    ((OLE,), look_into_compound),
)


def _pdf(body: bytes, *, whole: bool) -> Sniffed:
    encrypted = b"/Encrypt" in body
    if not whole:
        lock = "文件带有加密标记,是否要密码未能判断" if encrypted else "目录在文件末尾,其余未能核对"
        return Sniffed(ResourceKind.PDF, note=lock)
    ended = b"%%EOF" in body[-_PDF_TAIL:]
    try:
        with pypdfium2.PdfDocument(body) as document:
            pages = len(document)
    except pypdfium2.PdfiumError as error:
        if "password" in str(error).lower():
            return Sniffed(ResourceKind.PDF, locked=True, note="打开 PDF 要密码")
        if not ended:
            return Sniffed(ResourceKind.PDF, cut="PDF 没有结尾标记,也无法打开")
        return Sniffed(ResourceKind.PDF, broken=f"PDF 无法打开({error})")
    if not pages:
        return Sniffed(ResourceKind.PDF, broken="PDF 没有页")
    # An owner's password forbids printing or editing; anybody opens the file.
    note = "PDF 限制编辑或打印,无需密码即可打开" if encrypted else None
    if not ended:
        note = "PDF 没有结尾标记,但能打开"
    return Sniffed(ResourceKind.PDF, note=note)


def _text(body: bytes) -> Sniffed:
    if body[257:262] == b"ustar":
        return Sniffed(ResourceKind.ARCHIVE)
    head = body[:4096].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    opens = head.startswith((b"<?xml", b"<!--"))
    if head.startswith(_PAGE_BEGINNINGS) or (opens and b"<html" in head):
        return Sniffed(ResourceKind.HTML)
    if is_subtitle(body):
        return Sniffed(ResourceKind.SUBTITLE)
    if head.startswith((b"{", b"[")):
        return Sniffed(ResourceKind.TXT, json=True)
    if body.startswith((b"\xff\xfe", b"\xfe\xff")):
        return Sniffed(ResourceKind.TXT)
    if b"\x00" in body[:4096]:
        return Sniffed(None)
    for encoding in ("utf-8", "gb18030"):
        if _reads_as(body[:_TEXT_HEAD], encoding):
            return Sniffed(ResourceKind.TXT)
    return Sniffed(None)


def _reads_as(head: bytes, encoding: str) -> bool:
    try:
        head.decode(encoding)
    except UnicodeDecodeError as error:
        # A character that our own bound cuts in two.
        return len(head) == _TEXT_HEAD and error.start >= len(head) - 4
    return True
