"""A page much of which does not come: each address has its fate, and a part of an answer says so."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import pytest
from playwright.async_api import BrowserContext, ProxySettings, async_playwright
from warcio.archiveiterator import ArchiveIterator

from crawler import recorder as recording
from crawler.archive import Archive
from crawler.browser import Browser, launch_options
from crawler.browsing import is_denial
from crawler.pagelog import PageLog, Row
from crawler.recorder import Recorder
from models.vocabulary import Fate
from tests.crawl_site import Paths, answer
from tests.guard_site import JOB, Answer, Site, guarding, holds, resets

pytestmark = pytest.mark.browser

LIMIT = 5000
CUT = b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 9000\r\n\r\n" + bytes(4000)
TROUBLE = """<!doctype html><title>缺的多</title><link rel=stylesheet href=tagged.css>
<img src=reset.png><img src=never.png><img src={private}>
<script>
fetch('large.json').then((answer) => answer.text());
fetch('slow.json', {{signal: AbortSignal.timeout(200)}}).catch(() => 0);
fetch('{private_tls}').catch(() => 0);
new WebSocket('ws://' + location.host + '/socket');
</script>"""


@dataclass(frozen=True, slots=True)
class Visited:
    """Two pages as the recorder saw them."""

    log: PageLog
    home: str
    heads: Mapping[str, str]

    def row(self, name: str) -> Row:
        return next(row for row in self.log.rows(self.home) if row.url.endswith(name))


@pytest.fixture(scope="module")
def visited(
    browser_executable: Browser, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Visited]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(recording, "BODY_LIMIT", LIMIT)
        path = tmp_path_factory.mktemp("gaps") / "data.warc.gz"
        yield asyncio.run(_visit(browser_executable, path))


async def _visit(executable: Browser, path: Path) -> Visited:
    archive = Archive(path, {})
    recorder = Recorder(archive, lambda response: is_denial(response.url, dict(response.headers)))
    private = Site(host="127.0.0.9")
    async with (
        Site() as site,
        private,
        guarding(site) as guard,
        async_playwright() as playwright,
    ):
        site.answer = Paths(_table(private))
        browser = await playwright.chromium.launch(**launch_options(executable))
        user, password = guard.credentials(JOB)
        proxy = ProxySettings(server=guard.address, username=user, password=password)
        context = await browser.new_context(proxy=proxy)
        for url in (site.url, f"{site.url}again"):
            await _read(context, recorder, url)
        await browser.close()
    archive.close()
    return Visited(recorder.log, site.url, _truncated(path, site.url))


async def _read(context: BrowserContext, recorder: Recorder, url: str) -> None:
    page = await context.new_page()
    recorder.attach(page, url)
    await page.goto(url, wait_until="domcontentloaded")
    await asyncio.sleep(1)
    await recorder.settle(page, 1)
    recorder.finish(page)
    await page.close()


def _table(private: Site) -> dict[str, Answer]:
    to = {"private": private.url, "private_tls": private.url.replace("http", "https")}
    return {
        "/": answer(TROUBLE.format(**to)),
        "/again": answer("<link rel=stylesheet href=tagged.css><p>又一页</p>"),
        "/tagged.css": answer(
            "p { color: red }", kind="text/css", ETag='"one"', Cache_Control="no-store"
        ),
        "/reset.png": resets(CUT),
        "/never.png": holds(),
        "/slow.json": holds(),
        "/large.json": answer(b" " * (LIMIT + 1), kind="application/json"),
    }


def _truncated(path: Path, home: str) -> dict[str, str]:
    return {
        record.rec_headers["WARC-Target-URI"].removeprefix(home): record.rec_headers.get_header(
            "WARC-Truncated", ""
        )
        for record in ArchiveIterator(BytesIO(path.read_bytes()))
        if record.rec_type == "response"
    }


@pytest.mark.parametrize(
    ("name", "fate"),
    [
        ("reset.png", Fate.PARTIAL),
        ("never.png", Fate.UNANSWERED),
        ("slow.json", Fate.ABORTED),
        ("large.json", Fate.TOO_LARGE),
        ("/socket", Fate.STREAM),
        ("tagged.css", Fate.CAPTURED),
    ],
)
def test_each_address_has_its_fate(name: str, fate: Fate, visited: Visited) -> None:
    row = visited.row(name)
    assert row.fate is fate, row


def test_what_the_guard_refused_is_told_as_that(visited: Visited) -> None:
    refused = {row.url.partition(":")[0]: row for row in visited.log.rows(visited.home)
               if "127.0.0.9" in row.url}  # fmt: skip
    assert {scheme: row.fate for scheme, row in refused.items()} == {
        "http": Fate.REFUSED,
        "https": Fate.REFUSED,
    }
    assert all(row.detail for row in refused.values())


def test_the_same_entity_is_read_once_a_visit(visited: Visited) -> None:
    (again,) = (r for r in visited.log.rows(f"{visited.home}again") if r.kind == "stylesheet")
    assert again.fate is Fate.KNOWN
    assert again.sha256 == visited.row("tagged.css").sha256


def test_a_part_of_an_answer_says_why_it_is_one(visited: Visited) -> None:
    assert visited.heads["reset.png"] == "disconnect"
    assert visited.heads["large.json"] == "length"
    assert visited.heads["tagged.css"] == ""
    assert not {"never.png", "slow.json"} & set(visited.heads), "nothing was answered"
