"""Scrapy's side of the two ways out: the browser with a limit on the whole page, and the guard.

Nothing here may be bypassed: every request, browser or plain, leaves through the egress guard.
"""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from contextlib import suppress
from typing import ClassVar
from urllib.parse import urldefrag
from weakref import WeakKeyDictionary

from playwright.async_api import Browser, Page
from playwright.async_api import Error as PlaywrightError
from playwright.async_api import TimeoutError as PlaywrightTimeout
from scrapy import Request, Spider
from scrapy.crawler import Crawler
from scrapy.exceptions import IgnoreRequest, NotConfigured
from scrapy.http import HtmlResponse, Response
from scrapy_playwright.handler import ScrapyPlaywrightDownloadHandler

from crawler.cutting import CAP
from crawler.guard import Guard
from crawler.memory import end_browsers
from crawler.patience import patient
from crawler.steadiness import CLOSE_SECONDS, arrive, close_soon
from crawler.tabs import Tabs


class EvidenceHandler(ScrapyPlaywrightDownloadHandler):  # type: ignore[misc]
    """scrapy-playwright with tabs gone on with, one time-out over a whole page, and no routes.

    A new page is a new process of the browser: a third of all that a page costs. So a visit goes on
    in the tabs it has, as a visitor does; a tab in which something failed is closed, and what failed
    in a tab that had been used is tried again in a new one before anything is said of the page.
    Upstream routes each request of a page through Python to set its headers, which we leave as the
    browser has them. Only navigation has a limit of its own upstream; a page that blocks a later
    evaluation would otherwise hold its place for ever.
    """

    #: One handler a crawl: one for each scheme would be one browser and one driver for each.
    _made: ClassVar[MutableMapping[Crawler, EvidenceHandler]] = WeakKeyDictionary()

    def __init__(self, crawler: Crawler) -> None:
        """Handle the requests of a crawl."""
        super().__init__(crawler)
        self._tabs = Tabs()
        self._closed = False

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> EvidenceHandler:
        """The crawl's handler, whatever the scheme it is asked for."""
        if crawler not in cls._made:
            cls._made[crawler] = cls(crawler)
        return cls._made[crawler]

    async def close(self) -> None:
        """Close the browser; asked for once for each scheme."""
        if not self._closed:
            self._closed = True
            await super().close()

    async def _download_request_with_retry(self, request: Request, spider: Spider) -> Response:
        used = self._tabs.take(request.meta["playwright_context"])
        if used is not None and _is_route(used.url, request.url):
            # Another route of the document that the tab shows would render nothing anew.
            await close_soon(used)
            used = None
        if used is not None:
            try:
                return await self._download_in(used, request, spider)
            except PlaywrightError as error:
                if not _is_the_tabs(error):
                    raise
        page = await self._new_page(request, spider)
        # Counted for statistics that nobody reads; each call costs more than the count is worth.
        page.remove_listener("request", self._increment_request_stats)
        page.remove_listener("response", self._increment_response_stats)
        return await self._download_in(page, request, spider)

    async def _download_in(self, page: Page, request: Request, spider: Spider) -> Response:
        try:
            async with patient(request.meta["page_seconds"], request.meta["waited"]):
                await request.meta["playwright_page_init_callback"](page, request)
                response = await self._download_request_with_page(request, page, spider)
        except BaseException:
            await close_soon(page)
            raise
        self._tabs.keep(request.meta["playwright_context"], page)
        return response

    async def _new_page(self, request: Request, spider: Spider) -> Page:
        """A page of the request's context; a browser that does not give one is ended."""
        asked = getattr(self, "browser", None)
        try:
            async with asyncio.timeout(request.meta["page_seconds"]):
                page: Page = await self._create_page(request=request, spider=spider)
        except TimeoutError as error:
            # Others may have waited for the same browser, and have another one by now.
            if asked is not None and asked is getattr(self, "browser", None):
                end_browsers()
                await self._browser_disconnected_callback(asked)
            raise PlaywrightError("the browser does not answer") from error
        return page

    async def _browser_disconnected_callback(self, browser: Browser | None = None) -> None:
        """Forget a browser that is gone, so that the next page starts another.

        Upstream closes its contexts first, and a closing that is never answered would keep the dead
        browser for the rest of the crawl.
        """
        if browser is None or browser is getattr(self, "browser", None):
            self.context_wrappers.clear()
            self.__dict__.pop("browser", None)

    async def _close(self) -> None:
        """Close the browser, or leave it to end with its driver when it does not close."""
        with suppress(PlaywrightError, TimeoutError):
            async with asyncio.timeout(3 * CLOSE_SECONDS):
                await super()._close()

    async def _download_request_with_page(
        self, request: Request, page: Page, spider: Spider
    ) -> Response:
        await arrive(page, request.url, request.meta["page_seconds"])
        await self._apply_page_methods(page, request, spider)
        return HtmlResponse(page.url, body=b"", request=request)


def _is_route(shown: str, wanted: str) -> bool:
    """Whether two addresses differ in nothing but what stands behind ``#``."""
    return urldefrag(shown).url == urldefrag(wanted).url


def _is_the_tabs(error: PlaywrightError) -> bool:
    """Whether what the tab showed before may be the cause: it moved on by itself, or broke."""
    if isinstance(error, PlaywrightTimeout):
        return False
    return "net::" not in error.message or "net::ERR_ABORTED" in error.message


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
            request.meta["proxy"] = self._guard.proxy_url(job, cuts=CAP in request.meta)
