"""Keeps account of every address that the pages of one visit ask for, and what became of it.

Told by the recorder's events; costs no message to the browser. A row is opened when an address is
asked for and changes until the visit ends, for what a page asked late may still come home.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from weakref import WeakKeyDictionary

from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Page, Request, Response

from crawler.archive import page_id
from models.vocabulary import Fate

#: What the page, and not the network, gave up: another navigation, a script, a closed player.
ABORTED = frozenset({"net::ERR_ABORTED", "net::ERR_BLOCKED_BY_RESPONSE"})
#: What a browser says when the guard refused a tunnel.
TUNNEL_REFUSED = "net::ERR_TUNNEL_CONNECTION_FAILED"
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")


@dataclass(slots=True)
class Row:
    """One address that was asked for."""

    url: str
    method: str
    kind: str
    #: The page it was asked for, as the visit planned it; empty where nobody can say.
    page_url: str
    attempt: int
    #: When it was asked for; None when it never was.
    started: datetime | None
    fate: Fate = Fate.UNANSWERED
    status: int | None = None
    mime: str | None = None
    size: int | None = None
    sha256: str | None = None
    ended: datetime | None = None
    redirected_from: str | None = None
    service_worker: bool = False
    detail: str = ""

    def close(self, fate: Fate, detail: str = "") -> None:
        """What became of it."""
        self.fate, self.detail, self.ended = fate, detail, datetime.now(UTC)

    def came(self, body: bytes, sha256: str, content_range: str = "") -> None:
        """Its body came: the whole answer, or the part that was asked for."""
        self.size, self.sha256 = len(body), sha256
        whole = self.status != 206 or is_whole(content_range, len(body))
        self.close(Fate.CAPTURED if whole else Fate.PARTIAL, "" if whole else content_range)

    @property
    def page_id(self) -> str | None:
        """The id of its page in the snapshot's list of pages."""
        return page_id(self.page_url) if self.page_url else None


@dataclass(slots=True)
class _Opened:
    """A page at the address it was sent to."""

    url: str
    attempt: int
    rows: list[Row] = field(default_factory=list)

    def take(self, row: Row) -> None:
        """A row belongs to this page."""
        row.page_url, row.attempt = self.url, self.attempt
        self.rows.append(row)


