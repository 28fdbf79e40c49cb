"""Site profiles: what they say of addresses and pages, a crawl by each, and mistakes in them."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from starlette.applications import Starlette

from crawler.access import Observation, judge_page
from crawler.browser import Browser
from crawler.store import SnapshotReader
from crawler.task import CrawlOrder, Limits, SpaceTask
from models.manifest import Manifest
from models.vocabulary import Openness, Outcome, PageKind, Visibility
from rules.profile import (
    DeclaredLabel,
    Marker,
    MemberLinks,
    Profile,
    ProfileError,
    load_profile,
    parse_profile,
    profile_names,
    schema_text,
)
from service.trial import Trial, read_trial, why_left_out
from tests.crawl_site import crawl
from tests.profile_sites import AUTHOR, HIDDEN, PRIVACY, blog, spaces
from tests.serving import served

WORDPRESS = load_profile("wordpress-author")
UCENTER = load_profile("ucenter-home")
SITE = "https://site.example"
PERSON = "/index.php?r=space/person/show&sid=12"
GOOD = """\
id: mine
version: "1"
title: 我的平台
"""


# --- Addresses


@pytest.mark.parametrize(
    ("path", "space", "kind"),
    [
        ("/author/chen/", "/author/chen", PageKind.HOME),
        ("/author/chen", "/author/chen", PageKind.HOME),
        ("/blog/author/chen/", "/blog/author/chen", PageKind.HOME),
        ("/author/chen/page/2/", "/author/chen", PageKind.LIST),
        ("/?author=3", "/?author=3", PageKind.HOME),
        ("/?author=3&paged=2", "/?author=3", PageKind.LIST),
        ("/author/%e9%99%88/", "/author/陈", PageKind.HOME),
        ("/author/%E9%99%88/", "/author/陈", PageKind.HOME),
        ("/author/陈/", "/author/陈", PageKind.HOME),
        ("/author/chen/feed/", "/author/chen", None),
        ("/author/", None, None),
        ("/authors/chen/", None, None),
        ("/2022/09/a-post/", None, None),
        ("/category/author-news/", None, None),
    ],
)
def test_an_authors_pages(path: str, space: str | None, kind: PageKind | None) -> None:
    assert WORDPRESS.space_of(SITE + path) == (space and "site.example" + space)
    assert WORDPRESS.page_kind(SITE + path) is kind


@pytest.mark.parametrize(
    ("path", "space", "kind"),
    [
        (PERSON, "sid=12", PageKind.HOME),
        ("/index.php?r=space%2Fperson%2Fshow&sid=12", "sid=12", PageKind.HOME),
        ("/index.php?sid=12&r=space/person/show", "sid=12", PageKind.HOME),
        ("/home/index.php?r=space/person/show&sid=12", "sid=12", PageKind.HOME),
        ("/?r=space/person/show&sid=12", "sid=12", PageKind.HOME),
        ("/index.php?page=2&r=space/resource/list&sid=12", "sid=12", PageKind.LIST),
        ("/index.php?id=3&r=space/article/view&sid=12", "sid=12", PageKind.ARTICLE),
        ("/index.php?id=3&r=space/resource/view&sid=12", "sid=12", PageKind.RESOURCE),
        ("/space.php?uid=12", "uid=12", PageKind.HOME),
        ("/space.php?do=blog&uid=12", "uid=12", PageKind.LIST),
        ("/space.php?do=blog&id=4&uid=12", "uid=12", PageKind.ARTICLE),
        ("/space.php?do=wall&uid=12", "uid=12", PageKind.BOARD),
        ("/space.php?do=album&id=4&uid=12", "uid=12", PageKind.ALBUM),
        ("/index.php?r=space/person/show&sid=120", "sid=120", PageKind.HOME),
        ("/index.php?r=space/person/show&sid=", None, PageKind.HOME),
        ("/index.php?r=site/help&sid=12", "sid=12", None),
        # What another parameter holds is no identity.
        ("/index.php?r=space/person/show&back=a%26sid%3D9", None, PageKind.HOME),
        ("/news.php?sid=12", None, None),
    ],
)
def test_pages_of_the_ucenter_family(path: str, space: str | None, kind: PageKind | None) -> None:
    assert UCENTER.space_of(SITE + path) == (space and "site.example/" + space)
    assert UCENTER.page_kind(SITE + path) is kind


def test_names_in_another_encoding_stay_apart() -> None:
    profile = parse_profile(
        "{id: p, version: '1', title: t, space_pattern: '[?]name=(?P<space>[^&]+)'}", "p.yaml"
    )
    lin, wang = (profile.space_of(f"{SITE}/?name={name}") for name in ("%c1%d6", "%cd%f5"))
    assert lin != wang
    assert lin == profile.space_of(f"{SITE}/?name=%C1%D6")


@pytest.mark.parametrize(
    ("profile", "path", "ignored"),
    [
        (WORDPRESS, "/wp-login.php?redirect_to=/", True),
        (WORDPRESS, "/wp-admin/", True),
        (WORDPRESS, "/2022/09/a/?replytocom=5", True),
        (WORDPRESS, "/author/chen/feed/", True),
        (WORDPRESS, "/2022/09/wp-loginning/", False),
        (WORDPRESS, "/2022/09/feedback/", False),
        (UCENTER, "/index.php?r=space/visitor/index&sid=12", True),
        (UCENTER, "/index.php?r=site/login", True),
        (UCENTER, "/cp.php?ac=blog", True),
        (UCENTER, "/space.php?do=blog&uid=12&view=all", True),
        (UCENTER, PERSON, False),
        (UCENTER, "/space.php?do=blog&uid=12&view=me", False),
    ],
)
def test_addresses_that_are_never_visited(profile: Profile, path: str, ignored: bool) -> None:
    assert profile.ignores(SITE + path) is ignored


@pytest.mark.parametrize(
    ("profile", "path", "file"),
    [
        (WORDPRESS, "/wp-content/uploads/2022/09/a.pdf", True),
        (WORDPRESS, "/wp-content/uploads/2022/09/a.DOCX", True),
        (WORDPRESS, "/wp-content/uploads/2022/09/a.mp4?x=1", True),
        (WORDPRESS, "/wp-content/uploads/2022/09/a.jpg", False),
        (WORDPRESS, "/wp-content/uploads/2022/09/", False),
        (WORDPRESS, "/wp-content/themes/a/style.css", False),
        (UCENTER, "/index.php?r=space/resource/download&id=5", True),
        (UCENTER, "/index.php?r=space%2Fresource%2Fdownload&id=5", True),
        (UCENTER, "/attachment.php?id=5", True),
        (UCENTER, "/index.php?r=space/resource/downloads&sid=12", False),
        (UCENTER, PERSON, False),
    ],
)
def test_addresses_that_are_files(profile: Profile, path: str, file: bool) -> None:
    assert profile.is_resource(SITE + path) is file


# --- Signs on a page

LONG = "课堂上的事,孩子们怎样提问,怎样争论。" * 40


def judged(profile: Profile, text: str, path: str = "/", *shown: str) -> Outcome:
    url = SITE + path
    seen = Observation(url, final_url=url, status=200, text=text, shown=frozenset(shown))
    return judge_page(seen, profile).outcome


@pytest.mark.parametrize(
    ("text", "path", "outcome"),
    [
        (PRIVACY, PERSON, Outcome.REFUSAL_PAGE),
        (PRIVACY + " 请先登录", PERSON, Outcome.REFUSAL_PAGE),
        (HIDDEN, PERSON, Outcome.HIDDEN_PAGE),
        ("请先登录", PERSON, Outcome.LOGIN_WALL),
        ("空间不存在", PERSON, Outcome.SOFT_NOT_FOUND),
        ("请回答问题后查看", PERSON, Outcome.REFUSAL_PAGE),
        ('{"code":"CS/REQUIRE_SESSION"}', PERSON, Outcome.LOGIN_WALL),
        ("401 Authorization Required", "/edu-private/a", Outcome.REFUSAL_PAGE),
        # Words of refusal on a full page, and a private segment with nothing refused.
        (PRIVACY + LONG, PERSON, Outcome.OK),
        (LONG + "请先登录", PERSON, Outcome.OK),
        ("我的照片", "/edu-private/a", Outcome.OK),
        ("401 Authorization Required 是什么", PERSON, Outcome.OK),
        ("隐私设置", PERSON, Outcome.OK),
    ],
)
def test_refusals_of_the_ucenter_family(text: str, path: str, outcome: Outcome) -> None:
    assert judged(UCENTER, text, path) is outcome


def test_signs_of_wordpress() -> None:
    form = "body.single form.post-password-form"
    assert judged(WORDPRESS, "此内容受密码保护", "/a/", form) is Outcome.PASSWORD_PROMPT
    assert judged(WORDPRESS, "未找到", "/a/", "body.error404") is Outcome.SOFT_NOT_FOUND
    assert judged(WORDPRESS, "短文。要发表评论,请先登录。", "/a/") is Outcome.OK
    listed = "body.author .hentry .entry-title"
    seen = Observation(SITE, SITE, 200, text="文章", password_field=True, shown=frozenset({listed}))
    assert judge_page(seen, WORDPRESS).outcome is Outcome.OK
    assert judged(WORDPRESS, "登录", "/wp-login.php?redirect_to=x") is Outcome.LOGIN_REDIRECT


def test_the_longest_wording_of_a_label_counts() -> None:
    label = DeclaredLabel(
        selector=".who",
        values={"公开": Visibility.PUBLIC, "不公开": Visibility.HIDDEN},
    )
    assert next(iter(label.values)) == "不公开"


# --- A crawl by each profile

#: Few pages, and the second look at a refusal at once.
LIMITS = Limits(attempt_gap_seconds=0, max_attempts=2, page_seconds=20, max_pages=10)


def visited(
    site: Starlette, profile: Profile, paths: Mapping[str, str], folder: Path
) -> Mapping[str, Trial]:
    """What a built-in profile made of spaces by name."""
    with served(site) as address:
        order = CrawlOrder(
            crawl_id="profiles",
            campaign="试验",
            profile=profile.id,
            spaces=tuple(SpaceTask(space=name, url=address + path) for name, path in paths.items()),
            limits=LIMITS,
            egress_allow=urlsplit(address).netloc,
            store=str(folder / "store"),
            directory=folder / "crawl",
            key=folder / "key.pem",
        )
        done = crawl(order)
    assert done.failed == 0
    trials = {}
    for space in paths:
        with SnapshotReader(done.wacz(space)) as reader:
            trials[space] = read_trial(profile, reader)
    return trials


def pages_of(manifest: Manifest) -> dict[str, tuple[PageKind, Visibility]]:
    return {page.url.split("/", 3)[3]: (page.kind, page.visibility) for page in manifest.pages}


def files_of(manifest: Manifest) -> dict[str, Openness]:
    return {file.url.split("/", 3)[3]: file.openness for file in manifest.resources}


def reasons_of(trial: Trial) -> dict[str, str]:
    address = urlsplit(trial.manifest.url).netloc
    return {
        link.url.split("/", 3)[3]: link.why.replace(address, "ADDRESS") for link in trial.left_out
    }


@pytest.mark.browser
def test_a_crawl_of_an_authors_pages(tmp_path: Path, browser_executable: Browser) -> None:
    home = "/author/陈青禾/"
    trial = visited(blog(), WORDPRESS, {"陈": home}, tmp_path)["陈"]
    found = trial.manifest
    author = f"author/{AUTHOR.upper()}"
    public = Visibility.PUBLIC
    assert pages_of(found) == {
        f"{author}/": (PageKind.HOME, public),
        f"{author}/page/2/": (PageKind.LIST, public),
        "2022/07/old/": (PageKind.ARTICLE, public),
        "2022/08/gone/": (PageKind.ARTICLE, Visibility.MISSING),
        "2022/08/long/": (PageKind.ARTICLE, public),
        "2022/08/long/2/": (PageKind.ARTICLE, public),
        "2022/09/classroom/": (PageKind.ARTICLE, public),
        "2022/09/locked/": (PageKind.ARTICLE, Visibility.PASSWORD),
    }
    assert found.visibility is Visibility.PARTIAL
    assert files_of(found) == {"wp-content/uploads/2022/09/notes.txt": Openness.OPEN}
    [locked] = [page for page in found.pages if page.url.endswith("/locked/")]
    assert locked.declared is Visibility.PASSWORD
    assert found.declared is None  # the mark of one post is not the author's
    assert reasons_of(trial) == {
        "2022/09/of-another/": "网址里没有空间(space_pattern),链接也不在 members 所指之处",
        "author/lin/": "属于别的空间:ADDRESS/author/lin",
        "wp-login.php": "不访问的地址(ignore 第 1 条)",
        "feed/": "不访问的地址(ignore 第 3 条)",
        f"{author}/feed/": "不访问的地址(ignore 第 3 条)",
        "2022/09/classroom/?replytocom=1": "不访问的地址(ignore 第 4 条)",
        "wp-content/uploads/2022/09/photo.jpg": (
            "网址里没有空间(space_pattern),链接也不在 members 所指之处"
        ),
    }
    uses = {use.field: use for use in trial.fields}
    assert (uses["pages, 1"].count, uses["pages, 3"].count) == (1, 1)
    assert uses["members, 1"].count == 5
    assert uses["members, 2"].idle  # this theme is of the older kind
    assert not uses["ignore, 2"].idle  # nobody expects a link to the back office
    assert uses["markers, 2"].count == 0
    assert [use.count for name, use in uses.items() if "post-password" in use.value] == [1]


@pytest.mark.browser
def test_a_crawl_of_the_ucenter_family(tmp_path: Path, browser_executable: Browser) -> None:
    paths = {"开": PERSON, "隐": PERSON.replace("12", "13")}
    found = visited(spaces(), UCENTER, paths, tmp_path)
    hidden, space = (found[name].manifest for name in ("隐", "开"))
    assert hidden.visibility is Visibility.HIDDEN
    assert len(hidden.pages) == 1
    route, public = "index.php?{}r=space%2F{}&sid=12", Visibility.PUBLIC
    assert pages_of(space) == {
        PERSON.lstrip("/"): (PageKind.HOME, public),
        route.format("", "article%2Flist"): (PageKind.LIST, public),
        route.format("id=1&", "article%2Fview"): (PageKind.ARTICLE, public),
        route.format("id=2&", "article%2Fview"): (PageKind.ARTICLE, Visibility.PASSWORD),
        route.format("id=3&", "article%2Fview"): (PageKind.ARTICLE, Visibility.RESTRICTED),
        route.format("", "resource%2Flist"): (PageKind.LIST, public),
        route.format("page=2&", "resource%2Flist"): (PageKind.LIST, public),
        route.format("id=5&", "resource%2Fview"): (PageKind.RESOURCE, public),
        route.format("id=6&", "resource%2Fview"): (PageKind.RESOURCE, public),
    }
    assert space.visibility is Visibility.PARTIAL
    assert space.declared is Visibility.PUBLIC
    assert files_of(space) == {
        "index.php?r=space/resource/download&id=5": Openness.OPEN,
        "index.php?r=space/resource/download&id=6": Openness.LOGIN,
        "edu-private/lesson.pdf": Openness.LOGIN,
    }
    assert {file.url[-4:] for file in space.resources if "积分" in file.evidence} == {
        "id=6",
        ".pdf",
    }
    assert set(reasons_of(found["开"])) == {
        "index.php?r=space%2Fvisitor%2Findex&sid=12",
        "index.php?r=site%2Flogin",
        "index.php?r=space%2Fperson%2Fshow&sid=77",
    }
    volatile = next(use for use in found["开"].fields if use.value.startswith(".visitor-list"))
    assert volatile.count == 4
    assert found["开"].unknown_labels == ()


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("/elsewhere/", "网址里没有空间"),
        ("/u/2/", "属于别的空间:site.example/u/2"),
        ("/u/1/edit", "不访问的地址(ignore 第 2 条)"),
        ("/u/1/diary", "属于本空间,但 pages 没有一条相符"),
        ("/u/1/", "没有读到"),
    ],
)
def test_why_a_link_is_left_out(path: str, why: str) -> None:
    profile = parse_profile(
        GOOD + "hosts: [site.example]\nspace_pattern: '^(?P<space>/u/\\d+)'\n"
        "pages: [{kind: home, pattern: '/$'}]\nignore: [x, /edit$]\n",
        "p.yaml",
    )
    assert why_left_out(profile, SITE + path, "site.example/u/1").startswith(why)
    assert why_left_out(profile, "https://b.example/u/1/", "site.example/u/1") == (
        "在别的网站(hosts)"
    )


# --- Mistakes, and the schema


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("id: mine\ntitle: t\n", "p.yaml, line 1: version: is missing; add it"),
        ("id: mine\nversion: 1\ntitle: t\n", "line 2: version: is not text; put it in quotes"),
        ('id: Mein Profil\nversion: "1"\ntitle: t\n', "line 1: id: 'Mein Profil' does not fit; use"),
        (GOOD + "volatil_selectors: [.a]\n", "line 4: volatil_selectors: there is no such field; write volatile_selectors"),
        (GOOD + "price: {selektor: .a}\n", "price, selektor: there is no such field; write selector"),
        (GOOD + "hosts: ['https://a.example/']\n", "line 4: hosts: 'https://a.example/' is not a host; write host or host:port"),
        (GOOD + "hosts: a.example\n", "line 4: hosts: is not a list; write [a, b]"),
        (GOOD + "pages:\n  - {kind: home, pattern: '^/$'}\n  - {kind: blog, pattern: x}\n", "line 6: pages, entry 2, kind: 'blog' is not known; write one of 'home'"),
        (GOOD + "pages:\n  - {kind: home, pattern: '('}\n", "line 5: pages, entry 1, pattern: '(' is not a regular expression"),
        (GOOD + "ignore: ['*']\n", "ignore: '*' is not a regular expression"),
        (GOOD + "space_pattern: '^/u/'\n", "space_pattern: '^/u/' has no group named space; put"),
        (GOOD + "markers:\n  - {outcome: login_wall}\n", "line 5: markers, entry 1: has no sign to look for; give"),
        (GOOD + "markers:\n  - {outcome: login_wall, url: '['}\n", "markers, entry 1, url: '[' is not a regular"),
        (GOOD + "markers:\n  - {outcome: login_wall, text: a, max_text: 0}\n", "max_text: 0 is too small; write a number above 0"),
        (GOOD + "members:\n  - {selector: 'a[href'}\n", "members, entry 1, selector: 'a[href' is not a CSS selector; write"),
        (GOOD + "members:\n  - {selector: a, on: [home]}\n", "members, entry 1: True is not the name of a field; put names in quotes"),
        (GOOD + "ready_selector: ''\n", "ready_selector: '' is not a CSS selector"),
        (GOOD + "volatile_selectors: ['//div']\n", "volatile_selectors: '//div' is not a CSS selector"),
        (GOOD + "declared: {selector: .a, values: {}}\n", "declared, values: is empty; give at least one"),
        (GOOD + "declared: {selector: .a, values: {公开: open}}\n", "declared, values, 公开: 'open' is not known; write one of 'public'"),
        (GOOD + "pages:\n  - {kind: home\n", "not valid YAML"),
        ("- id\n", "p.yaml: a profile is a mapping of fields; begin with id, version and title"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_place_and_its_remedy(text: str, says: str) -> None:
    with pytest.raises(ProfileError) as caught:
        parse_profile(text, "p.yaml")
    assert says in str(caught.value)
    assert str(caught.value).startswith("p.yaml")


def test_all_mistakes_are_named_at_once() -> None:
    with pytest.raises(ProfileError) as caught:
        parse_profile("id: mine\ntitel: t\nversion: 2\n", "p.yaml")
    assert len(str(caught.value).splitlines()) == 3


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    with pytest.raises(ProfileError, match=r"no profile file .*mine\.yaml; give the path"):
        load_profile(str(path))
    path.write_bytes("title: 教师空间".encode("gb18030"))
    with pytest.raises(ProfileError, match=r"mine\.yaml is not UTF-8; save it"):
        load_profile(str(path))
    with pytest.raises(ProfileError, match="known: generic, sample, ucenter-home, wordpress"):
        load_profile("unheard-of")


@pytest.mark.parametrize("selector", ["a[href*='(']", ".a:not(.b) > c::before", 'a[title="]"]'])
def test_selectors_that_are_fine(selector: str) -> None:
    assert Profile(id="p", version="1", title="t", volatile_selectors=(selector,))


def test_built_in_profiles_are_what_their_files_are_named() -> None:
    assert {name: load_profile(name).id for name in profile_names()} == {
        name: name for name in ("generic", "sample", "ucenter-home", "wordpress-author")
    }


def test_the_schema_has_not_drifted() -> None:
    stored = (resources.files("rules") / "profiles" / "schema.json").read_text(encoding="utf-8")
    assert stored == schema_text(), "run: spaceaudit profile schema > rules/profiles/schema.json"
    assert '"digest"' not in stored


def test_an_untried_profile_says_so() -> None:
    profile = resources.files("rules") / "profiles" / "ucenter-home.yaml"
    assert "UNTRIED ON ANY LIVE SITE" in profile.read_text(encoding="utf-8")


# --- The guide

GUIDE = (Path(__file__).parent.parent / "docs" / "profiles.md").read_text(encoding="utf-8")


def test_every_field_is_in_the_guide() -> None:
    fields = {*Profile.model_fields, *MemberLinks.model_fields, *Marker.model_fields} - {"digest"}
    assert [name for name in sorted(fields) if f"`{name}`" not in GUIDE] == []


def test_every_example_of_the_guide_is_a_profile() -> None:
    examples = re.findall(r"^( *)```yaml\n(.*?)^ *```", GUIDE, re.MULTILINE | re.DOTALL)
    read = [parse_profile(textwrap.dedent(text), "profiles.md") for _, text in examples]
    assert [profile.id for profile in read] == ["platform", "blog", "refusals"]


def test_the_guide_names_every_profile_and_what_was_not_tried() -> None:
    assert [name for name in profile_names() if f"| `{name}` |" not in GUIDE] == []
    row = next(line for line in GUIDE.splitlines() if line.startswith("| `ucenter-home` |"))
    assert "untried on any live site" in row
