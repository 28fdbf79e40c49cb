"""Time that we ourselves held something up: measured, and left out of its time-outs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

#: Longest that a time-out is put off, in seconds. A page that waits longer for slots is *cannot tell*
#: and is tried again; without an end two busy crawls could hold each other's pages open for hours.
MOST_PATIENCE = 120.0
#: A loop's timers come a little early or late, in seconds.
_CLOCK_GRAIN = 0.001


@asynccontextmanager
async def patient(
    seconds: float | None, waited: Callable[[], float] = float
) -> AsyncIterator[None]:
    """Like ``asyncio.timeout``, put off by as much as ``waited`` grows meanwhile.

    Args:
        seconds: The time that the work may take by itself; None for no limit.
        waited: For how long it has been held up by us, in seconds; only ever grows. By default never.
    """
    if seconds is None:
        yield
        return
    loop = asyncio.get_running_loop()
    start, before = loop.time(), waited()
    timers: list[asyncio.TimerHandle] = []
    async with asyncio.timeout(None) as limit:

        def due() -> None:
            end = start + seconds + min(waited() - before, MOST_PATIENCE)
            if end > loop.time() + _CLOCK_GRAIN:
                timers[0] = loop.call_at(end, due)
            else:
                limit.reschedule(loop.time())

        timers.append(loop.call_later(seconds, due))
        try:
            yield
        finally:
            timers[0].cancel()


class Stopwatch:
    """How long anybody was at something; what overlaps counts once."""

    __slots__ = ("_running", "_since", "_total")

    def __init__(self) -> None:
        """Begin at nought."""
        self._total = 0.0
        self._running = 0
        self._since = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Count the time within."""
        if not self._running:
            self._since = time.monotonic()
        self._running += 1
        try:
            yield
        finally:
            self._running -= 1
            if not self._running:
                self._total += time.monotonic() - self._since

    @property
    def seconds(self) -> float:
        """So far."""
        return self._total + (time.monotonic() - self._since if self._running else 0.0)
