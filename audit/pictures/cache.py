"""What was read, kept by digest: a picture that stands in fifty spaces is read once.

A file a reading, written beside and moved into its place, so that a kill leaves no half of one.
What cannot be read back is read anew. The words may be personal: folder and files are the owner's.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from audit.pictures.records import Reading
from audit.pictures.wire import parse_reading, reading_line

#: Readings that are kept; one takes 0.5 to 8 KB, so that all take less than 1 GB.
MOST_READINGS = 200_000
#: Readings between two counts of the folder.
_COUNT_EVERY = 1_000


class ReadingCache:
    """A folder of readings.

    Args:
        folder: Where they are; made when the first one is kept.
        most: How many are kept; the ones unused for longest go first.
    """

    def __init__(self, folder: Path, most: int = MOST_READINGS) -> None:
        self._folder = folder
        self._most = most
        self._since_count = 0

    def get(self, key: str) -> Reading | None:
        """The reading kept under a key; None where there is none, or none that can be read."""
        path = self._path(key)
        try:
            reading = parse_reading(path.read_bytes())
            os.utime(path)
        except (OSError, ValueError):
            return None
        return reading

    def put(self, key: str, reading: Reading) -> None:
        """Keep a reading; a full or read-only disk only costs that it is read again."""
        with contextlib.suppress(OSError):
            self._put(self._path(key), reading_line(reading))
            self._since_count += 1
            if self._since_count >= min(_COUNT_EVERY, self._most):
                self._since_count = 0
                self._shrink()

    def _path(self, key: str) -> Path:
        return self._folder / key[:2] / f"{key}.json"

    def _put(self, path: Path, content: bytes) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(content)
            Path(name).replace(path)
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise

    def _shrink(self) -> None:
        kept = sorted(self._folder.glob("*/*.json"), key=lambda path: path.stat().st_mtime_ns)
        for path in kept[: max(0, len(kept) - self._most)]:
            path.unlink(missing_ok=True)
