"""The frontier: what belongs to a space, each address once, within budget."""

import pytest

from crawler.frontier import Frontier, PlannedPage, normalise
from crawler.readings import FoundLink, PageReading
from crawler.task import Limits
from crawler.traps import SAME_TEXT
from models.manifest import TextBlock
from models.vocabulary import NotScreened, PageKind, ResourceSource
from rules.profile import MemberLinks, PagePattern, Profile, load_profile

HOME = "http://platform.example/space/s1"
PLATFORM = Profile(
    id="p",
    version="1",
    title="t",
    hosts=("platform.example",),
    space_pattern=r"^/space/(?P<space>\w+)",
    pages=(
        PagePattern(kind=PageKind.ARTICLE, pattern=r"/article/\d+$"),
        PagePattern(kind=PageKind.LIST, pattern=r"/articles(\?page=\d+)?$"),
    ),
    ignore=(r"/edit",),
    resource_patterns=(r"^/files/",),
)


def read(*links: str, frontier: Frontier, depth: int = 0) -> list[str]:
    page = PlannedPage(HOME, PageKind.HOME, depth, None)
    frontier.add(page, PageReading(links=[FoundLink(link) for link in links]))
    return [planned.url for planned in frontier]


@pytest.mark.parametrize(
    ("link", "taken"),
    [
        ("http://platform.example/space/s1/article/3", True),
        ("http://platform.example/space/s1/articles?page=2", True),
        ("http://platform.example/space/s2/article/3", False),
        ("http://platform.example/space/s1/article/3/edit", False),
        ("http://platform.example/space/s1/visitors", False),
        ("http://other.example/space/s1/article/3", False),
        ("http://platform.example/login", False),
    ],
)
def test_pages_of_a_space_by_its_profile(link: str, taken: bool) -> None:
    assert bool(read(link, frontier=Frontier(HOME, PLATFORM, Limits()))) is taken


def test_what_was_not_searched_is_in_the_ledger() -> None:
    frontier = Frontier(HOME, PLATFORM, Limits())
    page = PlannedPage(HOME, PageKind.HOME, 0, None)
    frontier.add(page, PageReading(files_left=7, search_cut=True))
    assert ["7" in left.detail for left in frontier.left_out] == [True, False]
    assert {(left.url, left.reason) for left in frontier.left_out} == {(HOME, NotScreened.BUDGET)}


def test_a_link_outweighs_a_hint_in_a_script() -> None:
    url = "http://platform.example/files/a.pdf"
    hint = FoundLink(url, file=True, source=ResourceSource.SCRIPT)
    for links in ((hint, FoundLink(url, "课件")), (FoundLink(url, "课件"), hint)):
        frontier = Frontier(HOME, PLATFORM, Limits(max_resources=1))
        for link in links:
            frontier.add(PlannedPage(HOME, PageKind.HOME, 0, None), PageReading(links=[link]))
        (found,) = frontier.files.values()
        assert (found.source, found.name, found.promised) == (ResourceSource.LINK, "课件", True)


@pytest.mark.parametrize(
    ("link", "taken"),
    [
        ("http://any.example/teachers/wang/lessons/1", True),
        ("http://any.example/teachers/wang/?page=2", False),
        ("http://any.example/teachers/wangwu/lessons/1", False),
        ("http://any.example/teachers/", False),
        ("http://any.example/teachers/wang/login", False),
    ],
)
def test_pages_of_a_space_without_configuration(link: str, taken: bool) -> None:
    frontier = Frontier("http://any.example/teachers/wang", load_profile("generic"), Limits())
    if "?page=2" in link:
        taken = True  # the same path with a query is a page of the same list
    assert bool(read(link, frontier=frontier)) is taken


ROUTED = Profile(
    id="r",
    version="1",
    title="t",
    space_pattern=r"^/app/#(?P<space>/space/\d+)",
    pages=(PagePattern(kind=PageKind.ARTICLE, pattern=r"#/space/\d+/article/\d+$"),),
)


@pytest.mark.parametrize(
    ("link", "taken"),
    [
        ("http://a.example/app/#/space/12/article/3", True),
        ("http://a.example/app/#/space/1/article/3", False),
        ("http://a.example/app/#/space/12/visitors", False),
        ("http://a.example/app/#top", False),
        ("http://a.example/app/space/12/article/3", False),
    ],
)
def test_patterns_are_held_against_routes(link: str, taken: bool) -> None:
    start = "http://a.example/app/#/space/12"
    assert bool(read(link, frontier=Frontier(start, ROUTED, Limits()))) is taken


