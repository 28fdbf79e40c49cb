"""Puts together what a visit found: the evidence records of each page, and the manifest."""

from __future__ import annotations

import hashlib
import platform
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Literal

from crawler.access import Measured, combine
from crawler.addresses import Denial
from crawler.archive import Archive
from crawler.browsing import Browsed
from crawler.earlier import links_for_record
from crawler.frontier import FoundFile, PlannedPage
from crawler.guard import GuardEvent
from crawler.openness import Opened, combine_fetches
from crawler.pagelog import Row
from crawler.pictures import image_captures, picture_url, record_pictures
from crawler.plain import Fetched
from crawler.reading import READER_VERSION
from crawler.readings import FoundImage, PageReading
from crawler.revisit import Unchanged
from crawler.screenshots import strips_of
from crawler.task import CrawlOrder, SpaceTask
from models.manifest import (
    Attempt,
    Canary,
    HostFacts,
    ImageCapture,
    Manifest,
    NotCaptured,
    PageCapture,
    Politeness,
    Reason,
    ResourceCapture,
    Versions,
    screenshot_uri,
)
from models.vocabulary import (
    Access,
    NotScreened,
    Openness,
    Outcome,
    PageKind,
    ResourceKind,
    ResourceSource,
    Visibility,
)
from rules.hosts import offsite_host
from rules.profile import Profile

#: Visibilities of a single page that make a public space *partly* public. A dead link does not.
CLOSED = frozenset(
    {Visibility.LOGIN, Visibility.PASSWORD, Visibility.RESTRICTED, Visibility.HIDDEN}
)
#: What can be seen and not read, as the script that reads a page names it.
UNREAD_WORDS = {
    "canvas": "个画布,其中的文字未读",
    "closed_shadow": "个可能封闭的影子节点,其中的文字未读",
}


#: A part of a page's evidence in the WARC file, as the first part of its ``urn:``.
StoredPart = Literal["text", "dom", "fullPage"]


@dataclass(slots=True)
class VisitedPage:
    """A page with all attempts at it; ``browsed`` is the last one's."""

    planned: PlannedPage
    attempts: list[Attempt] = field(default_factory=list)
    browsed: Browsed | None = None
    #: Which evidence of it is in the WARC file.
    stored: list[StoredPart] = field(default_factory=list)
    #: Set when the page was not read: nothing in it has changed since an earlier visit.
    unchanged: Unchanged | None = None


@dataclass(slots=True)
class VisitedFile:
    """A file with all fetches of it; its bytes are in the WARC, not here."""

    found: FoundFile
    seen: list[Opened] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)
    status: int | None = None
    content_type: str | None = None
    size: int | None = None
    sha256: str | None = None
    truncated: bool = False
    #: Set when its bytes are those of an earlier visit.
    unchanged: ResourceCapture | None = None

    def fetched(self, answer: Fetched) -> None:
        """Keep what the last fetch says of the file; of a beginning, the size of the whole if told."""
        self.status = answer.status
        self.content_type = answer.headers.get("content-type")
        self.truncated = answer.truncated is not None
        self.size = len(answer.body) if answer.status is not None else None
        if self.truncated:
            self.size = answer.total or self.size
        self.sha256 = hashlib.sha256(answer.body).hexdigest() if answer.body else None
        self.unchanged = None

    def still(self, earlier: ResourceCapture) -> None:
        """The same bytes as at an earlier visit."""
        self.status, self.content_type = earlier.status, earlier.content_type
        self.size, self.sha256 = earlier.bytes, earlier.sha256
        self.unchanged = earlier


@dataclass(frozen=True, slots=True)
class Found:
    """All that a visit found."""

    pages: Sequence[VisitedPage]
    files: Sequence[VisitedFile]
    not_captured: Sequence[NotCaptured]
    refused: Sequence[GuardEvent]
    canary: Canary
    hosts: tuple[HostFacts, ...] = ()
    #: Where redirects led: a picture is listed by the address that its bytes came from.
    arrived: Mapping[str, str] = field(default_factory=dict)
    #: By what pages were told to be of the space, where no profile says it.
    scope: str = ""
    #: Pictures of an earlier visit by address, for the pages that have not changed since then.
    earlier_images: Mapping[str, ImageCapture] = field(default_factory=dict)
    politeness: Politeness | None = None
    robots_sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Circumstances:
    """Under which circumstances it was found."""

    snapshot_id: str
    order: CrawlOrder
    task: SpaceTask
    profile: Profile
    user_agent: str
    browser: str
    started: datetime


def record_attempt(archive: Archive, page: VisitedPage, at: datetime) -> None:
    """Write a page's evidence: screenshot, text blocks with boxes, DOM."""
    browsed, url = page.browsed, page.planned.url
    if browsed is not None:
        page.stored = record_page(archive, url, browsed, at)
        # In the file now; a visit of many pages must not hold them all.
        browsed.dom = ""
        if browsed.reading is not None:
            browsed.reading.strips.clear()


