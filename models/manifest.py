"""The snapshot manifest: what one visit to one space found, as frozen records.

The crawler writes it into the WACZ as ``manifest.json``; everything downstream reads it from
there. A field is added, never renamed; ``schema_version`` rises when a meaning changes.
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from models.vocabulary import (
    NotScreened,
    Openness,
    Outcome,
    PageKind,
    ResourceKind,
    ResourceSource,
    Visibility,
)

#: Its place in the WACZ: in a folder, since the reference validator looks for listed files there.
MANIFEST_NAME = "spaceaudit/manifest.json"
SCHEMA_VERSION = 1


class Record(BaseModel):
    """A frozen record; unknown fields of a newer writer are kept out, not an error."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Box(Record):
    """A rectangle on the page's full screenshot, in CSS pixels from its upper left corner."""

    x: float
    y: float
    width: float
    height: float


class Line(Box):
    """One line that a text block takes on the screen; it shows the characters ``[start, end)``."""

    start: int
    end: int


class TextBlock(Record):
    """A run of visible text with the lines it takes on the screen."""

    text: str
    #: ``text``, ``title``, ``alt`` (a picture's description), ``value`` (a field's), ``link`` (a hidden link).
    role: Literal["text", "title", "alt", "value", "link"] = "text"
    #: CSS-like path of the element, for people; never used to find the text again.
    locator: str = ""
    #: Address of the frame, when it is not the page itself.
    frame: str | None = None
    lines: tuple[Line, ...] = ()
    #: True when the profile says that this changes with every visit (counters, clocks).
    volatile: bool = False
    #: The state of the page in which it was seen (a tab, a later page of a list turned in place), with
    #: its lines as they stood then; empty: as the screenshot shows it.
    state: str = ""

    def boxes(self, start: int, end: int) -> list[Box]:
        """The boxes that the characters ``[start, end)`` take, a part of a line by proportion."""
        found = []
        for line in self.lines:
            first, last = max(start, line.start), min(end, line.end)
            if first >= last:
                continue
            per_character = line.width / (line.end - line.start)
            x = line.x + (first - line.start) * per_character
            width = (last - first) * per_character
            found.append(Box(x=x, y=line.y, width=width, height=line.height))
        return found


class PlainFetch(Record):
    """The same address fetched without a browser, as the second witness of an attempt."""

    outcome: Outcome
    status: int | None = None
    final_url: str | None = None
    content_type: str | None = None
    sha256: str | None = None


class Attempt(Record):
    """One try at one address with a fresh browser context."""

    number: int
    started_at: datetime
    outcome: Outcome
    status: int | None = None
    final_url: str | None = None
    #: What was seen, in words an officer can check: the sign, the address, the error.
    evidence: str = ""
    plain: PlainFetch | None = None


class Reason(Record):
    """Why something was measured as it was: a code and the evidence for it."""

    code: str
    evidence: str


class NotCaptured(Record):
    """An address that was found and not brought home, and why."""

    url: str
    found_on: str | None = None
    reason: NotScreened
    detail: str = ""


class PageCapture(Record):
    """One page of the space."""

    url: str
    final_url: str | None = None
    kind: PageKind = PageKind.OTHER
    title: str = ""
    visibility: Visibility
    outcome: Outcome
    evidence: str = ""
    #: What the platform itself says about who may see it, where it says so.
    declared: Visibility | None = None
    attempts: tuple[Attempt, ...] = ()
    status: int | None = None
    blocks: int = 0
    images: tuple[str, ...] = ()
    #: SHA-256 of the page's lasting text (volatile blocks left out).
    text_sha256: str | None = None
    #: Whether a screenshot, the text blocks and the DOM are in the WARC.
    captured: bool = False
    #: How many answers the page asked for.
    requests: int = 0
    #: Frames whose text could not be read.
    frames_unread: tuple[str, ...] = ()
    #: What is shown and holds no text that can be read: a drawing, a closed shadow tree.
    unread: tuple[NotCaptured, ...] = ()
    #: True when an endless page was cut off after the steps of scrolling we allow.
    more_below: bool = False
    #: States that were read beside the page as it first stood: tabs, later pages of a list.
    states: tuple[str, ...] = ()
    #: The screenshot covers the page down to this many CSS pixels; None = all of it.
    screenshot_cut_at: int | None = None
    #: A tall page's screenshot comes in this many pictures, one below the other.
    screenshot_strips: int = 1
    #: Nothing the page is made of has changed since it was read by the browser at this time; None =
    #: it was read at this visit.
    unchanged_since: datetime | None = None
    #: The snapshot of the visit at which it was read, when that was an earlier one.
    as_in: str = ""