def found(start: str, *links: FoundLink) -> tuple[list[PlannedPage], Frontier]:
    frontier = Frontier(start, load_profile("generic"), Limits())
    home = PlannedPage(start, PageKind.HOME, 0, None)
    frontier.add(home, PageReading(links=list(links)))
    return list(frontier), frontier


def test_pages_that_share_the_identity_belong_and_others_do_not() -> None:
    pages, frontier = found(
        "http://any.example/space.php?uid=12",
        FoundLink("http://any.example/blog.php?uid=12"),
        FoundLink("http://any.example/blog.php?uid=1"),
        FoundLink("http://any.example/article/5"),
        FoundLink("http://any.example/article/6", main=False),
        FoundLink("http://other.example/blog.php?uid=12"),
    )
    assert [(page.url, page.unsure) for page in pages] == [
        ("http://any.example/blog.php?uid=12", False),
        ("http://any.example/article/5", True),
    ]
    assert "参数 uid=12" in frontier.scope


def test_an_unsure_page_counts_only_when_it_names_the_space() -> None:
    start = "http://any.example/space.php?uid=12"
    pages, frontier = found(start, FoundLink("http://any.example/article/5"))
    ours, others = FoundLink(start), FoundLink("http://any.example/space.php?uid=1")
    assert frontier.confirms(pages[0], PageReading(links=[ours, others]))
    assert not frontier.left_out
    assert not frontier.confirms(pages[0], PageReading(links=[others, ours]))
    assert not frontier.confirms(pages[0], None)
    assert {left.reason for left in frontier.left_out} == {NotScreened.NOT_CAPTURED}


def test_a_page_is_one_whatever_led_to_it() -> None:
    frontier = Frontier("http://any.example/u/chen/", load_profile("generic"), Limits())
    url = "http://any.example/u/chen/a"
    taken = read(f"{url}?utm_source=wx", url, f"{url}?from=home&_t=16", frontier=frontier)
    assert taken == [f"{url}?utm_source=wx"]


def test_a_list_that_states_more_pages_than_were_read() -> None:
    frontier = Frontier(HOME, PLATFORM, Limits())
    for number in (1, 2):
        url = f"{HOME}/articles?page={number}"
        page = PlannedPage(url, PageKind.LIST, 1, HOME)
        frontier.add(page, PageReading(pages_stated=4, pages_read=1))
        frontier.add(page, PageReading(pages_stated=4, pages_read=1))
    whole = PlannedPage(f"{HOME}/album", PageKind.LIST, 1, HOME)
    frontier.add(whole, PageReading(pages_stated=3, pages_read=3))
    assert [left.detail for left in frontier.left_out] == ["列表标注共 4 页,读到 2 页"]


def test_what_a_page_left_unread_and_what_was_framed() -> None:
    frontier = Frontier(HOME, PLATFORM, Limits())
    article = "http://platform.example/space/s1/article/3"
    reading = PageReading(
        links=[FoundLink(article)], frames=[article], left_unread=["页内标签没有读完"]
    )
    frontier.add(PlannedPage(HOME, PageKind.HOME, 0, None), reading)
    assert list(frontier) == []
    assert [left.detail for left in frontier.left_out] == ["页内标签没有读完"]


def test_a_trap_that_was_queued_before_it_showed_is_not_read() -> None:
    frontier = Frontier(HOME, PLATFORM, Limits())
    urls = [f"http://platform.example/space/s1/article/{n}" for n in range(12)]
    links = PageReading(links=[FoundLink(url) for url in urls])
    frontier.add(PlannedPage(HOME, PageKind.HOME, 0, None), links)
    read_pages = 0
    while page := frontier.take():
        read_pages += 1
        frontier.add(page, PageReading(blocks=[TextBlock(text="没有内容")]))
    assert read_pages == SAME_TEXT
    assert [left.detail for left in frontier.left_out] == [
        f"内容重复:同类地址已有 {SAME_TEXT} 页内容完全相同(同类地址另有 5 个)"
    ]


