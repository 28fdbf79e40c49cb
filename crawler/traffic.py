"""When a page has fallen quiet."""

from __future__ import annotations

import asyncio

from playwright.async_api import Frame, Page, Request, Response

from crawler.guard_denial import denial_of

#: A page is quiet when nothing was asked for during this long, in seconds; measured on script-built
#: pages, where a chain of two calls leaves gaps of up to 0.2 s.
QUIET_SECONDS = 0.4
#: A page that never falls quiet (a poll, a stream) is read after this long, in seconds.
QUIET_LIMIT = 6.0


class Traffic:
    """Counts a page's requests in flight, to know when it has fallen quiet.

    Also keeps the frames that show an answer of our guard's and not of a site.
    """

    def __init__(self, page: Page) -> None:
        """Listen to a page from now on."""
        self._open: set[Request] = set()
        self._none_open = asyncio.Event()
        self.denied: set[Frame] = set()
        self.restart()
        page.on("request", self._begin)
        page.on("requestfinished", self._end)
        page.on("requestfailed", self._end)
        page.on("response", self._note_denial)

    def restart(self) -> None:
        """Count anew: another address is about to be opened in the page."""
        self._open.clear()
        self._none_open.set()
        self._asked = 0
        self.denied.clear()
        self._note_change()

    def _note_change(self) -> None:
        self._changed = asyncio.get_running_loop().time()

    def _begin(self, request: Request) -> None:
        if request.resource_type == "eventsource":
            # It never ends, and a page that listens is as quiet as one that does not.
            return
        self._open.add(request)
        self._asked += 1
        self._none_open.clear()
        self._note_change()

    def _end(self, request: Request) -> None:
        self._open.discard(request)
        if not self._open:
            self._none_open.set()
        self._note_change()

    def _note_denial(self, response: Response) -> None:
        request = response.request
        if request.is_navigation_request():
            denied = denial_of(response.url, response.headers) is not None
            (self.denied.add if denied else self.denied.discard)(request.frame)

    @property
    def busy(self) -> bool:
        """Whether something is in flight right now."""
        return bool(self._open)

    @property
    def asked(self) -> int:
        """How many requests there have been."""
        return self._asked

    async def idle(self, limit: float = QUIET_LIMIT) -> None:
        """Wait until nothing is in flight, or the limit is over."""
        try:
            async with asyncio.timeout(limit):
                await self._none_open.wait()
        except TimeoutError:
            # A stream, or an answer that never comes: no later wait is to be for it as well.
            self._open.clear()
            self._none_open.set()

    async def quiet(self, limit: float = QUIET_LIMIT) -> None:
        """Wait until nothing is in flight for a while, or the limit is over."""
        loop = asyncio.get_running_loop()
        end = loop.time() + limit
        while (left := end - loop.time()) > 0:
            await self.idle(left)
            since = loop.time() - self._changed
            if not self._open and since >= QUIET_SECONDS:
                return
            await asyncio.sleep(max(0.01, min(left, QUIET_SECONDS - since)))
