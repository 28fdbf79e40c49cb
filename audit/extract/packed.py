"""Archives by the system's libarchive: rar, 7z, tar and the compressors, from memory to memory.

Only the readers that a format needs are switched on: others of libarchive's start programs
(lrzip, grzip), and "all" would try them on any bytes. Nothing is written to disk, so that paths in
an archive lead nowhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import c_char_p, c_int, c_void_p, cast
from dataclasses import dataclass

from audit.extract.decoding import path_name
from audit.extract.registry import Refused
from models.vocabulary import NotScreened

try:
    from libarchive import ffi
    from libarchive.entry import ArchiveEntry
    from libarchive.exception import ArchiveError
    from libarchive.read import ArchiveRead
except (ImportError, OSError, AttributeError, TypeError):
    # libarchive-c looks for the shared library when it is imported; what it raises where there
    # is none depends on the platform.
    ffi = None

#: Why nothing can be unpacked where the shared library is missing.
MISSING = "未装解压库 libarchive"
#: Where and how an archive begins, with the filters and formats that read it.
_READERS: tuple[tuple[int, bytes, tuple[str, ...], tuple[str, ...]], ...] = (
    (0, b"Rar!\x1a\x07\x00", (), ("rar",)),
    (0, b"Rar!\x1a\x07\x01\x00", (), ("rar5",)),
    (0, b"7z\xbc\xaf\x27\x1c", (), ("7zip",)),
    (257, b"ustar", (), ("tar",)),
    (0, b"\x1f\x8b", ("gzip",), ("tar", "raw")),
    (0, b"BZh", ("bzip2",), ("tar", "raw")),
    (0, b"\xfd7zXZ\x00", ("xz",), ("tar", "raw")),
)
_BLOCK = 1 << 16
#: Types of entries with content; packers on Windows leave the type out.
_FILES = (0, 0o100000)
#: Words in libarchive's messages by which a lock is told from damage.
_LOCKED = ("encrypt", "crypt", "passphrase", "password")


def version() -> str | None:
    """The version of libarchive; None where the shared library is missing."""
    if ffi is None:
        return None
    number = int(ffi.version_number())
    return f"{number // 1_000_000}.{number // 1_000 % 1_000}.{number % 1_000}"


def is_known(data: bytes) -> bool:
    """Whether these bytes begin like an archive that can be read where libarchive is."""
    return _reader(data) is not None


def _reader(data: bytes) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    found = (r[2:] for r in _READERS if data[r[0] : r[0] + len(r[1])] == r[1])
    return next(found, None)


@dataclass(frozen=True, slots=True)
class Member:
    """One entry of an archive; its bytes can be had until the next one is asked for."""

    #: Its path in the archive; empty for the content of a single compressed file.
    name: str
    is_file: bool
    is_locked: bool
    _entry: ArchiveEntry

    def blocks(self) -> Iterator[bytes]:
        """The bytes of the entry, unpacked as they are asked for; raises Refused."""
        try:
            yield from self._entry.get_blocks(_BLOCK)
        except ArchiveError as error:
            raise _refused(error) from error


def members(data: bytes) -> Iterator[Member]:
    """The entries of an archive, in its order.

    Raises:
        Refused: libarchive is missing or does not know the format, or the archive is locked or
            damaged from here on; the entries before were good.
    """
    how = _reader(data)
    if ffi is None or how is None:
        raise Refused(NotScreened.UNSUPPORTED, "no reader for this archive")
    try:
        with _opened(data, *how) as archive:
            is_single = False
            for entry in ArchiveRead(archive):
                is_single = is_single or ffi.format_name(archive) == b"raw"
                locked = bool(_is_locked(entry._entry_p))  # noqa: SLF001 -- not among its properties
                is_file = entry.filetype in _FILES
                yield Member("" if is_single else _name(entry), is_file, locked, entry)
    except ArchiveError as error:
        raise _refused(error) from error


@contextmanager
def _opened(data: bytes, filters: tuple[str, ...], formats: tuple[str, ...]) -> Iterator[c_void_p]:
    archive = ffi.read_new()
    try:
        for name in filters:
            ffi.get_read_filter_function(name)(archive)
        for name in formats:
            ffi.get_read_format_function(name)(archive)
        ffi.read_open_memory(archive, cast(c_char_p(data), c_void_p), len(data))
        yield archive
    finally:
        ffi.read_free(archive)


if ffi is not None:
    _is_locked = ffi.ffi("entry_is_data_encrypted", [c_void_p], c_int)


def _name(entry: ArchiveEntry) -> str:
    """The path; 7z and RAR 5 tell the encoding, the others do not."""
    raw = ffi.entry_pathname(entry._entry_p)  # noqa: SLF001 -- the property decodes by the locale
    if raw:
        return path_name(raw)
    return str(ffi.entry_pathname_w(entry._entry_p) or "")  # noqa: SLF001


def _refused(error: ArchiveError) -> Refused:
    said = str(error.msg or "")
    is_lock = any(word in said.lower() for word in _LOCKED)
    return Refused(NotScreened.ENCRYPTED if is_lock else NotScreened.UNREADABLE, said)
