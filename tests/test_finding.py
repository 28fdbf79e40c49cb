"""Crawls without a profile: what is found of a space, what is left to others, what is said of the rest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from crawler.browser import Browser
from crawler.store import SnapshotReader
from crawler.task import CrawlOrder, Limits, SpaceTask
from models.manifest import Manifest
from models.vocabulary import NotScreened, Outcome, Visibility
from tests.crawl_site import Crawled, crawl
from tests.finding_site import finding_site
from tests.serving import served

pytestmark = pytest.mark.browser

SPACES = {
    "参数": "space.php?uid=12",
    "路由": "app/#/space/12/articles",
    "没有": "app/#/space/99/articles",
    "历史": "teachers/wang/",
    "框架": "teachers/chen/",
    "乱序": "teachers/lin/",
}
LIMITS = Limits(
    attempt_gap_seconds=0, max_attempts=2, page_seconds=30, max_pages=60, max_depth=60, concurrency=4
)  # fmt: skip


def visit(address: str, spaces: Mapping[str, str], folder: Path) -> Crawled:
    return crawl(
        CrawlOrder(
            crawl_id="finding",
            campaign="试验",
            profile="generic",
            spaces=tuple(
                SpaceTask(space=name, url=address + path) for name, path in spaces.items()
            ),
            limits=LIMITS,
            egress_allow=urlsplit(address).netloc,
            store=str(folder / "store"),
            directory=folder / "crawl",
            key=folder / "key.pem",
        )
    )


@pytest.fixture(scope="module")
def live() -> Iterator[str]:
    with served(finding_site()) as address:
        yield address + "/"


@pytest.fixture(scope="module")
def crawled(
    browser_executable: Browser, live: str, tmp_path_factory: pytest.TempPathFactory
) -> Crawled:
    done = visit(live, SPACES, tmp_path_factory.mktemp("finding"))
    assert done.failed == 0
    return done


def pages_of(manifest: Manifest) -> set[str]:
    return {page.url.split("/", 3)[3] for page in manifest.pages if page.captured}


def ledger_of(manifest: Manifest) -> dict[str, NotScreened]:
    return {left.detail: left.reason for left in manifest.not_captured}


def test_a_space_by_its_parameter(crawled: Crawled) -> None:
    found = crawled.manifests["参数"]
    pages = pages_of(found)
    assert {"space.php?uid=12", "board.php?uid=12", "article/55"} <= pages
    assert [page for page in pages if "uid=1" in page and "uid=12" not in page] == []
    assert not {"article/77", "article/99", "help"} & pages
    # The same page with a trace of where the visitor came from, once.
    assert len([page for page in pages if page.startswith("blog.php") and "page" not in page]) == 1
    assert "参数 uid=12" in found.scope


def test_what_is_not_surely_the_spaces_is_said(crawled: Crawled) -> None:
    found = crawled.manifests["参数"]
    unsure = [left.url for left in found.not_captured if "看不出是本空间的页面" in left.detail]
    assert any(url.endswith("/article/77") for url in unsure)
    assert NotScreened.BUDGET not in {
        left.reason for left in found.not_captured if left.url in unsure
    }


def test_traps_are_bounded_and_recorded_once_each(crawled: Crawled) -> None:
    found = crawled.manifests["参数"]
    pages = pages_of(found)
    assert 1 <= len([page for page in pages if page.startswith("empty.php")]) <= 6
    assert len([page for page in pages if page.startswith("calendar.php")]) <= 36
    details = [detail for detail in ledger_of(found) if detail.startswith(("日历", "内容重复"))]
    assert len(details) == 2
    assert all(ledger_of(found)[detail] is NotScreened.BUDGET for detail in details)


def test_a_list_that_is_longer_than_what_was_read_is_in_the_ledger(crawled: Crawled) -> None:
    assert "列表标注共 4 页,读到 2 页" in ledger_of(crawled.manifests["参数"])


def test_routes_are_pages_of_their_own(crawled: Crawled) -> None:
    found = crawled.manifests["路由"]
    assert found.visibility is Visibility.PUBLIC
    assert pages_of(found) == {
        f"app/#/space/12/{rest}" for rest in ("articles", "article/1", "album")
    }
    with SnapshotReader(crawled.wacz("路由")) as reader:
        for page in found.pages:
            text = " ".join(block.text for block in reader.blocks(page.url))
            # Opened afresh, and not by a turn within the document before.
            assert "画了 1 次" in text
            assert ("第一篇文章的正文" in text) is page.url.endswith("article/1")


def test_a_route_that_does_not_exist_is_told_by_a_sibling_route(crawled: Crawled) -> None:
    found = crawled.manifests["没有"]
    assert found.visibility is Visibility.MISSING
    assert found.pages[0].outcome is Outcome.SOFT_NOT_FOUND
    assert "#/space/9" in found.pages[0].evidence


def test_an_application_with_plain_addresses(crawled: Crawled) -> None:
    assert pages_of(crawled.manifests["历史"]) == {"teachers/wang/", "teachers/wang/lessons"}


def test_a_frame_is_read_once_and_its_links_are_followed(crawled: Crawled) -> None:
    found = crawled.manifests["框架"]
    assert pages_of(found) == {"teachers/chen/", "teachers/chen/second.html"}
    with SnapshotReader(crawled.wacz("框架")) as reader:
        blocks = reader.blocks(found.pages[0].url)
    assert any(block.frame and block.text == "框里的文字" for block in blocks)
    assert found.pages[0].frames_unread == ("http://127.0.0.1:9/nowhere",)


def test_modules_in_another_order_are_the_same_content(
    crawled: Crawled, live: str, tmp_path: Path
) -> None:
    first = crawled.manifests["乱序"]
    again = visit(live, {"乱序": SPACES["乱序"]}, tmp_path)
    second = again.manifests["乱序"]
    texts = []
    for done in (crawled, again):
        with SnapshotReader(done.wacz("乱序")) as reader:
            texts.append([block.text for block in reader.blocks(first.pages[0].url)])
    assert texts[0] != texts[1]
    assert first.content_digest == second.content_digest
