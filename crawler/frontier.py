"""The frontier of one visit: which addresses are pages or files of the space, each once, within budget."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import parse_qsl, urldefrag, urlencode, urlsplit, urlunsplit

from crawler.reading import FoundLink, PageReading
from crawler.sniff import claimed_kind
from crawler.task import Limits
from models.manifest import NotCaptured
from models.vocabulary import NotScreened, PageKind, ResourceKind
from rules.hosts import offsite_kind
from rules.profile import Profile

_ESCAPE = re.compile(r"%[0-9a-fA-F]{2}")
#: Links of these kinds are pages or pictures unless the page or the profile marks them as files.
_NOT_FILES = frozenset({ResourceKind.HTML, ResourceKind.IMAGE})


@dataclass(frozen=True, slots=True)
class PlannedPage:
    """A page to read."""

    url: str
    kind: PageKind
    depth: int
    found_on: str | None


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file that the space offers."""

    url: str
    found_on: str
    name: str
    price: str | None = None


def normalise(url: str) -> str:
    """One spelling of an address: no fragment, lower-case host, no default port, sorted query.

    Escapes are written with capitals: platforms write a Chinese name both ways.

    A fragment that is a route (``#/…`` or ``#!…``) is kept: it is another page.
    """
    plain, fragment = urldefrag(url)
    parts = urlsplit(plain)
    default = {"http": ":80", "https": ":443"}.get(parts.scheme, "")
    host = parts.netloc.lower().removesuffix(default)
    query = urlencode(sorted(parse_qsl(parts.query, keep_blank_values=True)))
    route = fragment if fragment.startswith(("/", "!")) else ""
    path = _ESCAPE.sub(lambda escape: escape[0].upper(), parts.path) or "/"
    return urlunsplit((parts.scheme.lower(), host, path, query, route))


class Frontier:
    """What is still to be read, and what was seen."""

    def __init__(self, start: str, profile: Profile, limits: Limits) -> None:
        """Begin at the nominated address."""
        self._profile = profile
        self._limits = limits
        self._space = profile.space_of(start)
        self._queue: deque[PlannedPage] = deque()
        self._seen: set[str] = {normalise(start)}
        self._planned = 1
        self.files: dict[str, FoundFile] = {}
        self.left_out: list[NotCaptured] = []

    def moved_to(self, url: str) -> None:
        """The space's home answered under another address: that is where its pages are."""
        self._space = self._profile.space_of(url) or self._space
        self._seen.add(normalise(url))

    def add(self, page: PlannedPage, reading: PageReading) -> None:
        """Sort a page's links into pages and files."""
        for link in reading.links:
            url = normalise(link.url)
            if self._is_file(link, url):
                self._add_file(link, page.url, self._price(reading))
            elif self._is_page(url):
                self._add_page(url, self._profile.page_kind(url) or PageKind.OTHER, page)
            elif kind := self._member_kind(link, url, page.kind):
                self._add_page(url, kind, page)

    def __iter__(self) -> Iterator[PlannedPage]:
        """Take pages until none is left."""
        while self._queue:
            yield self._queue.popleft()

    def take(self) -> PlannedPage | None:
        """The next page, or None."""
        return self._queue.popleft() if self._queue else None

    def give_up(self, why: str) -> None:
        """Put what is still queued into the ledger."""
        for page in self:
            self._leave_out(page.url, page.found_on, why)

    def leave_out_file(self, file: FoundFile, why: str) -> None:
        """Put a file into the ledger that there is no budget for."""
        self.files.pop(file.url, None)
        self._leave_out(file.url, file.found_on, why)

    def _leave_out(self, url: str, found_on: str | None, why: str) -> None:
        left = NotCaptured(url=url, found_on=found_on, reason=NotScreened.BUDGET, detail=why)
        self.left_out.append(left)

    def _price(self, reading: PageReading) -> str | None:
        price = self._profile.price
        if price is None or reading.price is None:
            return None
        return reading.price if re.search(price.pattern, reading.price) else None

    def _is_file(self, link: FoundLink, url: str) -> bool:
        if offsite_kind(url):
            return True
        if self._profile.is_resource(url):
            return True
        claimed = claimed_kind(url)
        if link.file:
            return claimed is not None or not self._is_page(url)
        return claimed is not None and claimed not in _NOT_FILES

    def _is_page(self, url: str) -> bool:
        if self._profile.ignores(url) or not self._profile.covers(url):
            return False
        space = self._profile.space_of(url)
        if space is None or self._space is None:
            return False
        if not self._profile.pages:
            return space == self._space or space.startswith(self._space.rstrip("/") + "/")
        return space == self._space and self._profile.page_kind(url) is not None

    def _member_kind(self, link: FoundLink, url: str, on: PageKind) -> PageKind | None:
        """The kind of page behind a link that belongs to the space by where it stands."""
        if self._profile.ignores(url) or not self._profile.covers(url):
            return None
        if self._space is None or self._profile.space_of(url) not in (None, self._space):
            return None
        for members in self._profile.members:
            if on in members.found_on and members.selector in link.members:
                return self._profile.page_kind(url) or members.kind
        return None

    def _add_file(self, link: FoundLink, found_on: str, price: str | None) -> None:
        url = urldefrag(link.url).url
        if url in self.files:
            return
        if len(self.files) >= self._limits.max_resources:
            self._leave_out(url, found_on, f"文件超过 {self._limits.max_resources} 个")
            return
        self.files[url] = FoundFile(url, found_on, link.text, price)

    def _add_page(self, url: str, kind: PageKind, parent: PlannedPage) -> None:
        if url in self._seen:
            return
        self._seen.add(url)
        if parent.depth >= self._limits.max_depth:
            self._leave_out(url, parent.url, f"链接层数超过 {self._limits.max_depth}")
            return
        if self._planned >= self._limits.max_pages:
            self._leave_out(url, parent.url, f"页面超过 {self._limits.max_pages} 页")
            return
        self._planned += 1
        self._queue.append(PlannedPage(url, kind, parent.depth + 1, parent.url))
