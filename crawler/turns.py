"""Turns at the browser: how many pages are open at once over all visits, and whose page is next.

A page that is free goes on in the visit that had it, since its tab can be gone on with; but no visit
holds more than its share while another one waits.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Turns:
    """A semaphore that knows its holders; the waiters of one holder are served in their order."""

    def __init__(self, places: int) -> None:
        """Let so many hold a place at once."""
        self._free = places
        self._places = places
        self._held: Counter[str] = Counter()
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}

    @asynccontextmanager
    async def turn(self, owner: str) -> AsyncIterator[None]:
        """Hold a place for ``owner`` while the block runs."""
        await self._acquire(owner)
        try:
            yield
        finally:
            self._release(owner)

    async def _acquire(self, owner: str) -> None:
        if self._free and not self._waiting:
            self._free -= 1
            self._held[owner] += 1
            return
        place = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(owner, deque()).append(place)
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                # The place came in the moment of the cancellation: it goes on to another.
                self._release(owner)
            else:
                self._forget(owner, place)
            raise

    def _release(self, owner: str) -> None:
        self._held[owner] -= 1
        if not self._held[owner]:
            del self._held[owner]
        self._free += 1
        self._serve(owner)

    def _serve(self, leaving: str) -> None:
        while self._free and self._waiting:
            owner = self._next(leaving)
            place = self._waiting[owner].popleft()
            if not self._waiting[owner]:
                del self._waiting[owner]
            if place.done():
                # Cancelled, and its task has not been told yet.
                continue
            self._free -= 1
            self._held[owner] += 1
            place.set_result(None)

    def _next(self, leaving: str) -> str:
        """The owner that just left, up to its share; else the one who waits with the fewest places."""
        share = -(-self._places // len(self._held.keys() | self._waiting.keys()))
        if leaving in self._waiting and self._held[leaving] < share:
            return leaving
        return min(self._waiting, key=lambda owner: self._held[owner])

    def _forget(self, owner: str, place: asyncio.Future[None]) -> None:
        waiting = self._waiting.get(owner)
        if waiting is not None and place in waiting:
            waiting.remove(place)
            if not waiting:
                del self._waiting[owner]
