"""The spider: visits nominated spaces, several at once, and yields each finished visit as an item.

Pages and files are asked for through Scrapy's engine (``download_async``), so its size caps hold;
when they may be is up to ``crawler.manners``, how many at once to ``crawler.pace``. What belongs to one
space stays together in ``Visit``.
"""

from __future__ import annotations

import asyncio
import gc
import hashlib
import logging
import shutil
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from scrapy import Request, Spider
from scrapy.crawler import Crawler
from scrapy.exceptions import CloseSpider
from scrapy.http import Response

from crawler.addresses import EgressPolicy, parse_allow
from crawler.archive import ARCHIVE_ERRORS
from crawler.cutting import watch
from crawler.guard import Guard
from crawler.identity import mail_of
from crawler.manners import Manners
from crawler.pace import SitePace, site_of
from crawler.passage import Paced
from crawler.patience import patient
from crawler.places import VisitPlaces
from crawler.plain import header_map
from crawler.quiet import parse_quiet_hours
from crawler.sibling import MissingPages
from crawler.signing import Signer, load_signer
from crawler.siteslots import site_slots
from crawler.store import SnapshotStore, StoreError
from crawler.task import CrawlOrder, Receipt, SpaceTask
from crawler.timestamp import Stamper, TimestampError, Token, stamped_text
from crawler.turns import Turns
from crawler.verification import flaws
from crawler.visit import Means, Tell, Visit
from crawler.wacz import WARC_NAME, pack
from models.manifest import Manifest
from rules.profile import load_profile

log = logging.getLogger(__name__)

#: Visits at work beyond the pages open at once: while one fetches its files another has its tab, and
#: each goes on in the one tab it has. With none in waiting, visits take a second one for a while.
WAITING_VISITS = 2
#: Between two looks whether the last snapshots have been sealed, in seconds.
SEALING_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class FinishedVisit:
    """An item: a visit whose WARC file is complete."""

    manifest: Manifest
    folder: Path

    @property
    def warc(self) -> Path:
        """The visit's WARC file."""
        return self.folder / WARC_NAME


