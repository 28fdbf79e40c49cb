"""Checks a snapshot against itself: hashes, signature, every WARC record, the manifest.

Works offline on the file alone. Names the first thing that does not hold, down to the record.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from pydantic import ValidationError
from warcio.archiveiterator import ArchiveIterator
from warcio.exceptions import ArchiveLoadFailed

from crawler.signing import is_signed
from crawler.store import Find, SnapshotReader, StoreError, beside
from crawler.timestamp import TimestampError, proven_time, stamped_text, stamped_time
from crawler.wacz import DIGEST_NAME, INDEX_NAME, PACKAGE_NAME, WARC_NAME, file_sha256
from models.manifest import (
    MANIFEST_NAME,
    EarlierSnapshot,
    Manifest,
    content_digest,
    load_manifest,
)

#: Bytes fed to the decompressor in one step, so that a record's head is out before its fault is met.
PIECE = 256
#: Bytes of a record that hold its head.
HEAD = 4096


@dataclass(frozen=True, slots=True)
class Flaw:
    """One thing that does not hold: the member of the package, the record in it, and what is wrong."""

    member: str
    record: str
    problem: str

    def __str__(self) -> str:
        """In one line."""
        place = f"{self.member}, record {self.record}" if self.record else self.member
        return f"{place}: {self.problem}"


def flaws(path: Path, *, public_key: str | None = None, find: Find | None = None) -> Iterator[Flaw]:
    """Yield all that does not hold in a WACZ file; nothing for a sound one.

    With ``public_key`` the package has to be signed with that key, not just with any. The earlier
    snapshots that it refers to are looked for by ``find``, or beside the file.
    """
    try:
        with zipfile.ZipFile(path) as wacz:
            yield from _signature_flaws(wacz, public_key)
            yield from _member_flaws(wacz)
            yield from _manifest_flaws(wacz)
        yield from _earlier_flaws(path, find or beside(path))
    except (zipfile.BadZipFile, zlib.error, KeyError, OSError, ValueError) as error:
        yield Flaw(path.name, "", f"is not a readable WACZ: {error}")


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a snapshot's time stamp is worth.

    Attributes:
        time: The moment it names; None when there is no time stamp, or a broken one.
        proven: Whether it was checked against an authority's certificate.
        flaw: What does not hold.
    """

    time: datetime | None = None
    proven: bool = False
    flaw: Flaw | None = None


def check_stamp(path: Path, token: bytes | None, trusted: Sequence[x509.Certificate] = ()) -> Stamp:
    """Check the time stamp of a WACZ file; without certificates, only what it is over."""
    if token is None:
        return Stamp()
    try:
        text = stamped_text(path)
        if trusted:
            return Stamp(proven_time(token, text, trusted), proven=True)
        return Stamp(stamped_time(token, text))
    except TimestampError as error:
        return Stamp(flaw=Flaw(f"{path.stem}.tsr", "", str(error)))
    except (zipfile.BadZipFile, KeyError, OSError) as error:
        return Stamp(flaw=Flaw(f"{path.stem}.tsr", "", f"what it is over cannot be read: {error}"))


def _earlier_flaws(path: Path, find: Find) -> Iterator[Flaw]:
    """What is wrong with the earlier snapshots whose bytes this one refers to."""
    with SnapshotReader(path, find) as reader:
        try:
            listed = reader.manifest.earlier
            lost = list(_lost(listed, find))
        except (ValidationError, zipfile.BadZipFile):
            # Named already.
            return
        yield from lost
        if lost:
            return
        for places in reader.index.values():
            for place in places:
                if place.is_reference and reader.origin(place) is None:
                    problem = "refers to bytes that no earlier snapshot named in the manifest holds"
                    yield Flaw(f"archive/{WARC_NAME}", f"revisit {place.url}", problem)


def _lost(listed: Sequence[EarlierSnapshot], find: Find) -> Iterator[Flaw]:
    for earlier in listed:
        record = f"earlier snapshot {earlier.snapshot_id}"
        try:
            with find(earlier.wacz) as held:
                if f"sha256:{file_sha256(held)}" != earlier.digest:
                    yield Flaw(MANIFEST_NAME, record, f"{earlier.wacz} is not the file referred to")
        except StoreError as error:
            yield Flaw(MANIFEST_NAME, record, str(error))


def _signature_flaws(wacz: zipfile.ZipFile, public_key: str | None) -> Iterator[Flaw]:
    package = _read(wacz, PACKAGE_NAME)
    digest = json.loads(_read(wacz, DIGEST_NAME))
    actual = f"sha256:{hashlib.sha256(package).hexdigest()}"
    signed: dict[str, Any] = digest.get("signedData") or {}
    if digest.get("hash") != actual or signed.get("hash") != actual:
        yield Flaw(PACKAGE_NAME, "", "its hash is not the one that was signed")
    elif not is_signed(actual, signed.get("signature", ""), signed.get("publicKey", "")):
        yield Flaw(DIGEST_NAME, "", "the signature does not hold")
    elif public_key is not None and signed.get("publicKey") != public_key:
        yield Flaw(DIGEST_NAME, "", "is signed with another key than this installation's")


