"""The WARC records themselves, the pictures in them and the rows of what was asked for; no browser."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from io import BytesIO
from ipaddress import ip_address
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from warcio.archiveiterator import ArchiveIterator

from crawler.addresses import Address
from crawler.archive import Archive
from crawler.pageinfo import gaps, not_captured
from crawler.pagelog import PageLog, Row, is_whole
from crawler.pictures import image_captures, picture_url, record_pictures, written_in
from crawler.readings import FoundImage, PageReading
from crawler.task import CrawlOrder, SpaceTask
from crawler.warcinfo import warc_info
from models.vocabulary import Fate, NotScreened
from tests.guard_site import JOB, Site, fetch, guarding
from tests.snapshots import AT, URL, exchange

DOT = "data:image/png;base64,iVBORw0KGgo="
DOT_BYTES = b"\x89PNG\r\n\x1a\n"


def written(path: Path, *exchanges: Any, locate: Any = lambda _: None) -> list[Any]:
    """The records of these exchanges, as warcio reads them: head, HTTP head and body."""
    archive = Archive(path, {"software": "test"}, locate)
    for each in exchanges:
        archive.write(each)
    archive.close()
    checked = subprocess.run(
        [sys.executable, "-m", "warcio.cli", "check", "-v", str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout
    found = []
    for record in ArchiveIterator(BytesIO(path.read_bytes()), check_digests="raise"):
        body = record.content_stream().read()
        found.append(
            SimpleNamespace(
                kind=record.rec_type, head=record.rec_headers, http=record.http_headers, body=body
            )
        )
    return [record for record in found if record.kind != "warcinfo"]


def test_repeated_headers_are_kept_apart_and_in_order(tmp_path: Path) -> None:
    cookies = (("Set-Cookie", "a=1"), ("X-Other", "x"), ("Set-Cookie", "b=2"))
    response, _ = written(tmp_path / "w.gz", exchange(URL, b"x", response_headers=cookies))
    kept = [pair for pair in response.http.headers if pair[0] != "Content-Length"]
    assert tuple(kept) == cookies


def test_the_phrase_of_the_server_is_kept_and_a_missing_one_filled_in(tmp_path: Path) -> None:
    records = written(
        tmp_path / "w.gz",
        exchange(URL, b"1", status=418, phrase="Short And Stout"),
        exchange(URL, b"2", status=503),
        exchange(URL, b"3", status=599),
    )
    lines = [record.http.statusline for record in records if record.kind == "response"]
    assert lines == ["418 Short And Stout", "503 Service Unavailable", "599 Status"]


def test_a_posted_body_stands_in_the_request(tmp_path: Path) -> None:
    posted = exchange(URL, b"ok", method="POST", request_body="name=王".encode())
    _, request = written(tmp_path / "w.gz", posted)
    assert request.body == "name=王".encode()


def test_what_was_posted_does_not_stand_for_the_address(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "w.gz", {})
    archive.write(exchange(URL, b"posted", method="POST"))
    assert archive.sha256_of(URL) is None
    archive.write(exchange(URL, b"page"))
    assert archive.sha256_of(URL) == exchange(URL, b"page").sha256
    archive.close()


@pytest.mark.parametrize("reason", ["length", "time", "disconnect", "unspecified"])
def test_a_part_of_an_answer_says_so_and_does_not_stand_for_it(reason: str, tmp_path: Path) -> None:
    archive = Archive(tmp_path / "x.gz", {})
    archive.write(exchange(URL, b"", truncated=reason))
    assert archive.sha256_of(URL) is None
    archive.close()
    response, _ = written(tmp_path / "w.gz", exchange(URL, b"", truncated=reason))
    assert response.head.get_header("WARC-Truncated") == reason


def test_no_part_is_written_after_the_whole(tmp_path: Path) -> None:
    records = written(
        tmp_path / "w.gz", exchange(URL, b"whole"), exchange(URL, b"", truncated="time")
    )
    assert [record.body for record in records if record.kind == "response"] == [b"whole"]


def test_the_servers_address_comes_from_who_connected(tmp_path: Path) -> None:
    response, _ = written(tmp_path / "w.gz", exchange(URL, b"x"), locate={URL: "203.0.113.7"}.get)
    assert response.head.get_header("WARC-IP-Address") == "203.0.113.7"


def test_an_unknown_address_is_left_out(tmp_path: Path) -> None:
    response, _ = written(tmp_path / "w.gz", exchange(URL, b"x"))
    assert response.head.get_header("WARC-IP-Address") is None


def test_the_guard_tells_where_it_connected_to_and_forgets() -> None:
    async def ask() -> None:
        async with Site() as open_, Site(host="127.0.0.9") as closed, guarding(open_) as guard:
            await fetch(guard, open_.url)
            await fetch(guard, closed.url)
            assert guard.reached(JOB) == {("127.0.0.1", open_.port): ["127.0.0.1"]}
            assert guard.reached("another") == {}
            guard.forget(JOB)
            assert guard.reached(JOB) == {}

    asyncio.run(ask())


def test_a_host_that_moves_keeps_its_newest_address_last() -> None:
    async def ask() -> None:
        answers = iter([["127.0.0.1"], ["127.0.0.1"], ["127.0.0.2"], ["127.0.0.1"]])

        async def resolve(_: str, __: int) -> list[Address]:
            return [ip_address(each) for each in next(answers)]

        # The same port on two addresses, as a host behind two has it.
        async with (
            Site() as site,
            await asyncio.start_server(site._accept, "127.0.0.2", site.port),
            guarding(site, also=f"127.0.0.2:{site.port}", resolve=resolve) as guard,
        ):
            host = ("platform.example", site.port)
            told = []
            for _ in range(4):
                await fetch(guard, f"http://{host[0]}:{host[1]}/")
                told.append(list(guard.reached(JOB).get(host, [])))
        assert told == [
            ["127.0.0.1"],
            ["127.0.0.1"],
            ["127.0.0.1", "127.0.0.2"],
            ["127.0.0.2", "127.0.0.1"],
        ]

    asyncio.run(ask())


def order(**values: Any) -> CrawlOrder:
    made = {"crawl_id": "c", "campaign": "2022", "profile": "generic", "spaces": [],
            "store": "s", "directory": "d", "key": "k"}  # fmt: skip
    return CrawlOrder.model_validate(made | values)


def test_warcinfo_says_by_whose_word_robots_were_not_heeded() -> None:
    task = SpaceTask(space="s1", url=URL)
    said = warc_info(
        task, order(robots_authority="教育局\n2022 年 9 号文", contact="a@b"), "i", "ua"
    )
    assert said["robots"] == "ignored by written authority: 教育局 2022 年 9 号文"
    assert said["operator"] == "a@b"
    assert "operator" not in warc_info(task, order(), "i", "ua")
    assert all("\n" not in value for value in said.values())


# Pictures written into a page


@pytest.mark.parametrize(
    ("url", "content"),
    [
        (DOT, ("image/png", DOT_BYTES)),
        ("data:image/svg+xml;utf8,%3Csvg/%3E", ("image/svg+xml", b"<svg/>")),
        ("data:;base64,QQ==", ("text/plain", b"A")),
        ("data:image/png;base64", None),
        ("data:image/png;base64,QUJDR", None),
        ("http://platform.example/a.png", None),
    ],
)
def test_what_is_written_into_a_page_is_read(url: str, content: object) -> None:
    assert written_in(url) == content


def test_a_picture_written_into_a_page_is_a_record_of_its_own(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "w.gz", {})
    reading = PageReading(images=[FoundImage(DOT, "点", 1, 1), FoundImage(DOT, "", 1, 1)])
    record_pictures(archive, reading, AT)
    record_pictures(archive, reading, AT)
    archive.close()
    kept = [
        (record.rec_headers.get_header("WARC-Target-URI"), record.content_stream().read())
        for record in ArchiveIterator(BytesIO((tmp_path / "w.gz").read_bytes()))
        if record.rec_type == "resource"
    ]
    assert kept == [(picture_url(DOT), DOT_BYTES)]
    (capture,) = image_captures([(URL, reading.images[0])], archive.sha256_of)
    assert capture.captured
    assert capture.url == f"urn:image:{capture.sha256}"


def test_a_picture_counts_as_large_as_it_is_shown_anywhere() -> None:
    shown = [
        (URL, FoundImage("http://platform.example/a.png", "", 16, 16, background=True)),
        (f"{URL}/2", FoundImage("http://platform.example/a.png", "海报", 600, 400)),
        (f"{URL}/3", FoundImage("http://platform.example/a.png", "别名", 300, 200)),
    ]
    (capture,) = image_captures(shown, lambda _: None)
    assert (capture.width, capture.height, capture.alt) == (600, 400, "海报")
    assert (capture.found_on, capture.captured) == (URL, False)


# Rows


@pytest.mark.parametrize(
    ("content_range", "length", "whole"),
    [
        ("bytes 0-99/100", 100, True),
        ("bytes 0-49/100", 50, False),
        ("bytes 50-99/100", 50, False),
        ("bytes 0-99/100", 60, False),
        ("bytes 0-99/*", 100, False),
        ("", 100, False),
    ],
)
def test_a_partial_answer_may_be_whole(content_range: str, length: int, whole: bool) -> None:
    assert is_whole(content_range, length) is whole


def row(url: str, fate: Fate, kind: str = "image", method: str = "GET", detail: str = "") -> Row:
    made = Row(url, method, kind, URL, 1, AT)
    made.fate, made.detail = fate, detail
    return made


class Log(PageLog):
    """Rows that nobody asked for."""

    def __init__(self, *rows: Row) -> None:
        super().__init__()
        self._stray.rows.extend(rows)


def test_only_what_can_be_had_again_is_fetched_again() -> None:
    log = Log(
        row("http://a/part.mp4", Fate.PARTIAL, "media"),
        row("http://a/part.mp4", Fate.PARTIAL, "media"),
        row("http://a/gone.png", Fate.GONE),
        row("http://a/whole.png", Fate.GONE),
        row("http://a/state.json", Fate.GONE, "xhr"),
        row("http://a/post", Fate.GONE, method="POST"),
        row("http://a/icon.png", Fate.NOT_ASKED, "icon"),
        row("http://a/refused.png", Fate.REFUSED),
        row("http://a/large.png", Fate.TOO_LARGE),
        row("blob:http://a/1", Fate.GONE),
        row("http://a/here.png", Fate.CAPTURED),
    )
    known = {"http://a/whole.png": "0" * 64}
    assert gaps(log, known.get) == ["http://a/part.mp4", "http://a/gone.png"]


def test_the_ledger_names_each_gap_once_and_says_why() -> None:
    log = Log(
        row("http://a/large.png", Fate.TOO_LARGE, detail="99 bytes"),
        row("http://a/failed.png", Fate.FAILED, detail="net::ERR_CONNECTION_RESET"),
        row("http://a/failed.png", Fate.FAILED),
        row("http://a/refused.png", Fate.REFUSED),
        row("http://a/icon.png", Fate.NOT_ASKED, "icon"),
        row("http://a/gone.png", Fate.GONE),
        row("http://a/known.png", Fate.KNOWN),
    )
    told = list(not_captured(log, {"http://a/gone.png": "0" * 64}.get))
    assert [(entry.url, entry.reason, entry.detail) for entry in told] == [
        ("http://a/large.png", NotScreened.TOO_LARGE, f"{Fate.TOO_LARGE.label}:99 bytes"),
        (
            "http://a/failed.png",
            NotScreened.NOT_CAPTURED,
            f"{Fate.FAILED.label}:net::ERR_CONNECTION_RESET",
        ),
    ]