class ResourceCapture(Record):
    """One file that the space offers, fetched anonymously without a browser."""

    url: str
    found_on: str
    name: str = ""
    kind: ResourceKind = ResourceKind.OTHER
    openness: Openness
    #: How the openness shows, in words an officer can check.
    evidence: str = ""
    status: int | None = None
    content_type: str | None = None
    bytes: int | None = None
    sha256: str | None = None
    #: Only the beginning was taken: it is judged by that, ``bytes`` is the whole's length if told,
    #: ``sha256`` is of what was taken.
    truncated: bool = False
    source: ResourceSource = ResourceSource.LINK
    #: What the page says of it: that it is for download, what it costs, what stands beside the link.
    promised: bool = False
    price: str | None = None
    note: str = ""
    attempts: tuple[Attempt, ...] = ()
    #: The bytes are those that came at this time; None = they came at this visit.
    unchanged_since: datetime | None = None
    as_in: str = ""


class ImageCapture(Record):
    """One picture shown on a page."""

    url: str
    found_on: str
    alt: str = ""
    width: int = 0
    height: int = 0
    sha256: str | None = None
    captured: bool = False


class Canary(Record):
    """A page known to be up, fetched before and after the visit: it shows our own outage."""

    url: str
    before: Outcome
    after: Outcome

    @property
    def up(self) -> bool:
        """Whether our way to the platform worked both times."""
        return self.before is Outcome.OK and self.after is Outcome.OK


class TlsFacts(Record):
    """What an encrypted connection showed of the server behind it."""

    #: ``TLS 1.3``; known where the browser visited the host.
    protocol: str = ""
    subject: str = ""
    issuer: str = ""
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    #: SHA-256 of the server's own certificate (DER), in hex; known where a plain fetch went there.
    sha256: str = ""


class HostFacts(Record):
    """One server of the visit: the addresses it was reached at, and its TLS facts."""

    host: str
    port: int
    #: In the order they were connected to, each once.
    addresses: tuple[str, ...] = ()
    tls: TlsFacts | None = None


class SitePause(Record):
    """A site that was left alone for a while because it asked for it (``Retry-After``)."""

    #: ``host:port``.
    site: str
    until: datetime
    #: What it asked for, in seconds; None where another visit had been asked. No more than 15 minutes
    #: are kept to in one go.
    asked_seconds: float | None = None


class Politeness(Record):
    """How the sites were spared during a visit."""

    #: Most requests under way to one site at once, over all visits; None in older snapshots.
    site_concurrency: int | None = None
    #: The fewest to which that fell because a site showed strain; None where it did not.
    fewest: int | None = None
    #: ``Crawl-delay`` or ``Request-rate`` of robots.txt, and what of it was kept to, in seconds.
    asked_spacing: float | None = None
    kept_spacing: float | None = None
    pauses: tuple[SitePause, ...] = ()
    #: Seconds for which pages and files were held back (pauses, spacing, quiet hours), and of that
    #: for quiet hours; seconds for which requests waited for their turn.
    held_seconds: float = 0.0
    quiet_seconds: float = 0.0
    waited_seconds: float = 0.0
    quiet_hours: str = ""
    #: All bytes that came from sites during the visit.
    bytes: int | None = None


class Versions(Record):
    """What did the work, so that a later reader can tell a change of tool from a change of space."""

    spaceaudit: str
    browser: str
    scrapy: str
    playwright: str
    python: str
    #: Changes with what is read of a page (``crawler.reading.READER_VERSION``).
    reading: str = ""


