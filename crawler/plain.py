"""Plain fetches: an address read without a browser, through the guard, every hop recorded."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import urljoin, urlsplit

from scrapy import Request
from scrapy.exceptions import (
    CannotResolveHostError,
    DownloadCancelledError,
    DownloadConnectionRefusedError,
    DownloadFailedError,
    DownloadTimeoutError,
    IgnoreRequest,
    ResponseDataLossError,
    UnsupportedURLSchemeError,
)
from scrapy.http import Response

from crawler.access import Observation
from crawler.archive import Archive, Exchange
from crawler.cutting import CAP, Cap, told_length
from crawler.guard import denial_of
from crawler.hosts import HostBook
from crawler.recorder import REDIRECTS
from models.vocabulary import Outcome
from rules.hosts import offsite_host

MOST_HOPS = 10

#: Signs of TLS in the text of a failed download, which Scrapy tells apart from no other failure.
TLS_SIGNS = ("OpenSSL.SSL.", "service_identity", "certificate")

#: What an error of the download says; the rest counts as our own fault.
ERROR_OUTCOMES: tuple[tuple[type[Exception], Outcome], ...] = (
    (DownloadTimeoutError, Outcome.TIMEOUT),
    (asyncio.TimeoutError, Outcome.TIMEOUT),
    (CannotResolveHostError, Outcome.DNS),
    (DownloadConnectionRefusedError, Outcome.CONNECT),
    (DownloadCancelledError, Outcome.TOO_LARGE),
    (ResponseDataLossError, Outcome.TRUNCATED),
    # A body that is not what its encoding says cannot be had whole.
    (gzip.BadGzipFile, Outcome.TRUNCATED),
    (zlib.error, Outcome.TRUNCATED),
    (UnsupportedURLSchemeError, Outcome.GUARD_DENIED),
    (DownloadFailedError, Outcome.CONNECT),
    (IgnoreRequest, Outcome.GUARD_DENIED),
)

Download = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came of one plain fetch, after its redirects."""

    requested: str
    final_url: str | None = None
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    failure: Outcome | None = None
    detail: str = ""
    #: Why only the beginning was taken (``length`` or ``time``), as WARC names it; None: it is whole.
    truncated: str | None = None
    #: How long the whole is, in bytes, as far as the answer tells.
    total: int | None = None

    def observation(self) -> Observation:
        """As the access rules want it."""
        return Observation(
            requested=self.requested,
            final_url=self.final_url,
            status=self.status,
            headers=self.headers,
            failure=self.failure,
            detail=self.detail,
        )


