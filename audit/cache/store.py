"""One SQLite file of kept answers: bounded, shared by several processes, and never needed.

    busy                       the answer is worked out, and not kept this time
    damaged, or no such file   the file is put aside and begun anew, once
    anything else (disk full)  the process goes on without

A row carries a check sum of its key and value: a damaged one is no answer.
"""

from __future__ import annotations

import hashlib
import logging
import sqlite3
import zlib
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Self

_log = logging.getLogger(__name__)

#: Some 100,000 pages' text, or the text of 5,000 lessons of 60,000 characters.
DEFAULT_BYTES = 512 << 20
#: A single answer longer than this share of the whole is not kept.
_LARGEST_SHARE = 8
#: Answers that wait in memory to be written in one transaction: their number, and their bytes.
_WAITING = 2000
_WAITING_BYTES = 16 << 20
#: Seconds to wait for another process that writes.
_PATIENCE = 5.0
#: A row is marked as used again only after so many openings: marking costs a write.
_MARK_AFTER = 8
#: Share of the rows that goes when there are too many.
_DROPPED_SHARE = 10
#: Values shorter than this gain nothing by compression, in bytes.
_COMPRESSED_FROM = 200
_SUM_BYTES = 8
_PLAIN, _PACKED = b"p", b"z"
_DAMAGED = frozenset({"SQLITE_CORRUPT", "SQLITE_NOTADB"})
_BUSY = ("SQLITE_BUSY", "SQLITE_LOCKED")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS kept (key BLOB PRIMARY KEY, value BLOB NOT NULL, used INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS kept_used ON kept (used);
"""


def key_of(*parts: str | bytes) -> bytes:
    """The key of an answer: over all that it depends on, each part with its length."""
    digest = hashlib.blake2b(digest_size=32)
    for part in parts:
        data = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.digest()


class AnswerStore:
    """Answers by key; may be shared between threads, and the file between processes.

    Args:
        path: The file; its folder is made.
        limit: How many bytes the file may take; the longest unused go first.
    """

    def __init__(self, path: Path, limit: int = DEFAULT_BYTES) -> None:
        self._path = path
        self._limit = limit
        self._lock = Lock()
        self._waiting: dict[bytes, bytes] = {}
        self._waiting_bytes = 0
        self._touched: set[bytes] = set()
        self._replaced = False
        self._opening = 0
        self._connection: sqlite3.Connection | None = None
        self._open()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def get(self, key: bytes) -> bytes | None:
        """The kept answer, or None where there is none that is whole."""
        with self._lock:
            sealed = self._waiting.get(key)
            if sealed is None:
                sealed = self._read(key)
        return None if sealed is None else _unsealed(key, sealed)

    def put(self, key: bytes, value: bytes) -> None:
        """Keep an answer; it is written with the next flush."""
        sealed = _sealed(key, value)
        if len(sealed) * _LARGEST_SHARE > self._limit:
            return
        with self._lock:
            self._waiting[key] = sealed
            self._waiting_bytes += len(sealed)
            full = len(self._waiting) >= _WAITING or self._waiting_bytes >= _WAITING_BYTES
        if full:
            self.flush()

    def flush(self) -> None:
        """Write what waits, all of it or nothing."""
        with self._lock:
            waiting, self._waiting, self._waiting_bytes = self._waiting, {}, 0
            touched, self._touched = self._touched, set()
            if self._connection is None or not (waiting or touched):
                return
            try:
                self._write(self._connection, waiting, touched)
            except sqlite3.Error as error:
                self._failed(error)

    def close(self) -> None:
        """Write what waits, and let go of the file."""
        self.flush()
        with self._lock:
            self._let_go()

    def _read(self, key: bytes) -> bytes | None:
        if self._connection is None:
            return None
        try:
            row = self._connection.execute(
                "SELECT value, used FROM kept WHERE key = ?", (key,)
            ).fetchone()
        except sqlite3.Error as error:
            self._failed(error)
            return None
        if row is None or not isinstance(row[0], bytes):
            return None
        if self._opening - row[1] > _MARK_AFTER:
            self._touched.add(key)
        return row[0]

    def _write(
        self, connection: sqlite3.Connection, waiting: dict[bytes, bytes], touched: set[bytes]
    ) -> None:
        rows = [(key, value, self._opening) for key, value in waiting.items()]
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany("INSERT OR REPLACE INTO kept VALUES (?, ?, ?)", rows)
            marks = [(self._opening, key) for key in touched]
            connection.executemany("UPDATE kept SET used = ? WHERE key = ?", marks)
            while self._bytes(connection) > self._limit and self._drop(connection):
                pass

    def _drop(self, connection: sqlite3.Connection) -> int:
        """Drop the longest unused rows; gives their number."""
        [(count,)] = connection.execute("SELECT count(*) FROM kept")
        oldest = "SELECT rowid FROM kept ORDER BY used LIMIT ?"
        number = count // _DROPPED_SHARE + 1
        deleted = connection.execute(f"DELETE FROM kept WHERE rowid IN ({oldest})", (number,))  # noqa: S608 -- a constant
        return deleted.rowcount

    @staticmethod
    def _bytes(connection: sqlite3.Connection) -> int:
        """What the rows take; pages that dropped rows left are used again."""
        facts = ("page_count", "freelist_count", "page_size")
        pages, free, size = (connection.execute(f"PRAGMA {fact}").fetchone()[0] for fact in facts)
        return int((pages - free) * size)

    def _open(self) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = _connected(self._path)
            self._opening = _next_opening(self._connection)
        except (sqlite3.Error, OSError) as error:
            self._failed(error)

    def _failed(self, error: Exception) -> None:
        name = getattr(error, "sqlite_errorname", "")
        if name.startswith(_BUSY) and self._connection is not None:
            return
        _log.warning("kept results are not used: %s: %s", self._path, error)
        self._let_go()
        if not self._replaced and any(name.startswith(damaged) for damaged in _DAMAGED):
            self._replaced = True
            self._put_aside()
            self._open()

    def _put_aside(self) -> None:
        for suffix in ("", "-wal", "-shm"):
            self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)

    def _let_go(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _connected(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False
    )
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.executescript(_SCHEMA)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _next_opening(connection: sqlite3.Connection) -> int:
    """The number of this opening: what was used lately is told by it, not by a clock."""
    number: int = connection.execute("PRAGMA user_version").fetchone()[0]
    connection.execute(f"PRAGMA user_version = {number + 1}")
    return number + 1


def _sealed(key: bytes, value: bytes) -> bytes:
    packed = len(value) >= _COMPRESSED_FROM
    body = _PACKED + zlib.compress(value, 1) if packed else _PLAIN + value
    return _sum(key, body) + body


def _unsealed(key: bytes, sealed: bytes) -> bytes | None:
    body = sealed[_SUM_BYTES:]
    if sealed[:_SUM_BYTES] != _sum(key, body):
        return None
    return zlib.decompress(body[1:]) if body[:1] == _PACKED else body[1:]


def _sum(key: bytes, body: bytes) -> bytes:
    return hashlib.blake2b(key + body, digest_size=_SUM_BYTES).digest()
