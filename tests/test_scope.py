"""Which addresses share a space's identity, with the near misses that would be held against a teacher."""

from __future__ import annotations

import pytest

from crawler.readings import FoundLink
from crawler.scope import Scope, Whose

HOST = "http://p.example"
OURS, OTHERS, UNSAID = Whose.OURS, Whose.OTHERS, Whose.UNSAID


def scope_of(start: str, *links: str) -> Scope:
    scope = Scope(absolute(start))
    scope.learn(FoundLink(absolute(link)) for link in links)
    return scope


def absolute(address: str) -> str:
    return address if "://" in address else HOST + address


@pytest.mark.parametrize(
    ("start", "address", "whose"),
    [
        ("/space/12", "/space/12/articles", OURS),
        ("/space/12", "/space/12?tab=2", OURS),
        ("/space/12", "/space/1", OTHERS),
        ("/space/1", "/space/12", OTHERS),
        ("/space/12", "/space/123/articles", OTHERS),
        ("/space/12", "/article/55", UNSAID),
        ("/space/12", "/article/12", UNSAID),
        ("/space/12", "/space/list", UNSAID),
        ("/space/12", "http://q.example/space/12", UNSAID),
        # A list inside the space was nominated.
        ("/space/12/articles", "/space/12/album/3", OURS),
        ("/u/chen/", "/u/chen/post/1", OURS),
        ("/u/chen/", "/u/chenli/", OTHERS),
        ("/u/chen-2", "/u/chen-3", OTHERS),
        ("/~chen/", "/~chen/a.html", OURS),
        ("/~chen/", "/~li/a.html", OTHERS),
        ("/~chen/", "/help/a.html", UNSAID),
        ("/blog/12.html", "/blog/12/3.html", OURS),
        ("/blog/12.html", "/blog/13.html", OTHERS),
        ("/space-uid-12.html", "/space-uid-13.html", OTHERS),
        ("/space-uid-12.html", "/space-uid-12-do-album.html", OURS),
        ("/space.php?uid=12", "/blog.php?uid=12&id=3", OURS),
        ("/space.php?uid=12", "/space.php?uid=1", OTHERS),
        ("/space.php?uid=1", "/space.php?uid=12", OTHERS),
        ("/space.php?uid=12", "/space.php?from_uid=12&uid=13", OTHERS),
        ("/space.php?uid=12", "/blog.php?fuid=12", UNSAID),
        ("/space.php?uid=12", "/space.php?uid=12&uid=13", OTHERS),
        ("/index.php?r=space/person/show&sid=12", "/index.php?r=space/article/view&id=1&sid=12", OURS),
        ("/index.php?r=space/person/show&sid=12", "/index.php?r=space/article/view&id=12&sid=1", OTHERS),
        ("/user/center?uid=12", "/user/center?uid=13", OTHERS),
        # An id means a person on its own page only.
        ("/index.php?m=space&id=12", "/index.php?a=list&id=12&m=space", OURS),
        ("/index.php?m=space&id=12", "/index.php?id=13&m=space", OTHERS),
        ("/index.php?m=space&id=12", "/index.php?id=12&m=article", UNSAID),
        ("/index.php?m=space&id=12", "/article.php?id=12&m=space", UNSAID),
        ("/#/space/12/articles", "/#/space/12/album", OURS),
        ("/#/space/12/articles", "/#/space/1", OTHERS),
        ("/#!/u/chen", "/#!/u/chen/2", OURS),
        ("/#/space?uid=12", "/#/article?id=4&uid=12", OURS),
        ("/#/space/12", "/space/12", UNSAID),
        ("http://chen.blog.example/", "http://chen.blog.example/2022/09/a/", OURS),
        ("http://chen.blog.example/", "http://lin.blog.example/", UNSAID),
    ],
)  # fmt: skip
def test_whose_an_address_is(start: str, address: str, whose: Whose) -> None:
    assert scope_of(start).whose(absolute(address)) is whose


