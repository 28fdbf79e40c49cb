"""The frontier of one visit: which addresses are pages or files of the space, each once, within budget."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import parse_qsl, urldefrag, urlencode, urlsplit, urlunsplit

from crawler.disks import disk_note
from crawler.ledger import Ledger
from crawler.paging import list_of
from crawler.readings import FoundLink, PageReading
from crawler.scope import Scope, Whose
from crawler.sniff import claimed_kind
from crawler.task import Limits
from crawler.traps import Traps, shape_of, without_tracking
from models.manifest import NotCaptured
from models.vocabulary import NotScreened, PageKind, ResourceKind, ResourceSource
from rules.hosts import offsite_kind
from rules.profile import ROUTE_MARKS, Profile

_ESCAPE = re.compile(r"%[0-9a-fA-F]{2}")
#: Pages of which only their own author's mark may say whose they are; read at most, in one visit.
UNSURE_PAGES = 12
#: Of one form of address, so many that named nobody or somebody else: no more of them are tried.
UNSURE_MISSES = 3
#: Links of these kinds are pages or pictures unless the page or the profile marks them as files.
_NOT_FILES = frozenset({ResourceKind.HTML, ResourceKind.IMAGE})


@dataclass(frozen=True, slots=True)
class PlannedPage:
    """A page to read."""

    url: str
    kind: PageKind
    depth: int
    found_on: str | None
    #: Its address does not say whose it is: it counts only if it names the space as its author.
    unsure: bool = False


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file that the space offers."""

    url: str
    found_on: str
    name: str
    price: str | None = None
    source: ResourceSource = ResourceSource.LINK
    #: The page or the profile says that a file is there, whatever the address looks like.
    promised: bool = False
    #: What the page says beside the link.
    note: str = ""


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
    route = fragment if fragment.startswith(ROUTE_MARKS) else ""
    path = _ESCAPE.sub(lambda escape: escape[0].upper(), parts.path) or "/"
    return urlunsplit((parts.scheme.lower(), host, path, query, route))


