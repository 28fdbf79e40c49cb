"""The order for one crawl process: which spaces, how, within which limits. Read from a JSON file."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field


class Order(BaseModel):
    """A frozen part of the crawl order; unknown fields are an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class EarlierVisit(Order):
    """The snapshot of an earlier visit: what has not changed since then is not rendered again."""

    snapshot_id: str
    #: Its name in the snapshot store, and ``sha256:…`` of the file.
    wacz: str
    digest: str


class SpaceTask(Order):
    """One nominated space to visit."""

    space: str
    url: str
    earlier: EarlierVisit | None = None


class Limits(Order):
    """What one visit may take."""

    #: Between two attempts at what was refused, in seconds: apart enough to outlast a passing fault.
    attempt_gap_seconds: float = Field(default=600, ge=0)
    max_attempts: int = Field(default=3, ge=2)
    #: One page, from navigation to screenshot.
    page_seconds: float = Field(default=45, gt=0)
    #: One plain fetch.
    fetch_seconds: float = Field(default=60, gt=0)
    max_pages: int = Field(default=80, ge=1)
    max_depth: int = Field(default=6, ge=0)
    max_resources: int = Field(default=300, ge=0)
    max_file_bytes: int = Field(default=64 * 1024 * 1024, gt=0)
    #: All that a visit brings home, browser and plain fetches: what is under way then is finished.
    max_visit_bytes: int = Field(default=1024**3, gt=0)
    #: The visit at work: pages and files not reached by then go to the ledger.
    visit_minutes: float = Field(default=20, gt=0)
    #: At least this often everything is read by the browser, changed or not; 0: at every visit.
    full_visit_days: float = Field(default=7, ge=0)
    #: Pages open at once in the browser.
    concurrency: int = Field(default=4, ge=1)
    #: Requests under way to one site at once, a page's own and plain fetches, over all that share
    #: ``CrawlOrder.site_slots``. A browser alone opens six connections: this is two visitors' load.
    site_concurrency: int = Field(default=12, ge=1)
    #: Times of day at which nothing is asked for (``07:30-12:00,14:00-17:30``), and their zone.
    quiet_hours: str = ""
    timezone: str = "Asia/Shanghai"


class CrawlOrder(Order):
    """All that a crawl process needs to know; it reads no configuration of its own."""

    crawl_id: str
    campaign: str
    profile: str
    spaces: tuple[SpaceTask, ...]
    limits: Limits = Limits()
    #: Addresses the guard lets through although not public (``host:port`` or ``CIDR:port``).
    egress_allow: str = ""
    browser: Path | None = None
    #: Address of the snapshot store, and the directory for work and receipts.
    store: str
    directory: Path
    #: The signing key; made on first use.
    key: Path
    contact: str = ""
    #: The time-stamp authority, and the certificates to verify its answers by; empty: none is asked.
    timestamp_url: str = ""
    timestamp_ca: Path | None = None
    #: Who allowed in writing to visit what robots.txt asks robots to leave alone; empty: it is obeyed.
    robots_authority: str = ""
    #: Where crawls on this machine share the slots of sites; None: a crawl counts for itself.
    site_slots: Path | None = None
    #: A pretended date-time at the start of the crawl, for rehearsals: quiet hours go by it.
    now: AwareDatetime | None = None

    @property
    def receipts(self) -> Path:
        """Where a finished visit leaves its receipt, as the last thing it does."""
        return self.directory / "done"


class Receipt(Order):
    """A finished visit: written only after the snapshot was verified and stored."""

    space: str
    snapshot_id: str
    wacz: str
    digest: str
    size: int
    #: The moment that the time-stamp authority vouches for, and SHA-256 of its answer in the store.
    stamped_at: datetime | None = None
    token: str = ""
    #: Why there is no time stamp although one was asked for.
    unstamped: str = ""

    @property
    def as_earlier(self) -> EarlierVisit:
        """This visit as a later one is told of it."""
        return EarlierVisit(snapshot_id=self.snapshot_id, wacz=self.wacz, digest=self.digest)
