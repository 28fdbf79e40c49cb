"""robots.txt: obeyed, unless a written authority says otherwise and is recorded."""

from pathlib import Path

import pytest

from crawler.browser import Browser
from crawler.plain import Fetched
from crawler.robots import robots_of
from models.vocabulary import Access, Openness, Outcome
from tests.crawl_site import Paths, answer, asked_paths, crawl, listening, order_for
from tests.guard_site import Site

URL = "http://p.example/s/a/"


@pytest.mark.parametrize(
    ("status", "text", "outcome"),
    [
        (200, "User-agent: *\nDisallow: /s/", Outcome.ROBOTS),
        (200, "User-agent: *\nDisallow: /t/", None),
        (200, "User-agent: spaceaudit\nDisallow: /\n\nUser-agent: *\nDisallow:", Outcome.ROBOTS),
        (200, "User-agent: *\nDisallow: /s/\nAllow: /s/a/", None),
        (200, "", None),
        (200, "<html>not a robots file</html>", None),
        (404, "User-agent: *\nDisallow: /", None),
        (403, "", None),
        (503, "", Outcome.SERVER_ERROR),
        (None, "", None),
    ],
)
def test_what_a_robots_file_means(status: int | None, text: str, outcome: Outcome | None) -> None:
    answered = Fetched("http://p.example/robots.txt", status=status, body=text.encode())
    refusal = robots_of(answered).refusal(URL)
    assert (refusal.outcome if refusal else None) is outcome
    if outcome is not None:
        assert outcome.visibility.access is Access.CANNOT_TELL


@pytest.mark.browser
def test_what_a_site_asks_robots_to_leave_alone(
    tmp_path: Path, browser_executable: Browser
) -> None:
    links = '<a href="p/open">一</a> <a href="p/closed">二</a> <a href="/f/closed.txt">三</a>'
    file = "User-agent: *\nDisallow: /s/shut/\nDisallow: /s/part/p/closed\nDisallow: /f/"
    table = {
        "/robots.txt": answer(file, kind="text/plain"),
        "/healthz": answer("ok"),
        "/s/part/": answer(f"<p>空间首页 {links}</p>"),
        "/s/part/p/open": answer("<p>公开的文章</p>"),
        "/s/part/p/closed": answer("<p>不让机器人看的文章</p>"),
        "/s/shut/": answer("<p>不让机器人看的空间</p>"),
        "/f/closed.txt": answer("文件", kind="text/plain"),
    }
    site = Site(Paths(table))
    with listening(site):
        spaces = {name: f"{site.url}s/{name}/" for name in ("part", "shut")}
        allow = f"{site.host}:{site.port}"
        obeyed = crawl(order_for(tmp_path, spaces, allow))
        asked = asked_paths(site)
        authority = "示例教育局〔2022〕1号"
        folder = tmp_path / "second"
        overridden = crawl(
            order_for(tmp_path, spaces, allow, directory=folder, robots_authority=authority)
        )
    assert not {"/s/shut/", "/s/part/p/closed", "/f/closed.txt"} & set(asked)
    shut = obeyed.manifests["shut"]
    assert shut.visibility.access is Access.CANNOT_TELL
    assert shut.pages[0].outcome is Outcome.ROBOTS
    assert len(shut.attempts) == 1
    part = {page.url.rsplit("/", 1)[1]: page.outcome for page in obeyed.manifests["part"].pages}
    assert part == {"": Outcome.OK, "open": Outcome.OK, "closed": Outcome.ROBOTS}
    assert [f.openness for f in obeyed.manifests["part"].resources] == [Openness.BLOCKED]
    assert obeyed.manifests["part"].robots_authority == ""
    again = overridden.manifests["shut"]
    assert again.visibility.access is Access.PUBLIC
    assert again.robots_authority == authority
