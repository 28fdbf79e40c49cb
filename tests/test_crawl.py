"""A crawl of a small platform with a real browser: what is measured, and what the snapshot holds."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import uuid
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import pytest
from warcio.archiveiterator import ArchiveIterator

from crawler.browser import Browser
from crawler.signing import load_signer
from crawler.store import SnapshotReader
from crawler.verification import flaws
from models.vocabulary import Access, Openness, Outcome, Visibility
from tests.crawl_site import (
    PROFILE,
    Crawled,
    Paths,
    answer,
    asked_paths,
    by_client,
    chunked,
    crawl,
    in_turn,
    listening,
    moved,
    order_for,
    zipped,
)
from tests.guard_site import Answer, Site, holds

pytestmark = pytest.mark.browser

OK = Outcome.OK

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de"
    "0000000c49444154789c63f8cfc0000003010100c9fe92ef0000000049454e44ae426082"
)
CSS = "p { color: #123 } /* 样式 */".encode()
JS = b"fetch('data.json').then((r) => r.json()).then((d) => { said.textContent = d.text; });"
JSON = json.dumps({"text": "脚本取来的文字"}, ensure_ascii=False).encode()
TEXT = "第一课 课堂笔记\n".encode()
PDF = b"""%PDF-1.1
1 0 obj <</Type /Catalog /Pages 2 0 R>> endobj
2 0 obj <</Type /Pages /Kids [3 0 R] /Count 1>> endobj
3 0 obj <</Type /Page /Parent 2 0 R /MediaBox [0 0 9 9]>> endobj
trailer <</Root 1 0 R>>
%%EOF
"""
LOGIN = "<title>登录</title><form>用户名<input name=u>密码<input type=password></form>"


def home(*parts: str) -> Answer:
    return answer("<!doctype html><title>空间</title><p>欢迎来到我的空间</p>" + "".join(parts))


#: The files of one space: path, answer, and the openness that has to be measured.
FILES: dict[str, tuple[Answer, Openness]] = {
    "/f/open.txt": (answer(TEXT, kind="text/plain"), Openness.OPEN),
    "/f/open.pdf": (chunked(PDF, "application/pdf"), Openness.OPEN),
    "/f/login.pdf": (answer("401", 401), Openness.LOGIN),
    "/f/moved.pdf": (moved("/login?to=/f/moved.pdf"), Openness.LOGIN),
    "/f/forbidden.pdf": (answer("403", 403), Openness.FORBIDDEN),
    "/f/paid.pdf": (answer("402", 402), Openness.PAID),
    "/f/points.pdf": (
        answer('{"message": "积分不足"}', kind="application/json"),
        Openness.PAID,
    ),
    "/f/missing.pdf": (answer("404", 404), Openness.MISSING),
    "/f/disguised.pdf": (answer("<!doctype html><p>请登录后下载"), Openness.DISGUISED),
    "/f/empty.pdf": (answer(b"", kind="application/pdf"), Openness.EMPTY),
    "/f/corrupt.zip": (answer(b"PK\x03\x04" + bytes(99)), Openness.CORRUPT),
    "/f/limited.pdf": (answer("429", 429), Openness.BLOCKED),
    "/f/down.pdf": (answer("503", 503), Openness.UNREACHABLE),
    "/f/flaky.pdf": (in_turn(answer("503", 503), answer(PDF)), Openness.OPEN),
    # The first attempt asks twice: as a stranger, and as one who comes from the page.
    "/f/once-missing.pdf": (
        in_turn(answer("404", 404), answer("404", 404), answer(PDF)),
        Openness.OPEN,
    ),
}
OFFSITE = "https://pan.baidu.com/s/1invented"

#: Every space: its answers below ``/s/NAME/``, and what has to be measured.
SPACES: dict[str, tuple[dict[str, Answer], Visibility, Outcome]] = {
    "public": (
        {
            "": home(
                "<link rel=stylesheet href=style.css><img src=dot.png alt=点><p id=said></p>",
                "<p class=who>所有人可见</p><a href=p/1>文章</a><script src=code.js></script>",
            ),
            "style.css": zipped(CSS, "text/css"),
            "dot.png": answer(PNG, kind="image/png"),
            "code.js": chunked(JS, "text/javascript"),
            "data.json": answer(JSON, kind="application/json"),
            "p/1": zipped(
                "<title>文章</title><p>课堂随笔</p>".encode(), "text/html; charset=utf-8"
            ),
        },
        Visibility.PUBLIC,
        Outcome.OK,
    ),
    "files": (
        {"": home(*(f"<a href={path}>文件</a>" for path in (*FILES, OFFSITE)))},
        Visibility.PUBLIC,
        Outcome.OK,
    ),
    "counter": (
        {
            "": in_turn(
                *(
                    home(f"<p>访问 <b class=counter>{n}</b> 次</p><a href=p/1>文</a>")
                    for n in range(1, 99)
                )
            ),
            "p/1": answer("<p>不变的文章</p>"),
        },
        Visibility.PUBLIC,
        Outcome.OK,
    ),
    "partial": (
        {
            "": home(
                "<a href=p/open>公开的</a><a href=p/closed>登录可见的</a><a href=p/dead>没了</a>"
            ),
            "p/open": answer("<p>公开的文章</p>"),
            "p/closed": moved("/login"),
        },
        Visibility.PARTIAL,
        Outcome.OK,
    ),
    "sent-away": ({"": moved("/login?from=1")}, Visibility.LOGIN, Outcome.LOGIN_REDIRECT),
    "sent-away-by-script": (
        {"": answer("<script>location.replace('/login')</script>")},
        Visibility.LOGIN,
        Outcome.LOGIN_REDIRECT,
    ),
    "login-wall": ({"": answer(LOGIN)}, Visibility.LOGIN, Outcome.LOGIN_WALL),
    "refusal": (
        {"": answer("<p>抱歉,您没有权限查看该空间</p>")},
        Visibility.RESTRICTED,
        Outcome.REFUSAL_PAGE,
    ),
    "soft-404": ({"": answer("<p>空间不存在</p>")}, Visibility.MISSING, Outcome.SOFT_NOT_FOUND),
    "gone": ({}, Visibility.MISSING, Outcome.NOT_FOUND),
    "hidden": ({"": answer("<p>该空间处于隐藏状态</p>")}, Visibility.HIDDEN, Outcome.HIDDEN_PAGE),
    "password": (
        {"": answer("<form class=password-form>请输入访问密码<input name=p></form>")},
        Visibility.PASSWORD,
        Outcome.PASSWORD_PROMPT,
    ),
    "bot-wall": (
        {"": answer("<p>请完成安全验证</p>", 403)},
        Visibility.BLOCKED,
        Outcome.BOT_WALL,
    ),
    "bot-turned-away": (
        {"": by_client(answer("403", 403), home())},
        Visibility.UNREACHABLE,
        Outcome.FORBIDDEN,
    ),
    "down": (
        {"": answer("维护中", 503, Set_Cookie="seen=1")},
        Visibility.UNREACHABLE,
        Outcome.SERVER_ERROR,
    ),
    # The first round asks twice: the browser, and the plain fetch as its witness.
    "flaky": (
        {"": in_turn(answer("", 503), answer("", 503), home())},
        Visibility.PUBLIC,
        Outcome.OK,
    ),
    "slow": ({"": holds()}, Visibility.UNREACHABLE, Outcome.TIMEOUT),
    "loop": ({"": moved("/s/loop/")}, Visibility.UNREACHABLE, Outcome.REDIRECT_LOOP),
    "download": (
        {"": answer(TEXT, kind="application/zip", Content_Disposition="attachment")},
        Visibility.UNREACHABLE,
        Outcome.NO_RESPONSE,
    ),
    "no-content": ({"": answer(b"", 204)}, Visibility.UNREACHABLE, Outcome.NO_RESPONSE),
    "blank": ({"": answer("<!doctype html>")}, Visibility.UNREACHABLE, Outcome.EMPTY_PAGE),
    "alerts": (
        {
            "": home(
                "<script>for (let i = 0; i < 30; i += 1) alert(i); onbeforeunload = () => 1</script>"
            )
        },
        Visibility.PUBLIC,
        Outcome.OK,
    ),
    "popups": (
        {"": home("<script>for (const n of [1, 2, 3]) open('/s/popups/window' + n)</script>")},
        Visibility.PUBLIC,
        Outcome.OK,
    ),
    "late-hang": (
        {"": home("<script>setTimeout(() => { for (;;); }, 300)</script>")},
        Visibility.UNREACHABLE,
        Outcome.TIMEOUT,
    ),
    "hang-inside": (
        {
            "": home("<a href=p/1>好的</a><a href=p/hang>坏的</a>"),
            "p/1": answer("<p>好文章</p>"),
            "p/hang": answer("<script>for (;;);</script>"),
        },
        Visibility.PUBLIC,
        Outcome.OK,
    ),
    "private": ({}, Visibility.UNREACHABLE, Outcome.GUARD_DENIED),
    "private-inside": (
        {"": home("<img src=inside.png><iframe src=inside.html></iframe>")},
        Visibility.PUBLIC,
        Outcome.OK,
    ),
}


def table_of(private: str) -> dict[str, Answer]:
    """All answers of the platform; ``private`` is where some of them lead off to."""
    table = {
        f"/s/{name}/{path}": a
        for name, (paths, _, _) in SPACES.items()
        for path, a in paths.items()
    }
    table |= {path: answered for path, (answered, _) in FILES.items()}
    table |= {
        "/login": answer(LOGIN),
        "/login?from=1": answer(LOGIN),
        "/login?to=/f/moved.pdf": answer(LOGIN),
        "/healthz": answer("ok", kind="text/plain"),
        "/broken": answer("broken", 500),
        "/s/private/": moved(private),
        "/s/private-inside/inside.png": moved(private),
        "/s/private-inside/inside.html": moved(private),
    }
    return table


@dataclass(frozen=True, slots=True)
class Ground:
    """The platform, the listener that nobody may reach, and a place for crawls."""

    site: Site
    private: Site
    folder: Path
    #: Set in the environment of every process that the crawls start.
    mark: str

    def spaces(self, *names: str) -> dict[str, str]:
        return {name: f"{self.site.url}s/{name}/" for name in names}

    @property
    def allow(self) -> str:
        return f"{self.site.host}:{self.site.port}"


@pytest.fixture(scope="module")
def ground(
    browser_executable: Browser, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Ground]:
    private = Site(host="127.0.0.9")
    paths = Paths({})
    site = Site(paths)
    mark = uuid.uuid4().hex
    with listening(private, site), pytest.MonkeyPatch.context() as patched:
        patched.setenv("CRAWL_TEST_MARK", mark)
        site.answer = Paths(table_of(private.url))
        yield Ground(site, private, tmp_path_factory.mktemp("crawl"), mark)


@pytest.fixture(scope="module")
def crawled(ground: Ground) -> Crawled:
    return crawl(order_for(ground.folder, ground.spaces(*SPACES), ground.allow))


@pytest.fixture(scope="module")
def canary_down(ground: Ground, crawled: Crawled) -> Crawled:
    """A second crawl of some of the spaces, while the page that is always up is not."""
    profile = ground.folder / "canary-down.yaml"
    profile.write_text(PROFILE.format(canary="/broken"), encoding="utf-8")
    order = order_for(
        ground.folder,
        ground.spaces("gone", "sent-away", "partial", "counter", "files"),
        ground.allow,
        crawl_id="crawl-2",
        profile=str(profile),
        directory=ground.folder / "crawl-2",
    )
    return crawl(order)


@pytest.mark.parametrize("space", SPACES)
def test_visibility_is_measured_by_what_is_seen(space: str, crawled: Crawled) -> None:
    _, visibility, outcome = SPACES[space]
    manifest = crawled.manifests[space]
    assert (manifest.visibility, manifest.pages[0].outcome) == (visibility, outcome), (
        manifest.reasons
    )


def test_every_space_was_visited_and_told_once(crawled: Crawled) -> None:
    assert crawled.failed == 0
    stored = [event.space for event in crawled.events if event.event == "stored"]
    assert sorted(stored) == sorted(SPACES)


# Access


def test_each_attempt_is_kept_with_its_evidence(crawled: Crawled) -> None:
    for space, manifest in crawled.manifests.items():
        for page in manifest.pages:
            assert [a.number for a in page.attempts] == list(range(1, len(page.attempts) + 1))
            assert all(attempt.evidence for attempt in page.attempts), space
        assert len(manifest.reasons) >= len(manifest.attempts) >= 1, space
        if manifest.visibility.access is Access.NOT_PUBLIC and manifest.pages[0].outcome is not OK:
            assert [attempt.plain is not None for attempt in manifest.attempts] == [True, True], (
                space
            )
            assert manifest.attempts[0].started_at < manifest.attempts[1].started_at


def test_what_passes_is_tried_again_until_it_has_passed(crawled: Crawled) -> None:
    attempts = crawled.manifests["flaky"].attempts
    assert [attempt.outcome for attempt in attempts] == [Outcome.SERVER_ERROR, OK]
    outcomes = {
        resource.url.rpartition("/")[2]: [attempt.outcome for attempt in resource.attempts]
        for resource in crawled.manifests["files"].resources
    }
    assert outcomes["flaky.pdf"] == [Outcome.SERVER_ERROR, OK]
    assert outcomes["once-missing.pdf"] == [Outcome.NOT_FOUND, OK]
    assert outcomes["missing.pdf"] == [Outcome.NOT_FOUND, Outcome.NOT_FOUND]
    assert outcomes["open.txt"] == [OK]


def test_a_wall_against_robots_is_not_the_teachers_refusal(crawled: Crawled) -> None:
    manifest = crawled.manifests["bot-turned-away"]
    assert [attempt.plain.outcome for attempt in manifest.attempts if attempt.plain] == [OK, OK]
    assert manifest.reasons[-1].code == "unconfirmed"


def test_a_closed_item_makes_a_space_partly_public_and_a_dead_link_does_not(
    crawled: Crawled,
) -> None:
    manifest = crawled.manifests["partial"]
    pages = {page.url.rpartition("/")[2]: page.visibility for page in manifest.pages}
    assert pages == {
        "": Visibility.PUBLIC,
        "open": Visibility.PUBLIC,
        "closed": Visibility.LOGIN,
        "dead": Visibility.MISSING,
    }
    assert [reason.code for reason in manifest.reasons] == [OK, Visibility.LOGIN]
    assert "/p/closed" in manifest.reasons[-1].evidence


def test_a_page_that_hangs_costs_neither_its_space_nor_others(crawled: Crawled) -> None:
    pages = {p.url.rpartition("/")[2]: p for p in crawled.manifests["hang-inside"].pages}
    assert pages["1"].outcome is OK
    assert pages["hang"].outcome is Outcome.TIMEOUT
    assert not pages["hang"].captured


def test_the_guard_keeps_a_space_from_leading_into_the_private_network(
    ground: Ground, crawled: Crawled
) -> None:
    manifest = crawled.manifests["private"]
    assert "守卫" in manifest.reasons[-1].evidence
    assert "非公网" in manifest.reasons[-1].evidence
    assert len(manifest.attempts) == 1, "it would be refused again"
    assert {refused.url for refused in manifest.refused_by_guard} == {ground.private.url}
    assert all("守卫" in refused.detail for refused in manifest.refused_by_guard)
    inside = crawled.manifests["private-inside"]
    assert {refused.url for refused in inside.refused_by_guard} == {ground.private.url}
    assert [len(page.frames_unread) for page in inside.pages] == [1]
    assert [image.captured for image in inside.images] == [False]
    assert ground.private.connections == 0


def test_each_attempt_comes_as_a_stranger_and_says_who_it_is(
    ground: Ground, crawled: Crawled
) -> None:
    heads = [head for head in ground.site.heads if b"/s/down/ " in head]
    assert len(heads) == 4
    assert not any(b"cookie" in head.lower() for head in heads)
    assert all(b"spaceaudit/" in head for head in heads)


def test_our_own_outage_is_never_held_against_a_space(canary_down: Crawled) -> None:
    manifests = canary_down.manifests
    for space in ("gone", "sent-away"):
        assert manifests[space].visibility is Visibility.UNREACHABLE
        assert manifests[space].pages[0].outcome is Outcome.CANARY_DOWN
    for space, manifest in manifests.items():
        assert not any(p.visibility.access is Access.NOT_PUBLIC for p in manifest.pages), space
    refused = [r for r in manifests["files"].resources if r.openness.access is Access.NOT_PUBLIC]
    # What came whole and is no file, or is elsewhere, needs no witness.
    assert {r.openness for r in refused} <= {Openness.OFFSITE}
    assert manifests["counter"].visibility is Visibility.PUBLIC


# Files


@pytest.mark.parametrize("path", FILES)
def test_openness_is_measured_by_what_comes(path: str, ground: Ground, crawled: Crawled) -> None:
    found = {resource.url: resource for resource in crawled.manifests["files"].resources}
    resource = found[ground.site.url.rstrip("/") + path]
    assert resource.openness is FILES[path][1], resource.evidence
    assert resource.evidence


def test_what_is_elsewhere_is_named_and_not_asked_for(crawled: Crawled) -> None:
    found = {resource.url: resource for resource in crawled.manifests["files"].resources}
    assert found[OFFSITE].openness is Openness.OFFSITE
    assert found[OFFSITE].attempts == ()


def test_a_file_is_kept_whole(ground: Ground, crawled: Crawled) -> None:
    url = f"{ground.site.url}f/open.pdf"
    found = {resource.url: resource for resource in crawled.manifests["files"].resources}
    assert (found[url].bytes, found[url].sha256) == (len(PDF), hashlib.sha256(PDF).hexdigest())
    with SnapshotReader(crawled.wacz("files")) as snapshot:
        assert snapshot.body(url) == PDF


# The snapshot


def records(crawled: Crawled, space: str) -> list[tuple[str, str, bytes, str]]:
    """Type, address, body and encoding as sent of each record in a snapshot's WARC file."""
    with zipfile.ZipFile(crawled.wacz(space)) as wacz:
        warc = wacz.read("archive/data.warc.gz")
    found = []
    for record in ArchiveIterator(BytesIO(warc), check_digests="raise"):
        uri = record.rec_headers.get_header("WARC-Target-URI") or ""
        headers = record.http_headers
        sent = headers.get_header("x-orig-content-encoding", "") if headers else ""
        found.append((record.rec_type, uri, record.content_stream().read(), sent))
    return found


