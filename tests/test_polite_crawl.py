"""Whole crawls that have to spare a site: over processes, pauses, quiet hours, budgets, robots.txt."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import crawler.run
from crawler.browser import Browser
from crawler.run import CrawlError, run
from crawler.task import CrawlOrder
from models.vocabulary import Access, NotScreened, Openness, Outcome
from tests.crawl_site import LIMITS, Paths, answer, crawl, in_turn, listening, order_for
from tests.guard_site import Answer, Site

pytestmark = pytest.mark.browser

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de"
    "0000000c49444154789c63f8cfc0000003010100c9fe92ef0000000049454e44ae426082"
)


class Log:
    """A site's own log around its answers: when each request came, and how many were under way."""

    def __init__(self, inner: Answer, seconds: float = 0.0) -> None:
        self.inner = inner
        self.seconds = seconds
        self.now = self.peak = 0
        self.came: list[tuple[float, str]] = []

    async def __call__(
        self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.came.append((time.monotonic(), head.split(b" ")[1].decode()))
        self.now += 1
        self.peak = max(self.peak, self.now)
        try:
            await asyncio.sleep(self.seconds)
        finally:
            # What is written from here on ends a request that is under way until then.
            self.now -= 1
        await self.inner(head, reader, writer)


def space(pages: int = 2, pictures: int = 6, files: int = 3) -> dict[str, Answer]:
    """A space ``/s/a/`` with pages full of pictures, and files."""
    images = "".join(f"<img src=/i/{number}.png?{{page}} alt=图>" for number in range(pictures))
    links = "".join(f"<a href=/s/a/p/{number}>文</a>" for number in range(pages))
    links += "".join(f"<a href=/f/{number}.txt>件</a>" for number in range(files))
    body = "<!doctype html><p>空间里的文字</p>" + images
    table = {
        "/healthz": answer("ok"),
        "/s/a/": answer(body.format(page="home") + links),
        **{f"/s/a/p/{n}": answer(body.format(page=n)) for n in range(pages)},
        **{f"/f/{n}.txt": answer("文件", kind="text/plain") for n in range(files)},
    }
    for page in ("home", *range(pages)):
        table |= {f"/i/{n}.png?{page}": answer(PNG, kind="image/png") for n in range(pictures)}
    return table


def place(site: Site) -> str:
    return f"{site.host}:{site.port}"


def orders(tmp_path: Path, site: Site, limit: int) -> list[CrawlOrder]:
    """Three crawls of one site, each a process, that share the site's slots."""
    made = []
    for number in range(3):
        folder = tmp_path / f"crawl-{number}"
        folder.mkdir()
        limits = LIMITS.model_copy(update={"site_concurrency": limit, "page_seconds": 20})
        slots = tmp_path / "slots"
        found = {"a": f"{site.url}s/a/"}
        made.append(order_for(folder, found, place(site), limits=limits, site_slots=slots))
    return made


@pytest.mark.parametrize("limit", [2, 4])
def test_three_crawls_at_once_never_pass_a_sites_limit(
    tmp_path: Path, browser_executable: Browser, limit: int
) -> None:
    log = Log(Paths(space()), 0.02)
    site = Site(log)
    with listening(site), ThreadPoolExecutor(3) as threads:
        done = list(threads.map(crawl, orders(tmp_path, site, limit)))
    assert log.peak == limit
    for each in done:
        manifest = each.manifests["a"]
        assert manifest.visibility.access is Access.PUBLIC
        assert [page.outcome for page in manifest.pages] == [Outcome.OK] * 3
        assert [file.openness for file in manifest.resources] == [Openness.OPEN] * 3
        assert all(image.captured for image in manifest.images)
        assert manifest.politeness is not None
        assert manifest.politeness.site_concurrency == limit
        assert manifest.politeness.bytes
    assert any(m.waited_seconds for each in done if (m := each.manifests["a"].politeness))


def test_a_killed_crawl_frees_its_slots(
    tmp_path: Path, browser_executable: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first crawl dies while it holds the site's only slot; the second has to get it."""
    stuck = threading.Event()
    table = space(pages=0, pictures=0, files=0)

    async def hangs_once(
        head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if not stuck.is_set() and head.split(b" ")[1] == b"/s/a/":
            stuck.set()
            await reader.read()
        else:
            await Paths(table)(head, reader, writer)

    processes: list[subprocess.Popen[str]] = []
    start = crawler.run._start

    def remembered(*arguments: object) -> subprocess.Popen[str]:
        process = start(*arguments)  # type: ignore[arg-type]
        processes.append(process)
        return process

    monkeypatch.setattr(crawler.run, "_start", remembered)
    site = Site(hangs_once)
    with listening(site), ThreadPoolExecutor(1) as threads:
        first, second, _ = orders(tmp_path, site, 1)
        dying = threads.submit(run, first, lambda _: None)
        assert stuck.wait(60)
        os.killpg(processes[0].pid, signal.SIGKILL)
        with pytest.raises(CrawlError):
            dying.result(60)
        finished = crawl(second)
    assert finished.manifests["a"].visibility.access is Access.PUBLIC
    politeness = finished.manifests["a"].politeness
    assert politeness is not None
    assert politeness.waited_seconds < 5


def test_a_pause_that_one_space_was_told_holds_for_all_of_the_site(
    tmp_path: Path, browser_executable: Browser
) -> None:
    busy = answer("429", 429, Retry_After="4")
    table = space(pages=0, pictures=0, files=0)
    names = [f"s{number}" for number in range(4)]
    table |= {f"/s/{name}/": answer(f"<p>空间 {name}</p>") for name in names[1:]}
    table["/s/s0/"] = in_turn(busy, answer("<p>现在可以了</p>"))
    log = Log(Paths(table))
    site = Site(log)
    with listening(site):
        spaces = {name: f"{site.url}s/{name}/" for name in names}
        limits = LIMITS.model_copy(update={"concurrency": 1, "page_seconds": 12})
        done = crawl(order_for(tmp_path, spaces, place(site), limits=limits))
    told = next(moment for moment, path in log.came if path == "/s/s0/")
    late = [(round(moment - told, 1), path) for moment, path in log.came if moment > told]
    # What was under way together with the refused request may still arrive.
    assert [each for each in late if 0.3 < each[0] < 3.7] == []
    assert any(moment > 3.7 for moment, _ in late)
    assert all(m.visibility.access is Access.PUBLIC for m in done.manifests.values())
    pauses = [p for m in done.manifests.values() if m.politeness for p in m.politeness.pauses]
    assert {pause.site for pause in pauses} == {place(site)}
    assert 4.0 in {pause.asked_seconds for pause in pauses}


def test_a_crawl_that_begins_in_quiet_hours_waits_and_says_so(
    tmp_path: Path, browser_executable: Browser
) -> None:
    log = Log(Paths(space(pages=1, pictures=1, files=1)))
    site = Site(log)
    limits = LIMITS.model_copy(
        update={"quiet_hours": "07:30-12:00,14:00-17:30", "visit_minutes": 0.5}
    )
    with listening(site):
        spaces = {"a": f"{site.url}s/a/"}
        begun = time.monotonic()
        done = crawl(
            order_for(tmp_path, spaces, place(site), limits=limits, now="2022-10-10T11:59:52+08:00")
        )
    assert min(moment for moment, _ in log.came) - begun > 6
    waiting = [event for event in done.events if event.event == "waiting"]
    assert [dict(event.details) for event in waiting] == [{"why": "安静时段,12:00 继续"}]
    manifest = done.manifests["a"]
    assert len(manifest.pages) == 2
    assert manifest.politeness is not None
    assert manifest.politeness.quiet_seconds > 3
    assert manifest.politeness.quiet_hours == limits.quiet_hours


def test_what_the_budget_of_bytes_cuts_off_is_in_the_ledger(
    tmp_path: Path, browser_executable: Browser
) -> None:
    table = space(pages=4, pictures=0, files=6)
    table |= {f"/f/{n}.txt": answer("字" * 40_000, kind="text/plain") for n in range(6)}
    limits = LIMITS.model_copy(update={"max_visit_bytes": 300_000, "concurrency": 1})
    site = Site(Paths(table))
    with listening(site):
        done = crawl(order_for(tmp_path, {"a": f"{site.url}s/a/"}, place(site), limits=limits))
    manifest = done.manifests["a"]
    fetched = [file.url for file in manifest.resources]
    left = [each for each in manifest.not_captured if each.reason is NotScreened.BUDGET]
    assert len(fetched) == 3
    assert len(left) == 3
    assert sorted([*fetched, *(each.url for each in left)]) == [
        f"{site.url}f/{n}.txt" for n in range(6)
    ]
    assert {each.detail for each in left} == {"一次访问取回的内容超过 293 KiB"}
    assert manifest.politeness is not None
    assert manifest.politeness.bytes is not None
    assert 300_000 < manifest.politeness.bytes < 500_000


def test_robots_txt_counts_for_pages_and_files_of_each_host_and_not_for_what_pages_embed(
    tmp_path: Path, browser_executable: Browser
) -> None:
    files = Site(
        Paths(
            {
                "/robots.txt": answer("User-agent: *\nDisallow: /shut/", kind="text/plain"),
                "/open/1.txt": answer("文件", kind="text/plain"),
                "/shut/2.txt": answer("文件", kind="text/plain"),
            }
        )
    )
    table: dict[str, Answer] = {
        "/robots.txt": answer(
            "User-agent: *\nCrawl-delay: 0.3\nDisallow: /i/\nDisallow: /open/", kind="text/plain"
        ),
        "/healthz": answer("ok"),
        "/i/1.png": answer(PNG, kind="image/png"),
    }
    home = Log(Paths(table))
    site = Site(home)
    with listening(site, files):
        links = "".join(
            f"<a href={files.url}{path}>件</a>" for path in ("open/1.txt", "shut/2.txt")
        )
        table["/s/a/"] = answer(f"<p>空间</p><img src=/i/1.png>{links}")
        allow = f"{place(site)},{place(files)}"
        contact = {"contact": "audit@edu.example"}
        done = crawl(order_for(tmp_path, {"a": f"{site.url}s/a/"}, allow, **contact))
        authority = "示例教育局〔2022〕1号"
        second = {"directory": tmp_path / "second", "robots_authority": authority}
        allowed = crawl(order_for(tmp_path, {"a": f"{site.url}s/a/"}, allow, **contact, **second))
    manifest = done.manifests["a"]
    opened = {file.url.rsplit("/", 1)[1]: file for file in manifest.resources}
    assert opened["1.txt"].openness is Openness.OPEN
    assert opened["2.txt"].openness is Openness.BLOCKED
    assert opened["2.txt"].attempts[0].outcome is Outcome.ROBOTS
    assert all(image.captured for image in manifest.images)
    assert manifest.robots_sha256
    assert manifest.politeness is not None
    assert manifest.politeness.asked_spacing == manifest.politeness.kept_spacing == 0.3
    again = allowed.manifests["a"]
    assert {file.openness for file in again.resources} == {Openness.OPEN}
    assert again.robots_authority == authority
    # A consent to visit is none to hurry.
    assert again.politeness is not None
    assert again.politeness.kept_spacing == 0.3
    _says_who_comes(site)


def _says_who_comes(site: Site) -> None:
    heads = [head.decode().lower() for head in site.heads]
    assert all("spaceaudit/" in head and "(+audit@edu.example)" in head for head in heads)
    plain = [head for head in heads if "sec-fetch" not in head and "upgrade-insecure" not in head]
    assert plain
    assert all("\r\nfrom: audit@edu.example\r\n" in head for head in plain if "/i/" not in head)
