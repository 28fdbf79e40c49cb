"""What a page asked for: the record ``urn:pageinfo:ADDRESS`` in the WARC file of a snapshot.

One for each page of the visit, written at its end. A field is added, never renamed;
``schema_version`` rises when a meaning changes.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from models.manifest import Attempt, Record
from models.vocabulary import Fate

PAGEINFO_VERSION = 1


class AskedFor(Record):
    """One address that a page asked for, or shows and the browser did not ask for."""

    url: str
    method: str = "GET"
    #: What the browser wanted it for, in its own words: ``document``, ``image``, ``fetch``, …
    kind: str = "other"
    #: In which attempt at the page.
    attempt: int = 1
    fate: Fate
    #: Who brought it home: the page's own request, or a plain fetch afterwards.
    source: Literal["browser", "direct"] = "browser"
    status: int | None = None
    mime: str | None = None
    #: Bytes of the decoded body, and their SHA-256; a body that was not kept whole has no digest.
    size: int | None = None
    sha256: str | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    #: The address whose redirect led here.
    redirected_from: str | None = None
    service_worker: bool = False
    detail: str = ""


class PageInfo(Record):
    """All that a visit knows about how one page came to be what was seen."""

    schema_version: int = PAGEINFO_VERSION
    url: str
    #: The page's ``id`` in ``pages/pages.jsonl``, and ``WARC-Page-ID`` of the records it asked for.
    page_id: str
    final_url: str | None = None
    #: The last attempt at the page, and all of them.
    attempt: Attempt
    attempts: tuple[Attempt, ...] = ()
    #: Which evidence of the page is in the WARC file, as the first part of its ``urn:``.
    stored: tuple[Literal["text", "dom", "fullPage"], ...] = ()
    asked: tuple[AskedFor, ...] = ()
    #: Nothing the page is made of has changed since it was read by the browser at this time.
    unchanged_since: datetime | None = None
    as_in: str = ""
    #: How many of them had which fate.
    fates: dict[Fate, int] = Field(default_factory=dict)
