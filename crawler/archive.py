"""The WARC side of a snapshot: one file of records for one visit, written as the visit goes on.

Bodies are kept decoded, as the browser and Scrapy hand them over; the original encodings stay in
``x-orig-*`` headers, so that every reader can check the payload digests.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from http import HTTPStatus
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from w3lib.url import safe_url_string
from warcio.exceptions import ArchiveLoadFailed
from warcio.recordloader import ArcWarcRecord
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

Headers = Iterable[tuple[str, str]]

#: Headers that describe the transfer, not the stored bytes.
TRANSFER_HEADERS = frozenset({"content-encoding", "transfer-encoding", "content-length"})

#: What reading a broken WARC file may raise.
ARCHIVE_ERRORS = (ArchiveLoadFailed, EOFError)

#: The reason phrase of a status where the server gave none, as HTTP/2 never does.
REASONS: Mapping[int, str] = {status.value: status.phrase for status in HTTPStatus}

NOT_MODIFIED = 304
#: The profile of a ``revisit`` record by which the server itself says that nothing changed.
SERVER_NOT_MODIFIED = "http://netpreserve.org/warc/1.1/revisit/server-not-modified"

#: The address that a server was reached at, by the address asked for.
Locate = Callable[[str], str | None]


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and what came back, from the browser or from a plain fetch."""

    url: str
    method: str
    request_headers: tuple[tuple[str, str], ...]
    status: int
    response_headers: tuple[tuple[str, str], ...]
    body: bytes
    at: datetime
    #: The server's, where it is known better than by the archive's ``locate``.
    address: str | None = None
    #: Why the body is not the whole one, in the words of WARC: ``length``, ``time``, ``disconnect``.
    truncated: str | None = None
    request_body: bytes = b""
    #: The reason phrase that the server gave.
    phrase: str = ""
    #: The page that asked, as ``page_id`` names it, and what for in the browser's words.
    page_id: str | None = None
    kind: str | None = None
    #: SHA-256 of the body, in hex.
    sha256: str = field(init=False)

    def __post_init__(self) -> None:
        """Take the body's digest, once."""
        object.__setattr__(self, "sha256", hashlib.sha256(self.body).hexdigest())


