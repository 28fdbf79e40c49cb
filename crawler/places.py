"""Places for visits: how many are at work at once, and how many may be begun and not finished.

A visit that is begun holds what it read so far until its last round. One that comes back for a
further round therefore goes before those that have not begun, and a crawl of many spaces begins
only so many: its memory does not grow with the number of spaces.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

#: Visits begun and not finished at most. Most of them wait for the pause between two rounds; one
#: holds 4–7 MB on the sample platform. So many at a pause of ten minutes are 600 spaces an hour even
#: when every one of them needs a second round.
MOST_BEGUN = 100


class VisitPlaces:
    """The places for the visits of one crawl."""

    def __init__(self, at_work: int, begun: int = MOST_BEGUN) -> None:
        """Let ``at_work`` visits work at once, and ``begun`` of them be begun and not finished."""
        self._begun = asyncio.Semaphore(begun)
        self._free = at_work
        self._returning = 0
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def begun(self) -> AsyncIterator[None]:
        """Hold a place among the visits that are begun, from the first round to the last."""
        async with self._begun:
            yield

    @asynccontextmanager
    async def at_work(self, *, again: bool = False) -> AsyncIterator[None]:
        """Hold a place among the visits at work; ``again`` for a visit that comes back to one."""
        async with self._changed:
            self._returning += again
            try:
                await self._changed.wait_for(lambda: self._may_go(again=again))
                self._free -= 1
            finally:
                self._returning -= again
                # Others may have waited for this one only.
                self._changed.notify_all()
        try:
            yield
        finally:
            async with self._changed:
                self._free += 1
                self._changed.notify_all()

    def _may_go(self, *, again: bool) -> bool:
        return self._free > 0 and (again or not self._returning)
