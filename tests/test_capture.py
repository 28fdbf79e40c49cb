"""A page that asks for one of everything: what of it comes home byte for byte, and what is said of it."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from warcio.archiveiterator import ArchiveIterator

from crawler.archive import page_id
from crawler.browser import Browser
from crawler.store import SnapshotReader
from models.manifest import Manifest
from models.pageinfo import AskedFor, PageInfo
from models.vocabulary import Fate
from tests.capture_site import (
    APP,
    EVENTS,
    ICON,
    NOWHERE,
    PNG,
    POSTED,
    TRUTHS,
    WRITTEN,
    Truth,
    answers,
    foreign_answers,
    page,
)
from tests.crawl_site import LIMITS, Crawled, Paths, crawl, listening, order_for
from tests.guard_site import Site

pytestmark = pytest.mark.browser

#: The kinds of the measurement in the notes on crawling; the rest came later.
GROUND_TRUTH = (
    "style.css",
    "import.css",
    "bg.png",
    "font.ttf",
    "classic.js",
    "module.mjs",
    "dynamic.mjs",
    "fetch.json",
    "xhr.json",
    "plain.png",
    "srcset.png",
    "picture.png",
    "lazy.png",
    "use.svg",
    "frame.html",
    "foreign.html",
    "foreign.png",
    "worker.json",
    "film.mp4",
    "popup.html",
    "embed.pdf",
)


@dataclass(frozen=True, slots=True)
class Record:
    """A WARC record."""

    kind: str
    body: bytes
    headers: Mapping[str, str]
    http: Mapping[str, str] = field(default_factory=dict)
    line: str = ""

    @property
    def url(self) -> str:
        return self.headers.get("WARC-Target-URI", "")


@dataclass(frozen=True, slots=True)
class Everything:
    """The crawl of that page."""

    crawled: Crawled
    home: str
    foreign: str

    @property
    def path(self) -> Path:
        return self.crawled.wacz("all")

    @property
    def manifest(self) -> Manifest:
        return self.crawled.manifests["all"]

    def url(self, truth: Truth) -> str:
        return (self.foreign if truth.foreign else self.home) + truth.path


@pytest.fixture(scope="module")
def everything(
    browser_executable: Browser, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Everything]:
    other = Site(Paths(foreign_answers()), host="127.0.0.2")
    site = Site(Paths({}))
    with listening(other, site):
        site.answer = Paths(answers("/s/all/", other.url + "foreign.html"))
        home = f"{site.url}s/all/"
        allow = f"{site.host}:{site.port},{other.host}:{other.port}"
        # One busy page: it is given the time of a real one.
        limits = LIMITS.model_copy(update={"page_seconds": 40})
        folder = tmp_path_factory.mktemp("capture")
        order = order_for(folder, {"all": home}, allow, limits=limits)
        yield Everything(crawl(order), home, other.url)


@pytest.fixture(scope="module")
def records(everything: Everything) -> list[Record]:
    return read_records(everything.path)


def read_records(path: Path) -> list[Record]:
    with zipfile.ZipFile(path) as wacz:
        warc = wacz.read("archive/data.warc.gz")
    return [
        Record(
            record.rec_type,
            record.content_stream().read(),
            dict(record.rec_headers.headers),
            dict(record.http_headers.headers) if record.http_headers else {},
            record.http_headers.statusline if record.http_headers else "",
        )
        for record in ArchiveIterator(BytesIO(warc), check_digests="raise")
    ]


@pytest.fixture(scope="module")
def info(everything: Everything, records: list[Record]) -> PageInfo:
    found = [record for record in records if record.url == f"urn:pageinfo:{everything.home}"]
    assert len(found) == 1
    return PageInfo.model_validate_json(found[0].body)


@pytest.fixture(scope="module")
def rows(info: PageInfo) -> dict[str, AskedFor]:
    return {row.url: row for row in info.asked}


def sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


# Byte for byte


@pytest.mark.parametrize("name", TRUTHS)
def test_each_kind_of_subresource_is_kept_byte_for_byte(
    name: str, everything: Everything, records: list[Record]
) -> None:
    truth = TRUTHS[name]
    kept = [r for r in records if r.kind == "response" and r.url == everything.url(truth)]
    assert truth.body in [record.body for record in kept]


def test_the_page_itself_is_kept_byte_for_byte(
    everything: Everything, records: list[Record]
) -> None:
    served = page(everything.foreign + "foreign.html")
    kept = [r.body for r in records if r.kind == "response" and r.url == everything.home]
    assert set(kept) == {served}


def test_of_the_21_kinds_at_least_20_come_by_the_browser_and_the_other_is_named(
    everything: Everything, rows: Mapping[str, AskedFor]
) -> None:
    assert len(GROUND_TRUTH) == 21
    equal = [
        name
        for name in GROUND_TRUTH
        if rows[everything.url(TRUTHS[name])].sha256 == sha256(TRUTHS[name].body)
        and rows[everything.url(TRUTHS[name])].source == "browser"
    ]
    assert len(equal) >= 20
    for name in set(GROUND_TRUTH) - set(equal):
        row = rows[everything.url(TRUTHS[name])]
        assert (row.fate, row.source, row.detail) == (
            Fate.CAPTURED,
            "direct",
            Fate.NOT_ASKED.label,
        )


# What is said of it


@pytest.mark.parametrize("name", TRUTHS)
def test_pageinfo_says_how_each_came_home(
    name: str, everything: Everything, rows: Mapping[str, AskedFor]
) -> None:
    truth = TRUTHS[name]
    row = rows[everything.url(truth)]
    assert (row.fate, row.source, row.sha256) == (Fate.CAPTURED, truth.source, sha256(truth.body))
    if truth.source == "browser":
        assert row.status == (206 if truth.ranged else 200)
        assert row.size == len(truth.body)
        assert row.mime == truth.kind.partition(";")[0]
        assert row.started_at is not None
        assert row.ended_at is not None
        assert row.started_at <= row.ended_at


@pytest.mark.parametrize(
    ("name", "fate"), [(EVENTS, Fate.STREAM), (ICON, Fate.NOT_ASKED), (APP, Fate.NOT_ASKED)]
)
def test_pageinfo_names_what_did_not_come(
    name: str, fate: Fate, everything: Everything, rows: Mapping[str, AskedFor]
) -> None:
    row = rows[everything.home + name]
    assert (row.fate, row.sha256) == (fate, None)


def test_pageinfo_knows_what_each_was_for(
    everything: Everything, rows: Mapping[str, AskedFor]
) -> None:
    kinds = {
        "style.css": "stylesheet",
        "bg.png": "image",
        "font.ttf": "font",
        "module.mjs": "script",
        "xhr.json": "xhr",
        "fetch.json": "fetch",
        "frame.html": "document",
        "popup.html": "popup",
        "film.mp4": "media",
        "embed.pdf": "embed",
        "track.vtt": "texttrack",
    }
    found = {name: rows[everything.url(TRUTHS[name])].kind for name in kinds}
    assert found == kinds


def test_a_redirect_and_an_error_are_answers_too(
    everything: Everything, rows: Mapping[str, AskedFor]
) -> None:
    hop, end = rows[everything.home + "moved"], rows[everything.home + "moved.png"]
    assert (hop.status, end.redirected_from) == (302, everything.home + "moved")
    missing = rows[everything.home + NOWHERE]
    assert (missing.status, missing.fate) == (404, Fate.CAPTURED)


def test_pageinfo_holds_the_pages_own_facts(everything: Everything, info: PageInfo) -> None:
    assert (info.url, info.final_url) == (everything.home, everything.home)
    assert info.attempt == everything.manifest.pages[0].attempts[-1]
    assert set(info.stored) == {"text", "dom", "fullPage"}
    assert sum(info.fates.values()) == len(info.asked)
    assert info.fates[Fate.NOT_ASKED] == 2


def test_the_manifest_lists_what_is_missing_and_not_what_nobody_reads(
    everything: Everything,
) -> None:
    missed = {entry.url: entry for entry in everything.manifest.not_captured}
    assert set(missed) == {everything.home + EVENTS}
    assert missed[everything.home + EVENTS].found_on == everything.home
    assert Fate.STREAM.label in missed[everything.home + EVENTS].detail


# Pictures


def test_every_picture_is_listed_with_its_bytes(everything: Everything) -> None:
    images = {image.url: image for image in everything.manifest.images}
    assert len(images) == len(everything.manifest.images)
    with SnapshotReader(everything.path) as reader:
        kept = {url: reader.body(url) for url, image in images.items() if image.captured}
    for name in ("plain.png", "srcset.png", "picture.png", "lazy.png", "bg.png", "poster.png"):
        assert kept[everything.url(TRUTHS[name])] == TRUTHS[name].body
    assert kept[f"urn:image:{sha256(WRITTEN)}"] == WRITTEN
    # What a script made is kept as its pixels.
    assert not any(url.startswith("blob:") for url in images)
    copies = [body or b"" for url, body in kept.items() if url.startswith("urn:image:")]
    pixels = [Image.open(BytesIO(body)).convert("RGB").tobytes() for body in copies]
    assert pixels == [Image.open(BytesIO(PNG)).convert("RGB").tobytes()] * 2
    assert not images[everything.home + NOWHERE].captured, "an error page is no picture"


def test_a_picture_behind_a_redirect_is_listed_by_where_it_came_from(
    everything: Everything,
) -> None:
    images = {image.url: image for image in everything.manifest.images}
    assert images[everything.url(TRUTHS["moved.png"])].captured
    assert everything.home + "moved" not in images
    assert set(everything.manifest.pages[0].images) == set(images)


# The records


def test_each_record_of_the_browser_names_its_page_and_purpose(
    everything: Everything, records: list[Record], info: PageInfo
) -> None:
    assert info.page_id == page_id(everything.home)
    for name in ("style.css", "foreign.png", "worker.json", "popup.html"):
        url = everything.url(TRUTHS[name])
        (record,) = (r for r in records if r.kind == "response" and r.url == url)
        assert record.headers["WARC-Page-ID"] == info.page_id
    with zipfile.ZipFile(everything.path) as wacz:
        head, *listed = map(json.loads, wacz.read("pages/pages.jsonl").decode().splitlines())
        package = json.loads(wacz.read("datapackage.json"))
    assert head["format"] == "json-pages-1.0"
    (line,) = listed
    assert line.pop("ts") >= package["mainPageDate"]
    assert line == {
        "id": info.page_id,
        "url": everything.home,
        "title": "样样都有",
        "status": 200,
        "seed": True,
    }
    assert package["mainPageUrl"] == everything.home
    assert package["description"] == f"{everything.home} (所有人可见)"


def test_each_answer_names_the_servers_address_and_not_the_guards(
    everything: Everything, records: list[Record]
) -> None:
    for record in records:
        if record.kind == "response":
            there = "127.0.0.2" if record.url.startswith(everything.foreign) else "127.0.0.1"
            assert record.headers["WARC-IP-Address"] == there
    hosts = {host.host: host.addresses for host in everything.manifest.hosts}
    assert hosts == {"127.0.0.1": ("127.0.0.1",), "127.0.0.2": ("127.0.0.2",)}


def test_each_answer_stands_with_its_request(records: list[Record]) -> None:
    answered = {r.headers["WARC-Record-ID"]: r for r in records if r.kind == "response"}
    asked = [r for r in records if r.kind == "request"]
    assert {r.headers["WARC-Concurrent-To"] for r in asked} == set(answered)
    assert all(answered[r.headers["WARC-Concurrent-To"]].url == r.url for r in asked)


def test_what_a_page_sends_is_kept(everything: Everything, records: list[Record]) -> None:
    sent = [r for r in records if r.kind == "request" and r.url == everything.home + "beacon"]
    assert [r.body for r in sent] == [POSTED]


def test_an_answer_that_never_ends_is_kept_as_far_as_its_head(
    everything: Everything, records: list[Record]
) -> None:
    (record,) = (r for r in records if r.kind == "response" and r.url == everything.home + EVENTS)
    assert record.headers["WARC-Truncated"] == "time"
    assert record.http["content-type"] == "text/event-stream"
    with SnapshotReader(everything.path) as reader:
        assert reader.body(record.url) is None, "part of an answer is not the answer"
        assert reader.body(everything.home + "plain.png") == TRUTHS["plain.png"].body


def test_the_first_record_says_who_and_how(records: list[Record], everything: Everything) -> None:
    assert records[0].kind == "warcinfo"
    said = dict(line.split(": ", 1) for line in records[0].body.decode().splitlines() if line)
    assert said["isPartOf"] == everything.manifest.snapshot_id
    assert said["http-header-user-agent"] == everything.manifest.user_agent
    assert said["robots"] == "obey"
    assert (said["viewport"], said["locale"]) == ("1280x900", "zh-CN")
    assert said["conformsTo"].endswith("warc-1.1/")
    assert all(name in said["software"] for name in ("spaceaudit/", "playwright/", "warcio/"))


def test_the_reference_tools_accept_it(everything: Everything, tmp_path: Path) -> None:
    tools = Path(sys.executable).parent
    said = subprocess.run(
        [tools / "wacz", "validate", "-f", everything.path],
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 0, said.stdout + said.stderr
    with zipfile.ZipFile(everything.path) as wacz:
        warc = Path(wacz.extract("archive/data.warc.gz", tmp_path))
    checked = subprocess.run(
        [tools / "warcio", "check", "-v", warc], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout
    assert "not checked" not in checked.stdout
