"""Soft 404: a site that answers 200 to any address shows the same page at one that cannot exist.

An address beside the nominated one, with an invented identity, is asked for. A site that refuses it
tells missing spaces by itself; one that shows a page shows what its *missing* looks like.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from difflib import SequenceMatcher
from urllib.parse import urlsplit, urlunsplit

from crawler.browsing import Browsed
from crawler.scope import Scope
from rules.profile import ROUTE_MARKS, Profile

#: Characters compared; refusal pages are shorter, and full pages differ long before.
COMPARED = 3000
#: Share of text in common from which two pages are one; two spaces of one platform share up to 0.7
#: (header, footer, navigation), a missing one and another missing one all but the address.
ALIKE = 0.95


@dataclass(frozen=True, slots=True)
class Missing:
    """What a site shows at an address that cannot exist; no page where it refuses the address."""

    url: str
    page: Browsed | None = None

    def is_shown_by(self, other: Browsed) -> bool:
        """Whether a page shows the same."""
        mine = self.page.reading if self.page else None
        if mine is None or other.reading is None:
            return False
        return look_alike(other.reading.text, mine.text)


class MissingPages:
    """What sites show where there is nothing: asked once a crawl, since it is the site's own."""

    def __init__(self) -> None:
        """Know of none."""
        self._known: dict[str, Missing] = {}
        self._asking: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def at(
        self, url: str, look: Callable[[str], Awaitable[Missing | None]]
    ) -> Missing | None:
        """What is known of ``url``, by a ``look`` where nobody has had one.

        A look that could tell nothing gives None, and whoever asks next has another.
        """
        async with self._asking[url]:
            if url not in self._known:
                found = await look(url)
                if found is None:
                    return None
                self._known[url] = found
            return self._known[url]


def sibling_of(url: str, profile: Profile, seed: str) -> str | None:
    """An address of the same form whose space cannot exist; None where the form has no place for it.

    The same seed gives the same address for all spaces of a form, so that a crawl asks for it once.
    """
    parts = urlsplit(url)
    route = f"#{parts.fragment}" if parts.fragment.startswith(ROUTE_MARKS) else ""
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "") + route
    span = _identity_span(url, target, profile)
    if span is None:
        return None
    changed = target[: span[0]] + _invented(target[span[0] : span[1]], seed) + target[span[1] :]
    changed, _, fragment = changed.partition("#")
    path, _, query = changed.partition("?")
    return urlunsplit((parts.scheme, parts.netloc, path, query, fragment))


def _identity_span(url: str, target: str, profile: Profile) -> tuple[int, int] | None:
    """Where the identity stands: by what was learned, else the last word of the profile's space."""
    if profile.learn_scope and (learned := Scope(url).span_in(target)):
        return learned
    match = re.search(profile.space_pattern, target)
    if match is None:
        return None
    start, end = match.span("space")
    words = list(re.finditer(r"\w+", target[start:end]))
    if not words:
        return None
    return start + words[-1].start(), start + words[-1].end()


def _invented(identity: str, seed: str) -> str:
    digest = hashlib.sha256(seed.encode()).hexdigest()
    if identity.isdigit():
        # As long as the real one and starting with 9, so that it is a number nobody was given yet.
        return "9" + str(int(digest, 16))[: max(len(identity) - 1, 8)]
    return f"x{digest[:12]}"


def look_alike(text: str, missing: str) -> bool:
    """Whether a page shows what the site shows at an address that cannot exist."""
    one, other = _plain(text), _plain(missing)
    if not one or not other:
        return False
    return SequenceMatcher(None, one, other, autojunk=False).ratio() >= ALIKE


def _plain(text: str) -> str:
    # Numbers differ by clocks and counters, and the address itself may be shown.
    return re.sub(r"[\w.-]*\d[\w.-]*|\s+", "", text, flags=re.ASCII)[:COMPARED]