class Frontier:
    """What is still to be read, and what was seen."""

    def __init__(self, start: str, profile: Profile, limits: Limits) -> None:
        """Begin at the nominated address."""
        self._profile = profile
        self._limits = limits
        self._space = profile.space_of(start)
        self._scope = Scope(start) if profile.learn_scope else None
        self._kept = profile.named_parameters
        self._queue: deque[PlannedPage] = deque()
        self._seen: set[str] = {self._identity(normalise(start))}
        self._planned = 1
        self._traps = Traps()
        self._ledger = Ledger()
        self._unsure = 0
        self._misses: dict[str, int] = defaultdict(int)
        #: Pages read and pages stated of each list, by the addresses on which it was seen.
        self._lists: dict[str, dict[str, tuple[int, int]]] = defaultdict(dict)
        self.files: dict[str, FoundFile] = {}

    @property
    def left_out(self) -> list[NotCaptured]:
        """The ledger: what was found and not read, and why."""
        return [*self._ledger.rows(), *self._lists_cut_short()]

    @property
    def scope(self) -> str:
        """By what pages were told to be of the space, in words; empty when the profile says it."""
        if self._scope is None:
            return ""
        parts = [f"前缀 {self._space}"] if self._space else []
        return ";".join([*parts, self._scope.words] if self._scope.words else parts)

    def moved_to(self, url: str) -> None:
        """The space's home answered under another address: that is where its pages are."""
        self._space = self._profile.space_of(url) or self._space
        self._seen.add(self._identity(normalise(url)))
        if self._scope is not None and (moved := Scope(url)).known:
            self._scope = moved

    def add(self, page: PlannedPage, reading: PageReading) -> None:
        """Sort a page's links into pages and files, and note what of it was left unread."""
        self._note_unread(page, reading)
        if self._scope is not None and page.kind is PageKind.HOME:
            self._scope.learn(link for link in reading.links if not link.hidden)
        # A frame that was read as a part of this page is no page again.
        self._seen |= {self._identity(normalise(url)) for url in reading.frames}
        for link in reading.links:
            url = normalise(link.url)
            if self._is_file(link, url):
                self._add_file(link, page.url, reading)
            elif self._is_page(url):
                self._add_page(url, self._profile.page_kind(url) or PageKind.OTHER, page)
            elif kind := self._member_kind(link, url, page.kind):
                self._add_page(url, kind, page)
            elif self._may_be_ours(link, url, page):
                self._add_unsure(url, page)
        self._note_unsearched(page, reading)

    def _note_unsearched(self, page: PlannedPage, reading: PageReading) -> None:
        """Into the ledger: data of the page in which files were not looked for, or not taken."""
        if reading.files_left:
            why = f"页面脚本和数据中还有 {reading.files_left} 个文件地址没有取"
            self._leave_out(page.url, page.found_on, why)
        if reading.search_cut:
            why = "页面脚本和数据过长,没有全部用来查找文件地址"
            self._leave_out(page.url, page.found_on, why)

    def confirms(self, page: PlannedPage, reading: PageReading | None) -> bool:
        """Whether a page that was read is the space's; one that does not say so goes to the ledger."""
        if not page.unsure:
            return True
        if self._scope is not None and reading and self._scope.names_us(reading.links):
            self._planned += 1
            return True
        self._misses[shape_of(page.url)] += 1
        self._leave_unsure(page.url, page.found_on)
        return False

    def __iter__(self) -> Iterator[PlannedPage]:
        """Take pages until none is left."""
        while self._queue:
            yield self._queue.popleft()

    def take(self) -> PlannedPage | None:
        """The next page, or None."""
        while self._queue:
            page = self._queue.popleft()
            why = self._traps.given_up(page.url)
            if why is None:
                return page
            self._leave_out(page.url, page.found_on, why, trap=True)
        return None

    def give_up(self, why: str) -> None:
        """Put what is still queued into the ledger."""
        for page in self:
            self._leave_out(page.url, page.found_on, why)

    def _identity(self, url: str) -> str:
        return without_tracking(url, self._kept)

    def _leave_out(self, url: str, found_on: str | None, why: str, *, trap: bool = False) -> None:
        self._ledger.note(url, found_on, why, shape_of(url), single=trap)

    def _leave_unsure(self, url: str, found_on: str | None) -> None:
        self._ledger.note(
            url, found_on, "空间里有此链接,但看不出是本空间的页面,未计入", shape_of(url),
            reason=NotScreened.NOT_CAPTURED, single=True,
        )  # fmt: skip

    def _note_unread(self, page: PlannedPage, reading: PageReading) -> None:
        for what in reading.left_unread:
            self._leave_out(page.url, page.found_on, what)
        texts = sorted({block.text for block in reading.blocks if not block.volatile})
        self._traps.read(page.url, hashlib.sha256("\n".join(texts).encode()).hexdigest())
        if reading.pages_stated:
            lists = self._lists[list_of(self._identity(page.url))]
            lists[page.url] = (reading.pages_read, reading.pages_stated)

    def _lists_cut_short(self) -> Iterator[NotCaptured]:
        """Lists that say of themselves that they have more pages than were read."""
        for pages in self._lists.values():
            read = sum(read for read, _ in pages.values())
            stated = max(stated for _, stated in pages.values())
            if read < stated:
                detail = f"列表标注共 {stated} 页,读到 {read} 页"
                yield NotCaptured(url=min(pages), reason=NotScreened.BUDGET, detail=detail)

    def leave_out_file(self, file: FoundFile, why: str) -> None:
        """Put a file into the ledger that there is no budget for."""
        self.files.pop(file.url, None)
        self._leave_out(file.url, file.found_on, why)

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
            return self._is_learned(url, space, self._space)
        return space == self._space and self._profile.page_kind(url) is not None

    def _is_learned(self, url: str, space: str, ours: str) -> bool:
        whose = self._scope.whose(url) if self._scope else Whose.UNSAID
        bounds = "/" if "?" in ours else "/?#"
        below = space == ours or space.startswith(tuple(ours.rstrip("/") + b for b in bounds))
        return whose is Whose.OURS or (below and whose is not Whose.OTHERS)

    def _may_be_ours(self, link: FoundLink, url: str, page: PlannedPage) -> bool:
        """Whether a page lists an address as its own matter that does not say whose it is."""
        if self._scope is None or not self._scope.known or page.unsure or link.hidden:
            return False
        if not link.main or page.depth > 1 or self._profile.ignores(url):
            return False
        here = urlsplit(page.url)
        there = urlsplit(url)
        above = here.path.startswith(there.path.rstrip("/") + "/") and not there.query
        same_site = there.netloc == here.netloc
        return same_site and not above and self._scope.whose(url) is Whose.UNSAID

    def _add_unsure(self, url: str, parent: PlannedPage) -> None:
        if self._identity(url) in self._seen:
            return
        spent = self._unsure >= UNSURE_PAGES or self._misses[shape_of(url)] >= UNSURE_MISSES
        if spent or parent.depth >= self._limits.max_depth or self._traps.why(url):
            self._leave_unsure(url, parent.url)
            return
        self._seen.add(self._identity(url))
        self._unsure += 1
        self._queue.append(
            PlannedPage(url, PageKind.ARTICLE, parent.depth + 1, parent.url, unsure=True)
        )

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

    def _add_file(self, link: FoundLink, found_on: str, reading: PageReading) -> None:
        url = urldefrag(link.url).url
        known = self.files.get(url)
        # What one page only hints at another may link.
        if known is not None and (link.source.guessed or not known.source.guessed):
            return
        if known is None and len(self.files) >= self._limits.max_resources:
            self._leave_out(url, found_on, f"文件超过 {self._limits.max_resources} 个")
            return
        marked = link.file and link.source is ResourceSource.LINK
        self.files[url] = FoundFile(
            url,
            found_on,
            link.text,
            self._price(reading),
            source=link.source,
            promised=marked or self._profile.is_resource(url),
            note=disk_note(link.url, link.text, reading.text) if offsite_kind(url) else "",
        )

    def _add_page(self, url: str, kind: PageKind, parent: PlannedPage) -> None:
        identity = self._identity(url)
        if identity in self._seen:
            return
        self._seen.add(identity)
        if trap := self._traps.why(url):
            self._leave_out(url, parent.url, trap, trap=True)
            return
        if parent.depth >= self._limits.max_depth:
            self._leave_out(url, parent.url, f"链接层数超过 {self._limits.max_depth}")
            return
        if self._planned >= self._limits.max_pages:
            self._leave_out(url, parent.url, f"页面超过 {self._limits.max_pages} 页")
            return
        self._planned += 1
        self._queue.append(PlannedPage(url, kind, parent.depth + 1, parent.url))
