"""The record of what each page asked for, and which plain fetches would close its gaps.

Written at the end of a visit: by then what the browser could not hand over may have come another way,
as a file of the space or fetched for this.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Set
from dataclasses import dataclass
from datetime import UTC, datetime

from crawler.archive import Archive, page_id
from crawler.assembly import VisitedPage
from crawler.pagelog import PageLog, Row
from models.manifest import NotCaptured
from models.pageinfo import AskedFor, PageInfo
from models.vocabulary import Fate, NotScreened

#: Plain fetches of a visit that only close gaps, at most: they add to what the site is asked.
MOST_FETCHES = 40
#: What can be had again without its page: not what a script asked for with a state of its own.
FETCHABLE = frozenset(
    {"document", "embed", "font", "image", "media", "other", "script", "stylesheet", "texttrack"}
)
#: What a browser without a window does not ask for, and no visitor reads.
UNREAD_KINDS = frozenset({"icon", "manifest"})
#: It is there, and the browser did not bring it whole.
OPEN_GAPS = frozenset({Fate.PARTIAL, Fate.GONE, Fate.ABORTED, Fate.STREAM, Fate.NOT_ASKED})

#: What one request did not bring whole and another may have.
NOT_WHOLE = OPEN_GAPS | {Fate.FAILED, Fate.UNANSWERED}

DigestOf = Callable[[str], str | None]


def add_unasked(log: PageLog, pages: Iterable[VisitedPage]) -> None:
    """Add what the pages show or name, and the browser did not ask for."""
    for page in pages:
        url = page.planned.url
        reading = page.browsed.reading if page.browsed else None
        known = {row.url for row in log.rows(url)}
        for embed in reading.embeds if reading else ():
            if embed.url not in known:
                known.add(embed.url)
                row = Row(embed.url, "GET", embed.kind, url, len(page.attempts), None)
                row.fate = Fate.NOT_ASKED
                log.add(row)


def gaps(log: PageLog, sha256_of: DigestOf) -> list[str]:
    """Addresses that a plain fetch may still bring home, each once."""
    found = (
        row.url
        for row in log.all_rows()
        if row.fate in OPEN_GAPS
        and row.method == "GET"
        and row.kind in FETCHABLE
        and row.url.startswith(("http:", "https:"))
        and sha256_of(row.url) is None
    )
    return list(dict.fromkeys(found))[:MOST_FETCHES]


def not_captured(log: PageLog, sha256_of: DigestOf) -> Iterator[NotCaptured]:
    """The ledger's entries for what pages asked for and the snapshot does not hold whole.

    What the guard refused has a list of its own.
    """
    told: set[tuple[str, str]] = set()
    for row in log.all_rows():
        key = (row.url, row.page_url)
        silent = row.fate is Fate.REFUSED or (
            row.fate is Fate.NOT_ASKED and row.kind in UNREAD_KINDS
        )
        if row.fate.kept or silent or key in told or _came_otherwise(row, sha256_of):
            continue
        told.add(key)
        large = row.fate is Fate.TOO_LARGE
        yield NotCaptured(
            url=row.url,
            found_on=row.page_url or None,
            reason=NotScreened.TOO_LARGE if large else NotScreened.NOT_CAPTURED,
            detail=f"{row.fate.label}:{row.detail}" if row.detail else row.fate.label,
        )


def write_pageinfo(
    archive: Archive, log: PageLog, pages: Iterable[VisitedPage], at: datetime | None = None
) -> None:
    """Write the record ``urn:pageinfo:`` of every page that was tried."""
    told = _Telling(archive.sha256_of, {row.url for row in log.all_rows() if row.fate.kept})
    for page in pages:
        # What has not changed keeps the account of when it was read.
        if page.attempts and page.unchanged is None:
            info = told.info(page, log)
            value = info.model_dump(mode="json", exclude_none=True)
            archive.json(f"urn:pageinfo:{info.url}", value, at or datetime.now(UTC))


@dataclass(frozen=True, slots=True)
class _Telling:
    """Tells of the rows at the end of a visit: by then some have come home otherwise."""

    sha256_of: DigestOf
    #: Addresses that a browser brought home, in whichever attempt at whichever page.
    browsed: Set[str]

    def info(self, page: VisitedPage, log: PageLog) -> PageInfo:
        url = page.planned.url
        asked = tuple(self._asked_for(row) for row in log.rows(url))
        return PageInfo(
            url=url,
            page_id=page_id(url),
            final_url=page.attempts[-1].final_url,
            attempt=page.attempts[-1],
            attempts=tuple(page.attempts),
            stored=tuple(page.stored),
            asked=asked,
            fates=dict(Counter(row.fate for row in asked)),
        )

    def _asked_for(self, row: Row) -> AskedFor:
        otherwise = _came_otherwise(row, self.sha256_of)
        direct = otherwise and row.url not in self.browsed
        fate = row.fate
        if otherwise:
            fate = Fate.CAPTURED if direct else Fate.KNOWN
        return AskedFor(
            url=row.url,
            method=row.method,
            kind=row.kind,
            attempt=row.attempt,
            fate=fate,
            source="direct" if direct else "browser",
            status=row.status,
            mime=row.mime,
            size=row.size,
            sha256=self.sha256_of(row.url) if otherwise else row.sha256,
            started_at=row.started,
            ended_at=row.ended,
            redirected_from=row.redirected_from,
            service_worker=row.service_worker,
            detail=row.detail or (row.fate.label if otherwise else ""),
        )


def _came_otherwise(row: Row, sha256_of: DigestOf) -> bool:
    """Whether what this request did not bring home whole came by another."""
    return (
        row.fate in NOT_WHOLE
        and row.method == "GET"
        and row.kind in FETCHABLE
        and sha256_of(row.url) is not None
    )
