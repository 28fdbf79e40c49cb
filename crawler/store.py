"""The snapshot store: finished WACZ files by their digest, in a directory or any fsspec address.

``SnapshotReader`` is the read side that the audit uses: the manifest, the text blocks, the
screenshots and the files of one snapshot, each checked against its digest by the index.
"""

from __future__ import annotations

import gzip
import json
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Any

import fsspec
from warcio.archiveiterator import ArchiveIterator

from crawler.wacz import WARC_NAME, file_sha256
from models.manifest import (
    MANIFEST_NAME,
    Manifest,
    TextBlock,
    load_manifest,
    screenshot_uri,
)


class StoreError(RuntimeError):
    """The snapshot store cannot be used, or lacks an object: exit code 3."""


@dataclass(frozen=True, slots=True)
class StoredSnapshot:
    """A finished object in the store."""

    name: str
    digest: str
    size: int


def snapshot_name(digest: str) -> str:
    """The name of the snapshot whose bytes have this SHA-256, in hex."""
    return f"{digest[:2]}/{digest}.wacz"


def token_name(wacz: str) -> str:
    """The name of the time stamp that belongs to a snapshot, by the snapshot's name."""
    return str(PurePosixPath(wacz).with_suffix(".tsr"))


class SnapshotStore:
    """Finished snapshots by content: an object is written whole, once, and never changed."""

    def __init__(self, address: str) -> None:
        """Open the store at a directory or an fsspec address (``s3://bucket/prefix``)."""
        try:
            self._files, self._root = fsspec.core.url_to_fs(address)
            self._files.makedirs(self._root, exist_ok=True)
        except (OSError, ValueError, ImportError) as error:
            raise StoreError(
                f"the snapshot store {address} cannot be opened ({error}); set SPACEAUDIT_STORE"
            ) from error
        self._local = "file" in self._files.protocol

    def put(self, path: Path) -> StoredSnapshot:
        """Move a finished file into the store; the same content twice is one object."""
        digest, size = file_sha256(path), path.stat().st_size
        name = snapshot_name(digest)
        target = f"{self._root}/{name}"
        if not self._files.exists(target):
            self._files.makedirs(f"{self._root}/{digest[:2]}", exist_ok=True)
            self._put(path, target)
        path.unlink(missing_ok=True)
        return StoredSnapshot(name, f"sha256:{digest}", size)

    def _put(self, path: Path, target: str) -> None:
        if not self._local:
            self._files.put_file(str(path), target)
            return
        draft = Path(f"{target}.part")
        shutil.copyfile(path, draft)
        draft.replace(target)

    def put_token(self, name: str, content: bytes) -> None:
        """Put a snapshot's time stamp beside it; the one that is there already stays."""
        target = f"{self._root}/{token_name(name)}"
        if self._files.exists(target):
            return
        if not self._local:
            self._files.pipe_file(target, content)
            return
        draft = Path(f"{target}.part")
        draft.write_bytes(content)
        draft.replace(target)

    def token(self, name: str) -> bytes | None:
        """The time stamp of a snapshot; None when it has none."""
        try:
            content: bytes = self._files.cat_file(f"{self._root}/{token_name(name)}")
        except FileNotFoundError:
            return None
        return content

    def exists(self, name: str) -> bool:
        """Whether the store has an object."""
        return bool(self._files.exists(f"{self._root}/{name}"))

    def size(self, name: str) -> int:
        """How many bytes an object has."""
        try:
            size: int = self._files.size(f"{self._root}/{name}")
        except FileNotFoundError as error:
            raise StoreError(
                f"the snapshot store has no {name}: restore it from a backup"
            ) from error
        return size

    def read(self, name: str, start: int, end: int) -> bytes:
        """The bytes of an object from ``start`` up to ``end``, where it is, without a copy of it."""
        content: bytes = self._files.cat_file(f"{self._root}/{name}", start=start, end=end)
        return content

    @contextmanager
    def local(self, name: str) -> Iterator[Path]:
        """The object as a file on this machine, for as long as the block runs."""
        target = f"{self._root}/{name}"
        if not self.exists(name):
            raise StoreError(f"the snapshot store has no {name}: restore it from a backup")
        if self._local:
            yield Path(target)
            return
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / Path(name).name
            self._files.get_file(target, str(copy))
            yield copy


class SnapshotReader:
    """Reads one snapshot from a file on this machine."""

    def __init__(self, path: Path) -> None:
        """Open the WACZ at ``path``."""
        self._wacz = zipfile.ZipFile(path)

    def __enter__(self) -> SnapshotReader:
        """Use it in a block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self._wacz.close()

    @cached_property
    def manifest(self) -> Manifest:
        """What the visit found."""
        return load_manifest(self._wacz.read(MANIFEST_NAME))

    def blocks(self, page_url: str) -> tuple[TextBlock, ...]:
        """The text blocks of a page, in reading order; none when it was not captured."""
        raw = self._record(f"urn:text:{page_url}")
        return tuple(TextBlock.model_validate(item) for item in json.loads(raw)) if raw else ()

    def screenshot(self, page_url: str, strip: int = 0) -> bytes | None:
        """A strip of a page's screenshot as JPEG, one picture pixel a CSS pixel."""
        return self._record(screenshot_uri(page_url, strip))

    def body(self, url: str) -> bytes | None:
        """The bytes of a captured file or picture."""
        return self._record(url)

    @cached_property
    def _index(self) -> dict[str, tuple[int, int]]:
        """Where the newest good answer of each address is in the WARC: offset and length."""
        found: dict[str, tuple[int, int]] = {}
        # Films are asked for in parts, the first part first.
        parts: dict[str, tuple[int, int]] = {}
        lines = gzip.decompress(self._wacz.read("indexes/index.cdx.gz")).decode().splitlines()
        for line in lines:
            entry: dict[str, Any] = json.loads(line.split(" ", 2)[2])
            good = entry.get("status", "200") == "200" and entry.get("method", "GET") == "GET"
            if good and entry.get("mime") != "warc/revisit":
                found[entry["url"]] = (int(entry["offset"]), int(entry["length"]))
            elif entry.get("status") == "206":
                parts.setdefault(entry["url"], (int(entry["offset"]), int(entry["length"])))
        return parts | found

    def _record(self, uri: str) -> bytes | None:
        place = self._index.get(uri)
        if place is None:
            return None
        with self._wacz.open(f"archive/{WARC_NAME}") as warc:
            warc.seek(place[0])
            raw = warc.read(place[1])
        for record in ArchiveIterator(BytesIO(raw)):
            if record.rec_headers.get_header("WARC-Truncated"):
                # A head without its body, or a part of one: never the bytes of the address.
                return None
            content: bytes = record.content_stream().read()
            return content
        return None
