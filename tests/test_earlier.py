"""A snapshot that refers to an earlier one: written, read back, verified; and when none is used."""

from __future__ import annotations

import random
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from crawler.archive import NOT_MODIFIED, Archive, Origin
from crawler.earlier import Earlier, not_before, open_earlier
from crawler.reading import READER_VERSION
from crawler.signing import Signer, load_signer
from crawler.store import SnapshotReader, SnapshotStore, StoredSnapshot, StoreError
from crawler.task import EarlierVisit, SpaceTask
from crawler.verification import flaws
from crawler.wacz import WARC_NAME, pack
from models.manifest import EarlierSnapshot, TextBlock
from rules.profile import Profile, load_profile
from tests.snapshots import AT, URL, exchange, manifest

FILE = "http://platform.example/files/课件.pdf"
BODY = b"%PDF-1.4 " + random.Random(1).randbytes(20_000)
PAGE = "<p>欢迎</p>".encode()
LATER = AT + timedelta(days=1)


@pytest.fixture
def store(tmp_path: Path) -> SnapshotStore:
    return SnapshotStore(str(tmp_path / "store"))


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    return load_signer(tmp_path / "key.pem")


@pytest.fixture
def profile() -> Profile:
    return load_profile("generic")


class Maker:
    """Makes snapshots of one space, each after the other."""

    def __init__(
        self, store: SnapshotStore, signer: Signer, folder: Path, profile: Profile
    ) -> None:
        self._store = store
        self._signer = signer
        self._folder = folder
        self._profile = profile

    def make(
        self, name: str, before: StoredSnapshot | None = None, **values: Any
    ) -> StoredSnapshot:
        """A snapshot; with one before it, of what it holds only references are written."""
        folder = self._folder / name
        folder.mkdir()
        archive = Archive(folder / WARC_NAME, {"software": "test"})
        versions = manifest().versions.model_copy(update={"reading": READER_VERSION})
        made = {
            "snapshot_id": name,
            "site_profile_digest": self._profile.digest,
            "versions": versions,
            "taken_at": LATER if before else AT,
        }
        with ExitStack() as stack:
            if before is None:
                self._write_whole(archive)
            else:
                earlier = self._open(before, stack)
                self._write_again(archive, earlier)
                made["earlier"] = tuple(earlier.snapshots[each] for each in archive.referred)
            archive.close()
        pack(folder / WARC_NAME, manifest(**(made | values)), self._signer, folder / "s.wacz")
        return self._store.put(folder / "s.wacz")

    def _write_whole(self, archive: Archive) -> None:
        archive.write(exchange(URL, PAGE, response_headers=(("ETag", '"1"'),)))
        archive.write(exchange(FILE, BODY))
        archive.json(f"urn:text:{URL}", [TextBlock(text="欢迎").model_dump(mode="json")], AT)

    def _write_again(self, archive: Archive, earlier: Earlier) -> None:
        archive.know(earlier.origin)
        [page] = earlier.answers(URL)
        unmodified = exchange(URL, b"", status=NOT_MODIFIED, at=LATER, response_headers=())
        archive.write_unmodified(unmodified, page.origin, "text/html")
        archive.write(exchange(FILE, BODY, at=LATER))
        for name, record in earlier.reading_records(earlier.manifest.pages[0]):
            archive.copy(record, name)

    def _open(self, stored: StoredSnapshot, stack: ExitStack) -> Earlier:
        path = stack.enter_context(self._store.local(stored.name))
        reader = stack.enter_context(SnapshotReader(path, self._store.local))
        return Earlier(reader, visit_of(stored, reader.manifest.snapshot_id))


def visit_of(stored: StoredSnapshot, snapshot_id: str) -> EarlierVisit:
    return EarlierVisit(snapshot_id=snapshot_id, wacz=stored.name, digest=stored.digest)


@pytest.fixture
def maker(store: SnapshotStore, signer: Signer, tmp_path: Path, profile: Profile) -> Maker:
    return Maker(store, signer, tmp_path, profile)


@pytest.fixture
def chain(maker: Maker) -> list[StoredSnapshot]:
    """Three snapshots, each made from the one before."""
    made = [maker.make("one")]
    made.append(maker.make("two", made[0]))
    made.append(maker.make("three", made[1]))
    return made


# Written and read back


def test_each_snapshot_of_a_chain_refers_to_the_one_with_the_bytes(
    store: SnapshotStore, chain: list[StoredSnapshot]
) -> None:
    for stored in chain[1:]:
        with store.reader(stored.name) as reader:
            assert [each.snapshot_id for each in reader.manifest.earlier] == ["one"]
            assert reader.manifest.earlier[0].wacz == chain[0].name
            assert reader.body(URL) == PAGE
            assert reader.body(FILE) == BODY
            assert [block.text for block in reader.blocks(URL)] == ["欢迎"]
            [page], [place] = reader.places(URL), reader.places(FILE)
            assert (place.mime, place.date) == ("warc/revisit", "2022-09-02T08:00:00Z")
            # Replay takes another status in the index for no content at all.
            assert (page.mime, page.status) == ("warc/revisit", "200")
            record = reader.record(page)
            assert record.http_headers.get_statuscode() == "304"
            assert record.http_headers.get_header("content-type") == "text/html"
        assert stored.size < chain[0].size


