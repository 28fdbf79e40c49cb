"""Records all that a browser context asks for, body and all, as it happens.

A body is read the moment its response arrives: once the page has moved on the browser has
dropped it. What could not be recorded is kept with its reason, never silent. What a page shares with
those before it, its style and scripts, is read once: a strong entity tag promises the same bytes
(RFC 9110, 8.8.1).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from weakref import WeakSet

from playwright.async_api import BrowserContext, Page, Request, Response
from playwright.async_api import Error as PlaywrightError

from crawler.archive import Archive, Exchange
from crawler.guard_denial import DENIED_HEADER
from crawler.hosts import HostBook
from crawler.pagelog import PageLog, Row, page_of
from models.vocabulary import Fate

#: Bodies above this stay out of the WARC (the guard's own cap is higher), in bytes.
BODY_LIMIT = 32 * 1024 * 1024
#: JSON answers to a page's scripts that are searched for files: of one, and of all, in bytes.
ANSWER_LIMIT, ANSWERS_LIMIT = 1024 * 1024, 4 * 1024 * 1024
REDIRECTS = frozenset({301, 302, 303, 307, 308})
#: Answers whose ``Content-Length`` is not their own body's, or whose body nobody reads.
BODILESS = REDIRECTS | {204, 304}
EVENT_STREAM = "text/event-stream"
#: A window that a page opened is looked at this often until it has answered, with pauses in seconds.
POPUP_LOOKS, POPUP_PAUSE = 20, 0.1

Pairs = tuple[tuple[str, str], ...]


class Recorder:
    """Listens to one browser context and writes every exchange into the visit's archive."""

    def __init__(
        self, archive: Archive, skip: Callable[[Response], bool], hosts: HostBook | None = None
    ) -> None:
        """Record into ``archive``; ``skip`` names answers that are not the site's (our guard's)."""
        self._archive = archive
        self._skip = skip
        self._hosts = hosts or HostBook()
        self._contexts: set[BrowserContext] = set()
        self._listened: WeakSet[Page] = WeakSet()
        self._tasks: dict[asyncio.Task[None], Request] = {}
        self._main: dict[Page, Response] = {}
        #: Bodies of the JSON answers that a page's scripts fetched.
        self._answers: dict[Page, list[bytes]] = {}
        #: The entity tags of the answers whose bytes have been recorded, by method and address.
        self._tags: dict[tuple[str, str], str] = {}
        self.log = PageLog()

    def attach(self, page: Page, url: str) -> None:
        """Listen to the page and its context, once; from now on it is at ``url``."""
        self.log.begin(page, url)
        if page not in self._listened:
            self._listened.add(page)
            page.on("popup", lambda opened: self.log.popup(page, opened))
            page.on("websocket", lambda socket: self.log.socket(socket.url, page))
        if page.context not in self._contexts:
            self._contexts.add(page.context)
            page.context.on("request", lambda request: self.log.asked(request, page_of(request)))
            page.context.on("response", self._on_response)
            page.context.on("requestfailed", self.log.failed)

    def main_response(self, page: Page) -> Response | None:
        """The last answer to a navigation of the page's main frame."""
        return self._main.get(page)

    async def settle(self, page: Page, limit: float = 10.0) -> None:
        """Wait until the bodies the page asked for have been written, or the limit is over."""
        for _ in range(POPUP_LOOKS):
            if not self.log.popups_unanswered(page):
                break
            await asyncio.sleep(POPUP_PAUSE)
        waiting = [
            task for task, asked in self._tasks.items() if self.log.is_of(page_of(asked), page)
        ]
        if waiting:
            await asyncio.wait(waiting, timeout=limit)

    def answers(self, page: Page) -> list[bytes]:
        """The JSON that the page's scripts have fetched so far; call after ``settle``."""
        return self._answers.pop(page, [])

    def finish(self, page: Page) -> Sequence[Row]:
        """The page has been read: forget it; returns what it had asked for."""
        self._main.pop(page, None)
        self._answers.pop(page, None)
        return self.log.end(page)

    def _on_response(self, response: Response) -> None:
        row = self.log.answered(response)
        if row is None:
            # What a page still does once it has been read was not part of what was read.
            return
        request = response.request
        page = page_of(request)
        if (
            page is not None
            and request.is_navigation_request()
            and request.frame is page.main_frame
            and self.log.is_open(page, row)
        ):
            self._main[page] = response
        if self._skip(response):
            row.close(Fate.REFUSED, response.headers.get(DENIED_HEADER, ""))
            return
        if self._is_known(response):
            row.sha256 = self._archive.sha256_of(response.url)
            row.close(Fate.KNOWN)
            return
        task = asyncio.get_running_loop().create_task(self._write(response, row))
        self._tasks[task] = request
        task.add_done_callback(lambda done: self._tasks.pop(done, None))

    def _is_known(self, response: Response) -> bool:
        tag = _strong_tag(response)
        return tag is not None and self._tags.get(_address(response)) == tag

    async def _write(self, response: Response, row: Row) -> None:
        if row.mime == EVENT_STREAM:
            # It never ends: its body would be waited for until the page is closed.
            self._archive.write(_headless(response, row, "time"))
            row.close(Fate.STREAM)
            return
        try:
            body = b"" if response.status in REDIRECTS else await response.body()
            asked = await response.request.headers_array()
            headers = _pairs(asked), _pairs(await response.headers_array())
        except PlaywrightError as error:
            self._archive.write(_headless(response, row, _why_cut(row, error)))
            if row.fate is Fate.STREAM:
                row.close(Fate.GONE, error.message.splitlines()[0])
            return
        if len(body) > BODY_LIMIT:
            row.size = len(body)
            row.close(Fate.TOO_LARGE, f"{len(body)} > {BODY_LIMIT} bytes")
            self._archive.write(_exchange(response, row, headers, truncated="length"))
            return
        missing = _missing(response, body)
        exchange = _exchange(response, row, headers, body, "disconnect" if missing else None)
        self._archive.write(exchange)
        row.came(body, exchange.sha256, response.headers.get("content-range", ""))
        if missing:
            row.sha256 = None
            row.close(Fate.PARTIAL, missing)
            return
        await self._meet(response)
        page = page_of(response.request)
        if page is not None and self.log.is_open(page, row) and _is_data(response):
            self._keep_answer(page, body)
        tag = _strong_tag(response)
        if tag is not None:
            self._tags[_address(response)] = tag

    def _keep_answer(self, page: Page, body: bytes) -> None:
        kept = self._answers.setdefault(page, [])
        if len(body) <= ANSWER_LIMIT and sum(map(len, kept)) + len(body) <= ANSWERS_LIMIT:
            kept.append(body)

    async def _meet(self, response: Response) -> None:
        """Keep the TLS facts of a host that a page came from, once."""
        if response.request.is_navigation_request() and self._hosts.unmet(response.url):
            with suppress(PlaywrightError):
                self._hosts.browser_said(response.url, await response.security_details())


