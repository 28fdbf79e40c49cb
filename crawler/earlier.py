"""The snapshot of an earlier visit, as a later visit wants it: what was asked for and what came.

Anything that is missing or broken in it makes for a full visit, never for a fault.
"""

from __future__ import annotations

import hashlib
import json
import logging
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from crawler.archive import ARCHIVE_ERRORS, Origin
from crawler.frontier import FoundFile
from crawler.pictures import WRITTEN_IN
from crawler.reading import READER_VERSION
from crawler.readings import FoundLink
from crawler.store import Place, SnapshotReader, SnapshotStore, StoreError
from crawler.task import EarlierVisit, SpaceTask
from crawler.wacz import file_sha256
from models.manifest import (
    EarlierSnapshot,
    ImageCapture,
    Manifest,
    PageCapture,
    ResourceCapture,
    screenshot_uri,
)
from models.pageinfo import AskedFor, PageInfo
from models.vocabulary import Fate, Openness, Outcome, ResourceSource
from rules.profile import Profile

log = logging.getLogger(__name__)

#: What a lost or damaged snapshot raises.
BROKEN = (
    StoreError,
    OSError,
    zipfile.BadZipFile,
    zlib.error,
    KeyError,
    TypeError,
    ValueError,
    *ARCHIVE_ERRORS,
)
#: Records of a page's reading, by the beginning of their name: they are carried over as they are.
READING = ("urn:text:", "urn:dom:", "urn:links:")


@dataclass(frozen=True, slots=True)
class KnownAnswer:
    """An answer that the earlier snapshot holds."""

    status: int
    request_headers: Mapping[str, str]
    headers: Mapping[str, str]
    #: Of the payload, as WARC writes it.
    digest: str
    place: Place
    origin: Origin


@dataclass(frozen=True, slots=True)
class KnownPage:
    """A page that was read at an earlier visit."""

    capture: PageCapture
    links: Sequence[FoundLink]
    price: str | None
    #: Addresses of the frames that were read as a part of it.
    frames: Sequence[str]
    info: PageInfo

    @property
    def asked(self) -> Sequence[AskedFor]:
        """What the page itself asked for at the last attempt at it."""
        last = max((asked.attempt for asked in self.info.asked), default=1)
        return [
            asked
            for asked in self.info.asked
            if asked.attempt == last
            and asked.source == "browser"
            and asked.fate is not Fate.NOT_ASKED
        ]


class Earlier:
    """The snapshot of an earlier visit, open; and those that it refers to."""

    def __init__(self, reader: SnapshotReader, listed: EarlierVisit) -> None:
        """Read from ``reader``, which was told of as ``listed``."""
        self._reader = reader
        self._listed = listed

    @property
    def manifest(self) -> Manifest:
        """What that visit found."""
        return self._reader.manifest

    @cached_property
    def snapshots(self) -> Mapping[str, EarlierSnapshot]:
        """This snapshot and those it refers to, by id."""
        own = EarlierSnapshot(
            snapshot_id=self._listed.snapshot_id,
            wacz=self._listed.wacz,
            digest=self._listed.digest,
            taken_at=self.manifest.taken_at,
        )
        return {each.snapshot_id: each for each in (own, *self.manifest.earlier)}

    @cached_property
    def images(self) -> Mapping[str, ImageCapture]:
        """The pictures by address."""
        return {image.url: image for image in self.manifest.images}

    def page(self, url: str) -> KnownPage | None:
        """A page that was captured there and can be looked at again without a browser."""
        capture = self._pages.get(url)
        found, info = (self._json(f"urn:{kind}:{url}") for kind in ("links", "pageinfo"))
        if capture is None or found is None or info is None:
            return None
        links = [_link(raw) for raw in found["links"]]
        told = PageInfo.model_validate(info)
        return KnownPage(capture, links, found.get("price"), found.get("frames", ()), told)

    def _json(self, uri: str) -> Any:  # noqa: ANN401
        raw = self._reader.resource(uri)
        return json.loads(raw) if raw else None

    def file(self, url: str) -> ResourceCapture | None:
        """A file that was open there."""
        return self._files.get(url)

    def files_of(self, page_url: str) -> Iterator[FoundFile]:
        """The files that a page led to, however they were found on it."""
        for file in self.manifest.resources:
            if file.found_on == page_url:
                yield FoundFile(
                    file.url,
                    file.found_on,
                    file.name,
                    file.price,
                    source=file.source,
                    promised=file.promised,
                    note=file.note,
                )

    def answers(self, url: str) -> Sequence[KnownAnswer]:
        """What an address answered there, whole answers of any status, the oldest first."""
        places = self._reader.places(url)
        return [answer for place in places if (answer := self._answer(place)) is not None]

    def answer_of(self, file: ResourceCapture) -> KnownAnswer | None:
        """The answer that a file was judged by."""
        whole = [answer for answer in self.answers(file.url) if answer.status == 200]
        if len(whole) == 1:
            return whole[0]
        same = (a for a in whole if hashlib.sha256(self.body(a)).hexdigest() == file.sha256)
        return next(same, None)

    def body(self, answer: KnownAnswer) -> bytes:
        """The bytes of an answer."""
        return self._reader.payload(answer.place) or b""

    def origin(self, url: str, digest: str) -> Origin | None:
        """Where the bytes of an address with this digest are kept; None where nobody can say."""
        try:
            for place in self._reader.places(url):
                if place.digest == digest and place.is_good:
                    return self._origin(place)
        except BROKEN as error:
            # Asked for every answer that is written: it is then written whole.
            log.warning("%s cannot be referred to: %s", self._listed.wacz, error)
        return None

    def reading_records(self, page: PageCapture) -> Iterator[tuple[str, bytes]]:
        """The records of a page's reading as they are in the file, with their names.

        Text, links, DOM, the screenshot's strips, and the pictures that are written into the page.
        """
        names = [f"{kind}{page.url}" for kind in READING]
        names += [screenshot_uri(page.url, strip) for strip in range(page.screenshot_strips)]
        names += [image for image in page.images if image.startswith(WRITTEN_IN)]
        for name in names:
            places = self._reader.places(name)
            if places:
                yield name, self._reader.raw(places[-1])

    @cached_property
    def _pages(self) -> Mapping[str, PageCapture]:
        return {
            page.url: page
            for page in self.manifest.pages
            if page.captured and page.outcome is Outcome.OK
        }

    @cached_property
    def _files(self) -> Mapping[str, ResourceCapture]:
        return {
            file.url: file
            for file in self.manifest.resources
            if file.openness is Openness.OPEN
            and file.status == 200
            and file.sha256
            and not file.truncated
        }

    def _origin(self, place: Place) -> Origin | None:
        held = self._reader.origin(place)
        if held is None:
            return None
        reader, at = held
        own = reader is self._reader
        snapshot_id = self._listed.snapshot_id if own else reader.manifest.snapshot_id
        return Origin(snapshot_id, at.url, at.date, at.digest)

    def _answer(self, place: Place) -> KnownAnswer | None:
        held = self._reader.origin(place)
        origin = self._origin(place)
        record = self._reader.head(place)
        if held is None or origin is None or record.http_headers is None:
            return None
        headers = dict(_headers(held[0].head(held[1]).http_headers))
        headers |= dict(_headers(record.http_headers))
        asked = self._reader.request_of(place)
        return KnownAnswer(
            status=200 if place.is_reference else int(place.status),
            request_headers=dict(_headers(asked.http_headers)) if asked else {},
            headers=headers,
            digest=place.digest,
            place=place,
            origin=origin,
        )


