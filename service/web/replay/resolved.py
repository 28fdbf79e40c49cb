"""A later snapshot made whole for replay: what it refers to is put in its place.

In a browser, references (WARC ``revisit``) into other files are not followed reliably, so replay is
given a file that has none. It is made of the snapshot's own records, byte for byte, but for each
reference: there stands the answer of the earlier snapshot, under the later one's address and date. It is
no evidence: it has no manifest and no signature, and nothing but replay is given it.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import IO, Any

from warcio.archiveiterator import ArchiveIterator
from warcio.warcwriter import WARCWriter

from crawler.archive import ARCHIVE_ERRORS, payload_digest
from crawler.store import Place, SnapshotReader, SnapshotStore, StoreError
from crawler.wacz import INDEX_NAME, PACKAGE_NAME, WACZ_VERSION, WARC_NAME

#: What reading a snapshot may raise that is missing or damaged.
UNREADABLE = (
    *ARCHIVE_ERRORS,
    StoreError,
    OSError,
    zipfile.BadZipFile,
    zlib.error,
    KeyError,
    ValueError,
)
TITLE = "回放视图:未变化的内容取自先前快照,不是证据文件"
PAGES_NAME = "pages/pages.jsonl"
#: Not compressed, so that no second index has to be kept in step with it.
PLAIN_INDEX = "indexes/index.cdxj"
#: What a ZIP file can hold that replay can read.
MOST_BYTES = 2**31 - 1
#: Bytes copied at once.
PIECE = 1024 * 1024
_WARC_MEMBER = f"archive/{WARC_NAME}"
#: Headers of a reference that are not said of what is put in its place.
_OF_REFERENCE = ("WARC-Profile", "WARC-Refers-To", "WARC-Block-Digest", "Content-")


@dataclass(frozen=True, slots=True)
class _Splice:
    """A record that takes the place of a reference."""

    #: Where it begins in the new file, and its bytes there.
    offset: int
    length: int
    #: The answer it brings.
    held: Place


@dataclass(slots=True)
class _Hashed:
    """Writes on, and keeps size and SHA-256 of what went through."""

    stream: IO[bytes]
    size: int = 0
    sha256: Any = field(default_factory=hashlib.sha256)

    def write(self, content: bytes) -> None:
        if self.size + len(content) > MOST_BYTES:
            raise ValueError("over 2 GiB: too large to be replayed")
        self.stream.write(content)
        self.size += len(content)
        self.sha256.update(content)


def resolve(store: SnapshotStore, name: str, target: Path) -> None:
    """Write to ``target`` a WACZ file of the snapshot in which nothing refers to an earlier one.

    The same snapshots give the same bytes. A reference whose bytes are not to be found stays as it is.

    Raises:
        StoreError: the store has no such snapshot.
        OSError, zipfile.BadZipFile, KeyError, ValueError: it is damaged, or the disk is full.
    """
    with ExitStack() as opened:
        path = opened.enter_context(store.local(name))
        reader = opened.enter_context(SnapshotReader(path, store.local))
        source = opened.enter_context(zipfile.ZipFile(path))
        made = opened.enter_context(zipfile.ZipFile(target, "w", zipfile.ZIP_STORED))
        earlier = list(_earlier(store, reader, opened))
        resources = []
        with source.open(_WARC_MEMBER) as old, _member(made, _WARC_MEMBER) as new:
            warc = _Hashed(new)
            splices = _spliced(reader, earlier, old, warc)
        resources.append(_described(_WARC_MEMBER, warc))
        index = _index(gzip.decompress(source.read(INDEX_NAME)).decode(), splices)
        for member, content in ((PLAIN_INDEX, index), (PAGES_NAME, source.read(PAGES_NAME))):
            with _member(made, member) as new:
                written = _Hashed(new)
                written.write(content)
            resources.append(_described(member, written))
        with _member(made, PACKAGE_NAME) as new:
            new.write(_package(json.loads(source.read(PACKAGE_NAME)), resources))


def _earlier(
    store: SnapshotStore, reader: SnapshotReader, opened: ExitStack
) -> Iterator[SnapshotReader]:
    """The earlier snapshots, as far as they are there and can be opened."""
    for listed in reader.manifest.earlier:
        with ExitStack() as tried:
            try:
                path = tried.enter_context(store.local(listed.wacz))
                held = tried.enter_context(SnapshotReader(path, store.local))
            except UNREADABLE:
                continue
            opened.push(tried.pop_all())
        yield held


def _spliced(
    reader: SnapshotReader, earlier: Sequence[SnapshotReader], old: IO[bytes], new: _Hashed
) -> dict[int, _Splice]:
    """Copy the records, references replaced; gives what took their places, by the old places."""
    references = (p for places in reader.index.values() for p in places if p.is_reference)
    splices: dict[int, _Splice] = {}
    position = 0
    for place in sorted(references, key=lambda place: place.offset):
        _copy(old, new, place.offset - position)
        record = old.read(place.length)
        position = place.offset + place.length
        found = _whole(record, place, earlier)
        content, held = found or (record, None)
        if held:
            splices[place.offset] = _Splice(new.size, len(content), held)
        new.write(content)
    _copy(old, new, None)
    return splices


def _copy(old: IO[bytes], new: _Hashed, size: int | None) -> None:
    """Copy so many bytes, or all that are left."""
    while size is None or size > 0:
        piece = old.read(PIECE if size is None else min(PIECE, size))
        if not piece:
            return
        new.write(piece)
        size = None if size is None else size - len(piece)


def _whole(
    reference: bytes, place: Place, earlier: Sequence[SnapshotReader]
) -> tuple[bytes, Place] | None:
    """The record that stands for a reference, one gzip member, and whose answer it brings."""
    for reader in earlier:
        try:
            for held in reader.places(place.url):
                if held.digest == place.digest and not held.is_reference:
                    return _response(reference, reader, held), held
        except UNREADABLE:
            # Damaged; another one may hold the same bytes. ``spaceaudit verify`` names it.
            continue
    return None


def _response(reference: bytes, reader: SnapshotReader, held: Place) -> bytes:
    """The earlier answer, headers and body, with all else that the later record says of itself.

    Raises:
        ValueError: the body is not the one referred to.
    """
    said = next(iter(ArchiveIterator(BytesIO(reference)))).rec_headers
    original = reader.record(held)
    body = original.content_stream().read()
    if payload_digest(body) != held.digest:
        raise ValueError(held.url)
    written = BytesIO()
    writer = WARCWriter(written, gzip=True, warc_version="1.1")
    kept = {n: v for n, v in said.headers if not n.startswith(_OF_REFERENCE)}
    record = writer.create_warc_record(
        said.get_header("WARC-Target-URI"),
        "response",
        payload=BytesIO(body),
        length=len(body),
        http_headers=original.http_headers,
        warc_headers_dict=kept,
    )
    writer.write_record(record)
    return written.getvalue()


def _index(lines: str, splices: dict[int, _Splice]) -> bytes:
    """The index of the new file: the same lines with the new places, in the same order."""
    entries = [line.split(" ", 2) for line in lines.splitlines()]
    parsed = [(key, stamp, json.loads(fields)) for key, stamp, fields in entries]
    shift = 0
    for _, _, entry in sorted(parsed, key=lambda each: int(each[2]["offset"])):
        splice = splices.get(int(entry["offset"]))
        entry_shift = shift
        if splice is not None:
            shift += splice.length - int(entry["length"])
            entry |= {"length": str(splice.length), "mime": splice.held.mime}
            entry["status"] = splice.held.status
        entry["offset"] = str(int(entry["offset"]) + entry_shift)
    return "".join(f"{k} {s} {json.dumps(e)}\n" for k, s, e in parsed).encode()


def _member(made: zipfile.ZipFile, name: str) -> IO[bytes]:
    # With the date of the format's beginning: the same content is the same file. Not as ZIP64, of which
    # ReplayWeb.page 2.5.3 takes the longer local header for content.
    return made.open(zipfile.ZipInfo(name), "w")


def _described(name: str, written: _Hashed) -> dict[str, Any]:
    return {
        "name": Path(name).name,
        "path": name,
        "hash": f"sha256:{written.sha256.hexdigest()}",
        "bytes": written.size,
    }


def _package(original: dict[str, Any], resources: list[dict[str, Any]]) -> bytes:
    kept = {key: original[key] for key in ("created", "mainPageUrl", "mainPageDate")}
    about = {"profile": "data-package", "wacz_version": WACZ_VERSION, "title": TITLE}
    return json.dumps({**about, **kept, "resources": resources}, ensure_ascii=False).encode()
