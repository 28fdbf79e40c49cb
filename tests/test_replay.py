"""The replay origin: what it serves and nothing else; and a snapshot replayed in a real browser."""

from __future__ import annotations

import io
import json
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from PIL import Image, ImageDraw, ImageFont
from playwright.sync_api import Frame, Page, sync_playwright

from crawler.browser import Browser, launch_options
from crawler.signing import load_signer
from crawler.store import SnapshotStore
from crawler.wacz import pack
from models.database import migrate, open_engine
from models.manifest import EarlierSnapshot
from service.commands.serve import replaying
from service.config import Config
from service.replay import REPLAY_FOLDER, Replayer, ReplaySite, Tickets, find_replayer
from service.seals import random_sealer
from service.web.app import create_app
from service.web.replay.app import create_replay_app
from service.web.replay.ranges import asked_range
from tests.crawl_site import (
    Crawled,
    Paths,
    answer,
    asked_paths,
    crawl,
    listening,
    order_for,
    tagged,
)
from tests.factories import AUDITOR, CAMPAIGN, FONT, add_campaign, make_desk
from tests.guard_site import Site
from tests.serving import client_of, served
from tests.signing_in import browser_of, post
from tests.snapshots import manifest, write_archive, write_snapshot

URL = "http://platform.example/space/s1"
MOMENT = datetime(2022, 9, 1, 8, 0, 5, tzinfo=timezone(timedelta(hours=8)))
WAIT_MS = 30_000
#: Those of the pages and the replay origin alike.
TICKETS = Tickets(random_sealer(), lambda: datetime.now(UTC))


@dataclass(frozen=True)
class Served:
    client: httpx.Client
    digest: str
    content: bytes
    store: SnapshotStore


@pytest.fixture
def program(tmp_path: Path) -> Replayer:
    """Files in the place of ReplayWeb.page's."""
    folder = tmp_path / "program"
    folder.mkdir()
    for name in ("ui.js", "sw.js", "LICENSE"):
        (folder / name).write_text(f"// {name}", encoding="ascii")
    (folder / "package.json").write_text(json.dumps({"version": "1.2.3"}), encoding="ascii")
    found = find_replayer(folder)
    assert found is not None
    return found


@pytest.fixture(params=["{folder}", "memory://{folder}"], ids=["directory", "object store"])
def replay(tmp_path: Path, program: Replayer, request: pytest.FixtureRequest) -> Iterator[Served]:
    store = SnapshotStore(request.param.format(folder=tmp_path / "store"))
    draft = write_snapshot(tmp_path / "draft")
    content = draft.read_bytes()
    stored = store.put(draft)
    store.put_token(stored.name, b"token")
    with client_of(create_replay_app(store, program, None)) as client:
        yield Served(client, stored.digest.removeprefix("sha256:"), content, store)


# -- What is served


def test_a_snapshot_is_served_whole_and_in_ranges(replay: Served) -> None:
    address = f"/snapshots/{replay.digest}.wacz"
    size = len(replay.content)
    whole = replay.client.get(address)
    assert whole.content == replay.content
    assert whole.headers["accept-ranges"] == "bytes"
    part = replay.client.get(address, headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, replay.content[10:20])
    assert part.headers["content-range"] == f"bytes 10-19/{size}"
    end = replay.client.get(address, headers={"Range": "bytes=-22"})
    assert (end.status_code, end.content) == (206, replay.content[-22:])
    beyond = replay.client.get(address, headers={"Range": f"bytes={size}-"})
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{size}")
    head = replay.client.head(address)
    assert (head.content, head.headers["content-length"]) == (b"", str(size))


