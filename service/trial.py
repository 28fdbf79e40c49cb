"""What a site profile made of a few pages: the links left out and why, the fields that did nothing.

Reads a finished snapshot. What was taken is the manifest's word; why a link was left out is said
by the profile's own questions, in the order in which the crawler asks them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import urljoin, urlsplit

from scrapy.selector import Selector

from crawler.frontier import normalise
from crawler.store import SnapshotReader
from crawler.traps import without_tracking
from models.manifest import Manifest, PageCapture
from rules.profile import Profile

#: Fields of which nobody expects a match on every space: a refusal, a link never to be followed.
RARE = frozenset({"markers", "ignore"})


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A link that was taken neither as a page nor as a file."""

    url: str
    found_on: str
    why: str


@dataclass(frozen=True, slots=True)
class FieldUse:
    """How often one entry of a profile matched; ``count`` is None when that cannot be said here."""

    field: str
    value: str
    count: int | None

    @property
    def idle(self) -> bool:
        """Whether it matched nothing, although most spaces would have something for it."""
        return self.count == 0 and self.field.partition(",")[0] not in RARE


@dataclass(frozen=True, slots=True)
class Trial:
    """A trial of a profile."""

    manifest: Manifest
    left_out: tuple[LeftOut, ...]
    fields: tuple[FieldUse, ...]
    #: Labels found where the platform declares who may see, whose words the profile does not know.
    unknown_labels: tuple[str, ...]


class _Page:
    """A page of the snapshot, with its document as it stood when it was read."""

    def __init__(self, capture: PageCapture, dom: str) -> None:
        self.capture = capture
        self.document = Selector(text=dom, type="html")

    @cached_property
    def links(self) -> tuple[str, ...]:
        """The addresses its links lead to."""
        base = urljoin(self.address, self.document.css("base::attr(href)").get("").strip())
        hrefs = self.document.css("a::attr(href), area::attr(href)").getall()
        urls = (_joined(base, href) for href in hrefs)
        return tuple(normalise(url) for url in urls if urlsplit(url).scheme in ("http", "https"))

    @property
    def address(self) -> str:
        """Where the browser ended up."""
        return self.capture.final_url or self.capture.url

    def found(self, css: str) -> Sequence[Selector]:
        """The elements of a selector; raises ValueError for one that only a browser knows."""
        try:
            return self.document.css(css)
        except (SyntaxError, RuntimeError) as error:
            raise ValueError(css) from error


def _joined(base: str, href: str) -> str:
    try:
        return urljoin(base, href.strip())
    except ValueError:
        return ""  # a malformed address is none


def read_trial(profile: Profile, snapshot: SnapshotReader) -> Trial:
    """Say what the profile made of the pages of a snapshot."""
    manifest = snapshot.manifest
    pages = [
        _Page(capture, dom.decode())
        for capture in manifest.pages
        if (dom := snapshot.body(f"urn:dom:{capture.url}"))
    ]
    return Trial(
        manifest=manifest,
        left_out=tuple(_left_out(profile, manifest, pages)),
        fields=tuple(_fields(profile, manifest, pages)),
        unknown_labels=tuple(_unknown_labels(profile, pages)),
    )


# --- Links


def _left_out(profile: Profile, manifest: Manifest, pages: Sequence[_Page]) -> Iterator[LeftOut]:
    space = profile.space_of(pages[0].address) if pages else None
    over_budget = {normalise(left.url): left.detail for left in manifest.not_captured}
    seen = {normalise(page.url) for page in manifest.pages}
    seen |= {normalise(page.final_url) for page in manifest.pages if page.final_url}
    seen |= {normalise(file.url) for file in manifest.resources}
    for page in pages:
        for url in page.links:
            if url not in seen and without_tracking(url) not in seen:
                seen.add(url)
                why = over_budget.get(url) or why_left_out(profile, url, space, manifest.scope)
                yield LeftOut(url, page.capture.url, why)


