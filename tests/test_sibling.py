"""Soft 404: an address that cannot exist, and pages that show what is shown there."""

from pathlib import Path

import pytest

from crawler.browser import Browser
from crawler.sibling import look_alike, sibling_of
from crawler.store import SnapshotReader
from models.vocabulary import Outcome, Visibility
from rules.profile import load_profile
from tests.crawl_site import Paths, answer, asked_paths, crawl, listening, order_for
from tests.guard_site import Site

HEADER = "泉州示例教师空间平台 首页 名师工作室 资源中心 登录 版权所有 示例教育局 "


@pytest.mark.parametrize(
    ("url", "profile", "begins", "ends"),
    [
        ("http://p.example/space/s001", "sample", "http://p.example/space/x", ""),
        ("http://p.example/teachers/wang/", "generic", "http://p.example/teachers/x", "/"),
        ("http://p.example/u/12345", "generic", "http://p.example/u/9", ""),
        # The identity, and not whatever stands last.
        (
            "http://p.example/s.php?uid=12&do=home",
            "generic",
            "http://p.example/s.php?uid=9",
            "&do=home",
        ),
        ("http://p.example/space/12/articles", "generic", "http://p.example/space/9", "/articles"),
        (
            "http://p.example/app/?v=2#/space/12/all",
            "generic",
            "http://p.example/app/?v=2#/space/9",
            "/all",
        ),
        ("http://p.example/#/space/chen", "generic", "http://p.example/#/space/x", ""),
    ],
)
def test_an_address_that_cannot_exist(url: str, profile: str, begins: str, ends: str) -> None:
    sibling = sibling_of(url, load_profile(profile), "seed")
    assert sibling is not None
    assert sibling != url
    assert sibling.startswith(begins)
    assert sibling.endswith(ends)
    assert sibling == sibling_of(url, load_profile(profile), "seed")
    assert sibling != sibling_of(url, load_profile(profile), "another seed")


def test_a_form_without_an_identity_has_no_sibling() -> None:
    assert sibling_of("http://p.example/", load_profile("generic"), "seed") is None


@pytest.mark.parametrize(
    ("text", "missing", "alike"),
    [
        (HEADER + "您访问的空间走丢了", HEADER + "您访问的空间走丢了", True),
        (HEADER + "走丢了 2022-09-01 08:00", HEADER + "走丢了 2022-09-01 08:03", True),
        (HEADER + "没有 /space/s001", HEADER + "没有 /space/x1f3a", True),
        (HEADER + "王老师的语文空间 古诗文教学 六篇文章", HEADER + "您访问的空间走丢了", False),
        (HEADER, "", False),
        ("", "", False),
    ],
)
def test_pages_that_are_one(text: str, missing: str, alike: bool) -> None:
    assert look_alike(text, missing) is alike


@pytest.mark.browser
def test_a_site_that_answers_200_to_everything(tmp_path: Path, browser_executable: Browser) -> None:
    lost = answer(f"<p>{HEADER}您访问的空间走丢了,三秒后返回首页</p>")
    there = answer(f"<p>{HEADER}王老师的语文空间:古诗文教学、习作指导、整本书阅读</p>")
    site = Site(Paths({"/s/real/": there, "/healthz": answer("ok")}, missing=lost))
    with listening(site):
        spaces = {name: f"{site.url}s/{name}/" for name in ("real", "gone")}
        crawled = crawl(order_for(tmp_path, spaces, f"{site.host}:{site.port}"))
    assert crawled.manifests["real"].visibility is Visibility.PUBLIC
    gone = crawled.manifests["gone"]
    assert gone.visibility is Visibility.MISSING
    assert gone.pages[0].outcome is Outcome.SOFT_NOT_FOUND
    assert "不存在的地址" in gone.pages[0].evidence
    # The site was asked once, and the page that the judgement rests on is in the snapshot.
    invented = sibling_of(f"{site.url}s/gone/", load_profile(crawled.order.profile), "crawl-1")
    assert invented is not None
    assert invented in gone.pages[0].evidence
    asked = [path for path in asked_paths(site) if path in invented]
    assert len(asked) == 2, "once plainly, once with the browser"
    with SnapshotReader(crawled.wacz("gone")) as snapshot:
        assert "走丢了" in "".join(block.text for block in snapshot.blocks(invented))
        assert snapshot.screenshot(invented)
