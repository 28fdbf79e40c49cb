"""Scrapy's side of the two ways out: the browser with a limit on the whole page, and the guard.

Nothing here may be bypassed: every request, browser or plain, leaves through the egress guard.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress

from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Page
from scrapy import Request, Spider
from scrapy.crawler import Crawler
from scrapy.exceptions import IgnoreRequest, NotConfigured
from scrapy.http import HtmlResponse, Response
from scrapy_playwright.handler import ScrapyPlaywrightDownloadHandler

from crawler.guard import Guard

#: A page that cannot be emptied within this time hangs, and is closed.
EMPTYING_MILLISECONDS = 2000
#: Emptied pages kept for each page that may be at work; each holds some 40 MB.
MOST_IDLE = 0.5


class EvidenceHandler(ScrapyPlaywrightDownloadHandler):  # type: ignore[misc]
    """scrapy-playwright with pages used again, one time-out over a whole page, and no routes.

    A new page is a new process of the browser: a third of all that a page costs. So a visit goes on
    in the pages it has, as a visitor goes on in a tab, emptied in between; one that failed is closed.
    Upstream routes each request of a page through Python to set its headers, which we leave as the
    browser has them. Only navigation has a limit of its own upstream; a page that blocks a later
    evaluation would otherwise hold its place for ever.
    """

    def __init__(self, crawler: Crawler) -> None:
        """Handle the requests of a crawl."""
        super().__init__(crawler)
        #: Emptied pages with their contexts' names, the longest unused first.
        self._idle: deque[tuple[str, Page]] = deque()

    async def _download_request_with_retry(self, request: Request, spider: Spider) -> Response:
        name = request.meta["playwright_context"]
        page = self._take_idle(name)
        if page is None:
            page = await self._create_page(request=request, spider=spider)
        try:
            await request.meta["playwright_page_init_callback"](page, request)
            async with asyncio.timeout(request.meta.get("page_seconds")):
                response = await self._download_request_with_page(request, page, spider)
        except BaseException:
            await _close(page)
            raise
        await self._put_aside(name, page)
        return response

    def _take_idle(self, name: str) -> Page | None:
        for entry in reversed(self._idle):
            if entry[0] == name and not entry[1].is_closed():
                self._idle.remove(entry)
                return entry[1]
        return None

    async def _put_aside(self, name: str, page: Page) -> None:
        """Empty a page, so that its scripts end, and keep it; its context may close it any time."""
        try:
            await page.goto("about:blank", timeout=EMPTYING_MILLISECONDS)
        except PlaywrightError:
            await _close(page)
            return
        self._idle.append((name, page))
        # A visit that waits for its next attempt must not hold processes.
        while len(self._idle) > MOST_IDLE * self.config.max_pages_per_context:
            await _close(self._idle.popleft()[1])

    async def _download_request_with_page(
        self, request: Request, page: Page, spider: Spider
    ) -> Response:
        _, download = await self._get_response_and_download(request, page, spider)
        await self._apply_page_methods(page, request, spider)
        dom = await page.content()
        if download and download.exception:
            raise download.exception
        return HtmlResponse(page.url, body=dom, encoding="utf-8", request=request)


async def _close(page: Page) -> None:
    with suppress(PlaywrightError):
        await page.close()


class GuardMiddleware:
    """Sends every plain request through the guard, with the credentials of its visit."""

    def __init__(self, guard: Guard) -> None:
        """Use this guard."""
        self._guard = guard

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> GuardMiddleware:
        """Take the guard that the spider holds; without one nothing may go out."""
        guard = getattr(crawler.spider, "guard", None)
        if not isinstance(guard, Guard):
            raise NotConfigured("no egress guard: nothing may go out")
        return cls(guard)

    def process_request(self, request: Request) -> None:
        """Set the proxy; a request of no visit is refused."""
        job = request.meta.get("guard_job")
        if job is None:
            raise IgnoreRequest(f"{request} belongs to no visit")
        if not request.meta.get("playwright"):
            request.meta["proxy"] = self._guard.proxy_url(job)
