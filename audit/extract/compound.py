"""OLE compound files, the container of old Office formats, opened without trusting their tables.

olefile follows no chain further than the table is long and enters no directory entry twice; what
does not fit raises, and ends as a gap.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import olefile

from audit.extract.registry import Context, Refused
from models.vocabulary import NotScreened

MAGIC = olefile.MAGIC


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

    def described(self) -> Iterator[str]:
        """Title, subject, keywords and remarks from the summary."""
        meta = self._file.get_metadata()
        codepage = meta.codepage if isinstance(meta.codepage, int) else 0
        for value in (meta.title, meta.subject, meta.keywords, meta.comments, meta.category):
            text = _told(value, codepage)
            if text.strip():
                yield text


def _told(value: object, codepage: int) -> str:
    """A text of the summary: code pages count as unsigned numbers, 65001 is UTF-8."""
    if not isinstance(value, bytes):
        return value if isinstance(value, str) else ""
    name = {65001: "utf-8", 936: "gb18030", 1200: "utf-16-le"}.get(codepage & 0xFFFF)
    for encoding in (name, "utf-8", "gb18030"):
        if encoding is not None:
            try:
                return value.decode(encoding).rstrip("\0")
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
