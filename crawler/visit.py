"""One visit to one space, from the nominated address to a manifest and a WARC file.

Rounds: the first reads the home page, the pages it leads to and the files they offer; each later
round, apart in time and with fresh contexts, tries again what was refused or could not be told.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
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
    record_page,
)
from crawler.browsing import Browsed, BrowserClient, is_denial
from crawler.earlier import not_before, open_earlier
from crawler.fetching import fetch_file
from crawler.frontier import Frontier, PlannedPage
from crawler.guard import Guard
from crawler.hosts import HostBook, host_of
from crawler.learning import Learner, must_learn
from crawler.manners import Manners
from crawler.openness import judge_file, needs_another_fetch
from crawler.pageinfo import add_unasked, gaps, not_captured, write_pageinfo
from crawler.places import VisitPlaces
from crawler.plain import Download, Fetched, PlainClient
from crawler.readings import PageReading
from crawler.recorder import Recorder
from crawler.revisit import Revisit
from crawler.robots import RobotsBook
from crawler.sibling import Missing, MissingPages, sibling_of
from crawler.store import SnapshotStore
from crawler.task import CrawlOrder, SpaceTask
from crawler.turns import Turns
from crawler.volatile import Mask
from crawler.warcinfo import warc_info
from models.manifest import Attempt, Canary, Manifest, PlainFetch
from models.vocabulary import Access, Outcome, PageKind
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
    turns: Turns
    #: Held while a visit is at work, let go while it waits for its next round.
    places: VisitPlaces
    missing: MissingPages
    user_agent: str
    tell: Tell
    store: SnapshotStore
    manners: Manners


class Visit:
    """A visit to one space: ``begin``, then ``finish``; then manifest and WARC file are complete."""

    def __init__(self, task: SpaceTask, order: CrawlOrder, means: Means, warc: Path) -> None:
        """Prepare to visit ``task`` and to record into the file ``warc``."""
        self.task = task
        self._order = order
        self._limits = order.limits
        self._means = means
        self._profile = means.profile
        digest = hashlib.sha256(f"{order.crawl_id}\0{task.space}".encode()).hexdigest()
        self.snapshot_id = f"{order.crawl_id}-{digest[:12]}"
        self._hosts = HostBook()
        info = warc_info(task, order, self.snapshot_id, means.user_agent)
        self._archive = Archive(warc, info, self._address_of)
        self._recorder = Recorder(self._archive, self._is_ours, self._hosts)
        self._plain = PlainClient(means.download, self.snapshot_id, self._archive, self._hosts)
        self._browser = BrowserClient(
            means.download,
            means.guard,
            self.snapshot_id,
            means.profile,
            self._recorder,
            user_agent=means.user_agent,
            page_seconds=self._limits.page_seconds,
            turns=means.turns,
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
        #: What an earlier visit read, looked at again before it is rendered; None for a full visit.
        self._revisit: Revisit | None = None
        self._opened = ExitStack()
        #: Learns what changes by itself, where the profile names nothing that does.
        self._learner = Learner(self._plain, means.profile)
        self._missing: Missing | None = None
        self._recorded_missing: set[str] = set()
        #: What the site asked to wait before the next try, in seconds.
        self._asked_pause = 0.0

    async def begin(self) -> None:
        """The first round; whoever calls holds one of the places for visits at work."""
        self._started = datetime.now(UTC)
        self._look_back()
        self._canary_before = await self._canary()
        await self._learn_site()
        with self._budget.at_work():
            await self._round(1)

    async def finish(self) -> Manifest:
        """The rounds after it; returns the manifest, with everything else in the WARC file."""
        for number in range(2, self._limits.max_attempts + 1):
            if not self._unsettled():
                break
            await self._pause(number)
            async with self._means.places.at_work(again=True):
                with self._budget.at_work():
                    await self._round(number)
        await self._close_gaps()
        after = await self._canary()
        return self._manifest(Canary(url=self._canary_url, before=self._canary_before, after=after))

    async def close(self) -> None:
        """Close the files and the browser's contexts, whatever came of the visit."""
        self._means.guard.forget(self.snapshot_id)
        self._opened.close()
        self._archive.close()
        await self._browser.close()

    def _look_back(self) -> None:
        """Open what an earlier visit read, so that only what has changed is rendered again."""
        since = not_before(self._started, self._limits.full_visit_days)
        store = self._means.store
        earlier = open_earlier(self.task, self._profile, store, self._opened, since)
        if earlier is not None:
            mask = Mask.of(self._profile, earlier.manifest.volatile)
            self._revisit = Revisit(earlier, self._plain, self._archive, mask)

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
        try:
            while True:
                if spent := self._budget.spent():
                    self._frontier.give_up(spent)
                running |= self._begun(number, self._limits.concurrency - len(running))
                if not running:
                    return
                done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
        finally:
            # A fault of ours in one of them: the others must not go on in what is about to be closed.
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    def _begun(self, number: int, most: int) -> set[asyncio.Task[None]]:
        """Attempts at the next pages, ``most`` of them."""
        begun: set[asyncio.Task[None]] = set()
        while len(begun) < most and (planned := self._frontier.take()) is not None:
            page = self._pages.setdefault(planned.url, VisitedPage(planned))
            begun.add(asyncio.create_task(self._attempt(page, number)))
        return begun

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
        sibling = sibling_of(home, self._profile, self._order.crawl_id)
        if await self._robots.refusal(home) or sibling is None:
            return
        if await self._robots.refusal(sibling) is None:
            self._missing = await self._means.missing.at(sibling, self._look_at_missing)

    async def _look_at_missing(self, sibling: str) -> Missing | None:
        if (await self._plain.get(sibling)).status in REFUSED_PLAINLY:
            return Missing(sibling)
        # In a context of its own: it is no attempt at the space.
        await self._means.manners.turn(self.snapshot_id, sibling)
        browsed = await self._browser.get(sibling, 0)
        if judge_page(browsed.seen, self._profile).outcome.visibility.access is Access.CANNOT_TELL:
            return None
        return Missing(sibling, browsed)

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
        missing = self._missing
        if judged.outcome is Outcome.OK and missing is not None and missing.is_shown_by(browsed):
            self._record_missing(missing)
            why = f"页面与不存在的地址 {missing.url} 显示的相同"
            judged = Judgement(Outcome.SOFT_NOT_FOUND, why)
        return browsed, judged

    def _record_missing(self, missing: Missing) -> None:
        """Put the page that the judgement rests on into the file, whoever had looked at it."""
        if missing.page is not None and missing.url not in self._recorded_missing:
            self._recorded_missing.add(missing.url)
            record_page(self._archive, missing.url, missing.page, datetime.now(UTC))

    async def _attempt(self, page: VisitedPage, number: int) -> None:
        url = page.planned.url
        if number == 1 and page is not self._home and await self._is_unchanged(page):
            return
        started = datetime.now(UTC)
        browsed, judged = await self._see(url, number)
        shown = browsed.reading if judged.outcome is Outcome.OK else None
        if not self._frontier.confirms(page.planned, shown):
            del self._pages[url]
            return
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
            await self._mark_volatile(url, number, browsed, browsed.reading)
        record_attempt(self._archive, page, started)

    async def _mark_volatile(
        self, url: str, number: int, browsed: Browsed, reading: PageReading
    ) -> None:
        """Mark what changes by itself in a page's text, so that it stays out of the digest."""
        if self._revisit is not None:
            mask = self._revisit.mask
        else:
            if must_learn(self._profile):
                await self._learner.look(url, browsed, lambda: self._browser.get(url, number))
            mask = self._learner.mask
        reading.blocks = mask.mark(url, reading.blocks)

    async def _is_unchanged(self, page: VisitedPage) -> bool:
        """Whether a page is as an earlier visit read it; then its reading of then stands."""
        url = page.planned.url
        if self._revisit is None or await self._robots.refusal(url) is not None:
            return False
        page.unchanged = await self._revisit.page(url)
        if page.unchanged is None:
            return False
        page.attempts.append(page.unchanged.attempt)
        self._frontier.add(page.planned, page.unchanged.reading)
        for file in self._revisit.files_of(page.unchanged):
            self._frontier.files.setdefault(file.url, file)
        self._revisit.record(page.unchanged)
        self._means.tell(
            "page", {"space": self.task.space, "url": url, "outcome": Outcome.OK, "unchanged": "1"}
        )
        return True

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
        refusal = await self._robots.refusal(file.found.url)
        again = None
        if refusal is not None:
            fetched = Fetched(file.found.url, failure=refusal.outcome, detail=refusal.evidence)
            opened = judge_file(fetched)
        elif self._revisit and number == 1 and (again := await self._revisit.file(file.found.url)):
            fetched, opened = again.fetched, again.opened or judge_file(again.fetched)
        else:
            keys = self._profile.resource_json_keys
            attempted = await fetch_file(self._plain, file.found, self._limits, keys)
            fetched, opened = attempted.fetched, attempted.opened
        file.seen.append(opened)
        if again is not None and again.unchanged is not None:
            file.still(again.unchanged)
        else:
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

    # What was brought home, and what was not

    def _address_of(self, url: str) -> str | None:
        """The address that the guard reached the server of a URL at."""
        host = host_of(url)
        reached = self._means.guard.reached(self.snapshot_id).get(host, ()) if host else ()
        return reached[-1] if reached else None

    async def _close_gaps(self) -> None:
        """Fetch plainly what pages show and the browser did not bring whole, while there is time."""
        log = self._recorder.log
        add_unasked(log, self._pages.values())
        wanted = gaps(log, self._archive.sha256_of)
        if wanted:
            async with self._means.places.at_work(again=True):
                with self._budget.at_work():
                    await self._all(wanted, self._fetch_gap)

    async def _fetch_gap(self, url: str) -> None:
        if not self._budget.spent() and await self._robots.refusal(url) is None:
            await self._plain.get(url)

    def _manifest(self, canary: Canary) -> Manifest:
        log, sha256_of = self._recorder.log, self._archive.sha256_of
        write_pageinfo(self._archive, log, self._pages.values())
        again = self._revisit
        left = (*not_captured(log, sha256_of), *self._frontier.left_out)
        told = {(each.url, each.reason) for each in left}
        missed = again.not_captured() if again else ()
        found = Found(
            pages=list(self._pages.values()),
            files=list(self._files.values()),
            not_captured=(*left, *(m for m in missed if (m.url, m.reason) not in told)),
            hosts=self._hosts.facts(self._means.guard.reached(self.snapshot_id)),
            refused=self._means.guard.events(self.snapshot_id),
            canary=canary,
            arrived=log.arrived(),
            scope=self._frontier.scope,
            earlier_images=again.images if again else {},
            politeness=self._means.manners.record(self.snapshot_id, self._limits),
            robots_sha256=self._robots.sha256_of(self._home.planned.url),
        )
        manifest = assemble(
            found,
            Circumstances(
                snapshot_id=self.snapshot_id,
                order=self._order,
                task=self.task,
                profile=self._profile,
                user_agent=self._means.user_agent,
                browser=self._browser.version,
                started=self._started,
            ),
            sha256_of,
        )
        if again is not None:
            return again.complete(manifest)
        return manifest.model_copy(update={"volatile": self._learner.parts})
