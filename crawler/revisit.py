"""A later visit to what an earlier one has read: asked for again plainly, rendered only when it changed.

A page is *unchanged* when its document and everything else it asked for (its answers in JSON, frames,
scripts, styles, pictures) answer as they did: the server says "not modified" (304), the bytes are
equal, or they differ in nothing but what changes by itself (``crawler.volatile``). All of it is asked for
by a stranger without cookies, so that who may see the page is measured anew. A server that says "not
modified" to a validator that nobody ever gave it is not believed.
"""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from urllib.parse import urlsplit

from crawler.archive import NOT_MODIFIED, Archive, Exchange, payload_digest
from crawler.earlier import BROKEN, Earlier, KnownAnswer, KnownPage
from crawler.frontier import FoundFile
from crawler.openness import Opened
from crawler.plain import Fetched, PlainClient
from crawler.reading import PageReading
from crawler.recorder import REDIRECTS, Asked
from crawler.volatile import Mask
from models.manifest import (
    Attempt,
    ImageCapture,
    Manifest,
    NotCaptured,
    PageCapture,
    ResourceCapture,
)
from models.vocabulary import Openness, Outcome

#: What a page asks for and its text does not depend on.
NOT_LOOKED_AT = frozenset({"font", "media", "manifest", "ping", "cspviolationreport", "beacon"})
#: What cannot be asked for again: it is not one answer.
STREAMS = frozenset({"websocket", "eventsource"})
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
class Unchanged:
    """A page that is as it was read at an earlier visit."""

    known: KnownPage
    attempt: Attempt
    since: datetime
    #: The snapshot of the visit at which it was read.
    as_in: str

    @property
    def reading(self) -> PageReading:
        """As much of its reading as the frontier wants."""
        return PageReading(
            url=self.known.capture.final_url or self.known.capture.url,
            links=list(self.known.links),
            price=self.known.price,
        )

    def capture(self) -> PageCapture:
        """The page as this visit found it."""
        return self.known.capture.model_copy(
            update={
                "attempts": (self.attempt,),
                "evidence": self.attempt.evidence,
                "unchanged_since": self.since,
                "as_in": self.as_in,
            }
        )


@dataclass(frozen=True, slots=True)
class SeenFile:
    """A file that was asked for again; ``unchanged`` when the same bytes came or would have come."""

    fetched: Fetched
    opened: Opened | None = None
    unchanged: ResourceCapture | None = None


@dataclass(frozen=True, slots=True)
class _Look:
    """What one address answers now, held against what it answered."""

    same: bool
    not_modified: bool = False
    #: Of the bytes that came, where any came.
    sha256: str | None = None


