"""What the pages and reports read of stored snapshots, by the name that the database holds."""

from __future__ import annotations

import logging
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Protocol

from crawler.store import SnapshotReader, SnapshotStore, StoreError
from models.manifest import Manifest, TextBlock

log = logging.getLogger(__name__)

#: Manifests kept in memory: a snapshot never changes, and the same cases are opened again and again.
KEPT_MANIFESTS = 512


class Snapshots(Protocol):
    """The read side of the snapshot store; each answer is None or empty when it cannot be read."""

    def manifest(self, name: str) -> Manifest | None:
        """What the visit found."""

    def blocks(self, name: str, page_url: str) -> tuple[TextBlock, ...]:
        """The text blocks of a page."""

    def screenshot(self, name: str, page_url: str, strip: int = 0) -> bytes | None:
        """A strip of the screenshot of a page as JPEG, one picture pixel a CSS pixel."""

    def body(self, name: str, url: str) -> bytes | None:
        """The bytes of a file or picture that the visit brought home."""


#: What a lost or damaged object raises. It must not take a page down: ``spaceaudit verify`` names it.
_UNREADABLE = (StoreError, zipfile.BadZipFile, zlib.error, EOFError, KeyError, ValueError)


class StoredSnapshots:
    """Snapshots out of the store."""

    def __init__(self, store: SnapshotStore) -> None:
        self._store = store
        # What cannot be read raises, and so is not kept: it may be back at the next look.
        self._manifest = lru_cache(maxsize=KEPT_MANIFESTS)(self._read_manifest)

    def manifest(self, name: str) -> Manifest | None:
        """What the visit found; None when the store has lost the object or it is damaged."""
        try:
            return self._manifest(name)
        except _UNREADABLE as error:
            _tell(name, error)
            return None

    def blocks(self, name: str, page_url: str) -> tuple[TextBlock, ...]:
        """The text blocks of a page, in reading order."""
        try:
            with self._open(name) as reader:
                return reader.blocks(page_url)
        except _UNREADABLE as error:
            _tell(name, error)
            return ()

    def screenshot(self, name: str, page_url: str, strip: int = 0) -> bytes | None:
        """A strip of the screenshot of a page as JPEG."""
        try:
            with self._open(name) as reader:
                return reader.screenshot(page_url, strip)
        except _UNREADABLE as error:
            _tell(name, error)
            return None

    def body(self, name: str, url: str) -> bytes | None:
        """The bytes of a file or picture: they stand where its address led to in the end."""
        try:
            with self._open(name) as reader:
                return _body(reader, url)
        except _UNREADABLE as error:
            _tell(name, error)
            return None

    def _read_manifest(self, name: str) -> Manifest:
        with self._open(name) as reader:
            return reader.manifest

    @contextmanager
    def _open(self, name: str) -> Iterator[SnapshotReader]:
        with self._store.reader(name) as reader:
            yield reader


def _body(reader: SnapshotReader, url: str) -> bytes | None:
    found = next((each for each in reader.manifest.resources if each.url == url), None)
    led_to = found.attempts[-1].final_url if found and found.attempts else None
    body = reader.body(led_to) if led_to else None
    return body if body is not None else reader.body(url)


def _tell(name: str, error: Exception) -> None:
    log.warning("the snapshot %s cannot be read: %s", name, error)
