"""OLE compound files, the container of old Office formats, opened without trusting their tables.

olefile follows no chain further than the table is long and enters no directory entry twice; what
does not fit raises, and ends as a gap.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import olefile

from audit.extract.records import Segment
from audit.extract.registry import Context, Refused
from models.vocabulary import NotScreened, Part

MAGIC = olefile.MAGIC
#: Streams of properties, and the numbers in them that an author fills in.
_PROPERTIES: Mapping[str, tuple[int, ...]] = {
    "\x05SummaryInformation": (2, 3, 5, 6),
    "\x05DocumentSummaryInformation": (2,),
}
#: Properties looked at in one stream; Office writes about twenty.
_MOST_PROPERTIES = 200
_CODEPAGES = {65001: "utf-8", 936: "gb18030", 1200: "utf-16-le", 950: "big5", 1252: "cp1252"}


class Compound:
    """The streams of an opened compound file, each paid for from the context's allowance."""

    def __init__(self, file: olefile.OleFileIO, context: Context) -> None:
        self._file = file
        self._context = context

    def __contains__(self, stream: str) -> bool:
        return bool(
            self._file.exists(stream) and self._file.get_type(stream) == olefile.STGTY_STREAM
        )

    def read(self, stream: str) -> bytes:
        """The bytes of a stream.

        Raises:
            Refused: There is none of that name, or it is too large.
        """
        if stream not in self:
            raise Refused(NotScreened.UNREADABLE, f"no stream {stream}")
        size = self._file.get_size(stream)
        if size > self._context.limits.file_bytes:
            raise Refused(NotScreened.TOO_LARGE, f"{size} bytes in stream {stream}")
        self._context.allowance.spend(size)
        data = bytes(self._file.openstream(stream).read())
        if len(data) < size:
            raise Refused(NotScreened.UNREADABLE, f"stream {stream} is cut short")
        return data

    def read_if_there(self, stream: str) -> bytes:
        """The bytes of a stream, or none where there is no such stream."""
        return self.read(stream) if stream in self else b""

    def names(self) -> list[str]:
        """The paths of all streams, in the order of the directory."""
        return ["/".join(path) for path in self._file.listdir()]

    def storages(self, parent: str) -> list[str]:
        """The names of the storages directly in ``parent``."""
        paths = self._file.listdir(streams=False, storages=True)
        return [path[-1] for path in paths if len(path) == 2 and path[0] == parent]

    def described(self) -> Iterator[Segment]:
        """Title, subject, keywords, remarks and category from the file's properties."""
        for stream, numbers in _PROPERTIES.items():
            if stream in self:
                for text in told(self.read(stream), numbers):
                    yield Segment(text, Part.ATTACHMENT, "文档属性")


def told(data: bytes, numbers: tuple[int, ...]) -> Iterator[str]:
    """The texts among the properties of a stream ([MS-OLEPS]) that have one of these numbers.

    olefile reads all properties, and counts as far as a damaged one says.
    """
    start = int.from_bytes(data[44:48], "little")
    section = data[start:]
    count = min(int.from_bytes(section[4:8], "little"), _MOST_PROPERTIES)
    pairs = section[8 : 8 + 8 * count]
    places = dict(struct.iter_unpack("<2I", pairs[: len(pairs) // 8 * 8]))
    codepage = int.from_bytes(_value(section, places.get(1, 0))[:2], "little")
    for number in numbers:
        if number in places:
            text = _text(_value(section, places[number]), section, places[number], codepage)
            if text.strip():
                yield text


def _value(section: bytes, place: int) -> bytes:
    return section[place + 4 :] if place else b""


def _text(value: bytes, section: bytes, place: int, codepage: int) -> str:
    """A text of the properties: by its type in the code page, or in UTF-16."""
    size = int.from_bytes(value[:4], "little")
    encodings: tuple[str | None, ...]
    match int.from_bytes(section[place : place + 4], "little"):
        case 0x1E:
            encodings = (_CODEPAGES.get(codepage), "utf-8", "gb18030")
            raw = value[4 : 4 + size].rstrip(b"\0")
        case 0x1F:
            encodings = ("utf-16-le",)
            raw = value[4 : 4 + 2 * size]
        case _:
            return ""
    for encoding in filter(None, encodings):
        try:
            return raw.decode(encoding).rstrip("\0")
        except UnicodeDecodeError:
            continue
    return ""


@contextmanager
def opened(data: bytes, context: Context) -> Iterator[Compound]:
    """Open a compound file.

    Raises:
        Refused: It is none, or its tables make no sense.
    """
    if not data.startswith(MAGIC):
        raise Refused(NotScreened.UNREADABLE, "no compound file")
    if len(data) < olefile.MINIMAL_OLEFILE_SIZE:
        raise Refused(NotScreened.UNREADABLE, "a compound file that is cut short")
    try:
        file = olefile.OleFileIO(data)
    except (OSError, ValueError, IndexError) as error:
        raise Refused(NotScreened.UNREADABLE, str(error)) from error
    try:
        yield Compound(file, context)
    finally:
        file.close()
