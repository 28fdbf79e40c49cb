"""The pace at which one site is asked: how many requests at once, how far apart, when not at all.

Everything a crawl sends passes the egress guard, so this is held there. A healthy site gets all its
slots and no delay. The pace falls when a site shows strain and recovers slowly:

- it answers 429 or 503: half the slots, and a delay between two requests that doubles each time;
- its answers begin late (over ``SLOW_SECONDS``, and ``SLOW_TIMES`` what its quickest took): fewer slots;
- it asks for a pause (``Retry-After``): nobody sends it anything until then, other visits and other
  processes included.

Scrapy's AutoThrottle does not do here: it sees a page as one download, counts its rendering and our
own waiting as the site's latency, and knows nothing of a page's subresources or of other processes.

A slot is held for as long as a request is under way:

- plain http: from before the connection is made until the exchange has ended;
- a tunnel (https): from before it is opened, and again from each byte the browser sends, until
  ``QUIET_SECONDS`` after the last byte of the answer, or ``ANSWER_SECONDS`` after the last byte of a
  request that is not answered. A connection kept open for later holds no slot, so that idle connections
  cannot starve a crawl; whoever wants to use one takes a slot first.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import urlsplit

from crawler.access import retry_after
from crawler.addresses import Denial
from crawler.guard_denial import RefusedError
from crawler.patience import Stopwatch
from crawler.siteslots import Line, LocalSlots, Release, SiteSlots
from models.manifest import SitePause

#: Answers by which a site says that it is asked too much.
REFUSING = frozenset({429, 503})
#: No pause that a site asks for is longer, in seconds: a visit tries again in its next round.
LONGEST_PAUSE = 900.0
#: A request waits out a pause of so many seconds; one that is longer refuses it, as a page would
#: otherwise hang on a picture until its own time is over. Pages and files wait before they begin.
SHORT_PAUSE = 5.0
#: A site whose answers begin later than this is slow, in seconds: people leave a page that takes longer.
SLOW_SECONDS = 2.0
#: And it is strained when they take so many times as long as its quickest did.
SLOW_TIMES = 4.0
#: What one answer weighs in the latency that is looked at: about the last ten count.
_WEIGHT = 0.2
#: So many good answers in a row tell of a site that is well: a single 503 is then its address's.
WELL_ANSWERS = 10
#: Seconds without strain after which a site gets one slot more.
RECOVER_SECONDS = 5.0
#: Several refusals within a second are one: they were under way together.
_ONE_EVENT_SECONDS = 1.0
#: The delay between two requests after a refusal, at first and at most, in seconds.
FIRST_SPACING, MOST_SPACING = 0.25, 5.0
#: What a good answer leaves of the delay; below the least it is gone.
_SPACING_DECAY, _LEAST_SPACING = 0.8, 0.02


@dataclass(slots=True)
class _Site:
    """How one site is doing, as this process sees it."""

    limit: int
    line: Line
    latency: float = 0.0
    quickest: float = 0.0
    spacing: float = 0.0
    #: Moments on the monotonic clock: when the next request may begin, and the pace last changed.
    next_start: float = 0.0
    changed: float = 0.0
    #: Good answers in a row.
    well: int = 0

    def answered(self, seconds: float) -> None:
        """An answer began after so many seconds."""
        self.latency += _WEIGHT * (seconds - self.latency) if self.latency else seconds
        self.quickest = min(self.quickest or seconds, seconds)
        now = time.monotonic()
        if self.latency > max(SLOW_SECONDS, SLOW_TIMES * self.quickest):
            if now - self.changed >= max(_ONE_EVENT_SECONDS, self.latency):
                self._resize(self.line.places * 2 // 3, now)
        elif self.line.places < self.limit and now - self.changed >= RECOVER_SECONDS:
            self._resize(self.line.places + 1, now)

    def went_well(self) -> None:
        """An answer was no refusal."""
        self.well += 1
        self.spacing *= _SPACING_DECAY
        if self.spacing < _LEAST_SPACING:
            self.spacing = 0.0

    def refused(self, *, outright: bool) -> None:
        """The site said that it is asked too much; not ``outright``, that something is out of service."""
        well, self.well = self.well, 0
        if not outright and well >= WELL_ANSWERS:
            # One address is out of service, and not the site.
            return
        now = time.monotonic()
        if self.changed and now - self.changed < _ONE_EVENT_SECONDS:
            return
        self._resize(self.line.places // 2, now)
        self.spacing = min(MOST_SPACING, max(FIRST_SPACING, 2 * self.spacing))

    def _resize(self, places: int, now: float) -> None:
        self.changed = now
        self.line.resize(max(1, places))

    def next_delay(self) -> float:
        """Take the next moment to begin a request; returns how far it is away, in seconds."""
        if not self.spacing:
            return 0.0
        now = time.monotonic()
        start = max(now, self.next_start)
        self.next_start = start + self.spacing
        return start - now


@dataclass(slots=True)
class JobTally:
    """What the traffic of one job (a visit) came to.

    Attributes:
        bytes: Brought home, heads and what TLS adds included.
        fewest: The fewest slots that a site it asked was down to; None when none was.
        pauses: What sites asked for while it asked them, by site and end.
        waited: For how long requests of it waited for slots or in a short pause.
    """

    bytes: int = 0
    fewest: int | None = None
    pauses: dict[tuple[str, int], SitePause] = field(default_factory=dict)
    waited: Stopwatch = field(default_factory=Stopwatch)


class SitePace:
    """Holds the pace of every site for the guard of one crawl."""

    def __init__(self, slots: SiteSlots | None = None, limit: int = 12) -> None:
        """Let at most ``limit`` requests at once go to a site, over all that share ``slots``."""
        self.slots: SiteSlots = slots or LocalSlots(limit)
        self._limit = limit
        self._sites: dict[str, _Site] = {}
        self._jobs: dict[str, JobTally] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def tally(self, job: str) -> JobTally:
        """What a job's traffic came to so far."""
        return self._jobs.get(job) or self._jobs.setdefault(job, JobTally())

    def waited(self, job: str) -> float:
        """For how long requests of a job have waited for slots or in a pause, in seconds."""
        return self.tally(job).waited.seconds

    def site(self, name: str) -> _Site:
        """How a site is doing."""
        return self._sites.get(name) or self._sites.setdefault(
            name, _Site(self._limit, Line(self._limit))
        )

    async def acquire(self, job: str, name: str, *, heed: bool = True) -> Release:
        """Take a slot of a site for a request, at the pace it bears.

        ``heed`` the site's pause, unless it is for the answer to what was asked before.

        Raises:
            RefusedError: The site asked for a pause that is longer than a request waits.
        """
        site, tally = self.site(name), self.tally(job)
        if site.line.places < self._limit:
            tally.fewest = min(site.line.places, tally.fewest or self._limit)
        while True:
            release = await self._slot(site, tally, name)
            left = await self.pause_left(name) if heed else 0.0
            if left <= 0:
                return release
            release()
            if left > SHORT_PAUSE:
                raise RefusedError(Denial.PAUSED, f"for {left:.0f} s more")
            with tally.waited.running():
                await asyncio.sleep(left)

    async def _slot(self, site: _Site, tally: JobTally, name: str) -> Release:
        with tally.waited.running():
            await site.line.enter()
            try:
                if (delay := site.next_delay()) > 0:
                    await asyncio.sleep(delay)
                shared = await self.slots.acquire(name)
            except BaseException:
                site.line.leave()
                raise

        def release() -> None:
            shared()
            site.line.leave()

        return release

    async def pause_left(self, name: str) -> float:
        """For how long a site wants to be left alone, in seconds; 0 or less when it does not."""
        until = await self.slots.pause_until(name)
        return min(until - time.time(), LONGEST_PAUSE) if until else 0.0

    def hear_soon(self, job: str, name: str, status: int, headers: Mapping[str, str]) -> None:
        """``heard``, from where nothing can be waited for."""
        if status not in REFUSING:
            self.site(name).went_well()
            return
        task = asyncio.get_running_loop().create_task(self.heard(job, name, status, headers))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def heard(self, job: str, name: str, status: int, headers: Mapping[str, str]) -> None:
        """Take note of a site's answer to a job; ``headers`` with names in lower case."""
        site = self.site(name)
        if status not in REFUSING:
            site.went_well()
            return
        asked = retry_after(headers)
        site.refused(outright=status == 429 or asked > 0)
        if asked <= 0:
            return
        until = time.time() + min(asked, LONGEST_PAUSE)
        await self.slots.pause(name, until)
        note_pause(self.tally(job), name, until, asked)


def note_pause(tally: JobTally, site: str, until: float, asked: float | None = None) -> None:
    """Keep for the manifest that a site was left alone for a while."""
    moment = datetime.fromtimestamp(until, UTC)
    pause = SitePause(site=site, until=moment, asked_seconds=asked)
    tally.pauses.setdefault((site, int(until)), pause)


def site_of(url: str) -> str:
    """The site that an address is on, as the guard names it; empty when it is on none."""
    parts = urlsplit(url)
    try:
        port = parts.port or (443 if parts.scheme in ("https", "wss") else 80)
    except ValueError:
        return ""
    return f"{parts.hostname}:{port}" if parts.hostname else ""
