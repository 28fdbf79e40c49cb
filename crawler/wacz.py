"""Packs one visit into a WACZ 1.1.1: WARC, index, page list, manifest, hashes, signature.

Written here and not with the reference tool, which carries on unsigned when signing fails; its
``validate`` is what the tests hold the result against.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from io import StringIO
from pathlib import Path
from typing import Any

from cdxj_indexer.main import CDXJIndexer

from crawler.archive import NOT_MODIFIED, page_id, warc_date
from crawler.signing import Signer
from models.manifest import MANIFEST_NAME, Manifest, dump_manifest
from models.vocabulary import PageKind

WARC_NAME = "data.warc.gz"
INDEX_NAME = "indexes/index.cdx.gz"
PACKAGE_NAME = "datapackage.json"
DIGEST_NAME = "datapackage-digest.json"
WACZ_VERSION = "1.1.1"


@dataclass(frozen=True, slots=True)
class _Member:
    name: str
    source: Path

    def described(self) -> dict[str, Any]:
        return {
            "name": Path(self.name).name,
            "path": self.name,
            "hash": f"sha256:{file_sha256(self.source)}",
            "bytes": self.source.stat().st_size,
        }


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, in hex, read in pieces."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def pack(warc: Path, manifest: Manifest, signer: Signer, target: Path) -> None:
    """Write ``target`` from a finished WARC file and its manifest; uses the WARC's directory."""
    work = warc.parent
    _index(warc, work)
    _write(work / "pages.jsonl", _page_lines(manifest))
    (work / "manifest.json").write_bytes(dump_manifest(manifest))
    members = [
        _Member(f"archive/{WARC_NAME}", warc),
        _Member(INDEX_NAME, work / "index.cdx.gz"),
        _Member("indexes/index.idx", work / "index.idx"),
        _Member("pages/pages.jsonl", work / "pages.jsonl"),
        _Member(MANIFEST_NAME, work / "manifest.json"),
    ]
    created = warc_date(datetime.now(UTC))
    package = json.dumps(_package(manifest, members, created), ensure_ascii=False, indent=1)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as wacz:
        for member in members:
            wacz.write(member.source, member.name)
        wacz.writestr(PACKAGE_NAME, package.encode())
        wacz.writestr(DIGEST_NAME, json.dumps(_digest(package.encode(), signer, created)))


class _Indexer(CDXJIndexer):  # type: ignore[misc]
    """The reference indexer, but for "not modified": replay takes a status from 300 on for no content."""

    def get_field(self, record: Any, name: str, it: Any, filename: str) -> Any:  # noqa: ANN401
        value = super().get_field(record, name, it, filename)
        unmodified = record.rec_type == "revisit" and str(value) == str(NOT_MODIFIED)
        return "200" if name == "http:status" and unmodified else value


def _index(warc: Path, work: Path) -> None:
    summary = StringIO()
    with (work / "index.cdx.gz").open("wb") as compressed:
        _Indexer(
            summary,
            [str(warc)],
            sort=True,
            post_append=True,
            compress=compressed,
            data_out_name="index.cdx.gz",
            filename=WARC_NAME,
        ).process_all()
        (work / "index.idx").write_text(summary.getvalue(), encoding="utf-8")


def _page_lines(manifest: Manifest) -> Iterator[dict[str, Any]]:
    yield {"format": "json-pages-1.0", "id": "pages", "title": "All Pages", "hasText": False}
    for page in manifest.pages:
        if page.captured:
            yield {
                "id": page_id(page.url),
                "url": page.final_url or page.url,
                "title": page.title,
                "ts": warc_date(page.attempts[-1].started_at),
                "status": page.status,
                "seed": page.kind is PageKind.HOME,
            }


def _write(path: Path, lines: Iterator[dict[str, Any]]) -> None:
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    path.write_text(text, encoding="utf-8")


def _package(manifest: Manifest, members: list[_Member], created: str) -> dict[str, Any]:
    return {
        "profile": "data-package",
        "title": f"{manifest.campaign} {manifest.space}",
        "description": f"{manifest.url} ({manifest.visibility.label})",
        "created": created,
        "wacz_version": WACZ_VERSION,
        "software": f"spaceaudit/{version('spaceaudit')}",
        "mainPageUrl": manifest.url,
        "mainPageDate": warc_date(manifest.taken_at),
        "resources": [member.described() for member in members],
    }


def _digest(package: bytes, signer: Signer, created: str) -> dict[str, Any]:
    digest = f"sha256:{hashlib.sha256(package).hexdigest()}"
    return {
        "path": PACKAGE_NAME,
        "hash": digest,
        "signedData": {
            "hash": digest,
            "signature": signer.sign(digest),
            "publicKey": signer.public_key,
            "created": created,
            "software": f"spaceaudit/{version('spaceaudit')}",
        },
    }