class PlainClient:
    """Fetches for one visit; every request carries the visit's credentials to the guard."""

    def __init__(
        self, download: Download, job: str, archive: Archive, hosts: HostBook | None = None
    ) -> None:
        """Fetch with Scrapy's ``download`` for guard job ``job``, recording into ``archive``."""
        self._download = download
        self._job = job
        self._archive = archive
        self._hosts = hosts or HostBook()

    async def ask(self, url: str, headers: Mapping[str, str]) -> Exchange | Outcome:
        """Ask once with these headers, follow nothing and record nothing; or why no answer came."""
        request = Request(
            url,
            headers={"Accept-Encoding": "identity", **headers},
            dont_filter=True,
            meta={"guard_job": self._job, "dont_redirect": True, "handle_httpstatus_all": True},
        )
        try:
            response = await self._download(request)
        except Exception as error:  # noqa: BLE001  (named by the table, the rest is a crash)
            return outcome_of(error)
        denied = denial_of(url, header_map(response))
        if denied is not None:
            return denied.outcome
        return _exchange(request, response, _fetched(url, url, response, None))

    async def get(
        self, url: str, *, referer: str | None = None, cap: Cap | None = None, ranged: bool = False
    ) -> Fetched:
        """Fetch an address anonymously and follow its redirects; never raises for a bad answer.

        Args:
            url: The address.
            referer: The page it is linked from, if that is to be told.
            cap: Take no more of the body than this; without one, a body over Scrapy's limit fails.
            ranged: Ask the server for the part below the cap only; it may send more all the same.
        """
        target = url
        for _ in range(MOST_HOPS):
            request = self._request(target, referer, cap, ranged=ranged)
            try:
                response = await self._download(request)
            except Exception as error:  # noqa: BLE001  (named by the table, the rest is a crash)
                return Fetched(url, target, failure=outcome_of(error), detail=first_line(error))
            headers = header_map(response)
            denied = denial_of(target, headers)
            if denied is not None:
                return Fetched(url, target, failure=denied.outcome, detail=denied.label)
            if ranged and response.status == 416:
                # An empty file has no first byte; others do not know ranges.
                return await self.get(target, referer=referer, cap=cap)
            self._hosts.showed(target, response.certificate)
            fetched = _fetched(url, target, response, request.meta.get(CAP))
            self._archive.write(_exchange(request, response, fetched))
            location = headers.get("location")
            if response.status not in REDIRECTS or not location:
                return fetched
            target = urljoin(target, location)
            if urlsplit(target).scheme not in ("http", "https"):
                return Fetched(url, target, failure=Outcome.GUARD_DENIED, detail=f"转到 {target}")
            if cap is not None and offsite_host(target):
                # Enough is known: a net disk or shop is named, not visited.
                return Fetched(url, target, response.status, headers)
        return Fetched(
            url, target, failure=Outcome.REDIRECT_LOOP, detail=f"超过 {MOST_HOPS} 次重定向"
        )

    def _request(self, url: str, referer: str | None, cap: Cap | None, *, ranged: bool) -> Request:
        headers = {"Accept-Encoding": "identity"}
        if referer:
            headers["Referer"] = referer
        meta: dict[str, object] = {
            "guard_job": self._job,
            "dont_redirect": True,
            "handle_httpstatus_all": True,
        }
        if cap is not None:
            # The cap cuts; Scrapy's own limit would throw away what has come.
            meta |= {CAP: cap.anew(), "download_maxsize": 0}
            if ranged:
                headers["Range"] = f"bytes=0-{cap.most - 1}"
        return Request(url, headers=headers, dont_filter=True, meta=meta)


def _fetched(url: str, target: str, response: Response, cap: Cap | None) -> Fetched:
    headers = header_map(response)
    total = told_length(response.status, headers)
    body, truncated = response.body, None
    if cap is not None:
        body, truncated = body[: cap.most], cap.stopped
        partial = response.status == 206 and total is not None and total > len(body)
        truncated = truncated or ("length" if partial else None)
    return Fetched(url, target, response.status, headers, body, truncated=truncated, total=total)


def outcome_of(error: Exception) -> Outcome:
    """The outcome that an error of a download stands for."""
    # Scrapy ignores what unpacks to more than it takes, as it ignores what may not go out.
    if isinstance(error, IgnoreRequest) and "DOWNLOAD_MAXSIZE" in str(error):
        return Outcome.TOO_LARGE
    if isinstance(error, DownloadFailedError) and any(sign in str(error) for sign in TLS_SIGNS):
        return Outcome.TLS
    for kind, outcome in ERROR_OUTCOMES:
        if isinstance(error, kind):
            return outcome
    return Outcome.CRASH


def header_map(response: Response) -> dict[str, str]:
    """An answer's headers by lower-case name, the last of a repeated one."""
    found: dict[str, str] = {}
    for name, values in response.headers.items():
        found[name.decode("latin-1").lower()] = values[-1].decode("latin-1") if values else ""
    return found


def _exchange(request: Request, response: Response, fetched: Fetched) -> Exchange:
    pairs = [
        (name.decode("latin-1"), value.decode("latin-1"))
        for name, values in response.headers.items()
        for value in values
    ]
    asked = [
        (name.decode("latin-1"), value.decode("latin-1"))
        for name, values in request.headers.items()
        for value in values
        if name.lower() != b"proxy-authorization"
    ]
    asked.insert(0, ("Host", urlsplit(response.url).netloc))
    return Exchange(
        url=response.url,
        method=request.method,
        request_headers=tuple(asked),
        status=response.status,
        response_headers=tuple(pairs),
        body=fetched.body,
        at=datetime.now(UTC),
        truncated=fetched.truncated,
    )


def first_line(error: Exception) -> str:
    """An error in one line: its kind and the first line of what it says."""
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0]}" if text else type(error).__name__