def _member_flaws(wacz: zipfile.ZipFile) -> Iterator[Flaw]:
    listed = {item["path"]: item for item in json.loads(_read(wacz, PACKAGE_NAME))["resources"]}
    for name in wacz.namelist():
        if name not in listed and name not in (PACKAGE_NAME, DIGEST_NAME):
            yield Flaw(name, "", "is in the package but not listed in it")
    for name, item in listed.items():
        if name not in wacz.namelist():
            yield Flaw(name, "", "is listed but not in the package")
            continue
        if f"sha256:{_sha256(wacz, name)}" == item["hash"]:
            continue
        record = _broken_record(wacz, name) if name == f"archive/{WARC_NAME}" else ""
        yield Flaw(name, record, "its bytes are not those that were hashed")


def _read(wacz: zipfile.ZipFile, name: str) -> bytes:
    # Checked against SHA-256 here, so that a flipped byte is named and not merely refused by the
    # container's own checksum.
    with _open(wacz, name) as stream:
        return stream.read()


class _Stored:
    """A stored member's bytes straight from the file, without the container's checksum."""

    def __init__(self, wacz: zipfile.ZipFile, name: str) -> None:
        info = wacz.getinfo(name)
        if info.compress_type != zipfile.ZIP_STORED:
            raise ValueError(f"{name} is compressed within the package")
        if wacz.filename is None:
            raise ValueError("the package has no file")
        self._stream = Path(wacz.filename).open("rb")  # noqa: SIM115  (closed by the block)
        self._stream.seek(info.header_offset)
        header = self._stream.read(30)
        skip = int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
        self._stream.seek(skip, 1)
        self._left = info.file_size

    def __enter__(self) -> _Stored:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def read(self, size: int = -1) -> bytes:
        wanted = self._left if size is None or size < 0 else min(size, self._left)
        data = self._stream.read(wanted)
        self._left -= len(data)
        return data


def _open(wacz: zipfile.ZipFile, name: str) -> _Stored:
    return _Stored(wacz, name)


def _sha256(wacz: zipfile.ZipFile, name: str) -> str:
    digest = hashlib.sha256()
    with _open(wacz, name) as stream:
        while piece := stream.read(1024 * 1024):
            digest.update(piece)
    return digest.hexdigest()


def _broken_record(wacz: zipfile.ZipFile, name: str) -> str:
    """The first record whose bytes are not whole: every record is a gzip member with its checksum."""
    raw, indexed = _read(wacz, name), _indexed(wacz)
    offset = 0
    while offset < len(raw):
        known = indexed.get(offset, "")
        member = zlib.decompressobj(wbits=31)
        content = b""
        try:
            for start in range(offset, len(raw), PIECE):
                content += member.decompress(raw[start : start + PIECE])
                content = content[:HEAD]
                if member.eof:
                    offset = min(start + PIECE, len(raw)) - len(member.unused_data)
                    break
            else:
                return _described(content, known, offset, "is cut off")
        except zlib.error as error:
            return _described(content, known, offset, str(error))
    return "in the frame of a record, whose content is whole"


def _described(head: bytes, indexed: str, offset: int, problem: str) -> str:
    """A broken record by what the index says stands there, or by what its head still tells."""
    fields = dict(
        line.split(": ", 1)
        for line in head.decode("utf-8", errors="replace").split("\r\n\r\n")[0].splitlines()
        if ": " in line
    )
    name = fields.get("WARC-Record-ID", "unreadable head")
    told = " ".join(filter(None, (fields.get("WARC-Type"), fields.get("WARC-Target-URI"))))
    return f"{name} ({indexed or told}) at byte {offset}: {problem}"


def _indexed(wacz: zipfile.ZipFile) -> dict[int, str]:
    """What the index says stands at which byte of the WARC file."""
    try:
        lines = gzip.decompress(_read(wacz, INDEX_NAME)).decode().splitlines()
        entries = [json.loads(line.split(" ", 2)[2]) for line in lines]
        return {int(entry["offset"]): _kind_and_url(entry) for entry in entries}
    except (OSError, EOFError, ValueError, KeyError, IndexError):
        # The index is broken as well, and named by its own hash.
        return {}


def _kind_and_url(entry: dict[str, Any]) -> str:
    kind = "response" if "status" in entry else "resource"
    return f"{kind} {entry['url']}"


def _manifest_flaws(wacz: zipfile.ZipFile) -> Iterator[Flaw]:
    try:
        manifest = load_manifest(_read(wacz, MANIFEST_NAME))
    except ValidationError as error:
        yield Flaw(MANIFEST_NAME, "", f"is not a manifest: {error.errors()[0]['msg']}")
        return
    if content_digest(manifest) != manifest.content_digest:
        yield Flaw(MANIFEST_NAME, "", "its content digest does not follow from its content")
    missing = _not_in_warc(wacz, manifest)
    for url in missing:
        yield Flaw(f"archive/{WARC_NAME}", "", f"has no record for {url}")


def _not_in_warc(wacz: zipfile.ZipFile, manifest: Manifest) -> list[str]:
    wanted = {page.url for page in manifest.pages if page.captured}
    found: set[str] = set()
    with _open(wacz, f"archive/{WARC_NAME}") as stream:
        try:
            for record in ArchiveIterator(stream):
                uri = record.rec_headers.get_header("WARC-Target-URI") or ""
                if uri.startswith("urn:text:"):
                    found.add(uri.removeprefix("urn:text:"))
        except (ArchiveLoadFailed, OSError, EOFError, ValueError):
            # Already named by the hash of the member.
            return []
    return sorted(wanted - found)