def open_earlier(
    task: SpaceTask,
    profile: Profile,
    store: SnapshotStore,
    stack: ExitStack,
    not_before: datetime,
) -> Earlier | None:
    """Open the earlier snapshot of a task for as long as ``stack`` lasts; None for a full visit.

    It counts only when it is the file that was recorded, whole with all it refers to, of the same
    address, read by the same profile and the same code, and everything was read by the browser
    since ``not_before``.
    """
    if task.earlier is None:
        return None
    try:
        path = stack.enter_context(store.local(task.earlier.wacz))
        reader = stack.enter_context(SnapshotReader(path, store.local))
        manifest = reader.manifest
        why = _why_not(manifest, task, profile, store, not_before)
        if f"sha256:{file_sha256(path)}" != task.earlier.digest:
            why = "it is not the file that was recorded"
    except BROKEN as error:
        why = str(error)
    if why:
        log.info("%s is visited in full: %s", task.space, why)
        return None
    return Earlier(reader, task.earlier)


def _why_not(
    manifest: Manifest,
    task: SpaceTask,
    profile: Profile,
    store: SnapshotStore,
    not_before: datetime,
) -> str:
    if manifest.url != task.url:
        return "another address"
    if manifest.site_profile_digest != profile.digest:
        return "another profile"
    if manifest.versions.reading != READER_VERSION:
        return "read by other code"
    if (manifest.full_visit_at or manifest.taken_at) <= not_before:
        return "the last full visit is too long ago"
    lost = [each.wacz for each in manifest.earlier if not store.exists(each.wacz)]
    return f"the store lacks {lost[0]}, which it refers to" if lost else ""


def not_before(started: datetime, days: float) -> datetime:
    """Since when everything must have been read in full, for a visit that starts now."""
    return started - timedelta(days=days)


def links_for_record(links: Sequence[FoundLink]) -> list[dict[str, Any]]:
    """A page's links for its record, what is as usual left out."""
    usual = asdict(FoundLink(""))
    return [
        {
            name: sorted(value) if isinstance(value, frozenset) else value
            for name, value in asdict(link).items()
            if value != usual[name]
        }
        for link in links
    ]


def _link(raw: Mapping[str, Any]) -> FoundLink:
    known = FoundLink.__slots__
    values: dict[str, Any] = {
        name: frozenset(value) if isinstance(value, list) else value
        for name, value in raw.items()
        if name in known
    }
    if "source" in values:
        values["source"] = next(each for each in ResourceSource if each == values["source"])
    return FoundLink(**values)


def _headers(headers: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401  (warcio's are untyped)
    for name, value in headers.headers:
        yield name.lower(), value
