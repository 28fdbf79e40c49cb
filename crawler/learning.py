"""Learns what changes by itself on a site whose profile names nothing: by looking twice.

Each page's documents and answers are asked for once more, plainly. Where one differs from what the
browser got, two plain answers are compared, and the first such pages are rendered a second time.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

from crawler.archive import Exchange
from crawler.browsing import Browsed
from crawler.looks import MADE, headers_of
from crawler.pagelog import Row
from crawler.plain import PlainClient
from crawler.volatile import MOST_PARTS, Mask, learn_blocks
from models.manifest import VolatilePart
from rules.profile import Profile

#: Pages rendered twice in one visit: what changes by itself is mostly the same on all pages of a
#: space, and a second rendering costs as much as the first.
MOST_RENDERED_TWICE = 3


def must_learn(profile: Profile) -> bool:
    """Whether a profile names nothing that changes by itself."""
    return not profile.volatile_selectors and not profile.volatile_keys


class Learner:
    """What one visit learns."""

    def __init__(self, plain: PlainClient, profile: Profile) -> None:
        """Ask with ``plain``."""
        self._plain = plain
        self._profile = profile
        self._asked: set[str] = set()
        self._rendered = 0
        self.parts: tuple[VolatilePart, ...] = ()
        self.mask = Mask.of(profile)

    async def look(
        self, url: str, browsed: Browsed, render: Callable[[], Awaitable[Browsed]]
    ) -> None:
        """Look at a page that was read a second time, and learn what has changed by itself."""
        learned = [part for asked in self._new(browsed.asked) for part in await self._twice(asked)]
        self._keep(learned)
        if not learned or browsed.reading is None or self._rendered >= MOST_RENDERED_TWICE:
            return
        self._rendered += 1
        again = await render()
        if again.reading is not None:
            self._keep(learn_blocks(url, browsed.reading.blocks, again.reading.blocks))

    def _new(self, requests: Iterable[Row]) -> list[Row]:
        """What was not looked at with an earlier page."""
        found = [
            asked
            for asked in requests
            if asked.kind in MADE
            and asked.method == "GET"
            and asked.status == 200
            and asked.sha256 is not None
            and asked.url not in self._asked
        ]
        self._asked |= {asked.url for asked in found}
        return found

    async def _twice(self, asked: Row) -> tuple[VolatilePart, ...]:
        first = await self._plain.ask(asked.url, {})
        if not isinstance(first, Exchange) or first.sha256 == asked.sha256 or first.status != 200:
            return ()
        second = await self._plain.ask(asked.url, {})
        if not isinstance(second, Exchange) or second.status != 200:
            return ()
        kind = headers_of(second).get("content-type", "")
        return self.mask.learn(first.body, second.body, kind, asked.url)

    def _keep(self, learned: Iterable[VolatilePart]) -> None:
        self.parts = (*self.parts, *learned)[:MOST_PARTS]
        self.mask = Mask.of(self._profile, self.parts)