class Revisit:
    """Looks again at what an earlier visit has read; each address is asked for once."""

    def __init__(self, earlier: Earlier, plain: PlainClient, archive: Archive, mask: Mask) -> None:
        """Ask with ``plain``, write what comes into ``archive``, and let ``mask`` say what never counts."""
        self._earlier = earlier
        self._plain = plain
        self._archive = archive
        #: What never counts as a change.
        self.mask = mask
        self._looks: dict[tuple[str, str | None], asyncio.Task[_Look]] = {}
        self._trust: dict[tuple[str, bool], asyncio.Task[bool]] = {}
        self._unchanged: dict[str, Unchanged] = {}
        self._carried = False
        archive.know(earlier.origin)

    async def page(self, url: str) -> Unchanged | None:
        """The page as it was read, when nothing it is made of has changed; else None."""
        started = datetime.now(UTC)
        try:
            known = self._earlier.page(url)
            if known is None or not _can_be_asked(known.asked):
                return None
            looked_at = [asked for asked in known.asked if asked.type not in NOT_LOOKED_AT]
            looks = await asyncio.gather(*(self._look(asked) for asked in looked_at))
        except BROKEN:
            # The earlier snapshot is damaged: the page is read as if there were none.
            return None
        if not all(look.same for look in looks):
            return None
        # What changes by itself is held against its last state at the next visit.
        now = {
            (asked.url, asked.sha256): look for asked, look in zip(looked_at, looks, strict=True)
        }
        asked_now = [_as_now(asked, now.get((asked.url, asked.sha256))) for asked in known.asked]
        found = self._found(replace(known, asked=asked_now), started, looks)
        self._unchanged[url] = found
        self._carried = True
        return found

    def _found(self, known: KnownPage, started: datetime, looks: Sequence[_Look]) -> Unchanged:
        capture, earlier = known.capture, self._earlier.manifest
        since = capture.unchanged_since or capture.attempts[-1].started_at
        said = sum(look.not_modified for look in looks)
        evidence = (
            f"匿名重新请求页面及其各部分共 {len(looks)} 个地址,内容与 {since:%Y-%m-%d %H:%M}Z 读取时相同"
            f"(其中 {said} 个由网站答复“未修改”),未再渲染"
        )
        attempt = Attempt(
            number=1,
            started_at=started,
            outcome=Outcome.OK,
            status=capture.status,
            final_url=capture.final_url,
            evidence=evidence,
        )
        return Unchanged(known, attempt, since, capture.as_in or earlier.snapshot_id)

    def record(self, page: Unchanged) -> None:
        """Write the evidence of an unchanged page: the records of its reading, as they were made then."""
        url = page.known.capture.url
        for record in self._earlier.reading_records(url):
            self._archive.copy(record)
        info = {
            "url": url,
            "attempt": page.attempt.model_dump(mode="json"),
            "unchanged_since": page.since.isoformat(),
            "as_in": page.as_in,
            "requests": [asdict(asked) for asked in page.known.asked],
        }
        self._archive.json(f"urn:pageinfo:{url}", info, page.attempt.started_at)

    async def file(self, url: str) -> SeenFile | None:
        """A file that was open, asked for again; None when it has to be fetched as if for the first time."""
        try:
            capture, answers = self._earlier.file(url), self._earlier.answers(url)
        except BROKEN:
            return None
        answer = answers[-1] if answers else None
        if capture is None or answer is None or answer.status != 200:
            return None
        validators = await self._validators(url, answer, made=False)
        got = await self._plain.ask(url, validators)
        if isinstance(got, Outcome):
            return None
        if _confirms(got, answer, validators):
            self._archive.write_unmodified(got, answer.origin)
            return self._same_file(capture, got)
        if got.status != 200:
            return None
        self._archive.write(got)
        if payload_digest(got.body) == answer.digest:
            return self._same_file(capture, got)
        return SeenFile(Fetched(url, url, got.status, _headers(got), got.body))

    def _same_file(self, capture: ResourceCapture, got: Exchange) -> SeenFile:
        since = capture.unchanged_since or capture.attempts[-1].started_at
        as_in = capture.as_in or self._earlier.manifest.snapshot_id
        same = "网站答复“未修改”" if got.status == NOT_MODIFIED else f"{len(got.body)} 字节"
        self._carried = True
        evidence = f"状态码 {got.status},{same},内容与 {since:%Y-%m-%d %H:%M}Z 取得的相同"
        carried = capture.model_copy(update={"unchanged_since": since, "as_in": as_in})
        opened = Opened(Openness.OPEN, Outcome.OK, capture.kind, evidence)
        return SeenFile(Fetched(capture.url, capture.url, got.status), opened, carried)

    # What becomes of it in the manifest

    def not_captured(self) -> list[NotCaptured]:
        """What unchanged pages asked for and the earlier visit could not bring home."""
        pages = {page.known.capture.final_url for page in self._unchanged.values()}
        return [
            missed
            for missed in self._earlier.manifest.not_captured
            if missed.found_on in pages or missed.found_on in self._unchanged
        ]

    def files_of(self, page: Unchanged) -> Iterator[FoundFile]:
        """The files that an unchanged page led to."""
        return self._earlier.files_of(page.known.capture.url)

    @property
    def images(self) -> Mapping[str, ImageCapture]:
        """The pictures of the earlier visit by address."""
        return self._earlier.images

    def complete(self, manifest: Manifest) -> Manifest:
        """The manifest with what it stands on: the earlier snapshots that bytes are referred to in."""
        earlier, listed = self._earlier.manifest, self._earlier.snapshots
        full = (earlier.full_visit_at or earlier.taken_at) if self._carried else None
        referred = tuple(listed[each] for each in sorted(self._archive.referred))
        stands_on = {"earlier": referred, "full_visit_at": full, "volatile": earlier.volatile}
        return manifest.model_copy(update=stands_on)

    # One address

    def _look(self, asked: Asked) -> asyncio.Task[_Look]:
        key = (asked.url, asked.sha256)
        if key not in self._looks:
            self._looks[key] = asyncio.create_task(self._look_at(asked))
        return self._looks[key]

    async def _look_at(self, asked: Asked) -> _Look:
        answer = self._known(asked)
        if answer is None:
            return _Look(same=False)
        validators = await self._validators(asked.url, answer, made=asked.type in MADE)
        sent = {n: v for n, v in answer.request_headers.items() if n not in NOT_SENT}
        got = await self._plain.ask(asked.url, {**sent, **validators})
        if isinstance(got, Outcome):
            return _Look(same=False)
        if got.status == NOT_MODIFIED:
            if not _confirms(got, answer, validators):
                return _Look(same=False)
            self._archive.write_unmodified(got, answer.origin)
            return _Look(same=True, not_modified=True)
        self._archive.write(got)
        return _Look(self._is_same(asked, answer, got), sha256=got.sha256)

    def _known(self, asked: Asked) -> KnownAnswer | None:
        answers = [a for a in self._earlier.answers(asked.url) if a.status == asked.status]
        if asked.sha256 is None or asked.status in REDIRECTS:
            return answers[-1] if answers else None
        for answer in answers:
            if len(answers) == 1 or _sha256(self._earlier.body(answer)) == asked.sha256:
                return answer
        return None

    def _is_same(self, asked: Asked, answer: KnownAnswer, got: Exchange) -> bool:
        headers = _headers(got)
        said = "location" if got.status in REDIRECTS else "content-type"
        if got.status != answer.status or headers.get(said) != answer.headers.get(said):
            return False
        if got.status in REDIRECTS or payload_digest(got.body) == answer.digest:
            return True
        kind = headers.get("content-type", "")
        return self.mask.same(self._earlier.body(answer), got.body, kind, asked.url)

    async def _validators(self, url: str, answer: KnownAnswer, *, made: bool) -> Mapping[str, str]:
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


def _as_now(asked: Asked, look: _Look | None) -> Asked:
    if look is None or look.sha256 is None or asked.sha256 is None:
        return asked
    return replace(asked, sha256=look.sha256)


def _can_be_asked(requests: Sequence[Asked]) -> bool:
    """Whether all that a page depends on can be asked for again without doing anything on the site."""
    return any(asked.type == "document" for asked in requests) and all(
        asked.type in NOT_LOOKED_AT
        or (asked.method == "GET" and asked.status is not None and asked.type not in STREAMS)
        for asked in requests
    )


def _confirms(got: Exchange, answer: KnownAnswer, validators: Mapping[str, str]) -> bool:
    """Whether "not modified" was asked for, and is said of the answer that was meant."""
    if got.status != NOT_MODIFIED or not validators:
        return False
    tag = _headers(got).get("etag")
    return tag is None or _bare(tag) == _bare(answer.headers.get("etag", tag))


def _bare(tag: str) -> str:
    return tag.removeprefix("W/")


def _headers(exchange: Exchange) -> dict[str, str]:
    return {name.lower(): value for name, value in exchange.response_headers}


def _sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