def why_left_out(profile: Profile, url: str, space: str | None, scope: str = "") -> str:
    """The first question of the profile that an address does not pass.

    ``scope`` is what the visit learned of the space's addresses, where the profile lets it learn.
    """
    if not profile.covers(url):
        return "在别的网站(hosts)"
    for number, pattern in enumerate(profile.ignore, 1):
        if profile.matches(pattern, url):
            return f"不访问的地址(ignore 第 {number} 条)"
    identity = profile.space_of(url)
    if identity is None:
        return "网址里没有空间(space_pattern),链接也不在 members 所指之处"
    if identity != space and (profile.pages or not identity.startswith(f"{space}/")):
        return f"不合认页规则({scope})" if scope else f"属于别的空间:{identity}"
    if profile.pages and profile.page_kind(url) is None:
        return "属于本空间,但 pages 没有一条相符"
    return "没有读到(画面之外的链接,或访问提前结束)"


# --- Fields


def _fields(profile: Profile, manifest: Manifest, pages: Sequence[_Page]) -> Iterator[FieldUse]:
    yield from _page_patterns(profile, manifest)
    yield from _members(profile, pages)
    links = {url for page in pages for url in page.links}
    for name, patterns in (
        ("ignore", profile.ignore),
        ("resource_patterns", profile.resource_patterns),
    ):
        files = {file.url for file in manifest.resources} if name == "resource_patterns" else set()
        for number, pattern in enumerate(patterns, 1):
            count = sum(profile.matches(pattern, url) for url in links | files)
            yield FieldUse(f"{name}, {number}", pattern, count)
    for field, css in _selectors(profile):
        yield FieldUse(field, css, _count(pages, css))
    for number, marker in enumerate(profile.markers, 1):
        sign = marker.text or marker.selector or marker.url or ""
        count = sum(_decided(page, marker.outcome, sign) for page in manifest.pages)
        yield FieldUse(f"markers, {number}", f"{marker.outcome}: {sign}", count)


def _page_patterns(profile: Profile, manifest: Manifest) -> Iterator[FieldUse]:
    """Each page counts for the first pattern that matches, as in the crawl."""
    first = Counter(
        next((n for n, p in enumerate(profile.pages, 1) if profile.matches(p.pattern, page.url)), 0)
        for page in manifest.pages
    )
    for number, page in enumerate(profile.pages, 1):
        yield FieldUse(f"pages, {number}", f"{page.kind}: {page.pattern}", first[number])


def _members(profile: Profile, pages: Sequence[_Page]) -> Iterator[FieldUse]:
    for number, members in enumerate(profile.members, 1):
        on = [page for page in pages if page.capture.kind in members.found_on]
        kinds = "、".join(kind.label for kind in members.found_on)
        value = f"{members.selector}({kinds})"
        yield FieldUse(f"members, {number}", value, _count(on, members.selector))


def _selectors(profile: Profile) -> Iterator[tuple[str, str]]:
    """The selectors the author wrote, with the field's name; defaults are not theirs to mend."""
    for name in (
        "resource_selectors",
        "load_more_selectors",
        "next_page_selectors",
        "tab_selectors",
        "volatile_selectors",
    ):
        for number, css in enumerate(getattr(profile, name), 1):
            yield f"{name}, {number}", css
    if "resource_attributes" in profile.model_fields_set:
        for number, attribute in enumerate(profile.resource_attributes, 1):
            yield f"resource_attributes, {number}", f"[{attribute}]"
    if profile.ready_selector:
        yield "ready_selector", profile.ready_selector
    if profile.declared:
        yield "declared, selector", profile.declared.selector
    if profile.price:
        yield "price, selector", profile.price.selector


def _count(pages: Sequence[_Page], css: str) -> int | None:
    try:
        return sum(len(page.found(css)) for page in pages)
    except ValueError:
        return None


def _decided(page: PageCapture, outcome: str, sign: str) -> bool:
    """Whether this sign was the evidence of an attempt."""
    return any(a.outcome == outcome and f"“{sign}”" in a.evidence for a in page.attempts)


def _unknown_labels(profile: Profile, pages: Sequence[_Page]) -> Iterator[str]:
    if profile.declared is None:
        return
    seen: set[str] = set()
    for page in pages:
        try:
            labels = page.found(profile.declared.selector)
        except ValueError:
            return
        for label in labels[:1]:  # as the crawler does
            words = re.sub(r"\s+", " ", label.xpath("string()").get("")).strip()
            known = any(value in words for value in profile.declared.values)
            if words and not known and words not in seen:
                seen.add(words)
                yield words
