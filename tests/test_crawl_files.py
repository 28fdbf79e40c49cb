"""Files of a space in a real crawl: large ones, those behind a referer, those that no link names."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
import threading
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

import pytest
from warcio.archiveiterator import ArchiveIterator

from crawler.browser import Browser
from crawler.store import SnapshotReader
from models.manifest import ResourceCapture
from models.vocabulary import Openness, Outcome, ResourceSource
from tests.crawl_site import (
    LIMITS,
    PROFILE,
    Crawled,
    Paths,
    answer,
    crawl,
    listening,
    message,
    moved,
    order_for,
)
from tests.guard_site import OK, Answer, Site
from tests.locked_files import archive, film, pdf, picture

pytestmark = pytest.mark.browser

MIB = 1024 * 1024
CAP = 2 * MIB
HUGE = 300 * MIB
#: Sent beyond the cap before a server notices that nobody listens: what fills the buffers of the four
#: sockets on the way, a few MiB each at most.
ON_THE_WAY = 24 * MIB
PIECE = bytes(range(256)) * 256
#: The first member of a zip archive that goes on and on.
ZIP_START = b"PK\x03\x04" + bytes(22) + b"\x05\0\0\0big.a" + b"\0" * 400
FILM = film(data=HUGE // 1000)


@dataclass
class Streams:
    """Answers that go on for long, and what was sent of each."""

    sent: Counter[str] = field(default_factory=Counter)
    ranges: list[str] = field(default_factory=list)
    #: Called when the large file is asked for.
    on_huge: Callable[[], None] = lambda: None

    def of(self, name: str, head: bytes, start: bytes, total: int) -> Answer:
        """``total`` bytes, the first of them ``start``."""

        async def respond(
            _: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            self.on_huge()
            writer.write(head + start)
            self.sent[name] += len(start)
            while self.sent[name] < total:
                writer.write(PIECE)
                await writer.drain()
                self.sent[name] += len(PIECE)

        return respond

    def in_parts(self, body: bytes, total: int, *, heeds: bool = True) -> Answer:
        """A server that knows ranges, or one that answers with all of it."""

        async def respond(
            head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            asked = re.search(rb"range: bytes=0-(\d+)", head.lower())
            self.ranges.append(head.split(b" ")[1].decode() if asked else "")
            if asked and heeds:
                part = body[: int(asked[1]) + 1]
                told = f"bytes 0-{len(part) - 1}/{total}"
                writer.write(message(part, 206, "video/mp4", Content_Range=told))
            else:
                writer.write(message(body, 200, "video/mp4"))
            await writer.drain()

        return respond


def sized(total: int, kind: str = "application/octet-stream") -> bytes:
    return OK + f"Content-Type: {kind}\r\nContent-Length: {total}\r\n\r\n".encode()


def no_ranges(body: bytes) -> Answer:
    """A server that refuses to send parts."""

    async def respond(
        head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        refused = b"range:" in head.lower()
        writer.write(message(b"", 416) if refused else message(body, 200, "audio/mpeg"))
        await writer.drain()

    return respond


def trickles(start: bytes) -> Answer:
    """A server that sends a good part and then hardly anything."""

    async def respond(_: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(sized(HUGE) + start)
        while True:
            writer.write(b"x" * 100)
            await writer.drain()
            await asyncio.sleep(0.1)

    return respond


def by_referer(without: bytes, with_it: bytes, page: str) -> Answer:
    """One answer for strangers, another for those who come from a page."""

    async def respond(
        head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        told = re.search(rb"(?im)^referer: (\S+)", head)
        known = told is not None and told[1].endswith(page.encode())
        writer.write(with_it if known else without)
        await writer.drain()

    return respond


TEXT = "课堂笔记 ".encode() * 40_000
PDF = pdf()
REFUSED = message("403 Forbidden", 403)
GOOD = message(PDF, kind="application/pdf")
DISK = "https://pan.baidu.com/s/1invented"

LINKED = (
    "huge.zip", "flood.pdf", "exact.txt", "film.mp4", "short.mp4", "whole.mp4", "song.mp3", "slow.txt",
    "bomb.txt", "hot.pdf", "picture.pdf", "closed.pdf", "disk.zip", "not.pdf", "told.pdf", "led.pdf",
)  # fmt: skip


def table(streams: Streams) -> dict[str, Answer]:
    song = b"ID3" + bytes(5000)
    page = "/s/files/"
    return {
        "/f/huge.zip": streams.of("huge", sized(HUGE), ZIP_START, HUGE),
        "/f/flood.pdf": streams.of("flood", OK + b"\r\n", b"%PDF-1.7\n", 1 << 40),
        "/f/exact.txt": answer((TEXT * 9)[:CAP], kind="text/plain"),
        "/f/film.mp4": streams.in_parts(film(data=CAP), 10**9),
        "/f/short.mp4": streams.in_parts(film(), len(film())),
        "/f/whole.mp4": streams.in_parts(film(data=CAP * 2), 10**9, heeds=False),
        "/f/song.mp3": no_ranges(song),
        "/f/slow.txt": trickles(TEXT),
        "/f/bomb.txt": answer(
            gzip.compress(bytes(200 * MIB), 1), kind="text/plain", Content_Encoding="gzip"
        ),
        "/f/hot.pdf": by_referer(REFUSED, GOOD, page),
        "/f/picture.pdf": by_referer(message(picture("GIF"), kind="image/gif"), GOOD, page),
        "/f/closed.pdf": answer("403 Forbidden", 403),
        "/f/disk.zip": moved(DISK),
        "/f/told.pdf": answer(
            '{"code": 0, "data": {"url": "/f/behind.pdf"}}', kind="application/json"
        ),
        "/f/led.pdf": moved("/f/behind.pdf"),
        "/f/behind.pdf": answer(PDF, kind="application/pdf"),
        "/f/not.pdf": streams.of("not", sized(HUGE), b"no pdf at all ", HUGE),
        page: answer(
            "<!doctype html><title>文件</title><p>我的文件</p>"
            + "".join(f"<a href=/f/{name}>{name}</a>" for name in LINKED)
        ),
        "/healthz": answer("ok"),
    }


SCRIPT = "fetch('/api/list').then((r) => r.json()).then((d) => { said.textContent = d.said; })"
FOUND_PAGE = f"""<!doctype html><title>空间</title><p>资源不在链接里</p><p id=said></p>
<video src=/f/a.mp4><track src=/f/a.vtt></video>
<div hidden><audio src="/f/sound?id=2"></audio></div>
<iframe src="/web/viewer.html?file=/f/framed.pdf" width=9 height=9></iframe>
<div data-setup='{{"sources":[{{"src":"/f/json.mp3"}}]}}'>播放器</div>
<a href="javascript:void 0" onclick="down('/f/click.docx')">下载课件</a>
<div style="display:none"><span data-path="/f/hidden.pdf"></span></div>
<img src=/dot.png data-original=/dot.png>
<script type="application/json">{{"title": "教案", "file": "/f/data.pdf"}}</script>
<script type="application/ld+json">{{"name": "微课", "contentUrl": "/f/stream?id=1"}}</script>
<script>window.__DATA__ = {{"list": [{{"name": "习题", "url": "\\/f\\/state.docx"}}]}}; {SCRIPT}
var tail = "/f/gone.pdf", style = "/f/x.css";</script>
<p>网盘:{DISK}?pwd=ab12</p><p><a href="https://pan.quark.cn/s/1x">夸克网盘</a>提取码:x9y8</p>
"""
DOCX = archive("[Content_Types].xml", "word/document.xml")
FOUND: dict[str, tuple[ResourceSource, Openness, str]] = {
    "/f/a.mp4": (ResourceSource.PLAYER, Openness.OPEN, ""),
    "/f/a.vtt": (ResourceSource.PLAYER, Openness.OPEN, ""),
    "/f/sound?id=2": (ResourceSource.PLAYER, Openness.OPEN, ""),
    "/f/framed.pdf": (ResourceSource.PLAYER, Openness.OPEN, ""),
    "/f/json.mp3": (ResourceSource.ATTRIBUTE, Openness.OPEN, "播放器"),
    "/f/click.docx": (ResourceSource.HANDLER, Openness.OPEN, "下载课件"),
    "/f/hidden.pdf": (ResourceSource.ATTRIBUTE, Openness.OPEN, ""),
    "/f/data.pdf": (ResourceSource.SCRIPT, Openness.OPEN, "教案"),
    "/f/stream?id=1": (ResourceSource.STRUCTURED, Openness.OPEN, "微课"),
    "/f/state.docx": (ResourceSource.SCRIPT, Openness.OPEN, "习题"),
    "/f/api.pdf": (ResourceSource.API, Openness.OPEN, "接口课件"),
    "/get?id=7": (ResourceSource.API, Openness.OPEN, "无后缀"),
    # What a script does with it is not known: it is nobody's missing file.
    "/f/gone.pdf": (ResourceSource.SCRIPT, Openness.UNREACHABLE, ""),
    DISK + "?pwd=ab12": (ResourceSource.TEXT, Openness.OFFSITE, ""),
    "https://pan.quark.cn/s/1x": (ResourceSource.LINK, Openness.OFFSITE, "夸克网盘"),
}


def found_table() -> dict[str, Answer]:
    listed = {
        "said": "取来的",
        "rows": [{"fileName": "接口课件", "u": "/f/api.pdf"}, {"name": "无后缀", "downUrl": "/get?id=7"}],
    }  # fmt: skip
    video, audio = answer(film(), kind="video/mp4"), answer(b"ID3" + bytes(99), kind="audio/mpeg")
    return {
        "/s/found/": answer(FOUND_PAGE),
        "/web/viewer.html?file=/f/framed.pdf": answer("<p>阅读器</p>"),
        "/api/list": answer(json.dumps(listed), kind="application/json"),
        "/dot.png": answer(picture("PNG"), kind="image/png"),
        "/f/a.mp4": video,
        "/f/stream?id=1": video,
        "/f/json.mp3": audio,
        "/f/sound?id=2": audio,
        "/f/a.vtt": answer("WEBVTT\n", kind="text/vtt"),
        "/f/click.docx": answer(DOCX),
        "/f/state.docx": answer(DOCX),
        "/get?id=7": answer(DOCX),
        **{
            f"/f/{n}.pdf": answer(PDF, kind="application/pdf")
            for n in ("framed", "hidden", "data", "api")
        },
    }


class Memory:
    """The peak of a crawl process's resident memory, read from outside while it runs."""

    def __init__(self, order: Path) -> None:
        self._order = str(order).encode()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.peak = 0

    def __enter__(self) -> Memory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(0.05):
            self.peak = max(self.peak, self.now())

    def now(self) -> int:
        """Its peak so far, in bytes; 0 while there is no such process."""
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                line = (folder / "cmdline").read_bytes()
                if self._order in line and b"crawler.job" in line:
                    told = re.search(r"VmHWM:\s+(\d+) kB", (folder / "status").read_text())
                    return int(told[1]) * 1024 if told else 0
        return 0