def record_page(archive: Archive, url: str, browsed: Browsed, at: datetime) -> list[StoredPart]:
    """Write what was read of a page: screenshot, text blocks with boxes, DOM; returns what there was."""
    reading = browsed.reading
    if reading is None:
        return []
    archive.json(f"urn:text:{url}", [b.model_dump(mode="json") for b in reading.blocks], at)
    links = {
        "links": links_for_record(reading.links),
        "price": reading.price,
        "frames": reading.frames,
    }
    archive.json(f"urn:links:{url}", links, at)
    archive.resource(f"urn:dom:{url}", browsed.dom.encode(), "text/html; charset=utf-8", at)
    record_pictures(archive, reading, at)
    for number, strip in enumerate(reading.strips):
        archive.resource(screenshot_uri(url, number), strip, "image/jpeg", at)
    parts: list[StoredPart] = ["text", "dom"]
    return [*parts, "fullPage"] if reading.strips else parts


def assemble(
    found: Found, under: Circumstances, sha256_of: Callable[[str], str | None]
) -> Manifest:
    """Build the manifest, its content digest included."""
    home = found.pages[0]
    measured = combine(home.attempts, canary_up=found.canary.up)
    pages = [_page(page, under.profile, found) for page in found.pages]
    visibility, reasons = _space_visibility(measured, pages)
    reasons += tuple(_contradictions(pages, visibility))
    manifest = Manifest(
        snapshot_id=under.snapshot_id,
        crawl_id=under.order.crawl_id,
        campaign=under.order.campaign,
        space=under.task.space,
        url=under.task.url,
        taken_at=under.started,
        finished_at=datetime.now(UTC),
        visibility=visibility,
        reasons=reasons,
        attempts=tuple(home.attempts),
        canary=found.canary,
        declared=pages[0].declared,
        pages=tuple(sorted(pages, key=lambda page: (page.kind is not PageKind.HOME, page.url))),
        resources=tuple(_resources(found)),
        images=tuple(_images(found, sha256_of)),
        not_captured=tuple(found.not_captured),
        refused_by_guard=tuple(_refused(found.refused)),
        hosts=found.hosts,
        site_profile=under.profile.id,
        site_profile_digest=under.profile.digest,
        user_agent=under.user_agent,
        robots_authority=under.order.robots_authority,
        scope=found.scope,
        robots_sha256=found.robots_sha256,
        politeness=found.politeness,
        versions=_versions(under.browser),
    )
    return manifest.with_content_digest()


def _space_visibility(
    measured: Measured, pages: Sequence[PageCapture]
) -> tuple[Visibility, tuple[Reason, ...]]:
    closed = [page for page in pages if page.visibility in CLOSED]
    if measured.visibility is not Visibility.PUBLIC or not closed:
        return measured.visibility, measured.reasons
    items = (
        Reason(
            code=page.visibility, evidence=f"{page.url}:{page.visibility.label}({page.evidence})"
        )
        for page in closed
    )
    return Visibility.PARTIAL, (*measured.reasons, *items)


def _contradictions(pages: Sequence[PageCapture], space: Visibility) -> Iterator[Reason]:
    """Where the platform says "everybody" and a stranger was refused, or the other way round."""
    for page in pages:
        measured = space if page is pages[0] else page.visibility
        if page.declared is None or Access.CANNOT_TELL in (measured.access, page.declared.access):
            continue
        if page.declared.access is not measured.access:
            said = f"平台标注“{page.declared.label}”,实测“{measured.label}”"
            yield Reason(code="declared_differs", evidence=f"{page.url}:{said}")


def _page(page: VisitedPage, profile: Profile, found: Found) -> PageCapture:
    if page.unchanged is not None:
        return page.unchanged.capture()
    measured = combine(page.attempts, canary_up=found.canary.up)
    shown = _shown(replace(found, pages=[page]))
    reading = page.browsed.reading if page.browsed else None
    last = page.attempts[-1]
    return PageCapture(
        url=page.planned.url,
        final_url=last.final_url,
        kind=page.planned.kind,
        title=reading.title if reading else "",
        visibility=measured.visibility,
        outcome=measured.outcome,
        evidence=measured.reasons[-1].evidence,
        declared=_declared(reading, profile),
        attempts=tuple(page.attempts),
        status=last.status,
        blocks=len(reading.blocks) if reading else 0,
        images=tuple(dict.fromkeys(picture_url(image.url) for _, image in shown)),
        unread=tuple(_unread(page, reading)),
        frames_unread=tuple(reading.frames_unread) if reading else (),
        text_sha256=_text_sha256(reading),
        captured=reading is not None and last.outcome is Outcome.OK,
        requests=_answered(page.browsed.asked) if page.browsed else 0,
        screenshot_cut_at=reading.cut_at if reading else None,
        screenshot_strips=strips_of(reading.size) if reading else 1,
        more_below=reading.more_below if reading else False,
        states=tuple(reading.states) if reading else (),
    )


