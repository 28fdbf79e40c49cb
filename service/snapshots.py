"""What the pages and reports read of stored snapshots, by the name that the database holds."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Protocol

from crawler.store import SnapshotReader, SnapshotStore, StoreError
from models.manifest import Manifest, TextBlock

#: Manifests kept in memory: a snapshot never changes, and the same cases are opened again and again.
KEPT_MANIFESTS = 512


class Snapshots(Protocol):
    """The read side of the snapshot store; each answer is None or empty when it cannot be read."""

    def manifest(self, name: str) -> Manifest | None:
        """What the visit found."""

    def blocks(self, name: str, page_url: str) -> tuple[TextBlock, ...]:
        """The text blocks of a page."""

    def screenshot(self, name: str, page_url: str) -> bytes | None:
        """The screenshot of a page as JPEG, one picture pixel a CSS pixel."""


class StoredSnapshots:
    """Snapshots out of the store."""

    def __init__(self, store: SnapshotStore) -> None:
        self._store = store
        self._manifest = lru_cache(maxsize=KEPT_MANIFESTS)(self._read_manifest)

    def manifest(self, name: str) -> Manifest | None:
        """What the visit found; None when the store has lost the object or it is damaged."""
        return self._manifest(name)

    def blocks(self, name: str, page_url: str) -> tuple[TextBlock, ...]:
        """The text blocks of a page, in reading order."""
        with self._open(name) as reader:
            return reader.blocks(page_url) if reader else ()

    def screenshot(self, name: str, page_url: str) -> bytes | None:
        """The screenshot of a page as JPEG."""
        with self._open(name) as reader:
            return reader.screenshot(page_url) if reader else None

    def _read_manifest(self, name: str) -> Manifest | None:
        with self._open(name) as reader:
            return reader.manifest if reader else None

    @contextmanager
    def _open(self, name: str) -> Iterator[SnapshotReader | None]:
        # A lost or damaged object must not take the page down: ``spaceaudit verify`` names it.
        try:
            local = self._store.local(name)
            with local as path, SnapshotReader(path) as reader:
                yield reader
        except (StoreError, zipfile.BadZipFile):
            yield None