def test_a_later_snapshot_is_replayed_from_a_view_and_served_as_it_was_signed(
    tmp_path: Path, program: Replayer
) -> None:
    store = SnapshotStore(str(tmp_path / "store"))
    first = store.put(write_snapshot(tmp_path / "first"))
    earlier = EarlierSnapshot(
        snapshot_id="c0-0001", wacz=first.name, digest=first.digest, taken_at=MOMENT
    )
    folder = tmp_path / "second"
    folder.mkdir()
    draft = folder / "snapshot.wacz"
    signer = load_signer(folder / "key.pem")
    pack(write_archive(folder), manifest(earlier=(earlier,)), signer, draft)
    signed = draft.read_bytes()
    later = store.put(draft)
    with client_of(create_replay_app(store, program, None)) as client:
        names = [each.digest.removeprefix("sha256:") for each in (later, first)]
        page, plain = (client.get(f"/view/{name}?url={URL}&ts=").text for name in names)
        source = re.findall('source="([^"]+)"', page)[0]
        assert re.fullmatch(f"/resolved/{names[0]}[.][0-9a-f]{{16}}[.]wacz", source)
        assert "回放视图" in page
        assert "签名的快照文件" in page
        assert f'source="/snapshots/{names[1]}.wacz"' in plain
        assert "回放视图" not in plain
        view = client.get(source)
        assert view.content[:4] == b"PK\x03\x04"
        assert view.content != signed
        part = client.get(source, headers={"Range": "bytes=10-19"})
        assert (part.status_code, part.content) == (206, view.content[10:20])
        assert client.get(f"/snapshots/{names[0]}.wacz").content == signed
        for name, state in ((names[0], "0" * 16), (names[1], "0" * 16), (names[0], "..")):
            assert client.get(f"/resolved/{name}.{state}.wacz").status_code == 404
        policy = view.headers["content-security-policy"]
        assert "default-src 'none'; connect-src 'self'" in policy
        assert "先前快照不全" not in page
        (tmp_path / "store" / first.name).unlink()
        assert "先前快照不全" in client.get(f"/view/{names[0]}?url={URL}&ts=").text


@pytest.mark.parametrize(
    ("header", "asked"),
    [
        ("", None),
        ("bytes=0-", range(100)),
        ("bytes=0-0", range(1)),
        ("bytes=99-500", range(99, 100)),
        ("bytes=-5", range(95, 100)),
        ("bytes=-500", range(100)),
        ("bytes=100-", range(100, 100)),
        ("bytes=-0", range(100, 100)),
        ("bytes=5-4", None),
        ("bytes=-", None),
        ("bytes=0-1,5-6", None),
        ("lines=0-1", None),
    ],
)
def test_ranges(header: str, asked: range | None) -> None:
    assert asked_range(header, 100) == asked


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/snapshots/",
        "/snapshots/{digest}",
        "/snapshots/{digest}.tsr",
        "/snapshots/{other}.wacz",
        "/snapshots/{start}/{digest}.wacz",
        "/snapshots/..%2F{start}%2F{digest}.wacz",
        "/view/",
        "/view/{digest}",
        "/view/{digest}?url=javascript:alert(1)",
        "/view/{digest}?url=http://a.example/&ts=1%22",
        "/view/{other}?url=http://a.example/",
        "/replay/",
        "/replay/LICENSE",
        "/replay/package.json",
        "/static/site.css",
        "/openapi.json",
    ],
)
def test_nothing_else_is_served(replay: Served, path: str) -> None:
    place = path.format(digest=replay.digest, start=replay.digest[:2], other="0" * 64)
    refused = replay.client.get(place)
    assert refused.status_code == 404
    assert replay.digest[2:] not in refused.text


def test_every_answer_keeps_to_itself(replay: Served) -> None:
    view = f"/view/{replay.digest}?url={URL}"
    for path in (view, f"/snapshots/{replay.digest}.wacz", "/replay/ui.js", "/replay/sw.js", "/x"):
        headers = replay.client.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'; connect-src 'self'" in policy, path
        assert "unsafe-inline" not in policy
        assert "unsafe-eval" not in policy.replace("wasm-unsafe-eval", "")
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert "set-cookie" not in headers
        assert "access-control-allow-origin" not in headers
    elsewhere = replay.client.get(view, headers={"Host": "attacker.example"})
    assert elsewhere.status_code == 400
    assert replay.client.post(view, headers={"Sec-Fetch-Site": "same-origin"}).status_code == 405


def test_the_page_is_told_what_to_replay_and_cannot_be_written_into(replay: Served) -> None:
    hostile = 'http://a.example/"><script>alert(1)</script>'
    page = replay.client.get(f"/view/{replay.digest}", params={"url": hostile, "ts": "20220901"})
    assert page.text.count("<script") == 2  # ReplayWeb.page's, and ours
    assert "alert" not in re.findall("<script.*?</script>", page.text, re.DOTALL)[-1]
    assert f'source="/snapshots/{replay.digest}.wacz"' in page.text
    assert "ReplayWeb.page 1.2.3" in page.text


@pytest.mark.parametrize("spoilt", ["ui.js", "sw.js", "package.json"])
def test_a_program_that_is_not_whole_is_none(program: Replayer, spoilt: str) -> None:
    (program.folder / spoilt).unlink()
    assert find_replayer(program.folder) is None