@pytest.mark.parametrize(
    ("name", "body", "encoding"),
    [
        ("style.css", CSS, "gzip"),
        ("dot.png", PNG, ""),
        ("code.js", JS, ""),
        ("data.json", JSON, ""),
    ],
)
def test_what_a_page_asks_for_is_kept_byte_for_byte(
    name: str, body: bytes, encoding: str, crawled: Crawled
) -> None:
    kept = {
        uri.rpartition("/")[2]: (found, sent)
        for kind, uri, found, sent in records(crawled, "public")
        if kind == "response"
    }
    assert kept[name] == (body, encoding)


def test_each_answer_stands_with_its_request(crawled: Crawled) -> None:
    for space in ("public", "files", "partial", "sent-away"):
        found = records(crawled, space)
        answers = [uri for kind, uri, _, _ in found if kind == "response"]
        assert answers
        assert answers == [uri for kind, uri, _, _ in found if kind == "request"]


def test_each_page_stands_with_its_evidence(ground: Ground, crawled: Crawled) -> None:
    url = f"{ground.site.url}s/public/"
    kept = {uri: body for kind, uri, body, _ in records(crawled, "public") if kind == "resource"}
    for page in (url, f"{url}p/1"):
        for kind in ("text", "fullPage", "dom", "pageinfo"):
            assert kept[f"urn:{kind}:{page}"], (kind, page)
    assert kept[f"urn:fullPage:{url}"].startswith(b"\xff\xd8\xff")
    assert "欢迎来到我的空间".encode() in kept[f"urn:dom:{url}"]
    assert json.loads(kept[f"urn:pageinfo:{url}"])["attempt"]["outcome"] == OK
    # A refusal is evidence as well.
    refused = {uri for _, uri, _, _ in records(crawled, "refusal")}
    assert f"urn:fullPage:{ground.site.url}s/refusal/" in refused


