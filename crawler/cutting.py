"""Takes the beginning of a large file and no more: a plain fetch that cuts itself off at a cap.

Scrapy fails a download that is over its size limit and throws the bytes away. What we want of a
lesson video of a gigabyte is its first bytes, as evidence that everybody gets them. So a fetch with
a ``Cap`` is stopped by Scrapy's ``bytes_received`` signal and its response kept.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.exceptions import StopDownload
from scrapy.signals import bytes_received

#: The key of a request's metadata under which its cap is.
CAP = "spaceaudit_cap"
#: What has come of a file by its time limit is judged as a beginning if it is at least this, in bytes;
#: of less, magic bytes aside, nothing can be said.
LEAST = 64 * 1024
#: The part of the time limit after which a fetch is cut: the rest is for closing in good order.
TIME_SHARE = 0.9


@dataclass(slots=True)
class Cap:
    """How much of a body is taken, and how much has come so far.

    Attributes:
        most: Bytes taken at most.
        seconds: The fetch's time limit, in seconds.
        stopped: ``length`` or ``time``, once the fetch was cut.
    """

    most: int
    seconds: float
    received: int = 0
    #: When the first bytes came: what a fetch waits for its turn is not the site's slowness.
    began: float | None = None
    stopped: str | None = None

    def anew(self) -> Cap:
        """The same cap for another request."""
        return Cap(self.most, self.seconds)

    def take(self, count: int) -> bool:
        """Count bytes that came; False when no more are wanted."""
        if self.began is None:
            self.began = time.monotonic()
        self.received += count
        if self.received > self.most:
            self.stopped = "length"
        elif self.received >= LEAST and time.monotonic() - self.began > self.seconds * TIME_SHARE:
            self.stopped = "time"
        return self.stopped is None


def watch(crawler: Crawler) -> None:
    """Stop the crawler's downloads at their caps."""
    crawler.signals.connect(_stop_at_cap, bytes_received)


def _stop_at_cap(data: bytes, request: Request) -> None:
    cap = request.meta.get(CAP)
    if cap is None:
        return
    # Scrapy has made its own check of the announced length; from here on it bounds the unpacking.
    request.meta["download_maxsize"] = cap.most
    if not cap.take(len(data)):
        raise StopDownload(fail=False)


def told_length(status: int, headers: Mapping[str, str]) -> int | None:
    """How long the whole file is, in bytes, when the answer says so."""
    if status == 206:
        total = headers.get("content-range", "").rpartition("/")[2].strip()
        return int(total) if total.isdigit() else None
    length = headers.get("content-length", "").strip()
    return int(length) if length.isdigit() else None
