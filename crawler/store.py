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
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Any

import fsspec
from w3lib.url import safe_url_string
from warcio.archiveiterator import ArchiveIterator
from warcio.recordloader import ArcWarcRecord

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

    @contextmanager
    def reader(self, name: str) -> Iterator[SnapshotReader]:
        """Open a snapshot to read it, with the earlier ones that it refers to."""
        with self.local(name) as path, SnapshotReader(path, self.local) as reader:
            yield reader


#: A record's headers, WARC's and HTTP's, lie within so many compressed bytes.
HEAD_BYTES = 256 * 1024

#: Gives a snapshot of the store, by its name, as a file on this machine.
Find = Callable[[str], AbstractContextManager[Path]]


#: Why an answer is not whole, where it was we who wanted no more of it (``WARC-Truncated``).
OUR_CUTS = frozenset({"length", "time"})


@dataclass(frozen=True, slots=True)
class Place:
    """Where a record is in the WARC file, and what the index says of it."""

    url: str
    offset: int
    length: int
    status: str
    mime: str
    #: Of the payload, as WARC writes it (``sha1:…``).
    digest: str
    #: When the record was made, as WARC writes it.
    date: str
    #: Of the request.
    method: str = "GET"

    @property
    def is_reference(self) -> bool:
        """Whether the bytes are in an earlier snapshot."""
        return self.mime == "warc/revisit"

    @property
    def is_good(self) -> bool:
        """Whether it stands for the content of its address."""
        return self.method == "GET" and (self.status == "200" or self.is_reference)

    @property
    def is_part(self) -> bool:
        """Whether it is a range of the content of its address."""
        return self.method == "GET" and self.status == "206"