def test_a_snapshot_is_read_back_as_it_was_seen(ground: Ground, crawled: Crawled) -> None:
    url = f"{ground.site.url}s/public/"
    with SnapshotReader(crawled.wacz("public")) as snapshot:
        texts = [block.text for block in snapshot.blocks(url)]
        manifest = snapshot.manifest
    assert texts == ["空间", "欢迎来到我的空间", "点", "脚本取来的文字", "所有人可见", "文章"]
    assert manifest.declared is Visibility.PUBLIC
    assert [page.title for page in manifest.pages] == ["空间", "文章"]
    image = next(image for image in manifest.images if image.url.endswith("dot.png"))
    assert (image.sha256, image.width, image.alt) == (hashlib.sha256(PNG).hexdigest(), 1, "点")


def test_every_snapshot_holds_and_is_signed_by_us(crawled: Crawled) -> None:
    key = load_signer(crawled.order.key).public_key
    broken = {
        space: [str(flaw) for flaw in flaws(crawled.wacz(space), public_key=key)]
        for space in SPACES
    }
    assert not any(broken.values()), broken


def test_the_reference_tools_accept_it(crawled: Crawled, tmp_path: Path) -> None:
    tools = Path(sys.executable).parent
    for space in ("public", "private"):
        path = crawled.wacz(space)
        said = subprocess.run(
            [tools / "wacz", "validate", "-f", path], capture_output=True, text=True, check=False
        )
        assert said.returncode == 0, said.stdout + said.stderr
        with zipfile.ZipFile(path) as wacz:
            warc = Path(wacz.extract("archive/data.warc.gz", tmp_path))
        subprocess.run([tools / "warcio", "check", warc], capture_output=True, check=True)


