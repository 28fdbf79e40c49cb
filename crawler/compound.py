"""Old Office files: the streams of an OLE compound file, and the lock that they tell of.

Read by [MS-CFB], as far as a lock and a missing end need it: the chains of sectors, the directory,
the first bytes of a stream. What does not fit is an error, never a guess.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from functools import cached_property

from crawler.excel_lock import locked_workbook
from crawler.filetypes import Sniffed
from models.vocabulary import ResourceKind

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"

#: Streams by which a file's kind is told.
STREAMS: tuple[tuple[str, ResourceKind], ...] = (
    ("WordDocument", ResourceKind.DOC),
    ("PowerPoint Document", ResourceKind.PPT),
    ("Workbook", ResourceKind.XLS),
    ("Book", ResourceKind.XLS),
)
#: The stream of a new Office file under a password; which kind it is, is inside.
LOCKED_PACKAGE = "EncryptedPackage"

_HEADER = struct.Struct("<24xHHHHH6x7I")
_HEADER_DIFAT = 109
#: Sector numbers from here on are marks: free, end of chain, part of the tables.
_MARKS = 0xFFFFFFFA
_FREE = 0xFFFFFFFF
_ENTRY = 128
#: A stream is read no further than this; the signs stand at its beginning.
_MOST = 64 * 1024
#: [MS-DOC] 2.5.2: bit 8 of the flags in the FIB says encrypted or obfuscated.
_FIB_MAGIC, _FIB_ENCRYPTED = 0xA5EC, 0x0100
#: [MS-PPT] 2.3.2: the token of an encrypted presentation in its "Current User" stream.
_PPT_ENCRYPTED = 0xF3D1C4DF


class CompoundError(ValueError):
    """The bytes are no compound file that can be read; the caller says so in its evidence."""


class CutError(CompoundError):
    """What the header or the directory speaks of lies beyond the end of the bytes."""


class CompoundFile:
    """The directory and streams of a compound file."""

    def __init__(self, body: bytes) -> None:
        """Read the header.

        Raises:
            CompoundError: It is not one.
        """
        if len(body) < 512 or not body.startswith(OLE):
            raise CompoundError("没有文件头")
        self._body = body
        (_, _, _, shift, mini_shift, _, fats, self._directory, _, cutoff, mini, _) = (
            _HEADER.unpack_from(body)
        )
        if shift not in (9, 12) or mini_shift != 6:
            raise CompoundError("文件头不合规格")
        self._size, self._cutoff, self._mini = 1 << shift, cutoff, mini
        self._fats = fats

    @cached_property
    def sectors(self) -> int:
        """How many sectors the tables speak of, up to the last that is in use."""
        used = [index for index, value in enumerate(self._fat) if value != _FREE]
        return used[-1] + 1 if used else 0

    @property
    def is_cut(self) -> bool:
        """Whether sectors in use lie beyond the end of the file."""
        return len(self._body) <= self.sectors * int(self._size)

    @cached_property
    def _fat(self) -> list[int]:
        numbers = list(struct.unpack_from(f"<{_HEADER_DIFAT}I", self._body, 76))
        following, count = struct.unpack_from("<2I", self._body, 68)
        for _ in range(min(count, 1024)):
            if following >= _MARKS:
                break
            *more, following = self._integers(following)
            numbers += more
        found: list[int] = []
        for number in numbers[: self._fats]:
            found += self._integers(number)
        return found

    def _sector(self, number: int) -> bytes:
        start = (number + 1) * self._size
        data = self._body[start : start + self._size]
        if number >= _MARKS or not data:
            raise CutError("目录指向文件之外")
        return data

    def _integers(self, number: int) -> tuple[int, ...]:
        data = self._sector(number)
        return struct.unpack(f"<{len(data) // 4}I", data[: len(data) // 4 * 4])

    def _chain(self, start: int) -> Iterator[bytes]:
        number, seen = start, 0
        while number < _MARKS and seen <= len(self._fat):
            yield self._sector(number)
            seen += 1
            if number >= len(self._fat):
                raise CutError("目录指向文件之外")
            number = self._fat[number]

    @cached_property
    def _entries(self) -> Mapping[str, tuple[int, int]]:
        """Name → first sector and size of each stream."""
        found: dict[str, tuple[int, int]] = {}
        for sector in self._chain(self._directory):
            for at in range(0, len(sector) - _ENTRY + 1, _ENTRY):
                length, kind = struct.unpack_from("<HB", sector, at + 64)
                if kind in (2, 5) and 2 <= length <= 64:
                    name = sector[at : at + length - 2].decode("utf-16-le", errors="replace")
                    start, size = struct.unpack_from("<2I", sector, at + 116)
                    found.setdefault(name, (start, size))
        return found

    @property
    def names(self) -> set[str]:
        """The names of all streams, and of the root."""
        return set(self._entries)

    def beginning(self, name: str) -> bytes:
        """The first bytes of a stream, at most 64 KiB."""
        start, size = self._entries[name]
        most = min(size, _MOST)
        if size >= self._cutoff:
            return self._read(self._chain(start), most)
        table = [n for sector in self._chain(self._mini) for n in _integers(sector)]
        root = self._entries.get("Root Entry", (_FREE, 0))[0]
        short = b"".join(self._chain(root))
        return self._read(_short_chain(short, table, start), most)

    @staticmethod
    def _read(sectors: Iterator[bytes], most: int) -> bytes:
        found = bytearray()
        for sector in sectors:
            found += sector
            if len(found) >= most:
                break
        return bytes(found[:most])


def _integers(data: bytes) -> tuple[int, ...]:
    return struct.unpack(f"<{len(data) // 4}I", data[: len(data) // 4 * 4])


def _short_chain(data: bytes, table: list[int], start: int) -> Iterator[bytes]:
    number, seen = start, 0
    while number < len(table) and seen <= len(table):
        yield data[number * 64 : number * 64 + 64]
        number, seen = table[number], seen + 1


def look_into_compound(body: bytes, *, whole: bool) -> Sniffed:
    """Say what an OLE file is, whether its end is missing, and whether it is locked."""
    try:
        opened = CompoundFile(body)
        names, cut = opened.names, whole and opened.is_cut
        kind: ResourceKind | None = _kind(names)
        if cut:
            return Sniffed(kind, cut="复合文档的数据超出了文件末尾")
        locked = LOCKED_PACKAGE in names or _is_locked(opened, kind)
    except (CompoundError, struct.error) as error:
        found = _by_names(body, str(error), whole=whole)
        if whole and isinstance(error, CutError):
            return Sniffed(found.kind, cut=f"复合文档的{error}")
        return found
    if LOCKED_PACKAGE in names:
        kind = None
    return Sniffed(kind, locked=locked)


def _kind(names: set[str]) -> ResourceKind:
    return next((kind for name, kind in STREAMS if name in names), ResourceKind.OTHER)


def _by_names(body: bytes, why: str, *, whole: bool) -> Sniffed:
    """What can be said where the directory is out of reach: the names that occur anyhow."""
    names = {
        name
        for name in (LOCKED_PACKAGE, *(name for name, _ in STREAMS))
        if name.encode("utf-16-le") in body
    }
    locked = LOCKED_PACKAGE in names
    kind = None if locked else _kind(names)
    if names or not whole:
        return Sniffed(kind, locked=locked, note=f"复合文档的目录未能读出({why})")
    return Sniffed(None, cut=f"复合文档读不到目录({why})")


def _is_locked(opened: CompoundFile, kind: ResourceKind | None) -> bool:
    if kind is ResourceKind.DOC:
        magic, flags = struct.unpack_from("<H8xH", opened.beginning("WordDocument"))
        return bool(magic == _FIB_MAGIC and flags & _FIB_ENCRYPTED)
    if kind is ResourceKind.PPT:
        if "EncryptedSummary" in opened.names:
            return True
        user = opened.beginning("Current User") if "Current User" in opened.names else b""
        return len(user) >= 16 and struct.unpack_from("<I", user, 12)[0] == _PPT_ENCRYPTED
    if kind is ResourceKind.XLS:
        name = "Workbook" if "Workbook" in opened.names else "Book"
        return locked_workbook(opened.beginning(name))
    return False
