"""Scrapy's side of the two ways out: the browser with a limit on the whole page, and the guard.

Nothing here may be bypassed: every request, browser or plain, leaves through the egress guard.
"""

from __future__ import annotations

from contextlib import suppress

from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Page
from scrapy import Request, Spider
from scrapy.crawler import Crawler
from scrapy.exceptions import IgnoreRequest, NotConfigured
from scrapy.http import HtmlResponse, Response
from scrapy_playwright.handler import ScrapyPlaywrightDownloadHandler

from crawler.guard import Guard
from crawler.patience import patient


class EvidenceHandler(ScrapyPlaywrightDownloadHandler):  # type: ignore[misc]
    """scrapy-playwright without a route on every request, and with one time-out over a whole page.

    Upstream routes each request of a page through Python to set its headers, which we leave as the
    browser has them: that costs a third of a page's CPU time and switches the browser's cache off.
    Only navigation has a limit of its own upstream; a page that blocks a later evaluation would
    otherwise hold its place for ever.
    """

    async def _download_request_with_retry(self, request: Request, spider: Spider) -> Response:
        page: Page = await self._create_page(request=request, spider=spider)
        try:
            await request.meta["playwright_page_init_callback"](page, request)
            async with patient(request.meta.get("page_seconds"), request.meta["waited"]):
                return await self._download_request_with_page(request, page, spider)
        finally:
            with suppress(PlaywrightError):
                await page.close()

    async def _download_request_with_page(
        self, request: Request, page: Page, spider: Spider
    ) -> Response:
        _, download = await self._get_response_and_download(request, page, spider)
        await self._apply_page_methods(page, request, spider)
        dom = await page.content()
        if download and download.exception:
            raise download.exception
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