class PageLog:
    """The rows of one visit, by page."""

    def __init__(self) -> None:
        """Nothing was asked for yet."""
        self._rows: WeakKeyDictionary[Request, Row] = WeakKeyDictionary()
        self._opened: WeakKeyDictionary[Page, _Opened] = WeakKeyDictionary()
        self._opener: WeakKeyDictionary[Page, Page] = WeakKeyDictionary()
        self._attempts: dict[str, int] = {}
        self._visits: list[_Opened] = []
        #: Navigations whose page is not named yet: a window asks before it is told whose it is.
        self._homeless: dict[Request, Row] = {}
        #: What belongs to no page: a service worker's request.
        self._stray = _Opened("", 1)

    def begin(self, page: Page, url: str) -> None:
        """A page is about to be sent to an address of the visit."""
        self._attempts[url] = self._attempts.get(url, 0) + 1
        opened = _Opened(url, self._attempts[url])
        self._opened[page] = opened
        self._visits.append(opened)

    def end(self, page: Page) -> Sequence[Row]:
        """The page has been read, what it asks from now on is not part of it; what it had asked for."""
        opened = self._opened.pop(page, None)
        return opened.rows if opened else ()

    def popup(self, opener: Page, opened: Page) -> None:
        """A page opened a window: what the window asks for, the page asked for."""
        self._opener[opened] = opener
        home = self._opened.get(opener)
        for request, row in list(self._homeless.items()):
            if page_of(request) is opened:
                del self._homeless[request]
                if home is not None:
                    row.kind = "popup"
                    home.take(row)

    def is_of(self, owner: Page | None, page: Page) -> bool:
        """Whether what ``owner`` asks for belongs to ``page``."""
        return owner is not None and (owner is page or self._opener.get(owner) is page)

    def is_open(self, page: Page, row: Row) -> bool:
        """Whether a row is of the address that a page is at now."""
        opened = self._opened.get(page)
        return opened is not None and (opened.url, opened.attempt) == (row.page_url, row.attempt)

    def popups_unanswered(self, page: Page) -> bool:
        """Whether a window that the page opened still waits for its document."""
        opened = self._opened.get(page)
        windows = [row for row in opened.rows if row.kind == "popup"] if opened else []
        return any(row.fate is Fate.UNANSWERED for row in (*windows, *self._homeless.values()))

    def asked(self, request: Request, page: Page | None) -> None:
        """A page asks for an address."""
        before = request.redirected_from
        row = Row(
            url=request.url,
            method=request.method,
            kind=request.resource_type,
            page_url="",
            attempt=1,
            started=datetime.now(UTC),
            redirected_from=before.url if before else None,
        )
        if page is None and request.is_navigation_request():
            self._homeless[request] = row
            self._rows[request] = row
        elif opened := self._of(page):
            opened.take(row)
            if page in self._opener and row.kind == "document":
                row.kind = "popup"
            self._rows[request] = row

    def socket(self, url: str, page: Page) -> None:
        """A page opens a WebSocket: named, for what it carries is not kept."""
        opened = self._of(page)
        if opened is not None:
            row = Row(url, "GET", "websocket", opened.url, opened.attempt, datetime.now(UTC))
            row.close(Fate.STREAM, "WebSocket 传送的内容不存")
            opened.rows.append(row)

    def answered(self, response: Response) -> Row | None:
        """An answer has begun; its row, or None when its page had been read before it was asked for."""
        row = self._rows.get(response.request)
        if row is None:
            return None
        row.fate = Fate.STREAM
        row.status = response.status
        row.mime = response.headers.get("content-type", "").partition(";")[0].strip() or None
        row.service_worker = response.from_service_worker
        return row

    def failed(self, request: Request) -> None:
        """A request came to nothing, or its answer broke off."""
        row = self._rows.get(request)
        if row is None or row.fate not in (Fate.UNANSWERED, Fate.STREAM):
            return
        why = request.failure or "failed"
        refused = why == TUNNEL_REFUSED
        row.close(Fate.REFUSED if refused else Fate.ABORTED if why in ABORTED else Fate.FAILED, why)

    def add(self, row: Row) -> None:
        """Add to a page that was visited what it did not ask for itself."""
        for opened in reversed(self._visits):
            if opened.url == row.page_url:
                opened.rows.append(row)
                return

    def rows(self, url: str) -> Iterator[Row]:
        """All that the attempts at an address of the visit asked for, in order."""
        for opened in self._visits:
            if opened.url == url:
                yield from opened.rows

    def all_rows(self) -> Iterator[Row]:
        """All that was asked for."""
        for opened in (*self._visits, self._stray):
            yield from opened.rows
        yield from self._homeless.values()

    def arrived(self) -> Mapping[str, str]:
        """Where the redirects of addresses led, from each to the last one."""
        steps = {row.redirected_from: row.url for row in self.all_rows() if row.redirected_from}
        ends: dict[str, str] = {}
        for start, end in steps.items():
            seen = {start}
            while end in steps and end not in seen:
                seen.add(end)
                end = steps[end]  # noqa: PLW2901  (walked on from where the loop put it)
            ends[start] = end
        return ends

    def _of(self, page: Page | None) -> _Opened | None:
        return self._stray if page is None else self._opened.get(self._opener.get(page, page))


def is_whole(content_range: str, length: int) -> bool:
    """Whether a partial answer holds all there is (RFC 9110, 14.4)."""
    match = _RANGE.fullmatch(content_range.strip())
    return match is not None and match[1] == "0" and int(match[3]) == length


def page_of(request: Request) -> Page | None:
    """The page that asks; a service worker's request has none, a navigation's may not have one yet."""
    try:
        return request.frame.page
    except PlaywrightError:
        return None
