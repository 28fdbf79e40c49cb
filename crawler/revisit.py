"""A later visit to what an earlier one has read: asked for again plainly, rendered only when it changed.

A page is *unchanged* when its document and everything else it asked for (its answers in JSON, frames,
scripts, styles, pictures) answer as they did: the server says "not modified" (304), the bytes are
equal, or they differ in nothing but what changes by itself (``crawler.volatile``). All of it is asked for
by a stranger without cookies, so that who may see the page is measured anew. A server that says "not
modified" to a validator that nobody ever gave it is not believed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from crawler.archive import NOT_MODIFIED, Archive, Exchange, payload_digest
from crawler.earlier import BROKEN, Earlier, KnownPage
from crawler.frontier import FoundFile
from crawler.looks import Look, Looks, confirms, headers_of
from crawler.openness import Opened
from crawler.plain import Fetched, PlainClient
from crawler.readings import PageReading
from crawler.recorder import REDIRECTS
from crawler.volatile import Mask
from models.manifest import (
    Attempt,
    ImageCapture,
    Manifest,
    NotCaptured,
    PageCapture,
    PlainFetch,
    ResourceCapture,
)
from models.pageinfo import AskedFor
from models.vocabulary import Openness, Outcome

#: What a page asks for and its text does not depend on.
NOT_LOOKED_AT = frozenset(
    {"font", "media", "manifest", "ping", "cspviolationreport", "beacon", "popup"}
)
#: What cannot be asked for again: it is not one answer.
STREAMS = frozenset({"websocket", "eventsource"})


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
            frames=list(self.known.frames),
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


class Revisit:
    """Looks again at what an earlier visit has read; each address is asked for once."""

    def __init__(self, earlier: Earlier, plain: PlainClient, archive: Archive, mask: Mask) -> None:
        """Ask with ``plain``, write what comes into ``archive``, and let ``mask`` say what never counts."""
        self._earlier = earlier
        self._plain = plain
        self._archive = archive
        #: What never counts as a change.
        self.mask = mask
        self._looks = Looks(earlier, plain, archive, mask)
        self._unchanged: dict[str, Unchanged] = {}
        self._carried = False
        archive.know(earlier.origin)

    async def page(self, url: str) -> Unchanged | None:
        """The page as it was read, when nothing it is made of has changed; else None."""
        started = datetime.now(UTC)
        try:
            known = self._earlier.page(url)
            if known is None or not can_be_asked(known.asked):
                return None
            looked_at = [asked for asked in known.asked if _counts(asked)]
            looks = await asyncio.gather(*(self._looks.look(asked) for asked in looked_at))
        except BROKEN:
            # The earlier snapshot is damaged: the page is read as if there were none.
            return None
        if not all(look.same for look in looks):
            return None
        # What changes by itself is held against its last state at the next visit.
        now = {
            (asked.url, asked.sha256): look for asked, look in zip(looked_at, looks, strict=True)
        }
        asked_now = [
            _as_now(asked, now.get((asked.url, asked.sha256))) for asked in known.info.asked
        ]
        info = known.info.model_copy(update={"asked": tuple(asked_now)})
        found = self._found(replace(known, info=info), started, looks)
        self._unchanged[url] = found
        self._carried = True
        return found

    def _found(self, known: KnownPage, started: datetime, looks: Sequence[Look]) -> Unchanged:
        capture, earlier = known.capture, self._earlier.manifest
        since = capture.unchanged_since or capture.attempts[-1].started_at
        said = sum(look.status == NOT_MODIFIED for look in looks)
        document = next(
            (look.status for look in looks if look.status not in REDIRECTS), capture.status
        )
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
            # The document's own answer: a stranger got it without a browser.
            plain=PlainFetch(outcome=Outcome.OK, status=document),
        )
        return Unchanged(known, attempt, since, capture.as_in or earlier.snapshot_id)

    def record(self, page: Unchanged) -> None:
        """Write the evidence of an unchanged page: the records of its reading, as they were made then."""
        capture, info = page.known.capture, page.known.info
        for name, record in self._earlier.reading_records(capture):
            self._archive.copy(record, name)
        told = info.model_copy(
            update={
                "attempt": page.attempt,
                "attempts": (page.attempt,),
                "unchanged_since": page.since,
                "as_in": page.as_in,
            }
        )
        value = told.model_dump(mode="json", exclude_none=True)
        self._archive.json(f"urn:pageinfo:{capture.url}", value, page.attempt.started_at)

    async def file(self, url: str) -> SeenFile | None:
        """A file that was open, asked for again; None when it has to be fetched as if for the first time."""
        try:
            capture = self._earlier.file(url)
            answer = self._earlier.answer_of(capture) if capture else None
        except BROKEN:
            return None
        if capture is None or answer is None:
            return None
        validators = await self._looks.validators(url, answer, made=False)
        got = await self._plain.ask(url, validators)
        if isinstance(got, Outcome):
            return None
        if confirms(got, answer, validators):
            self._archive.write_unmodified(got, answer.origin, answer.headers.get("content-type"))
            return self._same_file(capture, got)
        if got.status != 200:
            return None
        self._archive.write(got)
        if payload_digest(got.body) == answer.digest:
            return self._same_file(capture, got)
        return SeenFile(Fetched(url, url, got.status, headers_of(got), got.body))

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
            if missed.found_on in pages
            or missed.found_on in self._unchanged
            or missed.url in self._unchanged
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


def _as_now(asked: AskedFor, look: Look | None) -> AskedFor:
    if look is None or look.sha256 is None or asked.sha256 is None:
        return asked
    return asked.model_copy(update={"sha256": look.sha256})


def can_be_asked(requests: Sequence[AskedFor]) -> bool:
    """Whether all that a page depends on can be asked for again without doing anything on the site."""
    looked_at = [asked for asked in requests if _counts(asked)]
    return bool(looked_at and looked_at[0].kind == "document") and all(
        asked.method == "GET" and asked.status is not None and asked.kind not in STREAMS
        for asked in looked_at
    )


def _counts(asked: AskedFor) -> bool:
    """Whether what a page shows depends on an answer; a ``blob:`` was made on the page from others."""
    return asked.kind not in NOT_LOOKED_AT and not asked.url.startswith(("blob:", "data:"))