BLOG = Profile(
    id="b",
    version="1",
    title="t",
    hosts=("blog.example",),
    space_pattern=r"(?P<space>/author/[^/]+)",
    pages=(PagePattern(kind=PageKind.LIST, pattern=r"^/author/[^/]+/page/\d+/$"),),
    members=(
        MemberLinks(selector=".post a"),
        MemberLinks(selector=".more a", found_on=(PageKind.ARTICLE,), kind=PageKind.OTHER),
    ),
    ignore=(r"/edit",),
)
ON_POSTS, ON_MORE = frozenset({".post a"}), frozenset({".more a"})


@pytest.mark.parametrize(
    ("link", "members", "on", "kind"),
    [
        ("http://blog.example/2022/a/", ON_POSTS, PageKind.HOME, PageKind.ARTICLE),
        ("http://blog.example/2022/a/", ON_POSTS, PageKind.LIST, PageKind.ARTICLE),
        # The same list on an article is of others' posts.
        ("http://blog.example/2022/a/", ON_POSTS, PageKind.ARTICLE, None),
        ("http://blog.example/2022/a/2/", ON_MORE, PageKind.ARTICLE, PageKind.OTHER),
        ("http://blog.example/2022/a/", frozenset(), PageKind.HOME, None),
        ("http://blog.example/author/wang/page/2/", ON_POSTS, PageKind.HOME, PageKind.LIST),
        # Who stands in the list does not belong to its owner, nor do other sites.
        ("http://blog.example/author/chen/", ON_POSTS, PageKind.HOME, None),
        ("http://other.example/2022/a/", ON_POSTS, PageKind.HOME, None),
        ("http://blog.example/2022/a/edit", ON_POSTS, PageKind.HOME, None),
    ],
)
def test_pages_of_a_space_by_where_their_links_stand(
    link: str, members: frozenset[str], on: PageKind, kind: PageKind | None
) -> None:
    start = "http://blog.example/author/wang/"
    frontier = Frontier(start, BLOG, Limits())
    frontier.add(
        PlannedPage(start, on, 0, None), PageReading(links=[FoundLink(link, members=members)])
    )
    assert [planned.kind for planned in frontier] == ([kind] if kind else [])


def test_each_page_once() -> None:
    frontier = Frontier(HOME, PLATFORM, Limits())
    link = "http://platform.example/space/s1/article/3"
    assert read(
        link,
        link + "#top",
        link.upper().replace("/SPACE/S1/ARTICLE", "/space/s1/article"),
        frontier=frontier,
    ) == [link]


def test_files_are_not_pages() -> None:
    frontier = Frontier(HOME, PLATFORM, Limits())
    links = (
        "http://platform.example/files/s1/a.pdf",
        "http://cdn.example/b.docx",
        "https://pan.baidu.com/s/1abc",
        "http://platform.example/space/s1/pic.png",
    )
    assert read(*links, frontier=frontier) == []
    assert list(frontier.files) == list(links[:3])


def test_budgets_go_to_the_ledger() -> None:
    frontier = Frontier(HOME, PLATFORM, Limits(max_pages=3, max_resources=1, max_depth=2))
    articles = [f"http://platform.example/space/s1/article/{n}" for n in range(4)]
    assert len(read(*articles, frontier=frontier)) == 2
    read("http://x.example/a.pdf", "http://x.example/b.pdf", frontier=frontier)
    read("http://platform.example/space/s1/article/9", frontier=frontier, depth=2)
    assert len(frontier.files) == 1
    assert len(frontier.left_out) == 4
    assert {left.reason for left in frontier.left_out} == {NotScreened.BUDGET}


@pytest.mark.parametrize(
    ("url", "same"),
    [
        ("HTTP://Platform.Example:80/a", "http://platform.example/a"),
        ("https://platform.example:443", "https://platform.example/"),
        ("http://platform.example/a?b=2&a=1", "http://platform.example/a?a=1&b=2"),
        ("http://platform.example/%e9%99%88/?a=%2f", "http://platform.example/%E9%99%88/?a=%2F"),
        ("http://platform.example/a#part", "http://platform.example/a"),
        ("http://platform.example/#/space/1", "http://platform.example/#/space/1"),
        ("http://platform.example:8080/a", "http://platform.example:8080/a"),
    ],
)
def test_one_spelling_of_an_address(url: str, same: str) -> None:
    assert normalise(url) == same