def page_id(url: str) -> str:
    """The id of a page in ``pages.jsonl`` and in ``WARC-Page-ID``."""
    return hashlib.sha256(url.encode()).hexdigest()[:22]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the bytes of an answer are kept: in the snapshot of an earlier visit."""

    snapshot_id: str
    url: str
    #: When they came and their digest, as WARC writes both.
    date: str
    digest: str


#: Tells where an address's answer with this payload digest is kept already.
Origins = Callable[[str, str], Origin | None]


def payload_digest(body: bytes) -> str:
    """The digest of a body as WARC records carry it."""
    return f"sha1:{base64.b32encode(hashlib.sha1(body, usedforsecurity=False).digest()).decode()}"


def warc_date(moment: datetime) -> str:
    """A moment as WARC writes it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Archive:
    """Writes the records of one visit into one gzipped WARC file."""

    def __init__(
        self, path: Path, info: Mapping[str, str], locate: Locate = lambda _: None
    ) -> None:
        """Start the file with its ``warcinfo`` record; ``locate`` tells servers' addresses."""
        self._path = path
        self._locate = locate
        self._stream = path.open("wb")
        self._writer = WARCWriter(self._stream, gzip=True, warc_version="1.1")
        self._written: set[tuple[str, int, str]] = set()
        self._sha256: dict[str, str] = {}
        self._origins: Origins = lambda _url, _digest: None
        #: The earlier snapshots that ``revisit`` records of this file refer to.
        self.referred: set[str] = set()
        self._copied: set[str] = set()
        record = self._writer.create_warcinfo_record(path.name, dict(info))
        self._writer.write_record(record)

    def write(self, exchange: Exchange) -> None:
        """Write the response and its request; the same answer of the same address only once.

        A part of an answer is not written where the whole one has been.
        """
        asked = f"{exchange.method} {exchange.url} {exchange.truncated or ''}"
        key = (asked, exchange.status, exchange.sha256)
        whole = exchange.status == 200 and exchange.truncated is None
        if whole and exchange.method == "GET":
            self._sha256[exchange.url] = exchange.sha256
        if key in self._written or (exchange.truncated and exchange.url in self._sha256):
            return
        self._written.add(key)
        origin = self._origin(exchange)
        response = self._revisit(exchange, origin) if origin else self._response(exchange)
        request = self._request(exchange)
        self._writer.write_request_response_pair(request, response)

    def know(self, origins: Origins) -> None:
        """From now on refer to answers that are kept already, by ``revisit`` records."""
        self._origins = origins

    def write_unmodified(
        self, exchange: Exchange, origin: Origin, content_type: str | None = None
    ) -> None:
        """Write that a server said "not modified" (304) of an answer that is kept already.

        Most servers leave out its ``content_type`` then, and replay looks for it here.
        """
        if content_type and all(n.lower() != "content-type" for n, _ in exchange.response_headers):
            told = (*exchange.response_headers, ("Content-Type", content_type))
            exchange = replace(exchange, response_headers=told)
        key = (exchange.url, exchange.status, origin.digest)
        if key in self._written:
            return
        self._written.add(key)
        response, request = self._revisit(exchange, origin), self._request(exchange)
        self._writer.write_request_response_pair(request, response)

    def copy(self, record: bytes, uri: str) -> None:
        """Write a record of another file as it is there, one gzip member; one of a name once."""
        if uri not in self._copied:
            self._copied.add(uri)
            self._stream.write(record)

    def _origin(self, exchange: Exchange) -> Origin | None:
        if exchange.status != 200 or exchange.method != "GET":
            return None
        if not exchange.body or exchange.truncated:
            return None
        return self._origins(safe_url_string(exchange.url), payload_digest(exchange.body))

    def _revisit(self, exchange: Exchange, origin: Origin) -> ArcWarcRecord:
        self.referred.add(origin.snapshot_id)
        record = self._writer.create_revisit_record(
            safe_url_string(exchange.url),
            digest=origin.digest,
            refers_to_uri=origin.url,
            refers_to_date=origin.date,
            http_headers=self._response(exchange).http_headers,
            warc_headers_dict=self._described(exchange),
        )
        if exchange.status == NOT_MODIFIED:
            record.rec_headers.replace_header("WARC-Profile", SERVER_NOT_MODIFIED)
        return record

    def sha256_of(self, url: str) -> str | None:
        """The digest of what an address answered, if it was captured whole."""
        return self._sha256.get(url)

    def resource(self, uri: str, body: bytes, content_type: str, at: datetime) -> None:
        """Write a ``resource`` record: a screenshot, text blocks, page info."""
        record = self._writer.create_warc_record(
            uri,
            "resource",
            payload=BytesIO(body),
            length=len(body),
            warc_content_type=content_type,
            warc_headers_dict={"WARC-Date": warc_date(at)},
        )
        self._writer.write_record(record)

    def picture(self, uri: str, body: bytes, content_type: str, at: datetime) -> None:
        """Write a picture that has no address of its own, once."""
        if uri not in self._sha256:
            self._sha256[uri] = hashlib.sha256(body).hexdigest()
            self.resource(uri, body, content_type, at)

    def json(self, uri: str, value: Any, at: datetime) -> None:  # noqa: ANN401
        """Write a ``resource`` record of JSON."""
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        self.resource(uri, text.encode(), "application/json; charset=utf-8", at)

    def close(self) -> None:
        """Finish the file."""
        self._stream.close()

    def _response(self, exchange: Exchange) -> ArcWarcRecord:
        headers = [_stored(name, value) for name, value in exchange.response_headers]
        headers.append(("Content-Length", str(len(exchange.body))))
        status = f"{exchange.status} {_phrase(exchange)}"
        return self._writer.create_warc_record(
            safe_url_string(exchange.url),
            "response",
            payload=BytesIO(exchange.body),
            length=len(exchange.body),
            http_headers=StatusAndHeaders(status, headers, protocol="HTTP/1.1"),
            warc_headers_dict=self._described(exchange),
        )

    def _described(self, exchange: Exchange) -> dict[str, str]:
        """What a record says of an answer beside the answer itself."""
        said = {
            "WARC-Date": warc_date(exchange.at),
            "WARC-IP-Address": exchange.address or self._locate(exchange.url),
            "WARC-Truncated": exchange.truncated,
            "WARC-Page-ID": exchange.page_id,
            "WARC-Resource-Type": exchange.kind,
        }
        return {name: value for name, value in said.items() if value}

    def _request(self, exchange: Exchange) -> ArcWarcRecord:
        parts = urlsplit(safe_url_string(exchange.url))
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        line = f"{exchange.method} {target} HTTP/1.1"
        headers = [(n, _one_line(v)) for n, v in exchange.request_headers if not n.startswith(":")]
        return self._writer.create_warc_record(
            safe_url_string(exchange.url),
            "request",
            payload=BytesIO(exchange.request_body),
            length=len(exchange.request_body),
            http_headers=StatusAndHeaders(line, headers, is_http_request=True),
            warc_headers_dict={"WARC-Date": warc_date(exchange.at)},
        )


def _phrase(exchange: Exchange) -> str:
    return _one_line(exchange.phrase) or REASONS.get(exchange.status, "Status")


def _stored(name: str, value: str) -> tuple[str, str]:
    kept = f"x-orig-{name}" if name.lower() in TRANSFER_HEADERS else name
    return kept, _one_line(value)


def _one_line(value: str) -> str:
    return " ".join(value.splitlines())