class SpaceSpider(Spider):
    """Visits every space of a crawl order."""

    name = "space"

    def __init__(
        self,
        order: CrawlOrder,
        user_agent: str,
        tell: Tell,
        over: Callable[[], None],
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        """Visit the spaces of ``order``, telling ``tell`` what happens and ``over`` when all is done."""
        super().__init__(**kwargs)
        self.order = order
        self.tell = tell
        self.over = over
        self.identity = user_agent
        self._mail = mail_of(order.contact)
        limits = order.limits
        policy = EgressPolicy(
            allow=parse_allow(order.egress_allow),
            max_response_bytes=limits.max_file_bytes,
            max_seconds=max(limits.page_seconds, limits.fetch_seconds),
        )
        self.pace = SitePace(
            site_slots(order.site_slots, limits.site_concurrency), limits.site_concurrency
        )
        self.guard = Guard(policy, pace=Paced(self.pace))
        self.manners = Manners(
            self.pace,
            parse_quiet_hours(limits.quiet_hours, limits.timezone),
            lambda words: tell("waiting", {"space": "", "why": words}),
            begin=order.now,
        )

    async def start(self) -> AsyncIterator[FinishedVisit]:
        """Visit all spaces; yields each as it is finished."""
        await self.guard.start()
        watch(self.crawler)
        try:
            means = self._means()
            async for finished in self._visits(means):
                yield finished
        finally:
            await self.guard.stop()
            self.pace.slots.close()
        await self._all_sealed()
        self.over()
        # Left alone, the engine looks for more to do for up to five seconds.
        raise CloseSpider("finished")

    async def _visits(self, means: Means) -> AsyncIterator[FinishedVisit]:
        """Each visit as it is finished; what is finished is not held on to."""
        running = {asyncio.create_task(self._visit(task, means)) for task in self.order.spaces}
        while running:
            done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            while done:
                finished = done.pop().result()
                if finished is not None:
                    yield finished
                # A visit is a web of references; by itself the collector comes by too seldom for it.
                gc.collect()

    async def _all_sealed(self) -> None:
        """Wait until the pipeline has let go of every visit; the engine does not when it is closed."""
        while self._scraping():  # noqa: ASYNC110  (Scrapy has no event for it)
            await asyncio.sleep(SEALING_SECONDS)

    def _scraping(self) -> bool:
        engine = self.crawler.engine
        slot = engine.scraper.slot if engine else None
        return slot is not None and not slot.is_idle()

    def _means(self) -> Means:
        return Means(
            guard=self.guard,
            download=self._download,
            profile=load_profile(self.order.profile),
            turns=Turns(self.order.limits.concurrency),
            places=VisitPlaces(self.order.limits.concurrency + WAITING_VISITS),
            missing=MissingPages(),
            user_agent=self.identity,
            tell=self.tell,
            store=SnapshotStore(self.order.store),
            manners=self.manners,
        )

    async def _download(self, request: Request) -> Response:
        if self.crawler.engine is None:
            raise RuntimeError("the engine is not running")
        job = request.meta["guard_job"]
        waited = partial(self.pace.waited, job)
        if request.meta.get("playwright"):
            request.meta["waited"] = waited
            # Beside the plain fetches, not in line with them: a page holds its place for seconds.
            request.meta["download_slot"] = f"pages of {site_of(request.url)}"
            # Once more: it had its turn before it waited for a place in the browser.
            await self.manners.clear(job, request.url)
            return await self.crawler.engine.download_async(request)
        await self.manners.turn(job, request.url)
        if self._mail:
            request.headers["From"] = self._mail
        async with patient(self.order.limits.fetch_seconds, waited):
            response = await self.crawler.engine.download_async(request)
        if request.url.startswith("https:"):
            # What https carries the guard does not see.
            await self.pace.heard(job, site_of(request.url), response.status, header_map(response))
        return response

    async def _visit(self, task: SpaceTask, means: Means) -> FinishedVisit | None:
        folder = self._folder_of(task)
        try:
            manifest = await self._visited(task, means, folder)
        except Exception:
            # One space's fault must not end the others' visits; it is told and tried again.
            self.logger.exception("visit to %s failed", task.space)
            self.tell(
                "failed", {"space": task.space, "why": "the visit ended with an error of ours"}
            )
            return None
        return FinishedVisit(manifest, folder)

    def _folder_of(self, task: SpaceTask) -> Path:
        # An identifier comes from a file that anybody may have written: it names no directory.
        name = hashlib.sha256(task.space.encode()).hexdigest()[:16]
        return self.order.directory / "work" / name

    async def _visited(self, task: SpaceTask, means: Means, folder: Path) -> Manifest:
        # A visit that has not begun holds nothing but its place in the queue.
        async with means.places.begun():
            return await self._begun(task, means, folder)

    async def _begun(self, task: SpaceTask, means: Means, folder: Path) -> Manifest:
        async with means.places.at_work():
            await asyncio.to_thread(_emptied, folder)
            visit = Visit(task, self.order, means, folder / WARC_NAME)
            try:
                await visit.begin()
            except BaseException:
                await visit.close()
                raise
        try:
            return await visit.finish()
        finally:
            await visit.close()


def _emptied(folder: Path) -> None:
    """Make a visit's folder anew: what a run that was killed left half-made is worth nothing."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


class SealPipeline:
    """Packs, signs, verifies and stores each finished visit; its receipt is written last."""

    def __init__(self, crawler: Crawler) -> None:
        """Work for the crawler's spider."""
        spider = crawler.spider
        if not isinstance(spider, SpaceSpider):
            raise TypeError("SealPipeline works for SpaceSpider only")
        self._order = spider.order
        self._tell = spider.tell
        self._signer: Signer = load_signer(spider.order.key)
        self._store = SnapshotStore(spider.order.store)
        self._stamper: Stamper | None = None
        if spider.order.timestamp_url:
            self._stamper = Stamper(
                spider.order.timestamp_url,
                spider.order.timestamp_ca,
                parse_allow(spider.order.egress_allow),
            )

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> SealPipeline:
        """Make the pipeline."""
        return cls(crawler)

    async def open_spider(self) -> None:
        """Open the way to the time-stamp authority."""
        if self._stamper is not None:
            await self._stamper.start()

    async def close_spider(self) -> None:
        """Close it."""
        if self._stamper is not None:
            await self._stamper.stop()

    async def process_item(self, item: FinishedVisit) -> FinishedVisit:
        """Seal one visit; a snapshot that does not verify is not stored."""
        space = item.manifest.space
        try:
            receipt = await asyncio.to_thread(self._seal, item)
        except (StoreError, OSError, ValueError, *ARCHIVE_ERRORS) as error:
            self._tell("failed", {"space": space, "why": str(error)})
            return item
        details = {"space": space, "visibility": item.manifest.visibility, "wacz": receipt.wacz}
        self._tell("stored", details)
        return item

    def _seal(self, item: FinishedVisit) -> Receipt:
        draft = item.folder / "snapshot.wacz"
        pack(item.warc, item.manifest, self._signer, draft)
        for flaw in flaws(draft, public_key=self._signer.public_key, find=self._store.local):
            raise ValueError(f"the snapshot does not verify: {flaw}")
        token, unstamped = self._stamp(draft)
        stored = self._store.put(draft)
        if token is not None:
            self._store.put_token(stored.name, token.content)
        receipt = Receipt(
            space=item.manifest.space,
            snapshot_id=item.manifest.snapshot_id,
            wacz=stored.name,
            digest=stored.digest,
            size=stored.size,
            stamped_at=token.time if token else None,
            token=token.digest if token else "",
            unstamped=unstamped,
        )
        self._leave(receipt)
        shutil.rmtree(item.folder, ignore_errors=True)
        return receipt

    def _stamp(self, draft: Path) -> tuple[Token | None, str]:
        """A verified time stamp, or why there is none: the snapshot is kept either way."""
        if self._stamper is None:
            return None, ""
        try:
            return self._stamper.stamp(stamped_text(draft)), ""
        except TimestampError as error:
            log.warning("%s gets no time stamp: %s", draft, error)
            return None, str(error)

    def _leave(self, receipt: Receipt) -> None:
        path = self._order.receipts / f"{receipt.snapshot_id}.json"
        part = path.with_suffix(".part")
        part.write_text(receipt.model_dump_json(), encoding="utf-8")
        part.replace(path)
