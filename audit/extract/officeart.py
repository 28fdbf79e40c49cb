"""Office drawings as old formats store them: records in records ([MS-ODRAW], [MS-PPT] 2.3.1).

A record is a header of eight bytes (version and instance, type, length) and its body. Containers
have version 15. Shared by the readers of presentations and documents.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from audit.extract.registry import Refused
from models.vocabulary import NotScreened

_HEADER = struct.Struct("<HHI")
_CONTAINER = 0xF
#: Deeper than any drawing; a group in a group takes two levels.
_DEEPEST = 64

SHAPE = 0xF004
PROPERTIES = 0xF00B
BLIP_ENTRY = 0xF007
#: Pictures by type: EMF, WMF, PICT, JPEG, PNG, DIB, TIFF, JPEG in CMYK.
BLIPS = frozenset({0xF01A, 0xF01B, 0xF01C, 0xF01D, 0xF01E, 0xF01F, 0xF029, 0xF02A})
_METAFILES = frozenset({0xF01A, 0xF01B, 0xF01C})
#: Instances of a blip that carry two digests of 16 bytes before the picture instead of one.
_TWO_DIGESTS = frozenset({0x3D5, 0x217, 0x543, 0x46B, 0x6E3, 0x6E1, 0x7A9, 0x6E5})
_METAFILE_HEADER = 34
_PICTURE, _WORD_ART = 0x0104, 0x00C0


@dataclass(frozen=True, slots=True)
class Record:
    """One record. ``start`` is where its header stands in the data it was read from."""

    type: int
    instance: int
    is_container: bool
    body: bytes
    start: int

    def children(self) -> Iterator[Record]:
        """The records directly inside a container; none in an atom."""
        if self.is_container:
            yield from records(self.body)


def records(data: bytes, at: int = 0) -> Iterator[Record]:
    """The records one after another from ``at``; a length beyond the end is cut to it."""
    while at + _HEADER.size <= len(data):
        tag, kind, length = _HEADER.unpack_from(data, at)
        start = at + _HEADER.size
        body = data[start : start + length]
        yield Record(kind, tag >> 4, tag & 0xF == _CONTAINER, body, at)
        at = start + length


def record_at(data: bytes, at: int) -> Record:
    """The record whose header stands at an offset; raises Refused when there is none."""
    found = next(records(data, at), None) if at >= 0 else None
    if found is None:
        raise Refused(NotScreened.UNREADABLE, f"no record at {at}")
    return found


def walk(record: Record, *stop: int, depth: int = 0) -> Iterator[Record]:
    """All records below one, in order; those of the types in ``stop`` are not entered."""
    if depth > _DEEPEST:
        raise Refused(NotScreened.BUDGET, "records nested too deeply")
    for child in record.children():
        yield child
        if child.type not in stop:
            yield from walk(child, *stop, depth=depth + 1)


@dataclass(frozen=True, slots=True)
class Properties:
    """What a shape says of itself that a reader can see."""

    #: Number of its picture in the file's list, from 1; 0 for none.
    picture: int
    #: The letters of a WordArt.
    word_art: str


def properties(record: Record) -> Properties:
    """The properties of a shape: six bytes each, then the long values in the same order."""
    data, count = record.body, record.instance
    at = 6 * count
    number, art = 0, ""
    for index in range(min(count, len(data) // 6)):
        tag, value = struct.unpack_from("<HI", data, 6 * index)
        name, is_long = tag & 0x3FFF, bool(tag & 0x8000)
        if name == _PICTURE and not is_long:
            number = value
        if is_long:
            if name == _WORD_ART:
                art = data[at : at + value].decode("utf-16-le", "replace").rstrip("\0")
            at += value
    return Properties(number, art.replace("\r", "\n"))


def blip(record: Record, limit: int) -> bytes:
    """The bytes of a picture as a file of its own format would begin; metafiles are unpacked.

    Raises:
        Refused: A packed metafile is larger than ``limit``.
    """
    skipped = 32 if record.instance in _TWO_DIGESTS else 16
    if record.type not in _METAFILES:
        return record.body[skipped + 1 :]
    packed = record.body[skipped + _METAFILE_HEADER :]
    is_plain = record.body[skipped + 32 : skipped + 33] == b"\xfe"
    if is_plain:
        return packed
    unpacker = zlib.decompressobj()
    data = unpacker.decompress(packed, limit)
    if unpacker.unconsumed_tail:
        raise Refused(NotScreened.TOO_LARGE, "a metafile that swells")
    return data


def delayed(entry: Record) -> int:
    """Where an entry of the file's list of pictures (``BLIP_ENTRY``) says the picture stands."""
    offset = entry.body[28:32]
    return int.from_bytes(offset, "little") if len(offset) == 4 else -1


def blips(data: bytes) -> Iterator[Record]:
    """The pictures in a stream whose other content is not known, found by their headers."""
    at = 0
    while (at := data.find(b"\xf0", at + 1)) >= 0:
        start = at - 3
        if start < 0 or 0xF000 | data[at - 1] not in BLIPS:
            continue
        record = record_at(data, start)
        whole = start + 8 + _HEADER.unpack_from(data, start)[2] <= len(data)
        if record.is_container or data[start] & 0xF or not whole or record.instance < 0x200:
            continue
        if record.instance in _INSTANCES[record.type]:
            yield record
            at = start + 7 + len(record.body)


_INSTANCES = {
    0xF01A: (0x3D4, 0x3D5),
    0xF01B: (0x216, 0x217),
    0xF01C: (0x542, 0x543),
    0xF01D: (0x46A, 0x46B, 0x6E2, 0x6E3),
    0xF01E: (0x6E0, 0x6E1),
    0xF01F: (0x7A8, 0x7A9),
    0xF029: (0x6E4, 0x6E5),
    0xF02A: (0x46A, 0x46B, 0x6E2, 0x6E3),
}
