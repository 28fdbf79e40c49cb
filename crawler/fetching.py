"""One attempt at one file: as a stranger, and if refused once more as one who comes from its page."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urldefrag, urlsplit

from crawler.cutting import Cap
from crawler.frontier import FoundFile
from crawler.openness import Opened, is_worth_a_referer, judge_file, with_referer
from crawler.plain import Fetched, PlainClient
from crawler.sniff import claimed_kind
from crawler.task import Limits
from models.vocabulary import ResourceKind

#: Kinds of which a player asks for parts, so that their servers know ranges.
_IN_PARTS = frozenset({ResourceKind.AUDIO, ResourceKind.VIDEO})


@dataclass(frozen=True, slots=True)
class Attempted:
    """The answer that counts, and what all fetches of the attempt say."""

    fetched: Fetched
    opened: Opened


async def fetch_file(client: PlainClient, found: FoundFile, limits: Limits) -> Attempted:
    """Fetch a file's beginning or all of it, whatever is less, without and perhaps with a referer."""
    cap = Cap(limits.max_file_bytes, limits.fetch_seconds)
    ranged = claimed_kind(found.url) in _IN_PARTS
    fetched = await client.get(found.url, cap=cap, ranged=ranged)
    opened = judge_file(fetched, promised=found.promised)
    referer = referer_for(found.found_on, found.url)
    if referer is None or not is_worth_a_referer(opened):
        return Attempted(fetched, opened)
    again = await client.get(found.url, cap=cap, ranged=ranged, referer=referer)
    reopened = judge_file(again, promised=found.promised)
    kept = fetched if is_worth_a_referer(reopened) else again
    return Attempted(kept, with_referer(opened, reopened))


def referer_for(page: str, url: str) -> str | None:
    """What a browser would tell of the page: all of it to its own site, else the site's name.

    (``strict-origin-when-cross-origin``, the default of today's browsers.)
    """
    here, there = urlsplit(page), urlsplit(url)
    if here.scheme not in ("http", "https") or (here.scheme, there.scheme) == ("https", "http"):
        return None
    if (here.scheme, here.netloc) == (there.scheme, there.netloc):
        return urldefrag(page).url
    return f"{here.scheme}://{here.netloc}/"
