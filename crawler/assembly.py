"""Puts together what a visit found: the evidence records of each page, and the manifest."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version

from crawler.access import Measured, combine
from crawler.addresses import Denial
from crawler.archive import Archive
from crawler.browsing import Browsed
from crawler.frontier import FoundFile, PlannedPage
from crawler.guard import GuardEvent
from crawler.openness import Opened, combine_fetches
from crawler.plain import Fetched
from crawler.reading import PageReading
from crawler.task import CrawlOrder, SpaceTask
from models.manifest import (
    Attempt,
    Canary,
    ImageCapture,
    Manifest,
    NotCaptured,
    PageCapture,
    Politeness,
    Reason,
    ResourceCapture,
    Versions,
)
from models.vocabulary import (
    Access,
    NotScreened,
    Openness,
    Outcome,
    PageKind,
    ResourceKind,
    Visibility,
)
from rules.hosts import offsite_kind
from rules.profile import Profile

#: Visibilities of a single page that make a public space *partly* public. A dead link does not.
CLOSED = frozenset(
    {Visibility.LOGIN, Visibility.PASSWORD, Visibility.RESTRICTED, Visibility.HIDDEN}
)


@dataclass(slots=True)
class VisitedPage:
    """A page with all attempts at it; ``browsed`` is the last one's."""

    planned: PlannedPage
    attempts: list[Attempt] = field(default_factory=list)
    browsed: Browsed | None = None


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

    def fetched(self, answer: Fetched) -> None:
        """Keep what the last fetch says of the file."""
        self.status = answer.status
        self.content_type = answer.headers.get("content-type")
        self.size = len(answer.body) if answer.status is not None else None
        self.sha256 = hashlib.sha256(answer.body).hexdigest() if answer.body else None


@dataclass(frozen=True, slots=True)
class Found:
    """All that a visit found."""

    pages: Sequence[VisitedPage]
    files: Sequence[VisitedFile]
    not_captured: Sequence[NotCaptured]
    refused: Sequence[GuardEvent]
    canary: Canary
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
    """Write a page's evidence: screenshot, text blocks with boxes, DOM, and what it asked for."""
    browsed, url = page.browsed, page.planned.url
    info = {
        "url": url,
        "attempt": page.attempts[-1].model_dump(mode="json"),
        "requests": browsed.requests if browsed else 0,
    }
    archive.json(f"urn:pageinfo:{url}", info, at)
    if browsed is None or browsed.reading is None:
        return
    reading = browsed.reading
    archive.json(f"urn:text:{url}", [b.model_dump(mode="json") for b in reading.blocks], at)
    archive.resource(f"urn:dom:{url}", browsed.dom.encode(), "text/html; charset=utf-8", at)
    if reading.screenshot:
        archive.resource(f"urn:fullPage:{url}", reading.screenshot, "image/jpeg", at)
        reading.screenshot = None


def assemble(
    found: Found, under: Circumstances, sha256_of: Callable[[str], str | None]
) -> Manifest:
    """Build the manifest, its content digest included."""
    home = found.pages[0]
    measured = combine(home.attempts, canary_up=found.canary.up)
    pages = [_page(page, under.profile, canary_up=found.canary.up) for page in found.pages]
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
        images=tuple(_images(found.pages, sha256_of)),
        not_captured=tuple(found.not_captured),
        refused_by_guard=tuple(_refused(found.refused)),
        site_profile=under.profile.id,
        site_profile_digest=under.profile.digest,
        user_agent=under.user_agent,
        robots_authority=under.order.robots_authority,
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


def _page(page: VisitedPage, profile: Profile, *, canary_up: bool) -> PageCapture:
    measured = combine(page.attempts, canary_up=canary_up)
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
        images=tuple(image.url for image in reading.images) if reading else (),
        frames_unread=tuple(reading.frames_unread) if reading else (),
        text_sha256=_text_sha256(reading),
        captured=reading is not None and last.outcome is Outcome.OK,
        requests=page.browsed.requests if page.browsed else 0,
        screenshot_cut_at=reading.cut_at if reading else None,
        more_below=reading.more_below if reading else False,
    )


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
    lasting = "\n".join(block.text for block in reading.blocks if not block.volatile)
    return hashlib.sha256(lasting.encode()).hexdigest()


def _resources(found: Found) -> list[ResourceCapture]:
    captures = [_resource(file, canary_up=found.canary.up) for file in found.files]
    return sorted(captures, key=lambda capture: capture.url)


def _resource(file: VisitedFile, *, canary_up: bool) -> ResourceCapture:
    kind = offsite_kind(file.found.url)
    if kind is not None:
        words = {"net_disk": "网盘", "shop": "网店"}.get(kind, kind)
        opened = Opened(
            Openness.OFFSITE, Outcome.OK, ResourceKind.OTHER, f"链接指向站外{words},未抓取"
        )
    else:
        opened = combine_fetches(file.seen, canary_up=canary_up)
    price = f";页面标价:{file.found.price}" if file.found.price else ""
    return ResourceCapture(
        url=file.found.url,
        found_on=file.found.found_on,
        name=file.found.name,
        kind=opened.kind,
        openness=opened.openness,
        evidence=opened.evidence + price,
        status=file.status,
        content_type=file.content_type,
        bytes=file.size,
        sha256=file.sha256,
        attempts=tuple(file.attempts),
    )


def _images(
    pages: Sequence[VisitedPage], sha256_of: Callable[[str], str | None]
) -> list[ImageCapture]:
    captures: dict[str, ImageCapture] = {}
    for page in pages:
        reading = page.browsed.reading if page.browsed else None
        for image in reading.images if reading else ():
            inline = image.url.startswith("data:")
            digest = hashlib.sha256(image.url.encode()).hexdigest() if inline else None
            url = f"data:sha256-{digest}" if inline else image.url
            sha256 = digest or sha256_of(image.url)
            captures.setdefault(
                url,
                ImageCapture(
                    url=url,
                    found_on=page.planned.url,
                    alt=image.alt,
                    width=image.width,
                    height=image.height,
                    sha256=sha256,
                    captured=sha256 is not None,
                ),
            )
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
    )