def _exchange(
    response: Response,
    row: Row,
    headers: tuple[Pairs, Pairs],
    body: bytes = b"",
    truncated: str | None = None,
) -> Exchange:
    asked, answered = headers
    return Exchange(
        url=response.url,
        method=response.request.method,
        request_headers=asked,
        request_body=response.request.post_data_buffer or b"",
        status=response.status,
        phrase=response.status_text,
        response_headers=answered,
        body=body,
        at=row.started or datetime.now(UTC),
        truncated=truncated,
        page_id=row.page_id,
        kind=row.kind,
    )


def _headless(response: Response, row: Row, truncated: str) -> Exchange:
    """An answer without its body: with the headers as the event itself brought them."""
    headers = _apart(response.request.headers), _apart(response.headers)
    return _exchange(response, row, headers, truncated=truncated)


def _why_cut(row: Row, error: PlaywrightError) -> str:
    if row.fate is Fate.FAILED:
        return "disconnect"
    return "time" if "closed" in error.message else "unspecified"


def _missing(response: Response, body: bytes) -> str:
    """Why a body is not the whole one: the browser hands over what had come when a connection broke."""
    failure = response.request.failure
    if failure:
        return failure
    told = response.headers.get("content-length", "")
    encoded = response.headers.get("content-encoding", "identity") != "identity"
    bodiless = response.status in BODILESS or response.request.method == "HEAD"
    if encoded or bodiless or not told.isdecimal() or len(body) >= int(told):
        return ""
    return f"{len(body)} / {told} bytes"


def _apart(headers: Mapping[str, str]) -> Pairs:
    # The browser joins repeated headers with line feeds.
    return tuple((name, value) for name, values in headers.items() for value in values.split("\n"))


def _is_data(response: Response) -> bool:
    """Whether it is JSON that a script asked for."""
    asked = response.request.resource_type in ("xhr", "fetch")
    return asked and "json" in response.headers.get("content-type", "")


def _address(response: Response) -> tuple[str, str]:
    return response.request.method, response.url


def _strong_tag(response: Response) -> str | None:
    """What stands for the bytes of a whole answer; none for a page itself, which is always read."""
    tag = response.headers.get("etag", "")
    whole = response.status == 200 and not response.request.is_navigation_request()
    return tag if whole and tag.startswith('"') else None


def _pairs(headers: Sequence[Mapping[str, object]]) -> Pairs:
    return tuple((str(item["name"]), str(item["value"])) for item in headers)