class SnapshotReader:
    """Reads one snapshot from a file on this machine.

    What did not change since an earlier visit is in that visit's snapshot: it is found by ``find``,
    which without a store looks beside the file.
    """

    def __init__(self, path: Path, find: Find | None = None) -> None:
        """Open the WACZ at ``path``."""
        self._wacz = zipfile.ZipFile(path)
        self._find = find or beside(path)
        self._opened = ExitStack()
        self._earlier: dict[str, SnapshotReader] = {}

    def __enter__(self) -> SnapshotReader:
        """Use it in a block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self._opened.close()
        self._wacz.close()

    @cached_property
    def manifest(self) -> Manifest:
        """What the visit found."""
        return load_manifest(self._wacz.read(MANIFEST_NAME))

    def blocks(self, page_url: str) -> tuple[TextBlock, ...]:
        """The text blocks of a page, in reading order; none when it was not captured."""
        raw = self.resource(f"urn:text:{page_url}")
        return tuple(TextBlock.model_validate(item) for item in json.loads(raw)) if raw else ()

    def screenshot(self, page_url: str, strip: int = 0) -> bytes | None:
        """A strip of a page's screenshot as JPEG, one picture pixel a CSS pixel."""
        return self.resource(screenshot_uri(page_url, strip))

    def body(self, url: str) -> bytes | None:
        """The bytes of a captured file or picture, from the earlier snapshot when they stayed the same.

        Of a file that we cut off, its beginning.

        Raises:
            StoreError: the earlier snapshot is not to be found.
        """
        places = self.places(url)
        whole = [place for place in reversed(places) if place.is_good]
        # Films are asked for in parts, the first part first.
        parts = [place for place in places if place.is_part][:1]
        bodies = (self.payload(place) for place in (*whole, *parts))
        kept = next((body for body in bodies if body is not None), None)
        if kept is not None:
            return kept
        beginnings = (self._beginning(place) for place in whole)
        return next((body for body in beginnings if body), None)

    def resource(self, uri: str) -> bytes | None:
        """The content of a ``resource`` record, the newest of its name."""
        places = self.places(uri)
        return self.payload(places[-1]) if places else None

    def places(self, url: str) -> Sequence[Place]:
        """The records of an address, the oldest first."""
        return self.index.get(url) or self.index.get(safe_url_string(url), ())

    def payload(self, place: Place) -> bytes | None:
        """The bytes that a record stands for."""
        if place.is_reference:
            found = self.origin(place)
            return found[0].payload(found[1]) if found else None
        record = self.record(place)
        if record.rec_headers.get_header("WARC-Truncated"):
            # A head without its body, or a part of one: never the bytes of the address.
            return None
        content: bytes = record.content_stream().read()
        return content

    def _beginning(self, place: Place) -> bytes | None:
        """What was taken of an answer that we cut off ourselves, being too large or too slow."""
        if place.is_reference:
            return None
        record = self.record(place)
        if record.rec_headers.get_header("WARC-Truncated") not in OUR_CUTS:
            return None
        content: bytes = record.content_stream().read()
        return content

    def origin(self, place: Place) -> tuple[SnapshotReader, Place] | None:
        """The snapshot and the record in it that hold the bytes of a record."""
        for reader in self._holders() if place.is_reference else (self,):
            for held in reader.places(place.url):
                if held.digest == place.digest and not held.is_reference:
                    return reader, held
        return None

    def _holders(self) -> Iterator[SnapshotReader]:
        for earlier in self.manifest.earlier:
            if earlier.wacz not in self._earlier:
                path = self._opened.enter_context(self._find(earlier.wacz))
                opened = self._opened.enter_context(SnapshotReader(path, self._find))
                self._earlier[earlier.wacz] = opened
            yield self._earlier[earlier.wacz]

    @cached_property
    def index(self) -> Mapping[str, Sequence[Place]]:
        """Where the records of each address are in the WARC file, the oldest first."""
        found: dict[str, list[Place]] = {}
        lines = gzip.decompress(self._wacz.read("indexes/index.cdx.gz")).decode().splitlines()
        for line in lines:
            _, stamp, fields = line.split(" ", 2)
            entry: dict[str, Any] = json.loads(fields)
            found.setdefault(entry["url"], []).append(_place(entry, stamp))
        return found

    def raw(self, place: Place, most: int | None = None) -> bytes:
        """A record as it is in the file: one gzip member, or its first ``most`` bytes."""
        with self._wacz.open(f"archive/{WARC_NAME}") as warc:
            warc.seek(place.offset)
            return warc.read(place.length if most is None else min(place.length, most))

    def record(self, place: Place) -> ArcWarcRecord:
        """A record, to be read."""
        return next(iter(ArchiveIterator(BytesIO(self.raw(place)))))

    def head(self, place: Place) -> ArcWarcRecord:
        """A record of which only the headers are wanted: a file's bytes stay where they are."""
        return next(iter(ArchiveIterator(BytesIO(self.raw(place, HEAD_BYTES)))))

    def request_of(self, place: Place) -> ArcWarcRecord | None:
        """The request that stands behind an answer in the file."""
        with self._wacz.open(f"archive/{WARC_NAME}") as warc:
            warc.seek(place.offset + place.length)
            for record in ArchiveIterator(warc):
                asked = record.rec_headers.get_header("WARC-Target-URI") == place.url
                return record if record.rec_type == "request" and asked else None
        return None


def _place(entry: Mapping[str, Any], stamp: str) -> Place:
    date = f"{stamp[:4]}-{stamp[4:6]}-{stamp[6:8]}T{stamp[8:10]}:{stamp[10:12]}:{stamp[12:14]}Z"
    digest = entry.get("digest", "")
    return Place(
        url=entry["url"],
        offset=int(entry["offset"]),
        length=int(entry["length"]),
        status=entry.get("status", "200"),
        mime=entry.get("mime", ""),
        digest=digest if ":" in digest else f"sha1:{digest}",
        date=date,
        method=entry.get("method", "GET"),
    )


def beside(path: Path) -> Find:
    """Finds earlier snapshots in the same store as the file ``path``, or in the same folder."""

    @contextmanager
    def find(name: str) -> Iterator[Path]:
        for candidate in (path.parent.parent / name, path.parent / PurePosixPath(name).name):
            if candidate.is_file():
                yield candidate
                return
        raise StoreError(f"the earlier snapshot {name} is not beside {path.name}: restore it")

    return find
