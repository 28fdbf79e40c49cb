"""Records of an old workbook that xlrd reads past: text boxes, printed headers, pictures."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from enum import IntEnum

_HEADER = struct.Struct("<HH")


class _Kind(IntEnum):
    """Types of records ([MS-XLS] 2.3.2)."""

    SHEET = 0x0085
    START = 0x0809
    PAGE_HEADER = 0x0014
    PAGE_FOOTER = 0x0015
    OBJECT = 0x005D
    TEXT = 0x01B6
    CONTINUED = 0x003C
    DRAWINGS = 0x00EB


#: The type of an object that holds a comment; its text is read with its cell.
_IS_NOTE = 0x0019
#: Codes in a printed header or footer: &L &C &R (place), &"font", &12 (size), &P (page) …
_CODE = re.compile(r'&("[^"]*"|\d+|K[0-9A-F]{6}|[A-Z])')


def _records(stream: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Place, type and body of each record."""
    at = 0
    while at + _HEADER.size <= len(stream):
        kind, length = _HEADER.unpack_from(stream, at)
        yield at, kind, stream[at + 4 : at + 4 + length]
        at += 4 + length


def furniture(stream: bytes) -> Iterator[tuple[str, str]]:
    """Texts of boxes and of printed headers and footers, each with its place."""
    sheets: dict[int, str] = {}
    place, object_type = "", 0
    awaited = 0
    for at, kind, body in _records(stream):
        if awaited and kind == _Kind.CONTINUED:
            text = _string(body, len(body) - 1)
            awaited = max(0, awaited - len(text))
            if object_type != _IS_NOTE:
                yield text.replace("\r", "\n"), f"{place}·文本框"
            continue
        awaited = 0
        match kind:
            case _Kind.SHEET if len(body) > 8:
                sheets[struct.unpack_from("<I", body)[0]] = _string(body[7:], body[6])
            case _Kind.START:
                place = f"工作表“{sheets[at]}”" if at in sheets else place or "工作簿"
            case _Kind.OBJECT if len(body) >= 6:
                object_type = struct.unpack_from("<H", body, 4)[0]
            case _Kind.TEXT if len(body) >= 12:
                awaited = struct.unpack_from("<H", body, 10)[0]
            case _Kind.PAGE_HEADER | _Kind.PAGE_FOOTER if len(body) > 3:
                text = _string(body[2:], struct.unpack_from("<H", body)[0])
                yield _CODE.sub(" ", text), f"{place}·页眉页脚"


def _string(body: bytes, length: int) -> str:
    """Characters behind a byte that says whether they are narrow."""
    if not body:
        return ""
    if body[0] & 1:
        return body[1 : 1 + 2 * length].decode("utf-16-le", "replace")
    return body[1 : 1 + length].decode("latin-1")


def packed_pictures(stream: bytes) -> bytes:
    """The drawings of the workbook in one run: a record holds 8 kB, the rest follows in others."""
    found: list[bytes] = []
    goes_on = False
    for _, kind, body in _records(stream):
        goes_on = kind == _Kind.DRAWINGS or (goes_on and kind == _Kind.CONTINUED)
        if goes_on:
            found.append(body)
    return b"".join(found)
