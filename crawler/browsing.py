"""One attempt at one page with the browser: navigate, read, record, and name the outcome."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from playwright.async_api import Page
from scrapy import Request
from scrapy_playwright.page import PageMethod

from crawler.access import Observation
from crawler.discovery import add_discovered
from crawler.faults import browser_fault, denial_for
from crawler.guard import Guard, denial_of
from crawler.pagelog import Row
from crawler.plain import Download, first_line
from crawler.reading import read_page, watch_shadows
from crawler.readings import PageReading
from crawler.recorder import Recorder
from crawler.steadiness import Steadiness, close_soon
from crawler.traffic import Traffic
from crawler.turns import Turns
from models.vocabulary import Outcome
from rules.profile import Profile

VIEWPORT = {"width": 1280, "height": 900}
#: Share of a page's time for its tabs and pagers; the rest is for loading and reading it.
STATE_SHARE = 0.25
LOCALE, TIMEZONE = "zh-CN", "Asia/Shanghai"


@dataclass(slots=True)
class Browsed:
    """What one attempt at a page brought."""

    seen: Observation
    reading: PageReading | None = None
    dom: str = ""
    asked: Sequence[Row] = ()


@dataclass(slots=True)
class _Sighting:
    """What the page method saw, from inside the download."""

    reading: PageReading
    status: int | None
    headers: dict[str, str]
    final_url: str
    asked: Sequence[Row]
    dom: str


class BrowserClient:
    """Reads pages for one visit: its own contexts, its own guard credentials."""

    def __init__(  # noqa: PLR0913  (the parts of a visit that a page needs)
        self,
        download: Download,
        guard: Guard,
        job: str,
        profile: Profile,
        recorder: Recorder,
        *,
        user_agent: str,
        page_seconds: float,
        turns: Turns,
    ) -> None:
        """Use Scrapy's ``download``; ``turns`` says how many pages are open at once over all visits."""
        self._download = download
        self._guard = guard
        self._job = job
        self._profile = profile
        self._recorder = recorder
        self._user_agent = user_agent
        self._page_seconds = page_seconds
        self._turns = turns
        self._traffic: dict[Page, Traffic] = {}
        self.version = ""

    async def get(self, url: str, attempt: int) -> Browsed:
        """Read a page in the attempt's own context; never raises for a bad page."""
        sightings: list[_Sighting] = []
        steadiness = Steadiness()
        request = self._request(url, attempt, sightings, steadiness)
        async with self._turns.turn(self._job):
            started = time.time()
            try:
                await self._download(request)
            except Exception as error:  # noqa: BLE001  (named by the table, the rest is a crash)
                return Browsed(self._failed(url, error, started))
            finally:
                steadiness.release()
        if not sightings:
            detail = "页面没有经过读取步骤"
            return Browsed(Observation(url, failure=Outcome.CRASH, detail=detail))
        sighting = sightings[-1]
        return Browsed(
            self._observation(url, sighting), sighting.reading, sighting.dom, sighting.asked
        )

    async def close(self) -> None:
        """Close the visit's contexts."""
        for context in {page.context for page in self._traffic}:
            await close_soon(context)
        self._traffic.clear()

    def _traffic_of(self, page: Page) -> Traffic:
        """What is told of a tab's requests from now on."""
        traffic = self._traffic.get(page)
        if traffic is None:
            traffic = self._traffic[page] = Traffic(page)
        traffic.restart()
        return traffic

    def _request(
        self, url: str, attempt: int, sightings: list[_Sighting], steadiness: Steadiness
    ) -> Request:
        async def prepare(page: Page, request: Request) -> None:
            await steadiness.watch(page)
            if not any(page.context is known.context for known in self._traffic):
                await watch_shadows(page.context)
            self._recorder.attach(page, url)
            browser = page.context.browser
            self.version = browser.version if browser else ""
            request.meta["traffic"] = self._traffic_of(page)

        async def read(page: Page) -> None:
            # A hook that failed is only logged upstream: without it there is no evidence.
            traffic = request.meta["traffic"]
            sightings.append(await steadiness.read(lambda: self._read(page, traffic)))

        username, password = self._guard.credentials(self._job)
        request = Request(
            url,
            dont_filter=True,
            meta={
                "guard_job": self._job,
                "handle_httpstatus_all": True,
                "dont_redirect": True,
                "page_seconds": self._page_seconds,
                "playwright": True,
                "playwright_context": f"{self._job}#{attempt}",
                "playwright_context_kwargs": {
                    "viewport": VIEWPORT,
                    "locale": LOCALE,
                    "timezone_id": TIMEZONE,
                    "user_agent": self._user_agent,
                    "service_workers": "block",
                    # What comes as a download is fetched plainly, with a cap on its size.
                    "accept_downloads": False,
                    "proxy": {
                        "server": self._guard.address,
                        "username": username,
                        "password": password,
                    },
                },
                "playwright_page_init_callback": prepare,
                "playwright_page_methods": {"read": PageMethod(read)},
            },
        )
        return request

    async def _read(self, page: Page, traffic: Traffic) -> _Sighting:
        reading = await read_page(
            page, self._expected(page), traffic, state_seconds=self._page_seconds * STATE_SHARE
        )
        dom = reading.dom or await page.content()
        await self._recorder.settle(page)
        add_discovered(reading, self._recorder.answers(page), self._profile)
        response = self._recorder.main_response(page)
        sighting = _Sighting(
            reading=reading,
            status=response.status if response else None,
            headers=dict(response.headers) if response else {},
            # Not the page's: a tab may have changed what it calls itself.
            final_url=reading.url,
            asked=self._recorder.finish(page),
            dom=dom,
        )
        for popup in [other for other in page.context.pages if other not in self._traffic]:
            await close_soon(popup)
        return sighting

    def _expected(self, page: Page) -> Profile:
        """The profile to read by: an error page never carries the sign that a page is ready."""
        response = self._recorder.main_response(page)
        if response is None or response.status < 400:
            return self._profile
        return self._profile.model_copy(update={"ready_selector": None})

    def _observation(self, url: str, sighting: _Sighting) -> Observation:
        denied = denial_of(sighting.final_url, sighting.headers)
        if denied is not None:
            return Observation(url, failure=denied.outcome, detail=denied.label)
        reading = sighting.reading
        return Observation(
            requested=url,
            final_url=sighting.final_url,
            status=sighting.status,
            headers=sighting.headers,
            text=reading.text,
            images=sum(not image.background for image in reading.images),
            shown=reading.shown,
            password_field=reading.password_field,
        )

    def _failed(self, url: str, error: Exception, started: float) -> Observation:
        events = [e for e in self._guard.events(self._job) if e.started >= started]
        denied = denial_for(url, events)
        if denied is not None:
            return Observation(url, failure=denied.outcome, detail=denied.label)
        return Observation(url, failure=browser_fault(error), detail=first_line(error))


def is_denial(url: str, headers: dict[str, str]) -> bool:
    """Whether an answer is our guard's own and not the site's."""
    return denial_of(url, headers) is not None
