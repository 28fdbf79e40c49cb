"""Records all that a browser context asks for, body and all, as it happens.

A body is read the moment its response arrives: once the page has moved on the browser has
dropped it. What could not be recorded is kept with its reason, never silent. What a page shares with
those before it, its style and scripts, is read once: a strong entity tag promises the same bytes
(RFC 9110, 8.8.1).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from weakref import WeakSet

from playwright.async_api import BrowserContext, Page, Request, Response, WebSocket
from playwright.async_api import Error as PlaywrightError

from crawler.archive import Archive, Exchange
from models.manifest import NotCaptured
from models.vocabulary import NotScreened

#: Bodies above this stay out of the WARC (the guard's own cap is higher), in bytes.
BODY_LIMIT = 32 * 1024 * 1024
REDIRECTS = frozenset({301, 302, 303, 307, 308})


@dataclass(slots=True)
class Asked:
    """One address that a page asked for, and what came."""

    url: str
    method: str
    #: What the browser wanted it for, in its own words: ``document``, ``fetch``, ``image``, …
    type: str
    #: None when no answer came.
    status: int | None = None
    #: Of the body; None when it was read before, with the page that first asked for it.
    sha256: str | None = None


class Recorder:
    """Listens to one browser context and writes every exchange into the visit's archive."""

    def __init__(self, archive: Archive, skip: Callable[[Response], bool]) -> None:
        """Record into ``archive``; ``skip`` names answers that are not the site's (our guard's)."""
        self._archive = archive
        self._skip = skip
        self._contexts: set[BrowserContext] = set()
        self._tasks: dict[asyncio.Task[None], Page | None] = {}
        self._main: dict[Page, Response] = {}
        self._asked: dict[Page, list[Asked]] = {}
        self._read: WeakSet[Page] = WeakSet()
        #: The entity tags of the answers whose bytes have been recorded, by method and address.
        self._tags: dict[tuple[str, str], str] = {}
        self.not_captured: list[NotCaptured] = []

    def attach(self, page: Page) -> None:
        """Listen to the page's context, once."""
        page.on("websocket", lambda socket: self._on_socket(socket, page))
        if page.context in self._contexts:
            return
        self._contexts.add(page.context)
        page.context.on("response", self._on_response)
        page.context.on("requestfailed", self._on_failed)

    def main_response(self, page: Page) -> Response | None:
        """The last answer to a navigation of the page's main frame."""
        return self._main.get(page)

    async def settle(self, page: Page, limit: float = 10.0) -> None:
        """Wait until the bodies the page asked for have been written, or the limit is over."""
        waiting = [task for task, owner in self._tasks.items() if owner is page]
        if waiting:
            await asyncio.wait(waiting, timeout=limit)

    def finish(self, page: Page) -> Sequence[Asked]:
        """The page has been read: forget it; returns what it had asked for."""
        self._read.add(page)
        self._main.pop(page, None)
        return self._asked.pop(page, [])

    def _note(self, page: Page | None, asked: Asked) -> Asked:
        if page is not None and page not in self._read:
            self._asked.setdefault(page, []).append(asked)
        return asked

    def _on_response(self, response: Response) -> None:
        request = response.request
        page = _page_of(request)
        asked = Asked(request.url, request.method, request.resource_type, response.status)
        self._note(page, asked)
        if page and request.is_navigation_request() and request.frame is page.main_frame:
            self._main[page] = response
        if self._skip(response) or self._is_known(response):
            return
        task = asyncio.get_running_loop().create_task(self._write(response, page, asked))
        self._tasks[task] = page
        task.add_done_callback(lambda done: self._tasks.pop(done, None))

    def _on_socket(self, socket: WebSocket, page: Page) -> None:
        self._note(page, Asked(socket.url, "GET", "websocket"))

    def _is_known(self, response: Response) -> bool:
        tag = _strong_tag(response)
        return tag is not None and self._tags.get(_address(response)) == tag

    def _on_failed(self, request: Request) -> None:
        page = _page_of(request)
        if page in self._read:
            # What the closing of a page cuts off was not part of what was read.
            return
        self._note(page, Asked(request.url, request.method, request.resource_type))
        self._miss(request.url, page, request.failure or "failed")

    def _miss(self, url: str, page: Page | None, reason: str) -> None:
        found_on = page.url if page is not None else None
        self.not_captured.append(
            NotCaptured(url=url, found_on=found_on, reason=NotScreened.NOT_CAPTURED, detail=reason)
        )

    async def _write(self, response: Response, page: Page | None, asked: Asked) -> None:
        try:
            body = b"" if response.status in REDIRECTS else await response.body()
            if len(body) > BODY_LIMIT:
                self._miss(response.url, page, f"larger than {BODY_LIMIT} bytes")
                return
            exchange = Exchange(
                url=response.url,
                method=response.request.method,
                request_headers=_pairs(await response.request.headers_array()),
                status=response.status,
                response_headers=_pairs(await response.headers_array()),
                body=body,
                at=datetime.now(UTC),
            )
        except PlaywrightError as error:
            self._miss(response.url, page, error.message.splitlines()[0])
            return
        asked.sha256 = exchange.sha256
        self._archive.write(exchange)
        tag = _strong_tag(response)
        if tag is not None:
            self._tags[_address(response)] = tag


def _address(response: Response) -> tuple[str, str]:
    return response.request.method, response.url


def _strong_tag(response: Response) -> str | None:
    """What stands for the bytes of a whole answer; none for a page itself, which is always read."""
    tag = response.headers.get("etag", "")
    whole = response.status == 200 and not response.request.is_navigation_request()
    return tag if whole and tag.startswith('"') else None


def _page_of(request: Request) -> Page | None:
    try:
        return request.frame.page
    except PlaywrightError:
        # A service worker's request has no frame; a navigation's may not have one yet.
        return None


def _pairs(headers: Sequence[Mapping[str, object]]) -> tuple[tuple[str, str], ...]:
    return tuple((str(item["name"]), str(item["value"])) for item in headers)