# -- Where it is


@pytest.mark.parametrize(
    ("listens", "desk", "name"),
    [
        ("127.0.0.1", "127.0.0.1", "localhost"),
        ("127.0.0.1", "localhost", "127.0.0.1"),
        ("::1", "::1", "localhost"),
        ("::1", "localhost", "[::1]"),
    ],
)
def test_the_origin_differs_in_name_and_port(listens: str, desk: str, name: str) -> None:
    address = ReplaySite(listens, 8001).address(desk, "ab", "http://a.example/?b=1&c=2", MOMENT)
    assert address == (
        f"http://{name}:8001/view/ab?url=http%3A%2F%2Fa.example%2F%3Fb%3D1%26c%3D2&ts=20220901000005"
    )


def test_a_ticket_opens_one_snapshot_for_a_day(replay: Served) -> None:
    now = [MOMENT]
    tickets = Tickets(TICKETS.sealer, lambda: now[0])
    ticket = tickets.give(replay.digest)
    assert tickets.holds(ticket, replay.digest)
    assert not tickets.holds(ticket, "0" * 64)
    assert not Tickets(random_sealer(), lambda: now[0]).holds(ticket, replay.digest)
    for wrong in ("", ".", ticket[:-1], ticket.replace(".", "1.", 1)):
        assert not tickets.holds(wrong, replay.digest)
    now[0] = MOMENT + timedelta(hours=12)
    assert tickets.holds(ticket, replay.digest)
    now[0] = MOMENT + timedelta(hours=24)
    assert not tickets.holds(ticket, replay.digest)


def test_without_its_ticket_a_snapshot_is_not_shown(program: Replayer, replay: Served) -> None:
    digest, good = replay.digest, TICKETS.give(replay.digest)
    app = create_replay_app(replay.store, program, TICKETS)
    with client_of(app) as client:
        for root in ("", "/t/x", f"/t/{TICKETS.give('0' * 64)}"):
            assert client.get(f"{root}/view/{digest}?url={URL}").status_code == 404
            assert client.get(f"{root}/snapshots/{digest}.wacz").status_code == 404
        page = client.get(f"/t/{good}/view/{digest}?url={URL}")
        assert f'source="/t/{good}/snapshots/{digest}.wacz"' in page.text
        assert client.get(f"/t/{good}/snapshots/{digest}.wacz").is_success


def test_serve_replays_on_the_next_port_or_a_free_one(tmp_path: Path, program: Replayer) -> None:
    config = Config(home=tmp_path, replay=program.folder)
    store = SnapshotStore(config.store)
    with socket.create_server(("127.0.0.1", 0)) as desk:
        with (
            replaying(config, store, desk, TICKETS) as first,
            replaying(config, store, desk, TICKETS) as second,
        ):
            assert first is not None
            assert second is not None
            assert first.port != second.port
            with httpx.Client(trust_env=False) as client:
                for site in (first, second):
                    assert (
                        client.get(f"http://127.0.0.1:{site.port}/replay/ui.js").text == "// ui.js"
                    )
        missing = config.model_copy(update={"replay": tmp_path / "none"})
        with replaying(missing, store, desk, TICKETS) as nothing:
            assert nothing is None


def test_the_case_page_leads_there_or_says_why_not(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'test.db'}")
    migrate(engine)
    made = make_desk(engine)
    add_campaign(made, spaces=1)
    path = f"/campaigns/{CAMPAIGN}/spaces/s001"
    with browser_of(create_app(made.desk, AUDITOR, ReplaySite("127.0.0.1", 8001))) as client:
        # This space shows personal data, so its replay has to be opened first.
        assert "/view/" not in client.get(path).text
        opened = post(client, f"{path}/openings", page="0", why="核对回放")
        assert opened.status_code == 303
        shown = client.get(path).text
    link = shown.partition('class="replay" href="')[2].partition(">")[0]
    assert link.startswith("http://localhost:8001/view/")
    assert 'target="_blank" rel="noopener noreferrer"' in link
    with browser_of(create_app(made.desk, AUDITOR)) as client:
        shown = client.get(path).text
    assert "不能回放" in shown
    assert "/view/" not in shown
    engine.dispose()


# -- In a real browser


@pytest.fixture(scope="module")
def replayer() -> Replayer:
    found = find_replayer(REPLAY_FOLDER)
    if found is None:
        pytest.skip("ReplayWeb.page is not there: `make setup` installs it where npm is")
    return found


