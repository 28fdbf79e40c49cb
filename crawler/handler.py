"""Scrapy's side of the two ways out: the browser with a limit on the whole page, and the guard.

Nothing here may be bypassed: every request, browser or plain, leaves through the egress guard.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from playwright.async_api import Browser, Page
from playwright.async_api import Error as PlaywrightError
from scrapy import Request, Spider
from scrapy.crawler import Crawler
from scrapy.exceptions import IgnoreRequest, NotConfigured
from scrapy.http import HtmlResponse, Response
from scrapy_playwright.handler import ScrapyPlaywrightDownloadHandler

from crawler.guard import Guard
from crawler.memory import end_browsers
from crawler.steadiness import CLOSE_SECONDS, arrive, close_soon


class EvidenceHandler(ScrapyPlaywrightDownloadHandler):  # type: ignore[misc]
    """scrapy-playwright without a route on every request, and with one time-out over a whole page.

    Upstream routes each request of a page through Python to set its headers, which we leave as the
    browser has them: that costs a third of a page's CPU time and switches the browser's cache off.
    Only navigation has a limit of its own upstream; a page that blocks a later evaluation would
    otherwise hold its place for ever.
    """

    async def _download_request_with_retry(self, request: Request, spider: Spider) -> Response:
        page = await self._new_page(request, spider)
        try:
            async with asyncio.timeout(request.meta["page_seconds"]):
                await request.meta["playwright_page_init_callback"](page, request)
                return await self._download_request_with_page(request, page, spider)
        finally:
            await close_soon(page)

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
        dom = await page.content()
        return HtmlResponse(page.url, body=dom, encoding="utf-8", request=request)


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
