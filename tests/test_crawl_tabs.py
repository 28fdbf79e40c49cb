"""Tabs gone on with: nothing of one page gets into the next, whatever the first one still does."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from crawler.browser import Browser
from crawler.store import SnapshotReader
from models.vocabulary import Outcome
from tests.crawl_site import LIMITS, Crawled, Paths, answer, crawl, listening, order_for
from tests.guard_site import Site, holds

pytestmark = pytest.mark.browser

#: What each page goes on doing after it has been read.
UNRULY: dict[str, str] = {
    # About when it has been read: it must not take the next page along.
    "moves-on": "setTimeout(() => location.replace('/s/tabs/away'), 900)",
    "polls": "setInterval(() => fetch('/s/tabs/poll?' + Math.random()), 20)",
    "hangs-on": "setTimeout(() => fetch('/s/tabs/never'), 1)",
    "asks-to-stay": "addEventListener('beforeunload', (e) => { e.preventDefault(); })",
    "alerts": "setInterval(() => alert('停'), 40)",
    "leaves-late": "addEventListener('pagehide', () => fetch('poll', { keepalive: true }))",
    "opens": "setInterval(() => window.open('/s/tabs/popup'), 80)",
    "busy": "setTimeout(() => { const end = Date.now() + 400; while (Date.now() < end); }, 40)",
    "closes": "setTimeout(() => window.close(), 40)",
    "remembers": "sessionStorage.been = 'here'; window.name = '前一页'",
}


def _page(name: str) -> str:
    return f"<!doctype html><title>{name}</title><p>本页是{name}</p><script>{UNRULY[name]}</script>"


@pytest.fixture(scope="module")
def tabs(
    tmp_path_factory: pytest.TempPathFactory, browser_executable: Browser
) -> Iterator[tuple[Site, Crawled]]:
    links = "".join(f"<a href=p/{name}>{name}</a>" for name in UNRULY)
    calm = {f"/s/tabs/p/calm{n}": answer(f"<title>c{n}</title><p>安静{n}") for n in range(8)}
    links += "".join(f"<a href=p/calm{n}>c</a>" for n in range(8))
    table = {f"/s/tabs/p/{name}": answer(_page(name)) for name in UNRULY}
    away = answer("<title>别处</title><p>这不是空间的网页</p>")
    table |= calm | {"/s/tabs/": answer(f"<title>home</title><p>主页</p>{links}")}
    table |= {"/s/tabs/away": away, "/s/tabs/popup": away, "/healthz": answer("ok")}
    site = Site(Paths(table | {"/s/tabs/never": holds()}))
    with listening(site):
        order = order_for(
            tmp_path_factory.mktemp("tabs"),
            {"tabs": f"{site.url}s/tabs/"},
            f"{site.host}:{site.port}",
            limits=LIMITS.model_copy(
                update={"max_pages": 40, "concurrency": 1, "page_seconds": 25}
            ),
        )
        yield site, crawl(order)


def test_each_page_is_read_as_itself(tabs: tuple[Site, Crawled]) -> None:
    _, crawled = tabs
    pages = {page.url.rpartition("/")[2]: page for page in crawled.manifests["tabs"].pages}
    assert len(pages) == 1 + len(UNRULY) + 8
    assert {name: page.outcome for name, page in pages.items()} == dict.fromkeys(pages, Outcome.OK)
    with SnapshotReader(crawled.wacz("tabs")) as snapshot:
        for name in UNRULY.keys() - {"moves-on"}:
            assert pages[name].title == name
            texts = [block.text for block in snapshot.blocks(pages[name].url)]
            assert texts == [name, f"本页是{name}"]


def test_what_a_page_does_after_it_was_read_is_no_gap_of_the_next(
    tabs: tuple[Site, Crawled],
) -> None:
    _, crawled = tabs
    gaps = crawled.manifests["tabs"].not_captured
    found_on = {(left.found_on or "").rpartition("/")[2] for left in gaps}
    assert found_on <= {"polls", "hangs-on", "opens", ""}
    assert not {left.url for left in gaps if left.url.endswith(("/away", "/poll"))}


def test_a_visit_goes_on_in_its_tabs(tabs: tuple[Site, Crawled]) -> None:
    """By the browser's own count of pages made, which Scrapy's log gives at the end."""
    _, crawled = tabs
    log = (crawled.order.directory / "crawl.log").read_text(encoding="utf-8")
    made = int(re.findall(r"'playwright/page_count': (\d+)", log)[-1])
    read = len(crawled.manifests["tabs"].pages)
    assert made < read, "a new tab for every page"