@pytest.mark.parametrize(
    "start",
    ["/", "/index.html", "/2022/09/", "/blog/2022/09/", "http://www.blog.example/", "http://10.0.0.1/"],
)  # fmt: skip
def test_an_address_without_an_identity(start: str) -> None:
    assert not scope_of(start).known


@pytest.mark.parametrize(
    ("start", "links", "address", "whose"),
    [
        # Another role under which the home page's links carry the same identity.
        ("/u/12", ("/blog.php?uid=12", "/album.php?uid=12"), "/blog.php?uid=12&page=2", OURS),
        ("/u/12", ("/blog.php?uid=12",), "/blog.php?uid=13", OTHERS),
        ("/u/12", ("/blog/12/1", "/blog/12/2"), "/blog/12/3", OURS),
        ("/space.php?uid=12", ("/space-uid-12.html",), "/space-uid-12.html", OURS),
        ("/u/chen", ("/blog/chen/first",), "/blog/chen/second", OURS),
        ("/#/space/12", ("/#/album/12/1", "/#/album/13/1", "/#/diary/12/1", "/#/diary/12/2"), "/#/diary/12/9", OURS),
        # Once is an accident: the number of an item may be that of the teacher.
        ("/u/12", ("/blog/12/",), "/blog/12/", UNSAID),
        ("/u/12", ("/article/12/a", "/article/12/b"), "/article/12/c", UNSAID),
        ("/u/12", ("/2022/12/1", "/2022/12/2"), "/2022/12/3", UNSAID),
        # More of others' than of ours in that role: a list of everybody's.
        ("/u/12", ("/blog/12/1", "/blog/12/2", "/blog/7/1", "/blog/7/2", "/blog/7/3"), "/blog/12/1", UNSAID),
        # The parameter of another name with the same number.
        ("/u/12", ("/list.php?page=12", "/list.php?page=13"), "/list.php?page=12", UNSAID),
    ],
)  # fmt: skip
def test_what_the_home_pages_links_teach(
    start: str, links: tuple[str, ...], address: str, whose: Whose
) -> None:
    assert scope_of(start, *links).whose(absolute(address)) is whose


def link(address: str, *, main: bool = True, author: bool = False) -> FoundLink:
    return FoundLink(absolute(address), main=main, author=author)


@pytest.mark.parametrize(
    ("links", "ours"),
    [
        ((link("/"), link("/space/12"), link("/space/13")), True),
        ((link("/space/13"), link("/space/12")), False),
        ((link("/space/13", main=False), link("/space/12")), True),
        ((link("/space/12", main=False),), False),
        ((link("/space/13"), link("/space/12", author=True)), True),
        ((link("/space/12"), link("/space/13", author=True)), False),
        ((link("/space/12", author=True), link("/space/13", author=True)), False),
        ((link("/article/1"),), False),
        ((), False),
    ],
)
def test_whether_a_page_names_its_author(links: tuple[FoundLink, ...], ours: bool) -> None:
    assert scope_of("/space/12").names_us(links) is ours


def test_the_rule_in_words() -> None:
    assert scope_of("/u/12", "/blog.php?uid=12").words == "路径 /u/12/…;参数 uid=12"
    assert scope_of("/index.php?m=space&id=12").words == "参数 /index?m=space&id=12"
    assert scope_of("/#/space/12").words == "路径 #/space/12/…"
    assert scope_of("http://chen.blog.example/").words == "域名 chen.blog.example"


@pytest.mark.parametrize(
    ("start", "target", "found"),
    [
        ("/space/12/articles", "/space/12/articles", "12"),
        ("/space.php?do=home&uid=12", "/space.php?do=home&uid=12", "12"),
        ("/space.php?uid=12&do=home", "/space.php?uid=12&do=home", "12"),
        ("/#/space/12/articles", "/#/space/12/articles", "12"),
        ("/u/12/12", "/u/12/12", "12"),
    ],
)
def test_where_the_identity_stands(start: str, target: str, found: str) -> None:
    span = scope_of(start).span_in(target)
    assert span is not None
    assert target[slice(*span)] == found