#: Ways of a hostile page to reach ``{trap}`` while it is replayed.
ESCAPES = """
fetch('{trap}fetch').catch(() => 0);
new Image().src = '{trap}image';
navigator.sendBeacon('{trap}beacon', 'x');
const frame = document.createElement('iframe');
document.body.append(frame);
frame.contentWindow.fetch('{trap}inner').catch(() => 0);
new frame.contentWindow.Image().src = '{trap}inner-image';
const sheet = document.createElement('link');
sheet.rel = 'stylesheet';
sheet.href = '{trap}sheet';
document.head.append(sheet);
document.cookie = 'planted=1';
"""
HOME = """<!doctype html><html lang="zh"><meta charset="utf-8"><title>王老师的学习空间</title>
<style>body {{ font-family: sans-serif; margin: 2em }} img {{ border: 1px solid #999 }}</style>
<h1>欢迎来到王老师的学习空间</h1>
<p>这里有课件、教案和随笔,全部免费开放。</p>
<img id="picture" src="picture.png" alt="板书">
<p id="said"></p><p><a href="p/1">第一课 教学随笔</a></p>
<script>
fetch('words.json').then((r) => r.json()).then((d) => {{
  document.getElementById('said').textContent = d.text;
}});
{escapes}
</script></html>"""


def picture() -> bytes:
    image = Image.new("RGB", (360, 120), "#1f5134")
    font = ImageFont.truetype(str(FONT), 36) if FONT.exists() else None
    if font is not None:
        ImageDraw.Draw(image).text((30, 38), "板书:一元二次方程", "white", font)
    written = io.BytesIO()
    image.save(written, "PNG")
    return written.getvalue()


@pytest.fixture(scope="module")
def crawled(
    browser_executable: Browser, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Crawled, Site, str]:
    """A snapshot of a small Chinese space that is gone by now, and the site it would call."""
    trap = Site(answer("caught", Access_Control_Allow_Origin="*"))
    with listening(trap):
        pass  # its port is known from now on, and nobody listens while the space is crawled
    home = HOME.format(escapes=ESCAPES.format(trap=trap.url))
    site = Site(
        Paths(
            {
                "/s/wang/": answer(home),
                "/s/wang/picture.png": answer(picture(), kind="image/png"),
                "/s/wang/words.json": answer('{"text": "脚本取来的文字"}', kind="application/json"),
                "/s/wang/p/1": answer("<!doctype html><title>第一课</title><p>随笔一则</p>"),
                "/healthz": answer("好"),
            }
        )
    )
    folder = tmp_path_factory.mktemp("replayed")
    with listening(site):
        url = f"{site.url}s/wang/"
        order = order_for(
            folder, {"wang": url}, f"127.0.0.1:{site.port}", browser=browser_executable.path
        )
        done = crawl(order)
    return done, trap, url


