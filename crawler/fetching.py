"""One attempt at one file: as a stranger, and if refused once more as one who comes from its page."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from urllib.parse import urldefrag, urlsplit

from crawler.cutting import Cap
from crawler.discovery import in_answer
from crawler.frontier import FoundFile
from crawler.openness import Opened, is_worth_a_referer, judge_file, with_referer
from crawler.plain import Fetched, PlainClient
from crawler.sniff import claimed_kind
from crawler.task import Limits
from models.vocabulary import Openness, ResourceKind

#: Kinds of which a player asks for parts, so that their servers know ranges.
_IN_PARTS = frozenset({ResourceKind.AUDIO, ResourceKind.VIDEO})


@dataclass(frozen=True, slots=True)
class Attempted:
    """The answer that counts, and what all fetches of the attempt say."""

    fetched: Fetched
    opened: Opened


async def fetch_file(
    client: PlainClient, found: FoundFile, limits: Limits, keys: Iterable[str] = ()
) -> Attempted:
    """Fetch a file's beginning or all of it, whatever is less, as a visitor's click would.

    A download script may answer with JSON that names the file's address, for the page's script to
    open; that address is then fetched in its place. ``keys`` name it besides an extension.
    """
    attempted = await _fetch(client, found, limits)
    behind = _address_behind(attempted, keys)
    if behind is None:
        return attempted
    second = await _fetch(client, replace(found, url=behind, promised=True), limits)
    said = f"下载接口给出地址 {behind};{second.opened.evidence}"
    return Attempted(second.fetched, replace(second.opened, evidence=said))


def _address_behind(attempted: Attempted, keys: Iterable[str]) -> str | None:
    """The one address of a file that a JSON answer in a file's place names."""
    if attempted.opened.openness is not Openness.DISGUISED:
        return None
    fetched = attempted.fetched
    named = in_answer(fetched.body, fetched.final_url or fetched.requested, frozenset(keys))
    urls = {link.url for link in named} - {fetched.requested}
    return urls.pop() if len(urls) == 1 else None


async def _fetch(client: PlainClient, found: FoundFile, limits: Limits) -> Attempted:
    """As a stranger, and if refused once more as one who comes from the page."""
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
