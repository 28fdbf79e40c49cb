"""Looks at one address again: is what it answers what it answered at an earlier visit?

Asked as the browser asked then, by a stranger without cookies, with the validators that the server gave.
A server that says "not modified" (304) to a validator that nobody ever gave it is not believed.
"""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from crawler.archive import NOT_MODIFIED, Archive, Exchange, payload_digest
from crawler.earlier import Earlier, KnownAnswer
from crawler.plain import PlainClient
from crawler.recorder import REDIRECTS
from crawler.volatile import Mask
from models.pageinfo import AskedFor
from models.vocabulary import Outcome

#: What a site makes for the page, beside what it only hands out.
MADE = frozenset({"document", "xhr", "fetch"})
#: Headers of the browser's request that are not sent again: who asks, over what, and for which part.
NOT_SENT = frozenset(
    {
        "accept-encoding",
        "authorization",
        "connection",
        "content-length",
        "cookie",
        "host",
        "if-modified-since",
        "if-none-match",
        "proxy-authorization",
        "proxy-connection",
        "range",
        "user-agent",
    }
)
LONG_AGO = "Thu, 01 Jan 1970 00:00:01 GMT"


@dataclass(frozen=True, slots=True)
class Look:
    """What one address answers now, held against what it answered."""

    same: bool
    status: int | None = None
    #: Of the bytes that came, where any came.
    sha256: str | None = None


class Looks:
    """Looks again at what an earlier visit was answered; at each address once."""

    def __init__(self, earlier: Earlier, plain: PlainClient, archive: Archive, mask: Mask) -> None:
        """Ask with ``plain``, write what comes into ``archive``, and let ``mask`` say what never counts."""
        self._earlier = earlier
        self._plain = plain
        self._archive = archive
        self.mask = mask
        self._looks: dict[tuple[str, str | None], asyncio.Task[Look]] = {}
        self._trust: dict[tuple[str, bool], asyncio.Task[bool]] = {}

    def look(self, asked: AskedFor) -> asyncio.Task[Look]:
        """What an address answers now, held against what it answered to the page that asked for it."""
        key = (asked.url, asked.sha256)
        if key not in self._looks:
            self._looks[key] = asyncio.create_task(self._look_at(asked))
        return self._looks[key]

    async def _look_at(self, asked: AskedFor) -> Look:
        answer = self._known(asked)
        if answer is None:
            return Look(same=False)
        validators = await self.validators(asked.url, answer, made=asked.kind in MADE)
        sent = {n: v for n, v in answer.request_headers.items() if n not in NOT_SENT}
        got = await self._plain.ask(asked.url, {**sent, **validators})
        if isinstance(got, Outcome):
            return Look(same=False)
        if got.status == NOT_MODIFIED:
            if not confirms(got, answer, validators):
                return Look(same=False)
            self._archive.write_unmodified(got, answer.origin, answer.headers.get("content-type"))
            return Look(same=True, status=got.status)
        self._archive.write(got)
        return Look(self._is_same(asked, answer, got), got.status, got.sha256)

    def _known(self, asked: AskedFor) -> KnownAnswer | None:
        answers = [a for a in self._earlier.answers(asked.url) if a.status == asked.status]
        if asked.sha256 is None or asked.status in REDIRECTS:
            return answers[-1] if answers else None
        for answer in answers:
            if _sha256(self._earlier.body(answer)) == asked.sha256:
                return answer
        return None

    def _is_same(self, asked: AskedFor, answer: KnownAnswer, got: Exchange) -> bool:
        headers = headers_of(got)
        said = "location" if got.status in REDIRECTS else "content-type"
        if got.status != answer.status or headers.get(said) != answer.headers.get(said):
            return False
        if got.status in REDIRECTS or payload_digest(got.body) == answer.digest:
            return True
        kind = headers.get("content-type", "")
        return self.mask.same(self._earlier.body(answer), got.body, kind, asked.url)

    async def validators(self, url: str, answer: KnownAnswer, *, made: bool) -> Mapping[str, str]:
        """The headers that make a request conditional; none where the server cannot be trusted with it."""
        pairs = (("If-None-Match", "etag"), ("If-Modified-Since", "last-modified"))
        found = {asks: answer.headers[tells] for asks, tells in pairs if tells in answer.headers}
        if answer.status != 200 or not found:
            return {}
        key = (urlsplit(url).netloc, made)
        if key not in self._trust:
            self._trust[key] = asyncio.create_task(self._is_honest(url))
        return found if await self._trust[key] else {}

    async def _is_honest(self, url: str) -> bool:
        """Whether a server does not say "not modified" of what it never had."""
        invented = {"If-None-Match": f'"{uuid.uuid4().hex}"', "If-Modified-Since": LONG_AGO}
        got = await self._plain.ask(url, invented)
        return isinstance(got, Exchange) and got.status == 200


def confirms(got: Exchange, answer: KnownAnswer, validators: Mapping[str, str]) -> bool:
    """Whether "not modified" was asked for, and is said of the answer that was meant."""
    if got.status != NOT_MODIFIED or not validators:
        return False
    tag = headers_of(got).get("etag")
    return tag is None or _bare(tag) == _bare(answer.headers.get("etag", tag))


def _bare(tag: str) -> str:
    return tag.removeprefix("W/")


def headers_of(exchange: Exchange) -> dict[str, str]:
    """An answer's headers by lower-case name."""
    return {name.lower(): value for name, value in exchange.response_headers}


def _sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