def _answered(asked: Sequence[Row]) -> int:
    return sum(each.status is not None for each in asked)


def _declared(reading: PageReading | None, profile: Profile) -> Visibility | None:
    if reading is None or reading.declared is None or profile.declared is None:
        return None
    for words, visibility in profile.declared.values.items():
        if words in reading.declared:
            return visibility
    return None


def _text_sha256(reading: PageReading | None) -> str | None:
    if reading is None:
        return None
    # Sorted: a page whose modules stand in another order with every look says the same.
    lasting = "\n".join(sorted(block.text for block in reading.blocks if not block.volatile))
    return hashlib.sha256(lasting.encode()).hexdigest()


def _resources(found: Found) -> list[ResourceCapture]:
    captures = [_resource(file, canary_up=found.canary.up) for file in found.files]
    return sorted(captures, key=lambda capture: capture.url)


def _resource(file: VisitedFile, *, canary_up: bool) -> ResourceCapture:
    opened = _opened(file, canary_up=canary_up)
    source = file.found.source
    remarks = [
        f"页面标价:{file.found.price}" if file.found.price else "",
        f"地址见于{source.label}" if source is not ResourceSource.LINK else "",
        file.found.note,
    ]
    return ResourceCapture(
        url=file.found.url,
        found_on=file.found.found_on,
        name=file.found.name,
        kind=opened.kind,
        openness=opened.openness,
        evidence=";".join([opened.evidence, *filter(None, remarks)]),
        status=file.status,
        content_type=file.content_type,
        bytes=file.size,
        sha256=file.sha256,
        truncated=file.truncated,
        source=source,
        promised=file.found.promised,
        price=file.found.price,
        note=file.found.note,
        attempts=tuple(file.attempts),
        unchanged_since=file.unchanged.unchanged_since if file.unchanged else None,
        as_in=file.unchanged.as_in if file.unchanged else "",
    )


def _opened(file: VisitedFile, *, canary_up: bool) -> Opened:
    away = offsite_host(file.found.url)
    if away is not None:
        said = f"链接指向站外{away.label},未抓取"
        return Opened(Openness.OFFSITE, Outcome.OK, ResourceKind.OTHER, said)
    opened = combine_fetches(file.seen, canary_up=canary_up)
    if file.found.source.guessed and opened.openness is Openness.MISSING:
        # What a script would make of the address is not known: it may be half of one.
        why = f"{opened.evidence};不能据此判为文件不存在"
        return replace(opened, openness=Openness.UNREACHABLE, evidence=why)
    return opened


def _shown(found: Found) -> Iterator[tuple[str, FoundImage]]:
    """Every picture with the page it is on."""
    for page in found.pages:
        if page.browsed and page.browsed.reading:
            for image in page.browsed.reading.images:
                yield page.planned.url, replace(image, url=found.arrived.get(image.url, image.url))


def _unread(page: VisitedPage, reading: PageReading | None) -> Iterator[NotCaptured]:
    """What the page shows and holds no text that can be read, by kind."""
    kinds = Counter(reading.unread if reading else ())
    for kind, count in sorted(kinds.items()):
        what = f"{count} {UNREAD_WORDS[kind]}"
        yield NotCaptured(url=page.planned.url, reason=NotScreened.PICTURE_TEXT, detail=what)


def _images(found: Found, sha256_of: Callable[[str], str | None]) -> list[ImageCapture]:
    """The pictures of the pages that were read, and of those that have not changed since they were."""
    captures = {image.url: image for image in image_captures(_shown(found), sha256_of)}
    for page in found.pages:
        for url in page.unchanged.known.capture.images if page.unchanged else ():
            known = found.earlier_images.get(url)
            if known is not None and url not in captures:
                captures[url] = known.model_copy(update={"found_on": page.planned.url})
    return [captures[url] for url in sorted(captures)]


def _refused(events: Sequence[GuardEvent]) -> list[NotCaptured]:
    return [
        NotCaptured(
            url=event.url or f"{event.host}:{event.port}",
            reason=NotScreened.NOT_CAPTURED,
            detail=f"被出口守卫拒绝:{event.denial.label}",
        )
        for event in events
        if event.denial is not None
        and (event.denial.outcome is Outcome.GUARD_DENIED or event.denial is Denial.PAUSED)
    ]


def _versions(browser: str) -> Versions:
    return Versions(
        spaceaudit=version("spaceaudit"),
        browser=browser,
        scrapy=version("scrapy"),
        playwright=version("playwright"),
        python=platform.python_version(),
        reading=READER_VERSION,
    )
