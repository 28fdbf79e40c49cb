"""When the next page or file may be asked for: quiet hours, pauses and spacing that a site wants.

``turn`` is called before each page and each plain fetch. What is under way is never cut off: a page
that has begun is finished, its pictures included, at the pace that the guard holds.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial

from crawler.budget import VisitBudget
from crawler.pace import SitePace, note_pause, site_of
from crawler.patience import Stopwatch
from crawler.quiet import QuietHours
from crawler.task import Limits
from models.manifest import Politeness

#: Longest that is slept without a look at the clock, which may be set meanwhile, in seconds.
_LOOK_SECONDS = 20.0
#: Pauses shorter than this are not worth being told of, in seconds.
_TELL_SECONDS = 5.0

#: Tells that everything waits, and until when, in words for people.
TellWaiting = Callable[[str], None]


@dataclass(slots=True)
class _Visit:
    """What a visit was held back by; ``quiet`` is a part of ``held``."""

    held: Stopwatch = field(default_factory=Stopwatch)
    quiet: Stopwatch = field(default_factory=Stopwatch)
    asked_spacing: float | None = None
    kept_spacing: float | None = None


class Manners:
    """Keeps visits waiting for their turns; one for all visits of a crawl."""

    def __init__(
        self,
        pace: SitePace,
        quiet: QuietHours,
        tell: TellWaiting,
        *,
        begin: datetime | None = None,
    ) -> None:
        """Wait for ``pace``'s sites and outside ``quiet`` hours; ``begin`` is a pretended now."""
        self._pace = pace
        self._quiet = quiet
        self._tell = tell
        self._shift = begin - datetime.now(UTC) if begin is not None else timedelta(0)
        self._visits: dict[str, _Visit] = {}
        #: Seconds between two turns, by site, as its robots.txt asks for.
        self._spacing: dict[str, float] = {}
        self._told: set[object] = set()

    async def turn(self, job: str, url: str) -> None:
        """Wait until it is a visit's turn to ask for an address."""
        await self.clear(job, url)
        await self._keep_apart(self._visit(job), site_of(url))

    async def clear(self, job: str, url: str) -> None:
        """Wait until nothing speaks against asking for an address, without taking a turn."""
        site, visit = site_of(url), self._visit(job)
        while True:
            if (end := self._quiet.until(self._now())) is not None:
                await self._sit_out(visit, end)
            elif (left := await self._pace.pause_left(site)) > 0:
                await self._leave_alone(visit, job, site, left)
            else:
                return

    def hear(self, job: str, url: str, status: int, headers: Mapping[str, str]) -> None:
        """Take note of an answer that came encrypted; the guard sees for itself what came plain."""
        if url.startswith("https:"):
            self._pace.hear_soon(job, site_of(url), status, headers)

    def space_out(self, job: str, url: str, asked: float, kept: float) -> None:
        """Keep turns at a site apart from now on, in seconds; for the manifest also what it asked."""
        visit = self._visit(job)
        visit.asked_spacing = max(asked, visit.asked_spacing or 0.0)
        visit.kept_spacing = max(kept, visit.kept_spacing or 0.0)
        self._spacing[site_of(url)] = kept

    def held(self, job: str) -> float:
        """For how long a visit has been held back, in seconds."""
        return self._visit(job).held.seconds

    def budget(self, job: str, limits: Limits) -> VisitBudget:
        """A visit's budget: held to its time without what it is held back, and to its bytes."""
        return VisitBudget(limits, partial(self.held, job), lambda: self._pace.tally(job).bytes)

    def record(self, job: str, limits: Limits) -> Politeness:
        """What the manifest says of it."""
        visit, tally = self._visit(job), self._pace.tally(job)
        return Politeness(
            site_concurrency=limits.site_concurrency,
            fewest=tally.fewest,
            asked_spacing=visit.asked_spacing,
            kept_spacing=visit.kept_spacing,
            pauses=tuple(tally.pauses.values()),
            held_seconds=round(visit.held.seconds, 1),
            quiet_seconds=round(visit.quiet.seconds, 1),
            waited_seconds=round(tally.waited.seconds, 1),
            quiet_hours=limits.quiet_hours,
            bytes=tally.bytes,
        )

    def _visit(self, job: str) -> _Visit:
        return self._visits.get(job) or self._visits.setdefault(job, _Visit())

    def _now(self) -> datetime:
        return datetime.now(UTC) + self._shift

    async def _sit_out(self, visit: _Visit, end: datetime) -> None:
        self._say(end, f"安静时段,{self._quiet.local(end)} 继续")
        with visit.quiet.running():
            await _hold(visit, (end - self._now()).total_seconds())

    async def _leave_alone(self, visit: _Visit, job: str, site: str, left: float) -> None:
        until = time.time() + left
        note_pause(self._pace.tally(job), site, until)
        if left > _TELL_SECONDS:
            moment = self._quiet.local(datetime.fromtimestamp(until, UTC))
            self._say((site, moment), f"{site} 要求暂停访问,{moment} 继续")
        await _hold(visit, left)

    async def _keep_apart(self, visit: _Visit, site: str) -> None:
        spacing = self._spacing.get(site, 0.0)
        if not spacing:
            return
        turn = await self._pace.slots.book(site, spacing, time.time())
        while (left := turn - time.time()) > 0:
            await _hold(visit, left)

    def _say(self, what: object, words: str) -> None:
        if what not in self._told:
            self._told.add(what)
            self._tell(words)


async def _hold(visit: _Visit, seconds: float) -> None:
    with visit.held.running():
        await asyncio.sleep(max(0.0, min(seconds, _LOOK_SECONDS)))