def replayed(page: Page, url: str) -> Frame:
    """The frame in which an archived page is shown."""
    for _ in range(WAIT_MS // 100):
        for frame in page.frames:
            if frame.url.endswith(f"mp_/{url}"):
                return frame
        page.wait_for_timeout(100)
    raise AssertionError([frame.url for frame in page.frames])


@pytest.mark.browser
def test_a_snapshot_replays_with_its_words_and_pictures_when_the_site_is_gone(
    browser_executable: Browser,
    replayer: Replayer,
    crawled: tuple[Crawled, Site, str],
    tmp_path: Path,
) -> None:
    done, trap, url = crawled
    store = SnapshotStore(done.order.store)
    app = create_replay_app(store, replayer, TICKETS)
    with listening(trap), served(app) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(**launch_options(browser_executable))
        page = browser.new_page(viewport={"width": 1200, "height": 640})
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        site = ReplaySite("127.0.0.1", urlsplit(address).port or 0, TICKETS)
        digest = done.receipts["wang"].digest.removeprefix("sha256:")
        page.goto(site.address("127.0.0.1", digest, url, datetime.now(UTC)))
        frame = replayed(page, url)
        frame.get_by_text("脚本取来的文字").wait_for(timeout=WAIT_MS)
        assert "欢迎来到王老师的学习空间" in frame.inner_text("h1")
        drawn = frame.evaluate("document.getElementById('picture').naturalWidth")
        assert drawn == 360
        page.screenshot(path=tmp_path / "replay.png")
        frame.get_by_text("第一课").click()
        replayed(page, f"{url}p/1").get_by_text("随笔一则").wait_for(timeout=WAIT_MS)
        own = {f"localhost:{site.port}"}
        assert {urlsplit(each).netloc for each in asked if each.startswith("http")} == own
        # What the page plants stays under this name; the desk is seen under the other.
        assert page.context.cookies("http://127.0.0.1/") == []
        browser.close()
        # The trap does work: only this has come to it.
        assert httpx.get(f"{trap.url}control", trust_env=False).text == "caught"
    assert asked_paths(trap) == ["/control"]


LESSON = (
    "<!doctype html><html lang=zh><meta charset=utf-8><title>第{0}课</title>"
    "<h1>{1}</h1><img id=picture src=../picture.png></html>"
)
INNER_LINKS = '<a href="p/2">第二课 教学随笔</a></p>\n<script>'


@pytest.fixture(scope="module")
def visited_again(
    browser_executable: Browser, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Crawled, str]:
    """The later of two snapshots of a space in which nothing changed, and its address."""
    words = answer('{"text": "脚本取来的文字"}', kind="application/json")
    home = HOME.format(escapes="").replace("</p>\n<script>", INNER_LINKS)
    site = Site(
        Paths(
            {
                "/s/wang/": answer(home),
                "/s/wang/picture.png": answer(picture(), kind="image/png"),
                "/s/wang/words.json": words,
                # Called not modified (304); and the same bytes without a word about them.
                "/s/wang/p/1": tagged(LESSON.format("一", "随笔一则"), '"1"'),
                "/s/wang/p/2": answer(LESSON.format("二", "随笔又一则")),
                "/healthz": answer("好"),
            }
        )
    )
    folder = tmp_path_factory.mktemp("replayed-later")
    with listening(site):
        url = f"{site.url}s/wang/"
        order = order_for(
            folder, {"wang": url}, f"127.0.0.1:{site.port}", browser=browser_executable.path
        )
        first = crawl(order).receipts["wang"]
        task = order.spaces[0].model_copy(update={"earlier": first.as_earlier})
        again = {"crawl_id": "crawl-2", "directory": folder / "crawl-2", "spaces": (task,)}
        done = crawl(order.model_copy(update=again))
    made = done.manifests["wang"]
    assert made.earlier, "the pictures and words are in the first snapshot"
    unchanged = {page.url for page in made.pages if page.unchanged_since}
    assert unchanged == {f"{url}p/1", f"{url}p/2"}
    with SnapshotStore(done.order.store).reader(done.receipts["wang"].wacz) as reader:
        for path in ("p/1", "p/2", "picture.png", "words.json"):
            assert reader.places(f"{url}{path}")[-1].is_reference, path
    return done, url


@pytest.mark.browser
def test_a_later_snapshot_replays_with_what_an_earlier_one_holds(
    browser_executable: Browser, replayer: Replayer, visited_again: tuple[Crawled, str]
) -> None:
    done, url = visited_again
    app = create_replay_app(SnapshotStore(done.order.store), replayer, TICKETS)
    with served(app) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(**launch_options(browser_executable))
        page = browser.new_page(viewport={"width": 1200, "height": 640})
        site = ReplaySite("127.0.0.1", urlsplit(address).port or 0, TICKETS)
        digest = done.receipts["wang"].digest.removeprefix("sha256:")
        page.goto(site.address("127.0.0.1", digest, url, datetime.now(UTC)))
        frame = replayed(page, url)
        frame.get_by_text("脚本取来的文字").wait_for(timeout=WAIT_MS)
        assert "欢迎来到王老师的学习空间" in frame.inner_text("h1")
        picture_is_drawn(frame)
        page.get_by_text("未变化的内容取自先前快照").wait_for()
        frame.get_by_text("第一课").click()
        frame = replayed(page, f"{url}p/1")
        frame.get_by_text("随笔一则").wait_for(timeout=WAIT_MS)
        picture_is_drawn(frame)
        page.goto(site.address("127.0.0.1", digest, f"{url}p/2", datetime.now(UTC)))
        frame = replayed(page, f"{url}p/2")
        frame.get_by_text("随笔又一则").wait_for(timeout=WAIT_MS)
        picture_is_drawn(frame)
        browser.close()


def picture_is_drawn(frame: Frame) -> None:
    drawn = "document.getElementById('picture')?.naturalWidth === 360"
    frame.wait_for_function(drawn, timeout=WAIT_MS)
    assert frame.locator("#picture").is_visible()
