"""The files made for replay, kept for a while: a reviewer's browser asks for one in many ranges."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import threading
import weakref
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from crawler.store import SnapshotStore, snapshot_name
from models.manifest import EarlierSnapshot
from service.web.replay.resolved import resolve

#: Most that is kept on disk, but for the newest file, whatever its size: twice the default for what one
#: visit brings home.
MOST_BYTES = 2 * 1024**3
#: Rises when the same snapshots are made into other bytes: browsers keep an index by the address.
SCHEME = 1


def view_name(store: SnapshotStore, name: str, earlier: Sequence[EarlierSnapshot]) -> str | None:
    """What a snapshot made whole is called; None for one that refers to no other.

    Another name when an earlier snapshot has gone, or come back, so that a name stands for the same bytes.
    """
    if not earlier:
        return None
    there = (each.wacz for each in earlier if store.exists(each.wacz))
    state = hashlib.sha256("\n".join((str(SCHEME), *there)).encode()).hexdigest()[:16]
    return f"{PurePosixPath(name).stem}.{state}.wacz"


class Shelf:
    """Later snapshots made whole (``resolve``), in a folder that this process alone uses.

    It lies where temporary files do, is closed to other users, and goes when the process ends. What was
    not asked for longest goes first, and is made again when it is asked for again.
    """

    def __init__(self, store: SnapshotStore, most_bytes: int = MOST_BYTES) -> None:
        self._store = store
        self._most_bytes = most_bytes
        self._making = threading.Lock()
        self._folder: Path | None = None

    def __contains__(self, view: str) -> bool:
        """Whether a file of this name (``view_name``) is there."""
        return self._folder is not None and (self._folder / view).is_file()

    def path(self, view: str) -> Path:
        """A snapshot made whole, by ``view_name``; made now if it is not there.

        Raises:
            StoreError, OSError, zipfile.BadZipFile, KeyError, ValueError: as ``resolve``.
        """
        with self._making:
            kept = self._place() / view
            if kept.is_file():
                os.utime(kept)
            else:
                self._make(snapshot_name(view.partition(".")[0]), kept)
            return kept

    def size(self, view: str) -> int:
        """How many bytes it has."""
        return self.path(view).stat().st_size

    def read(self, view: str, start: int, end: int) -> bytes:
        """Its bytes from ``start`` up to ``end``."""
        with self.path(view).open("rb") as stream:
            stream.seek(start)
            return stream.read(end - start)

    def _place(self) -> Path:
        # Who tidies up the temporary files may have taken it away.
        if self._folder is None or not self._folder.is_dir():
            self._folder = Path(tempfile.mkdtemp(prefix="spaceaudit-replay-"))
            weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        return self._folder

    def _make(self, name: str, kept: Path) -> None:
        draft = kept.with_suffix(".part")
        try:
            resolve(self._store, name, draft)
            draft.replace(kept)
        finally:
            draft.unlink(missing_ok=True)
        self._clear(kept)

    def _clear(self, newest: Path) -> None:
        left = self._most_bytes - newest.stat().st_size
        others = [each for each in self._place().iterdir() if each != newest]
        for file in sorted(others, key=lambda each: each.stat().st_mtime_ns, reverse=True):
            left -= file.stat().st_size
            if left < 0:
                file.unlink()
