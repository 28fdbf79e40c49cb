"""robots.txt: what a site asks of robots, obeyed unless a written authority says otherwise.

A site without the file, or whose file cannot be read for a client's error, asks for nothing; one whose
server fails is taken to refuse for now (RFC 9309), which is *cannot tell* for us.
"""

from __future__ import annotations

from urllib.parse import urljoin

from protego import Protego

from crawler.access import Judgement
from crawler.plain import Fetched, PlainClient
from models.vocabulary import Outcome

ROBOTS_PATH = "/robots.txt"
#: The name by which a site may address us in its file.
AGENT = "spaceaudit"
#: RFC 9309 asks for at least 500 kibibytes.
MOST_BYTES = 512 * 1024


class Robots:
    """What one site allows; read once a visit, and again while its server fails."""

    def __init__(self, rules: Protego | None = None, *, fault: Judgement | None = None) -> None:
        """Hold a site's rules (None asks for nothing), or the fault that kept them from us."""
        self._rules = rules
        self.fault = fault

    def refusal(self, url: str) -> Judgement | None:
        """Why the site does not let us visit an address; None when it does."""
        if self.fault is not None:
            return self.fault
        if self._rules is None or self._rules.can_fetch(url, AGENT):
            return None
        return Judgement(Outcome.ROBOTS, f"{Outcome.ROBOTS.label},没有访问")


async def read_robots(client: PlainClient, url: str) -> Robots:
    """Read the file of the site that an address is on."""
    return robots_of(await client.get(urljoin(url, ROBOTS_PATH)))


def robots_of(answer: Fetched) -> Robots:
    """What an answer to a request for the file means.

    Without any answer the visit itself goes on: it will meet the same fault, and name it.
    """
    if answer.status is None or 400 <= answer.status < 500:
        return Robots()
    if answer.status >= 500:
        why = f"robots.txt 状态码 {answer.status},按惯例暂不访问"
        return Robots(fault=Judgement(Outcome.SERVER_ERROR, why))
    return Robots(Protego.parse(answer.body[:MOST_BYTES].decode("utf-8", errors="replace")))