@dataclass(frozen=True, slots=True)
class Ran:
    """A crawl, what its servers sent, and what memory it took before and after the large file."""

    crawled: Crawled
    streams: Streams
    site: Site
    before: int
    peak: int

    def file(self, path: str, space: str = "files") -> ResourceCapture:
        url = path if "://" in path else self.site.url.rstrip("/") + path
        return next(r for r in self.crawled.manifests[space].resources if r.url == url)


@pytest.fixture(scope="module")
def ran(browser_executable: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    folder, streams = tmp_path_factory.mktemp("files"), Streams()
    profile = folder / "profile.yaml"
    keys = "resource_json_keys: [downUrl]\n"
    profile.write_text(PROFILE.format(canary="/healthz") + keys, encoding="utf-8")
    site = Site(Paths(table(streams) | found_table()))
    with listening(site), Memory(folder / "crawl" / "order.json") as memory:
        spaces = {name: f"{site.url}s/{name}/" for name in ("files", "found")}
        order = order_for(
            folder,
            spaces,
            f"{site.host}:{site.port}",
            limits=LIMITS.model_copy(update={"max_file_bytes": CAP}),
        )
        before: list[int] = []
        streams.on_huge = lambda: before.append(memory.now())
        crawled = crawl(order)
        yield Ran(crawled, streams, site, min(before), memory.peak)


def test_of_a_huge_file_the_beginning_is_taken_and_it_is_open(ran: Ran) -> None:
    huge = ran.file("/f/huge.zip")
    assert (huge.openness, huge.truncated, huge.bytes) == (Openness.OPEN, True, HUGE)
    assert str(HUGE) in huge.evidence
    assert "未能核对" in huge.evidence
    assert len(huge.attempts) == 1
    assert ran.streams.sent["huge"] < CAP + ON_THE_WAY
    with SnapshotReader(ran.crawled.wacz("files")) as snapshot:
        body = snapshot.body(huge.url)
    assert body == (ZIP_START + PIECE * 99)[:CAP]


def test_memory_stays_in_bounds_while_a_huge_file_comes(ran: Ran) -> None:
    # Two pages' worth and a dozen files are read in the meantime; the file is 300 MiB.
    assert 0 < ran.before <= ran.peak < ran.before + 100 * MIB


def test_the_record_says_that_it_is_a_beginning(ran: Ran) -> None:
    with zipfile.ZipFile(ran.crawled.wacz("files")) as wacz:
        warc = BytesIO(wacz.read("archive/data.warc.gz"))
    cut = {}
    for record in ArchiveIterator(warc):
        url = record.rec_headers.get_header("WARC-Target-URI") or ""
        if record.rec_type == "response" and "/f/" in url:
            cut[url.rpartition("/")[2]] = record.rec_headers.get_header("WARC-Truncated")
    assert {name for name, why in cut.items() if why == "length"} == {
        "huge.zip", "flood.pdf", "film.mp4", "whole.mp4", "not.pdf",
    }  # fmt: skip
    assert cut["slow.txt"] == "time"
    assert cut["exact.txt"] is None


@pytest.mark.parametrize(
    ("name", "openness", "truncated", "size"),
    [
        ("flood.pdf", Openness.OPEN, True, CAP),
        ("exact.txt", Openness.OPEN, False, CAP),
        ("film.mp4", Openness.OPEN, True, 10**9),
        ("short.mp4", Openness.OPEN, False, len(film())),
        ("whole.mp4", Openness.OPEN, True, len(film(data=CAP * 2))),
        ("song.mp3", Openness.OPEN, False, 5003),
        ("slow.txt", Openness.OPEN, True, HUGE),
        # The first bytes say that it is none, whatever follows.
        ("not.pdf", Openness.CORRUPT, True, HUGE),
    ],
)
def test_what_is_larger_than_the_cap_is_judged_by_its_beginning(
    name: str, openness: Openness, truncated: bool, size: int, ran: Ran
) -> None:
    file = ran.file(f"/f/{name}")
    assert (file.openness, file.truncated, file.bytes) == (openness, truncated, size), file.evidence


def test_films_are_asked_for_in_parts_and_may_come_in_one(ran: Ran) -> None:
    assert {"/f/film.mp4", "/f/short.mp4", "/f/whole.mp4"} <= set(ran.streams.ranges)
    assert ran.file("/f/film.mp4").status == 206
    with SnapshotReader(ran.crawled.wacz("files")) as snapshot:
        assert snapshot.body(ran.file("/f/short.mp4").url) == film()


def test_a_bomb_is_not_unpacked(ran: Ran) -> None:
    bomb = ran.file("/f/bomb.txt")
    assert bomb.openness is Openness.UNREACHABLE
    assert {attempt.outcome for attempt in bomb.attempts} == {Outcome.TOO_LARGE}


@pytest.mark.parametrize(
    ("name", "sign"), [("hot.pdf", "状态码 403"), ("picture.pdf", "内容是图片")]
)
def test_a_file_that_opens_from_its_page_is_open_at_the_first_attempt(
    name: str, sign: str, ran: Ran
) -> None:
    file = ran.file(f"/f/{name}")
    assert (file.openness, file.bytes, file.status) == (Openness.OPEN, len(PDF), 200)
    (attempt,) = file.attempts
    assert attempt.outcome is Outcome.OK
    assert re.search(f"不带来源页:.*{sign}.*;带来源页:状态码 200.*防盗链", attempt.evidence)


def test_a_closed_file_was_asked_for_both_ways_each_time(ran: Ran) -> None:
    closed = ran.file("/f/closed.pdf")
    assert closed.openness is Openness.FORBIDDEN
    assert len(closed.attempts) == 2
    assert all(a.evidence.count("状态码 403") == 2 for a in closed.attempts)
    heads = [head.lower() for head in ran.site.heads if b"/f/closed.pdf " in head]
    assert [b"referer:" in head for head in heads] == [False, True, False, True]


def test_a_file_that_leads_to_a_net_disk_is_off_the_site(ran: Ran) -> None:
    disk = ran.file("/f/disk.zip")
    assert disk.openness is Openness.OFFSITE
    assert "百度网盘" in disk.evidence


@pytest.mark.parametrize("name", ["told.pdf", "led.pdf"])
def test_a_file_is_measured_where_its_address_leads(name: str, ran: Ran) -> None:
    file = ran.file(f"/f/{name}")
    assert (file.openness, file.bytes) == (Openness.OPEN, len(PDF)), file.evidence
    assert (file.attempts[-1].final_url or "").endswith("/f/behind.pdf")
    with SnapshotReader(ran.crawled.wacz("files")) as snapshot:
        assert snapshot.body(file.attempts[-1].final_url or "") == PDF


@pytest.mark.parametrize("path", FOUND)
def test_files_that_no_link_names_are_found_and_measured(path: str, ran: Ran) -> None:
    source, openness, name = FOUND[path]
    file = ran.file(path, "found")
    assert (file.source, file.openness, file.name) == (source, openness, name), file.evidence
    assert (source.label in file.evidence) is (source is not ResourceSource.LINK)


def test_nothing_else_is_taken_for_a_file(ran: Ran) -> None:
    found = {resource.url for resource in ran.crawled.manifests["found"].resources}
    assert found == {path if "://" in path else ran.site.url.rstrip("/") + path for path in FOUND}


def test_extraction_codes_are_named_and_masked(ran: Ran) -> None:
    carried, shown = (
        ran.file(url, "found") for url in (DISK + "?pwd=ab12", "https://pan.quark.cn/s/1x")
    )
    assert "链接中带有(a**2)" in carried.evidence
    assert "页面给出(x**8)" in shown.evidence
