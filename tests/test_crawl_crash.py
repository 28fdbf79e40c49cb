"""The browser dies or hangs under a crawl: the pages it had are *cannot tell*, the crawl goes on.

The processes are real, and so are the signals; the site sends them the moment it is asked.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from crawler import memory
from crawler.browser import Browser
from crawler.memory import renderers
from models.vocabulary import Access, Outcome
from tests.crawl_site import LIMITS, Crawled, answer, crawl, listening, order_for
from tests.guard_site import Answer, Site, holds
from tests.hostile_site import GREETING, Pages, script

pytestmark = pytest.mark.browser

CRASH_LIMITS = LIMITS.model_copy(
    update={"page_seconds": 6, "fetch_seconds": 3, "concurrency": 3, "max_attempts": 2}
)
#: A page whose picture is asked for while it is shown, and the picture never comes.
WAITING = answer(GREETING + "<img src=/now>")


def browsers() -> list[int]:
    """The main processes of the browsers that this test's crawl runs."""
    return memory.browsers(os.getpid())


class Strike:
    """An answer that sends a signal before it holds, the first time it is asked."""

    def __init__(self, victims: Callable[[], list[int]], sign: signal.Signals) -> None:
        self._victims = victims
        self._sign = sign
        self.struck: list[int] = []
        self.browsers: list[int] = []

    async def __call__(
        self, _: bytes, reader: asyncio.StreamReader, __: asyncio.StreamWriter
    ) -> None:
        if not self.struck:
            self.browsers = browsers()
            self.struck = self._victims()
            for process in self.struck:
                with suppress(ProcessLookupError):
                    os.kill(process, self._sign)
        await reader.read()


def struck_crawl(folder: Path, strike: Answer, spaces: int, **limits: object) -> Crawled:
    """Crawl some ordinary spaces, of which the second asks for ``/now``."""
    table = {f"/s/s{n}/": answer(GREETING) for n in range(spaces)}
    table |= {"/s/s1/": WAITING, "/now": strike, "/healthz": answer("ok")}
    site = Site(Pages(table))
    with listening(site):
        addresses = {f"s{n}": f"{site.url}s/s{n}/" for n in range(spaces)}
        made = CRASH_LIMITS.model_copy(update=limits)
        return crawl(order_for(folder, addresses, f"127.0.0.1:{site.port}", limits=made))


def survived(crawled: Crawled, spaces: int) -> None:
    """Each space has a verdict of its own, and none that is held against a teacher."""
    assert crawled.failed == 0
    assert len(crawled.manifests) == spaces
    access = [manifest.visibility.access for manifest in crawled.manifests.values()]
    assert Access.NOT_PUBLIC not in access
    assert access.count(Access.PUBLIC) >= spaces - 1


def test_a_page_that_crashes_is_tried_again_in_the_same_browser(
    browser_executable: Browser, tmp_path: Path
) -> None:
    strike = Strike(lambda: renderers(os.getpid()), signal.SIGSEGV)
    crawled = struck_crawl(tmp_path, strike, 3, concurrency=1)
    assert strike.struck
    assert strike.browsers
    survived(crawled, 3)
    outcomes = [attempt.outcome for attempt in crawled.manifests["s1"].attempts]
    assert outcomes[0] is Outcome.CRASH
    log = (crawled.order.directory / "crawl.log").read_text(encoding="utf-8")
    assert "'playwright/browser_count': 1" in log


def test_a_browser_that_is_killed_is_replaced(browser_executable: Browser, tmp_path: Path) -> None:
    strike = Strike(browsers, signal.SIGKILL)
    crawled = struck_crawl(tmp_path, strike, 8)
    assert strike.struck
    survived(crawled, 8)


def test_a_browser_that_hangs_is_given_up(browser_executable: Browser, tmp_path: Path) -> None:
    strike = Strike(browsers, signal.SIGSTOP)
    crawled = struck_crawl(tmp_path, strike, 5)
    assert strike.struck
    # Killed with the crawl; whoever inherits them may take a moment to let go of them.
    until = time.monotonic() + 20
    while any(Path(f"/proc/{process}").exists() for process in strike.struck):
        assert time.monotonic() < until
        time.sleep(0.1)
    assert len(crawled.manifests) == 5
    access = {manifest.visibility.access for manifest in crawled.manifests.values()}
    assert Access.NOT_PUBLIC not in access
    assert Access.PUBLIC in access


def test_a_page_that_fills_the_memory_is_ended(browser_executable: Browser, tmp_path: Path) -> None:
    hoard = script(
        "const all = []; setInterval(() => {"
        " for (let n = 0; n < 8; n++) all.push(new Uint8Array(1 << 24).fill(1)) }, 20)",
        # It is waited for, so that the page is not read before it has filled the memory.
        GREETING + "<img src=/silent>",
    )
    table = {"/s/a/": hoard, "/s/b/": answer(GREETING), "/healthz": answer("ok")}
    site = Site(Pages(table | {"/silent": holds()}))
    with listening(site), most_resident() as peak:
        limits = CRASH_LIMITS.model_copy(update={"page_seconds": 30, "concurrency": 1})
        spaces = {name: f"{site.url}s/{name}/" for name in "ab"}
        crawled = crawl(order_for(tmp_path, spaces, f"127.0.0.1:{site.port}", limits=limits))
    hoarder = crawled.manifests["a"]
    assert {attempt.outcome for attempt in hoarder.attempts} == {Outcome.CRASH}, hoarder.reasons
    assert hoarder.visibility.access is Access.CANNOT_TELL
    assert crawled.manifests["b"].visibility.access is Access.PUBLIC
    assert peak() < 2 * memory.MOST_BYTES


@contextmanager
def most_resident() -> Iterator[Callable[[], int]]:
    """The most memory that one page of this test's crawls took while a block ran."""
    peak = 0
    over = threading.Event()

    def look() -> None:
        nonlocal peak
        while not over.wait(0.1):
            for process in renderers(os.getpid()):
                peak = max(peak, memory.own_bytes(process))

    looker = threading.Thread(target=look)
    looker.start()
    try:
        yield lambda: peak
    finally:
        over.set()
        looker.join()
