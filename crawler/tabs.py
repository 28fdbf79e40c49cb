"""Tabs of the browser between two pages: kept for a moment, in case their visit goes on in them."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from weakref import WeakKeyDictionary

from playwright.async_api import Page

from crawler.steadiness import close_soon

#: Until a tab nobody goes on in is closed, in seconds: the next page of a visit follows at once.
KEPT_SECONDS = 0.5
#: Pages read in one tab; a leak of the browser's or of a site's scripts then ends with it.
MOST_USES = 8


class Tabs:
    """Tabs that were read to the end, by the name of their context."""

    def __init__(self) -> None:
        """Keep none."""
        self._kept: dict[str, list[Page]] = {}
        self._uses: MutableMapping[Page, int] = WeakKeyDictionary()
        self._closing: set[asyncio.Task[None]] = set()

    def take(self, context: str) -> Page | None:
        """A tab to go on in; None when a new one is needed."""
        while self._kept.get(context):
            page = self._remove(context, self._kept[context][-1])
            if not page.is_closed():
                return page
        return None

    def keep(self, context: str, page: Page) -> None:
        """Keep a tab that has been read; it is closed when nobody takes it."""
        self._uses[page] = uses = self._uses.get(page, 0) + 1
        if uses >= MOST_USES:
            self._close(page)
            return
        self._kept.setdefault(context, []).append(page)
        asyncio.get_running_loop().call_later(KEPT_SECONDS, self._expire, context, page, uses)

    def _expire(self, context: str, page: Page, uses: int) -> None:
        # A tab that has been used in the meantime has another timer.
        if page in self._kept.get(context, ()) and self._uses[page] == uses:
            self._close(self._remove(context, page))

    def _remove(self, context: str, page: Page) -> Page:
        kept = self._kept[context]
        kept.remove(page)
        if not kept:
            del self._kept[context]
        return page

    def _close(self, page: Page) -> None:
        task = asyncio.get_running_loop().create_task(close_soon(page))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)
