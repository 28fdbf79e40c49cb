"""robots.txt: what a site asks of robots, obeyed unless a written authority says otherwise.

The file of the very site that an address is on counts (RFC 9309), so a file kept on another host
has that host's. It is asked for pages and for files; what a page embeds is loaded as any browser does,
since a page is visited for what it shows. A written authority opens what the file closes; what it
asks of the pace (``Crawl-delay``, ``Request-rate``) is kept to all the same.

A site without the file, or whose file cannot be read for a client's error, asks for nothing; one whose
server fails is taken to refuse for now (RFC 9309), which is *cannot tell* for us.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from urllib.parse import urljoin, urlsplit

from protego import Protego

from crawler.access import Judgement
from crawler.plain import Fetched, PlainClient
from models.vocabulary import Outcome

ROBOTS_PATH = "/robots.txt"
#: The name by which a site may address us in its file.
AGENT = "spaceaudit"
#: RFC 9309 asks for at least 500 kibibytes.
MOST_BYTES = 512 * 1024
#: Longest time between two pages or files that a site is granted, in seconds: at this a visit of a
#: hundred pages takes a quarter of an hour. What it asked for is recorded beside it.
MOST_SPACING = 10.0

#: Told the seconds between two turns that the site of an address asks for, and those it gets.
SpaceOut = Callable[[str, float, float], None]


class Robots:
    """What one site allows; read once a visit, and again while its server fails."""

    def __init__(
        self,
        rules: Protego | None = None,
        *,
        fault: Judgement | None = None,
        sha256: str | None = None,
    ) -> None:
        """Hold a site's rules (None asks for nothing), or the fault that kept them from us."""
        self._rules = rules
        self.fault = fault
        self.sha256 = sha256

    @property
    def spacing(self) -> float:
        """Seconds between two requests that the site asks for; 0 when it asks for none."""
        if self._rules is None:
            return 0.0
        rate = self._rules.request_rate(AGENT)
        each = rate.seconds / rate.requests if rate is not None and rate.requests else 0.0
        return max(self._rules.crawl_delay(AGENT) or 0.0, each)

    def refusal(self, url: str) -> Judgement | None:
        """Why the site does not let us visit an address; None when it does."""
        if self.fault is not None:
            return self.fault
        if self._rules is None or self._rules.can_fetch(url, AGENT):
            return None
        return Judgement(Outcome.ROBOTS, f"{Outcome.ROBOTS.label},没有访问")


class RobotsBook:
    """The files of all sites that one visit asks something of."""

    def __init__(self, client: PlainClient, authority: str, space_out: SpaceOut) -> None:
        """Read with ``client``; nothing is refused where there is a written ``authority``."""
        self._client = client
        self._authority = authority
        self._space_out = space_out
        self._sites: dict[str, Robots] = {}
        self._reading = asyncio.Lock()

    async def refusal(self, url: str) -> Judgement | None:
        """Why its site does not let us visit an address; None when it does."""
        robots = await self.of(url)
        return None if self._authority else robots.refusal(url)

    async def of(self, url: str) -> Robots:
        """What the site of an address allows."""
        site = urljoin(url, ROBOTS_PATH)
        if urlsplit(site).scheme not in ("http", "https"):
            return Robots()
        async with self._reading:
            if site not in self._sites:
                self._sites[site] = await self._read(site)
        return self._sites[site]

    def sha256_of(self, url: str) -> str | None:
        """SHA-256 of the file that was read for an address; None where there was none."""
        robots = self._sites.get(urljoin(url, ROBOTS_PATH))
        return robots.sha256 if robots else None

    def forget_faults(self) -> None:
        """Read again what a site's fault kept from us."""
        self._sites = {site: read for site, read in self._sites.items() if read.fault is None}

    async def _read(self, site: str) -> Robots:
        robots = robots_of(await self._client.get(site))
        if robots.spacing > 0:
            self._space_out(site, robots.spacing, min(robots.spacing, MOST_SPACING))
        return robots


def robots_of(answer: Fetched) -> Robots:
    """What an answer to a request for the file means.

    Without any answer the visit itself goes on: it will meet the same fault, and name it.
    """
    if answer.status is None or 400 <= answer.status < 500:
        return Robots()
    if answer.status >= 500:
        why = f"robots.txt 状态码 {answer.status},按惯例暂不访问"
        return Robots(fault=Judgement(Outcome.SERVER_ERROR, why))
    rules = Protego.parse(answer.body[:MOST_BYTES].decode("utf-8", errors="replace"))
    return Robots(rules, sha256=hashlib.sha256(answer.body).hexdigest())