class EarlierSnapshot(Record):
    """An earlier snapshot that holds bytes which this one refers to."""

    snapshot_id: str
    #: Its name in the snapshot store, and ``sha256:…`` of the file.
    wacz: str
    digest: str
    taken_at: datetime


class VolatilePart(Record):
    """A part of an answer that was seen to change by itself; it never counts as a change."""

    #: The address of the answer, or of the page it is shown on.
    url: str
    #: Where in it: a JSON path, an element's path, or a text block's locator.
    where: str
    #: What it was at the first look and at the second.
    first: str = ""
    second: str = ""


class Manifest(Record):
    """All that one visit to one space found."""

    schema_version: int = SCHEMA_VERSION
    snapshot_id: str
    crawl_id: str
    campaign: str
    space: str
    url: str
    taken_at: datetime
    finished_at: datetime
    visibility: Visibility
    reasons: tuple[Reason, ...]
    attempts: tuple[Attempt, ...]
    canary: Canary | None = None
    declared: Visibility | None = None
    pages: tuple[PageCapture, ...] = ()
    resources: tuple[ResourceCapture, ...] = ()
    images: tuple[ImageCapture, ...] = ()
    not_captured: tuple[NotCaptured, ...] = ()
    #: Addresses our own guard refused, with its reason.
    refused_by_guard: tuple[NotCaptured, ...] = ()
    #: The servers that were connected to.
    hosts: tuple[HostFacts, ...] = ()
    site_profile: str
    site_profile_digest: str
    user_agent: str
    #: The earlier snapshots whose bytes are referred to: they must be kept with this one.
    earlier: tuple[EarlierSnapshot, ...] = ()
    #: When everything was last read by the browser; None = at this visit.
    full_visit_at: datetime | None = None
    #: What was learned to change by itself, by comparing two looks.
    volatile: tuple[VolatilePart, ...] = ()
    #: By whose written authority robots.txt was not obeyed; empty: it was.
    robots_authority: str = ""
    #: By what the addresses of the space were told, where no profile says it; empty: by the profile.
    scope: str = ""
    #: SHA-256 of the robots.txt that was read; None where there was none to read.
    robots_sha256: str | None = None
    #: How the sites were spared; None in older snapshots.
    politeness: Politeness | None = None
    versions: Versions
    content_digest: str = Field(default="")

    def with_content_digest(self) -> Manifest:
        """The same manifest with its content digest filled in."""
        return self.model_copy(update={"content_digest": content_digest(self)})


class _Envelope(Record):
    # A bare manifest has a list named "resources", which makes readers of data packages take it
    # for one of theirs.
    snapshot: Manifest


def screenshot_uri(page_url: str, strip: int = 0) -> str:
    """The name of the record with a page's screenshot, or with a further strip of a tall one's."""
    return f"urn:fullPage:{f'{strip + 1}:' if strip else ''}{page_url}"


def dump_manifest(manifest: Manifest) -> bytes:
    """The manifest as the JSON file that goes into the WACZ."""
    return _Envelope(snapshot=manifest).model_dump_json(indent=1).encode()


def load_manifest(data: bytes) -> Manifest:
    """Read such a file; raises pydantic's ValidationError for anything else."""
    return _Envelope.model_validate_json(data).snapshot


def content_digest(manifest: Manifest) -> str:
    """``sha256:…`` over what the space says and offers: page texts, pictures, files, access.

    Times, addresses of servers and volatile blocks are left out, so that two visits to an
    unchanged space agree.
    """
    content = {
        "visibility": manifest.visibility,
        "pages": sorted((p.url, p.visibility, p.text_sha256 or "") for p in manifest.pages),
        "resources": sorted((r.url, r.openness, r.sha256 or "") for r in manifest.resources),
        "images": sorted({(i.url, i.sha256 or "") for i in manifest.images}),
    }
    canonical = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return "sha256:" + hashlib.sha256(canonical.encode()).hexdigest()
