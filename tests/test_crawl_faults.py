"""Faults of the network, of a site and of our own: each named, none of them held against a teacher."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path

import pytest

from crawler import run as run_module
from crawler.browser import Browser
from crawler.run import CrawlError, CrawlLacksError, run
from crawler.task import CrawlOrder
from models.vocabulary import Access, Openness, Outcome, Visibility
from tests.crawl_site import LIMITS, Crawled, Paths, answer, crawl, listening, message, order_for
from tests.guard_site import CHUNKED, OK, Answer, Site, drips, floods, holds, replies, resets

PAGE = "<!doctype html><title>空间</title><p>欢迎来到我的空间</p>"
SIZED = OK + b"Content-Type: text/html\r\nContent-Length: %d\r\n\r\n"


async def closes(_: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A site that takes the request and closes."""


async def sleeps(_: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A site that sends its page a byte at a time, too slowly to come to an end."""
    for byte in message(PAGE):
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.5)


#: Faults on the way, by space: the answer, and the outcome of the browser's attempt.
FAULTS: dict[str, tuple[Answer, Outcome]] = {
    "reset-at-once": (resets(), Outcome.NO_RESPONSE),
    "reset-in-head": (resets(b"HTTP/1.1 200 OK\r\nContent-"), Outcome.NO_RESPONSE),
    "reset-in-body": (resets(SIZED % 9999 + b"<p>so far"), Outcome.NO_RESPONSE),
    "empty-reply": (closes, Outcome.NO_RESPONSE),
    "cut-short": (replies(SIZED % 9999 + b"<p>so far"), Outcome.NO_RESPONSE),
    "cut-chunk": (replies(CHUNKED + b"ff\r\n<p>so far"), Outcome.NO_RESPONSE),
    "no-http": (replies(b"SSH-2.0-OpenSSH_9\r\n"), Outcome.NO_RESPONSE),
    "two-lengths": (
        replies(OK + b"Content-Length: 3\r\nContent-Length: 900\r\n\r\nabc"),
        Outcome.NO_RESPONSE,
    ),
    "huge-head": (
        replies(OK + b"X: " + b"x" * 300_000 + b"\r\n\r\n" + PAGE.encode()),
        Outcome.NO_RESPONSE,
    ),
    "many-headers": (
        replies(OK + b"".join(b"X-%d: y\r\n" % n for n in range(20_000)) + b"\r\n"),
        Outcome.NO_RESPONSE,
    ),
    # The browser shows nothing and does not say that it has finished.
    "no-such-coding": (answer(b"\x00\x01\x02", Content_Encoding="gzip"), Outcome.TIMEOUT),
    "silent": (holds(), Outcome.TIMEOUT),
    "silent-in-body": (holds(SIZED % 9999 + b"<p>so far"), Outcome.TIMEOUT),
    "slow-drip": (sleeps, Outcome.TIMEOUT),
    "endless-drip": (drips, Outcome.TIMEOUT),
    "flood": (floods, Outcome.TOO_LARGE),
}

#: Statuses that say something of a space; each takes two attempts and a plain fetch that agrees.
TELLING: dict[int, Visibility] = {
    401: Visibility.LOGIN,
    402: Visibility.RESTRICTED,
    403: Visibility.RESTRICTED,
    404: Visibility.MISSING,
    410: Visibility.MISSING,
    425: Visibility.BLOCKED,
    429: Visibility.BLOCKED,
    451: Visibility.RESTRICTED,
}
#: Statuses that no standard has, of web servers, proxies and walls.
UNREGISTERED = (
    418,
    420,
    430,
    444,
    450,
    460,
    *range(494, 500),
    509,
    *range(520, 531),
    598,
    599,
    999,
)
#: What each bare status says of a space: nothing, if it is not one of the telling.
STATUSES: dict[int, Visibility] = {
    status: TELLING.get(status, Visibility.UNREACHABLE)
    for status in sorted({*UNREGISTERED, *(each.value for each in HTTPStatus if each >= 400)})
}

#: Faults before anything is asked, by space: the outcome.
UNREACHED: dict[str, Outcome] = {
    "no-such-host": Outcome.DNS,
    "nobody-listens": Outcome.CONNECT,
    "tls-to-plain": Outcome.TLS,
    "not-allowed": Outcome.GUARD_DENIED,
    "unsafe-port": Outcome.GUARD_DENIED,
}

#: Faults of a file's answer, and the outcome of its fetch.
FILES: dict[str, tuple[Answer, Outcome]] = {
    "cut-short": (replies(SIZED % 9999 + b"%PDF-1.4"), Outcome.TRUNCATED),
    "cut-chunk": (replies(CHUNKED + b"ff\r\n%PDF-1.4"), Outcome.TRUNCATED),
    "reset": (resets(SIZED % 9999 + b"%PDF-1.4"), Outcome.TRUNCATED),
    "empty-reply": (closes, Outcome.NO_RESPONSE),
    "silent": (holds(SIZED % 9999), Outcome.TIMEOUT),
    "no-such-coding": (answer(b"%PDF-1.4", Content_Encoding="gzip"), Outcome.TRUNCATED),
}


class Blunt(Site):
    """A plain server that answers whatever comes, as one does that is spoken to in TLS."""

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(message("Bad Request", 400))
        writer.close()


@pytest.fixture(scope="module")
def crawled(
    browser_executable: Browser, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Crawled]:
    table = {f"/s/{name}/": fault for name, (fault, _) in FAULTS.items()}
    table |= {f"/s/{status}/": answer("", status) for status in STATUSES}
    table |= {f"/f/{name}.pdf": fault for name, (fault, _) in FILES.items()}
    links = "".join(f"<a href=/f/{name}.pdf>文件</a>" for name in FILES)
    table |= {"/healthz": answer("ok"), "/s/files/": answer(PAGE + links)}
    site, blunt, forbidden = Site(Paths(table)), Blunt(), Site()
    with listening(site, blunt, forbidden), socket.socket() as unheard:
        # Ours, so that nobody else listens there; and we do not.
        unheard.bind(("127.0.0.1", 0))
        closed = unheard.getsockname()[1]
        names = [*FAULTS, *map(str, STATUSES), "files"]
        spaces = {name: f"{site.url}s/{name}/" for name in names} | {
            "no-such-host": "http://nowhere.invalid/s/a/",
            "nobody-listens": f"http://127.0.0.1:{closed}/s/a/",
            "tls-to-plain": f"https://127.0.0.1:{blunt.port}/s/a/",
            "not-allowed": f"{forbidden.url}s/a/",
            "unsafe-port": "http://127.0.0.1:22/s/a/",
        }
        order = order_for(
            tmp_path_factory.mktemp("faults"),
            spaces,
            ",".join(f"127.0.0.1:{port}" for port in (site.port, blunt.port, closed)),
            limits=FAULT_LIMITS,
        )
        yield crawl(order)
        assert forbidden.connections == 0


FAULT_LIMITS = LIMITS.model_copy(
    update={"page_seconds": 5, "fetch_seconds": 3, "max_file_bytes": 1_000_000, "concurrency": 8}
)


@pytest.mark.browser
@pytest.mark.parametrize("space", FAULTS)
def test_a_fault_on_the_way_is_named_and_says_nothing_of_the_teacher(
    space: str, crawled: Crawled
) -> None:
    manifest = crawled.manifests[space]
    assert manifest.visibility.access is Access.CANNOT_TELL
    outcomes = [attempt.outcome for attempt in manifest.attempts]
    assert outcomes == [FAULTS[space][1]] * 2, manifest.reasons


@pytest.mark.browser
@pytest.mark.parametrize("space", UNREACHED)
def test_what_cannot_be_reached_is_told_apart(space: str, crawled: Crawled) -> None:
    manifest = crawled.manifests[space]
    assert manifest.visibility is Visibility.UNREACHABLE
    assert manifest.pages[0].outcome is UNREACHED[space], manifest.reasons


@pytest.mark.browser
@pytest.mark.parametrize("status", STATUSES)
def test_a_bare_status_says_what_it_says_and_no_more(status: int, crawled: Crawled) -> None:
    manifest = crawled.manifests[str(status)]
    assert manifest.visibility is STATUSES[status], manifest.reasons


@pytest.mark.browser
@pytest.mark.parametrize("name", FILES)
def test_a_file_that_did_not_come_whole_is_not_the_teachers_fault(
    name: str, crawled: Crawled
) -> None:
    found = {r.url.rpartition("/")[2]: r for r in crawled.manifests["files"].resources}
    resource = found[f"{name}.pdf"]
    assert resource.openness is Openness.UNREACHABLE
    assert [attempt.outcome for attempt in resource.attempts] == [FILES[name][1]] * 2, resource


@pytest.mark.browser
def test_no_fault_outlasts_the_limits(crawled: Crawled) -> None:
    limits = FAULT_LIMITS
    once = limits.page_seconds + limits.fetch_seconds
    waiting = len(crawled.manifests) / limits.concurrency * once * limits.max_attempts
    for space, manifest in crawled.manifests.items():
        took = (manifest.finished_at - manifest.taken_at).total_seconds()
        assert took < waiting + 30, space


@pytest.mark.browser
def test_every_space_has_its_snapshot_whatever_happened(crawled: Crawled) -> None:
    assert crawled.failed == 0
    assert crawled.manifests.keys() == {task.space for task in crawled.order.spaces}


# Faults of ours


def one_space(folder: Path, **values: object) -> CrawlOrder:
    return order_for(folder, {"s": "http://127.0.0.1:9/s/s/"}, "", **values)


def test_a_crawl_that_breaks_off_is_no_finished_crawl(tmp_path: Path) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text("id: [", encoding="utf-8")
    with pytest.raises(CrawlError, match="left 1 spaces unvisited"):
        run(one_space(tmp_path, profile=str(broken)), lambda _: None)


def test_a_missing_browser_is_said_before_anything_starts(tmp_path: Path) -> None:
    order = one_space(tmp_path, browser=tmp_path / "none")
    with pytest.raises(CrawlLacksError, match="SPACEAUDIT_BROWSER"):
        run(order, lambda _: None)


def test_two_processes_are_not_at_one_crawl(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_module, "LOCK_TRIES", 1)
    order = one_space(tmp_path)
    order.directory.mkdir()
    with (order.directory / "lock").open("wb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(CrawlError, match="another process is at this crawl"):
            run(order, lambda _: None)


@pytest.mark.browser
def test_a_crawl_that_waits_ends_with_its_command(
    browser_executable: Browser, tmp_path: Path
) -> None:
    site = Site(Paths({"/s/s/": answer("", 503)}))
    with listening(site):
        waiting = LIMITS.model_copy(update={"attempt_gap_seconds": 600})
        order = order_for(
            tmp_path, {"s": f"{site.url}s/s/"}, f"127.0.0.1:{site.port}", limits=waiting
        )
        order.directory.mkdir()
        path = tmp_path / "order.json"
        path.write_text(order.model_dump_json(), encoding="utf-8")
        with subprocess.Popen(
            [sys.executable, "-m", "crawler.job", path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            text=True,
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            # From now on it has nothing to tell for ten minutes.
            assert '"page"' in process.stdout.readline()
            process.stdin.close()
            try:
                assert process.wait(15) == -signal.SIGKILL
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