def test_what_is_not_kept_yet_is_written_whole(maker: Maker, store: SnapshotStore) -> None:
    first = maker.make("one")
    with store.reader(first.name) as reader:
        earlier = Earlier(reader, visit_of(first, "one"))
        [place] = reader.places(FILE)
        found = earlier.origin(place.url, place.digest)
        assert found == Origin("one", place.url, place.date, place.digest)
        assert earlier.origin(place.url, "sha1:OTHER") is None
        assert earlier.origin("http://platform.example/other", place.digest) is None


def test_what_cannot_be_referred_to_any_more_is_written_whole(
    maker: Maker, store: SnapshotStore
) -> None:
    first = maker.make("one")
    second = maker.make("two", first)
    with store.reader(second.name) as reader:
        earlier = Earlier(reader, visit_of(second, "two"))
        [place] = reader.places(FILE)
        with store.local(first.name) as path:
            path.unlink()
        assert earlier.origin(place.url, place.digest) is None


def test_a_snapshot_in_the_same_folder_is_found_without_a_store(
    tmp_path: Path, store: SnapshotStore, chain: list[StoredSnapshot]
) -> None:
    folder = tmp_path / "sent"
    folder.mkdir()
    for stored in chain:
        with store.local(stored.name) as path:
            (folder / path.name).write_bytes(path.read_bytes())
    last = folder / Path(chain[2].name).name
    assert list(flaws(last)) == []
    with SnapshotReader(last) as reader:
        assert reader.body(FILE) == BODY
    (folder / Path(chain[0].name).name).unlink()
    with SnapshotReader(last) as reader, pytest.raises(StoreError, match="earlier snapshot"):
        reader.body(FILE)


# Verified


def test_a_chain_holds(store: SnapshotStore, signer: Signer, chain: list[StoredSnapshot]) -> None:
    for stored in chain:
        with store.local(stored.name) as path:
            assert list(flaws(path, public_key=signer.public_key, find=store.local)) == []


def test_a_reference_to_what_no_earlier_snapshot_holds_is_named(
    maker: Maker, store: SnapshotStore
) -> None:
    first = maker.make("one")
    second = maker.make("two", first, earlier=())
    with store.local(second.name) as path:
        found = [str(flaw) for flaw in flaws(path, find=store.local)]
    assert len(found) == 2
    assert all("refers to bytes that no earlier snapshot" in flaw for flaw in found)
    assert any(URL in flaw for flaw in found)


def test_an_earlier_snapshot_that_was_signed_as_another_file_is_named(
    maker: Maker, store: SnapshotStore
) -> None:
    first = maker.make("one")
    wrong = EarlierSnapshot(
        snapshot_id="one", wacz=first.name, digest="sha256:" + "0" * 64, taken_at=AT
    )
    second = maker.make("two", first, earlier=(wrong,))
    with store.local(second.name) as path:
        [flaw] = flaws(path, find=store.local)
    assert flaw.record == "earlier snapshot one"
    assert "is not the file referred to" in flaw.problem


# When an earlier snapshot is not used


def opened(
    store: SnapshotStore, profile: Profile, earlier: EarlierVisit | None, **task: str
) -> bool:
    made = SpaceTask(space="s1", url=task.get("url", URL), earlier=earlier)
    since = datetime.fromisoformat(task.get("since", "2022-08-30T00:00:00Z"))
    with ExitStack() as stack:
        return open_earlier(made, profile, store, stack, since) is not None


def test_a_sound_earlier_snapshot_is_used(
    store: SnapshotStore, profile: Profile, chain: list[StoredSnapshot]
) -> None:
    assert opened(store, profile, visit_of(chain[0], "one"))
    assert opened(store, profile, visit_of(chain[2], "three"))


def test_it_is_not_used_for_another_address_profile_code_or_time(
    store: SnapshotStore, profile: Profile, maker: Maker
) -> None:
    first = maker.make("one")
    visit = visit_of(first, "one")
    assert not opened(store, profile, None)
    assert not opened(store, profile, visit, url=URL + "/other")
    assert not opened(store, load_profile("sample"), visit)
    assert not opened(store, profile, visit, since="2022-09-02T00:00:00Z")
    other = manifest().versions.model_copy(update={"reading": "other"})
    assert not opened(store, profile, visit_of(maker.make("old", versions=other), "old"))
    full = maker.make("later", taken_at=LATER, full_visit_at=AT)
    assert not opened(store, profile, visit_of(full, "later"), since="2022-09-01T12:00:00Z")


def test_it_is_not_used_when_anything_of_it_is_lost_or_broken(
    store: SnapshotStore, profile: Profile, chain: list[StoredSnapshot]
) -> None:
    visit = visit_of(chain[1], "two")
    assert not opened(store, profile, visit.model_copy(update={"digest": "sha256:0"}))
    with store.local(chain[1].name) as second, store.local(chain[0].name) as first:
        whole = second.read_bytes()
        second.write_bytes(whole[: len(whole) // 2])
        assert not opened(store, profile, visit)
        second.write_bytes(whole)
        assert opened(store, profile, visit)
        first.unlink()
        assert not opened(store, profile, visit)
        second.unlink()
        assert not opened(store, profile, visit)


def test_everything_is_read_in_full_every_so_many_days() -> None:
    now = datetime(2022, 9, 8, tzinfo=UTC)
    assert not_before(now, 7) == datetime(2022, 9, 1, tzinfo=UTC)
    assert not_before(now, 0) == now