def test_two_visits_to_an_unchanged_space_agree(crawled: Crawled, canary_down: Crawled) -> None:
    first, second = (each.manifests["counter"] for each in (crawled, canary_down))
    assert first.content_digest == second.content_digest
    assert first.snapshot_id != second.snapshot_id


def test_windows_that_a_page_opens_are_no_pages_of_the_space(
    ground: Ground, crawled: Crawled
) -> None:
    assert "/s/popups/window1" in asked_paths(ground.site)
    assert [page.url for page in crawled.manifests["popups"].pages] == [
        f"{ground.site.url}s/popups/"
    ]


# What is left behind


def test_nothing_half_made_is_left(crawled: Crawled, canary_down: Crawled) -> None:
    for each in (crawled, canary_down):
        assert list((each.order.directory / "work").iterdir()) == []
        assert not [path for path in each.order.receipts.iterdir() if path.suffix != ".json"]
    store = Path(crawled.order.store)
    kept = {str(path.relative_to(store)) for path in store.rglob("*") if path.is_file()}
    assert kept == {
        receipt.wacz for each in (crawled, canary_down) for receipt in each.receipts.values()
    }


def test_no_process_outlives_its_crawl(ground: Ground, crawled: Crawled) -> None:
    mark = f"CRAWL_TEST_MARK={ground.mark}".encode()
    alive = [
        path.parent.name
        for path in Path("/proc").glob("[0-9]*/environ")
        if path.parent.name != str(os.getpid()) and mark in _read(path)
    ]
    assert alive == []


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        # It has gone in the meantime, or is somebody else's.
        return b""
