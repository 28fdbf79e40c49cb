"""A later snapshot made whole for replay: the file that stands in for it, and the shelf it is kept on."""

from __future__ import annotations

import gc
import gzip
import io
import json
import random
import struct
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cdxj_indexer.main import CDXJIndexer
from warcio.archiveiterator import ArchiveIterator

from crawler.archive import NOT_MODIFIED, Archive, Exchange, Origin, payload_digest, warc_date
from crawler.signing import load_signer
from crawler.store import SnapshotStore, StoredSnapshot, StoreError
from crawler.wacz import WARC_NAME, pack
from models.manifest import EarlierSnapshot
from service.web.replay.resolved import PLAIN_INDEX, resolve
from service.web.replay.shelf import Shelf, view_name
from tests.snapshots import AT, URL, exchange, manifest

LATER = AT + timedelta(days=1)
PAGE = "<p>欢迎来到王老师的学习空间</p>".encode()
NEWS = "<p>今天才写的</p>".encode()
PICTURE = random.Random(1).randbytes(30_000)
PICTURE_URL = "http://platform.example/板书.png"
NEWS_URL = "http://platform.example/space/s1/news"


@dataclass(frozen=True)
class Visits:
    """Two earlier snapshots, one with the page and one with the picture, and the later one."""

    store: SnapshotStore
    page: StoredSnapshot
    picture: StoredSnapshot
    later: StoredSnapshot

    @property
    def earlier(self) -> tuple[EarlierSnapshot, ...]:
        with self.store.reader(self.later.name) as reader:
            return reader.manifest.earlier

    @property
    def view(self) -> str:
        name = view_name(self.store, self.later.name, self.earlier)
        assert name is not None
        return name


def stored(
    store: SnapshotStore, folder: Path, write: Callable[[Archive], None], **values: Any
) -> StoredSnapshot:
    folder.mkdir()
    archive = Archive(folder / WARC_NAME, {"software": "test"})
    write(archive)
    archive.close()
    made = manifest(snapshot_id=folder.name, **values)
    pack(folder / WARC_NAME, made, load_signer(folder / "key.pem"), folder / "s.wacz")
    return store.put(folder / "s.wacz")


def page() -> Exchange:
    headers = (("Content-Type", "text/html; charset=utf-8"), ("ETag", '"1"'))
    return exchange(URL, PAGE, response_headers=headers)


def picture(**values: Any) -> Exchange:
    return exchange(
        PICTURE_URL, PICTURE, response_headers=(("Content-Type", "image/png"),), **values
    )


def later(archive: Archive) -> None:
    """A page called not modified, one that is new, and a picture of the same bytes."""
    origin = Origin("page", URL, warc_date(AT), payload_digest(PAGE))
    again = exchange(URL, b"", status=NOT_MODIFIED, at=LATER, response_headers=())
    archive.write_unmodified(again, origin, "text/html")
    archive.write(exchange(NEWS_URL, NEWS, at=LATER))
    archive.know(lambda url, digest: Origin("picture", url, warc_date(AT), digest))
    archive.write(picture(at=LATER))
    archive.resource(f"urn:fullPage:{URL}", b"\xff\xd8" + bytes(999), "image/jpeg", LATER)


def listed(kept: StoredSnapshot, snapshot_id: str) -> EarlierSnapshot:
    return EarlierSnapshot(snapshot_id=snapshot_id, wacz=kept.name, digest=kept.digest, taken_at=AT)


@pytest.fixture(params=["{folder}", "memory://{folder}"], ids=["directory", "object store"])
def visits(tmp_path: Path, request: pytest.FixtureRequest) -> Visits:
    store = SnapshotStore(request.param.format(folder=tmp_path / "store"))
    first = stored(store, tmp_path / "page", lambda archive: archive.write(page()))
    second = stored(store, tmp_path / "picture", lambda archive: archive.write(picture()))
    earlier = (listed(first, "page"), listed(second, "picture"))
    last = stored(store, tmp_path / "later", later, earlier=earlier, taken_at=LATER)
    return Visits(store, first, second, last)


@dataclass(frozen=True)
class Held:
    """A record as a reader of WARC files sees it."""

    kind: str
    status: str
    date: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


def records(wacz: Path) -> dict[tuple[str, str], Held]:
    """The records of a file by address and type; their digests hold."""
    with zipfile.ZipFile(wacz) as opened:
        warc = opened.read(f"archive/{WARC_NAME}")
    found = {}
    for record in ArchiveIterator(io.BytesIO(warc), check_digests="raise"):
        http = record.http_headers
        said = record.rec_headers
        held = Held(
            kind=record.rec_type,
            status=http.get_statuscode() if http and record.rec_type != "request" else "",
            date=said.get_header("WARC-Date"),
            headers=tuple(http.headers) if http else (),
            body=record.content_stream().read(),
        )
        found[said.get_header("WARC-Target-URI") or "", record.rec_type] = held
    return found


def resolved(visits: Visits, folder: Path) -> Path:
    target = folder / "resolved.wacz"
    resolve(visits.store, visits.later.name, target)
    return target


PICTURE_ASCII = "http://platform.example/%E6%9D%BF%E4%B9%A6.png"


# -- What is in the file


