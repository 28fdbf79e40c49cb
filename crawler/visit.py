"""One visit to one space, from the nominated address to a manifest and a WARC file.

Rounds: the first reads the home page, the pages it leads to and the files they offer; each later
round, apart in time and with fresh contexts, tries again what was refused or could not be told.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar
from urllib.parse import urljoin

from playwright.async_api import Response
from w3lib.url import safe_url_string

from crawler.access import (
    Judgement,
    Observation,
    judge_page,
    judge_plain,
    needs_another,
    retry_after,
)
from crawler.archive import Archive
from crawler.assembly import (
    Circumstances,
    Found,
    VisitedFile,
    VisitedPage,
    assemble,
    record_attempt,
)
from crawler.browsing import Browsed, BrowserClient, is_denial
from crawler.frontier import Frontier, PlannedPage
from crawler.guard import Guard
from crawler.manners import Manners
from crawler.openness import judge_file, needs_another_fetch
from crawler.plain import Download, Fetched, PlainClient
from crawler.reading import PageReading
from crawler.recorder import Recorder
from crawler.robots import RobotsBook
from crawler.sibling import look_alike, sibling_of
from crawler.task import CrawlOrder, SpaceTask
from models.manifest import Attempt, Canary, Manifest, PlainFetch
from models.vocabulary import Outcome, PageKind
from rules.hosts import offsite_kind
from rules.profile import Profile

T = TypeVar("T")

#: Statuses by which a site says of itself that an address does not exist or is closed.
REFUSED_PLAINLY = frozenset({401, 403, 404, 410})
#: A site may ask for any pause; longer than this the next visit is the next round, in seconds.
LONGEST_ASKED_PAUSE = 900.0

#: What is told of a visit while it runs: the event's name and its details.
Tell = Callable[[str, dict[str, str]], None]


@dataclass(frozen=True, slots=True)
class Means:
    """What a visit works with, shared by all visits of a crawl."""

    guard: Guard
    download: Download
    profile: Profile
    page_slots: asyncio.Semaphore
    #: Held while a visit is at work, let go while it waits for its next round.
    visit_slots: AbstractAsyncContextManager[None]
    user_agent: str
    tell: Tell
    manners: Manners


class Visit:
    """A visit to one space; ``run`` once, then ``manifest`` and the WARC are complete."""

    def __init__(self, task: SpaceTask, order: CrawlOrder, means: Means, warc: Path) -> None:
        """Prepare to visit ``task`` and to record into the file ``warc``."""
        self.task = task
        self._order = order
        self._limits = order.limits
        self._means = means
        self._profile = means.profile
        digest = hashlib.sha256(f"{order.crawl_id}\0{task.space}".encode()).hexdigest()
        self.snapshot_id = f"{order.crawl_id}-{digest[:12]}"
        info = {"software": f"spaceaudit/{version('spaceaudit')}", "format": "WARC File Format 1.1"}
        self._archive = Archive(warc, {**info, "isPartOf": self.snapshot_id})
        self._recorder = Recorder(self._archive, self._is_ours)
        self._plain = PlainClient(means.download, self.snapshot_id, self._archive)
        self._browser = BrowserClient(
            means.download,
            means.guard,
            self.snapshot_id,
            means.profile,
            self._recorder,
            user_agent=means.user_agent,
            page_seconds=self._limits.page_seconds,
            slots=means.page_slots,
        )
        self._canary_url = urljoin(task.url, means.profile.canary_path)
        # Addresses are ASCII from here on, as the browser and the WARC file have them.
        home = safe_url_string(task.url)
        self._frontier = Frontier(home, means.profile, self._limits)
        self._home = VisitedPage(PlannedPage(home, PageKind.HOME, 0, None))
        self._pages: dict[str, VisitedPage] = {home: self._home}
        self._files: dict[str, VisitedFile] = {}
        self._robots = RobotsBook(
            self._plain, order.robots_authority, partial(means.manners.space_out, self.snapshot_id)
        )
        self._budget = means.manners.budget(self.snapshot_id, self._limits)
        #: The text of a page that cannot exist, where the site shows one.
        self._missing = ""
        self._sibling = ""
        #: What the site asked to wait before the next try, in seconds.
        self._asked_pause = 0.0

    async def run(self) -> Manifest:
        """Visit; returns the manifest, with everything else in the WARC file."""
        started = datetime.now(UTC)
        try:
            before = await self._canary()
            await self._learn_site()
            for number in range(1, self._limits.max_attempts + 1):
                if number > 1:
                    await self._pause(number)
                async with self._means.visit_slots:
                    with self._budget.at_work():
                        await self._round(number)
                if not self._unsettled():
                    break
            canary = Canary(url=self._canary_url, before=before, after=await self._canary())
            manifest = self._manifest(started, canary)
        finally:
            self._archive.close()
            await self._browser.close()
        return manifest

    # The rounds

    def _unsettled(self) -> bool:
        return bool(self._pages_to_try() or self._files_to_try())

    def _pages_to_try(self) -> list[VisitedPage]:
        most = self._limits.max_attempts
        return [page for page in self._pages.values() if needs_another(page.attempts, most)]

    def _files_to_try(self) -> list[VisitedFile]:
        most = self._limits.max_attempts
        return [
            file
            for file in self._files.values()
            if not offsite_kind(file.found.url) and needs_another_fetch(file.seen, most)
        ]

    async def _round(self, number: int) -> None:
        await self._all(self._pages_to_try(), lambda page: self._attempt(page, number))
        await self._walk(number)
        for url, found in self._frontier.files.items():
            self._files.setdefault(url, VisitedFile(found))
        await self._all(self._files_to_try(), lambda file: self._fetch(file, number))

    async def _walk(self, number: int) -> None:
        """Read the pages that the pages read so far lead to, several at a time."""
        running: set[asyncio.Task[None]] = set()
        while True:
            if spent := self._budget.spent():
                self._frontier.give_up(spent)
            while len(running) < self._limits.concurrency:
                planned = self._frontier.take()
                if planned is None:
                    break
                page = self._pages.setdefault(planned.url, VisitedPage(planned))
                running.add(asyncio.create_task(self._attempt(page, number)))
            if not running:
                return
            done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()

    async def _all(self, items: Iterable[T], work: Callable[[T], Awaitable[None]]) -> None:
        slots = asyncio.Semaphore(self._limits.concurrency)

        async def one(item: T) -> None:
            async with slots:
                await work(item)

        async with asyncio.TaskGroup() as group:
            for item in items:
                group.create_task(one(item))

    # One attempt

    def _is_ours(self, response: Response) -> bool:
        """Whether an answer is our guard's own; a site's is heard for what it says of the pace."""
        headers = dict(response.headers)
        ours = is_denial(response.url, headers)
        if not ours:
            self._means.manners.hear(self.snapshot_id, response.url, response.status, headers)
        return ours

    async def _canary(self) -> Outcome:
        fetched = await self._plain.get(self._canary_url)
        return judge_plain(fetched.observation()).outcome

    async def _learn_site(self) -> None:
        """What the site asks of robots, and what it shows where there is nothing."""
        home = self._home.planned.url
        sibling = sibling_of(home, self._profile, self.snapshot_id)
        if (
            await self._robots.refusal(home)
            or sibling is None
            or await self._robots.refusal(sibling)
        ):
            return
        if (await self._plain.get(sibling)).status in REFUSED_PLAINLY:
            return
        browsed = await self._browser.get(sibling, 1)
        if browsed.reading and judge_page(browsed.seen, self._profile).outcome is Outcome.OK:
            self._missing = browsed.reading.text
            self._sibling = sibling

    async def _pause(self, number: int) -> None:
        """Wait for the next round: longer each time, and at least as long as the site asked for."""
        pause = self._limits.attempt_gap_seconds * 2 ** (number - 2)
        await asyncio.sleep(max(pause, min(self._asked_pause, LONGEST_ASKED_PAUSE)))
        self._asked_pause = 0.0
        self._robots.forget_faults()

    async def _see(self, url: str, number: int) -> tuple[Browsed, Judgement]:
        refusal = await self._robots.refusal(url)
        if refusal is not None:
            return Browsed(Observation(url, failure=refusal.outcome)), refusal
        await self._means.manners.turn(self.snapshot_id, url)
        browsed = await self._browser.get(url, number)
        judged = judge_page(browsed.seen, self._profile)
        self._asked_pause = max(self._asked_pause, retry_after(browsed.seen.headers))
        if (
            judged.outcome is Outcome.OK
            and browsed.reading
            and self._shows_nothing(browsed.reading)
        ):
            why = f"页面与不存在的地址 {self._sibling} 显示的相同"
            judged = Judgement(Outcome.SOFT_NOT_FOUND, why)
        return browsed, judged

    def _shows_nothing(self, reading: PageReading) -> bool:
        return bool(self._missing) and look_alike(reading.text, self._missing)

    async def _attempt(self, page: VisitedPage, number: int) -> None:
        url = page.planned.url
        started = datetime.now(UTC)
        browsed, judged = await self._see(url, number)
        plain = None
        asked = await self._robots.refusal(url) is None
        if asked and (page is self._home or judged.outcome is not Outcome.OK):
            plain = await self._witness(url)
        page.browsed = browsed
        page.attempts.append(
            Attempt(
                number=number,
                started_at=started,
                outcome=judged.outcome,
                status=browsed.seen.status,
                final_url=browsed.seen.final_url,
                evidence=judged.evidence,
                plain=plain,
            )
        )
        self._means.tell("page", {"space": self.task.space, "url": url, "outcome": judged.outcome})
        if judged.outcome is Outcome.OK and browsed.reading is not None:
            if page is self._home and browsed.seen.final_url:
                self._frontier.moved_to(browsed.seen.final_url)
            self._frontier.add(page.planned, browsed.reading)
        record_attempt(self._archive, page, started)

    async def _witness(self, url: str) -> PlainFetch:
        fetched = await self._plain.get(url)
        return PlainFetch(
            outcome=judge_plain(fetched.observation()).outcome,
            status=fetched.status,
            final_url=fetched.final_url,
            content_type=fetched.headers.get("content-type"),
            sha256=hashlib.sha256(fetched.body).hexdigest() if fetched.body else None,
        )

    async def _fetch(self, file: VisitedFile, number: int) -> None:
        spent = self._budget.spent()
        if spent:
            self._leave_file(file, spent)
            return
        started = datetime.now(UTC)
        referer = file.found.found_on if number > 1 else None
        refusal = await self._robots.refusal(file.found.url)
        if refusal is not None:
            fetched = Fetched(file.found.url, failure=refusal.outcome, detail=refusal.evidence)
        else:
            fetched = await self._plain.get(file.found.url, referer=referer)
        opened = judge_file(fetched)
        file.seen.append(opened)
        file.fetched(fetched)
        file.attempts.append(
            Attempt(
                number=number,
                started_at=started,
                outcome=opened.outcome,
                status=fetched.status,
                final_url=fetched.final_url,
                evidence=opened.evidence,
            )
        )
        details = {"space": self.task.space, "url": file.found.url, "openness": opened.openness}
        self._means.tell("file", details)

    def _leave_file(self, file: VisitedFile, why: str) -> None:
        """Put a file into the ledger that there is no budget for; one that was tried keeps its place."""
        if not file.seen:
            self._frontier.leave_out_file(file.found, why)
            del self._files[file.found.url]

    def _manifest(self, started: datetime, canary: Canary) -> Manifest:
        found = Found(
            pages=list(self._pages.values()),
            files=list(self._files.values()),
            not_captured=(*self._recorder.not_captured, *self._frontier.left_out),
            refused=self._means.guard.events(self.snapshot_id),
            canary=canary,
            politeness=self._means.manners.record(self.snapshot_id, self._limits),
            robots_sha256=self._robots.sha256_of(self._home.planned.url),
        )
        return assemble(
            found,
            Circumstances(
                snapshot_id=self.snapshot_id,
                order=self._order,
                task=self.task,
                profile=self._profile,
                user_agent=self._means.user_agent,
                browser=self._browser.version,
                started=started,
            ),
            self._archive.sha256_of,
        )