def test_what_is_referred_to_stands_in_its_place(visits: Visits, tmp_path: Path) -> None:
    found = records(resolved(visits, tmp_path))
    assert not [key for key in found if key[1] == "revisit"]
    shown = found[URL, "response"]
    assert (shown.status, shown.body, shown.date) == ("200", PAGE, warc_date(LATER))
    assert ("ETag", '"1"') in shown.headers, "the headers are those of the answer with the bytes"
    drawn = found[PICTURE_ASCII, "response"]
    assert (drawn.status, drawn.body, drawn.date) == ("200", PICTURE, warc_date(LATER))
    assert ("Content-Type", "image/png") in drawn.headers


def test_all_else_is_as_it_was(visits: Visits, tmp_path: Path) -> None:
    with visits.store.local(visits.later.name) as path:
        before = records(path)
    after = records(resolved(visits, tmp_path))
    same = [key for key in before if key[1] != "revisit"]
    assert {(NEWS_URL, "response"), (URL, "request"), (f"urn:fullPage:{URL}", "resource")} <= set(
        same
    )
    assert {key: after[key] for key in same} == {key: before[key] for key in same}
    assert len(after) == len(before)


def test_the_index_is_the_one_the_reference_indexer_makes(visits: Visits, tmp_path: Path) -> None:
    with zipfile.ZipFile(resolved(visits, tmp_path)) as made:
        warc, index = made.read(f"archive/{WARC_NAME}"), made.read(PLAIN_INDEX).decode()
    (tmp_path / WARC_NAME).write_bytes(warc)
    written = io.StringIO()
    CDXJIndexer(written, [str(tmp_path / WARC_NAME)], sort=True, post_append=True).process_all()
    assert lines(index) == lines(written.getvalue())
    assert len(lines(index)) == 4


def lines(index: str) -> list[tuple[str, str, dict[str, str]]]:
    parts = (line.split(" ", 2) for line in index.splitlines())
    return [(key, stamp, json.loads(fields)) for key, stamp, fields in parts]


def test_replay_finds_every_part_where_it_looks_for_it(visits: Visits, tmp_path: Path) -> None:
    """It takes a part to begin behind the local header's name: nothing else may stand there."""
    path = resolved(visits, tmp_path)
    content = path.read_bytes()
    with zipfile.ZipFile(path) as made:
        assert made.testzip() is None
        for part in made.infolist():
            name, extra = struct.unpack("<HH", content[part.header_offset + 26 :][:4])
            assert (name, extra) == (len(part.filename), 0)
            start = part.header_offset + 30 + name
            assert content[start : start + part.file_size] == made.read(part)


def test_it_is_made_the_same_each_time_and_does_not_pass_for_evidence(
    visits: Visits, tmp_path: Path
) -> None:
    first = resolved(visits, tmp_path).read_bytes()
    assert resolved(visits, tmp_path).read_bytes() == first
    with zipfile.ZipFile(io.BytesIO(first)) as made:
        assert "不是证据文件" in json.loads(made.read("datapackage.json"))["title"]
        assert not [n for n in made.namelist() if "manifest" in n or "digest" in n]


# -- When something is missing


def remove(visits: Visits, kept: StoredSnapshot) -> None:
    visits.store._files.rm(f"{visits.store._root}/{kept.name}")


def test_a_missing_snapshot_costs_only_what_it_holds(visits: Visits, tmp_path: Path) -> None:
    whole = visits.view
    remove(visits, visits.page)
    found = records(resolved(visits, tmp_path))
    assert (URL, "revisit") in found
    assert found[PICTURE_ASCII, "response"].body == PICTURE
    assert visits.view != whole, "a browser must not take the index of the one for the other's"


def test_other_bytes_do_not_pass_for_those_referred_to(visits: Visits, tmp_path: Path) -> None:
    with visits.store.local(visits.picture.name) as path:
        content = path.read_bytes()
    spoilt = gzip.compress(b"something else")
    at = content.index(b"\x1f\x8b", content.index(b"\x1f\x8b") + 2)
    damaged = content[:at] + spoilt + content[at + len(spoilt) :]
    visits.store._files.pipe_file(f"{visits.store._root}/{visits.picture.name}", damaged)
    found = records(resolved(visits, tmp_path))
    assert (PICTURE_ASCII, "revisit") in found
    assert found[URL, "response"].body == PAGE


def test_a_snapshot_that_refers_to_none_has_no_view(visits: Visits) -> None:
    assert view_name(visits.store, visits.page.name, ()) is None


# -- Where it is kept


def test_what_is_kept_is_given_again_and_bounded(visits: Visits) -> None:
    shelf = Shelf(visits.store, most_bytes=0)
    assert visits.view not in shelf
    kept = shelf.path(visits.view)
    content, made = kept.read_bytes(), kept.stat().st_ino
    assert visits.view in shelf
    assert shelf.path(visits.view).stat().st_ino == made, "made once"
    assert shelf.read(visits.view, 10, 20) == content[10:20]
    assert shelf.size(visits.view) == len(content)
    other = shelf.path(f"{visits.later.name[3:-5]}.{'0' * 16}.wacz")
    assert list(kept.parent.iterdir()) == [other], "the newest, whatever its size"
    assert shelf.read(visits.view, 0, len(content)) == content, "made again"
    assert kept.parent.stat().st_mode & 0o077 == 0


def test_nothing_half_made_is_kept_and_nothing_at_all_when_it_ends(visits: Visits) -> None:
    shelf = Shelf(visits.store)
    folder = shelf.path(visits.view).parent
    with pytest.raises(StoreError):
        shelf.path(f"{'0' * 64}.{'0' * 16}.wacz")
    assert [each.name for each in folder.iterdir()] == [visits.view]
    del shelf
    gc.collect()
    assert not folder.exists()
