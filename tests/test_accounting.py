"""The ledger adds up by construction, and one that does not is refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import select

from audit.accounting import LedgerError, balance
from audit.extract.records import Extraction, Gap, Segment
from audit.records import keep_screening, newest_screening
from audit.screening import Screened, screen
from crawler.store import SnapshotReader
from models.database import session
from models.manifest import ImageCapture, Manifest, NotCaptured, ResourceCapture
from models.tables import Coverage, Snapshot
from models.vocabulary import CoverageKind, NotScreened, Openness, Part, ResourceKind, Visibility
from service.config import Config
from service.workspace import open_database
from tests.judgement import NOW, add_snapshot, add_space, line_of, page, snapshot_of, tools
from tests.snapshots import URL, manifest


class Reader:
    """Reads a file as one segment and two gaps, and fails on one name."""

    def extract(self, data: bytes, kind: ResourceKind, name: str) -> Extraction:  # noqa: ARG002
        if name == "crash":
            raise RuntimeError("a bug of ours")
        segments = (Segment("一段文字", Part.ATTACHMENT, "第1段"),)
        gaps = (Gap("图1", NotScreened.PICTURE_TEXT), Gap("附录", NotScreened.ENCRYPTED))
        return Extraction(segments, gaps)


def file(name: str, openness: Openness = Openness.OPEN) -> ResourceCapture:
    return ResourceCapture(url=f"{URL}/{name}", found_on=URL, openness=openness)


WHOLE = manifest(
    pages=(
        page(blocks=2, frames_unread=("http://f.example/1",), more_below=True),
        page(f"{URL}/closed", captured=False, visibility=Visibility.LOGIN),
    ),
    not_captured=(
        NotCaptured(url=f"{URL}/501", reason=NotScreened.BUDGET, detail="超过 500 页"),
        NotCaptured(url=f"{URL}/font", reason=NotScreened.NOT_CAPTURED),
    ),
    resources=(file("a"), file("crash"), file("shut", Openness.LOGIN)),
    images=(ImageCapture(url=f"{URL}/1.png", found_on=URL, captured=True),),
)
BODIES = {f"{URL}/a": b"a", f"{URL}/crash": b"b"}


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[SnapshotReader]:
    blocks = {URL: [line_of("第一段"), line_of("第二段")]}
    with snapshot_of(tmp_path, WHOLE, blocks, BODIES) as opened:
        yield opened


def screened(reader: SnapshotReader) -> Screened:
    return screen(reader, replace(tools(), worker=Reader()))


def test_every_thing_of_the_manifest_has_one_row_of_its_own(reader: SnapshotReader) -> None:
    result = screened(reader)
    own = {row.key: row for row in result.ledger if "/" not in row.key}
    assert list(own) == [
        "page:0", "page:1", "missed:0", "resource:0", "resource:1", "resource:2", "image:0"
    ]  # fmt: skip
    assert len(own) == sum("/" not in row.key for row in result.ledger)
    balance(result.ledger, result.account)
    assert (result.measures["blocks_found"], result.measures["blocks_read"]) == (2, 2)


def test_what_fails_on_one_thing_is_a_row_with_its_reason(reader: SnapshotReader) -> None:
    rows = {row.key: row for row in screened(reader).ledger}
    assert (rows["resource:1"].reason, rows["resource:1"].what) == (
        NotScreened.FAILED,
        f"{URL}/crash",
    )
    assert rows["resource:0"].reason is None
    assert rows["image:0"].reason is NotScreened.PICTURE_TEXT


def test_a_page_that_fails_half_way_keeps_no_half_rows(
    reader: SnapshotReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(url: str) -> None:
        raise ValueError(url)

    monkeypatch.setattr(reader, "blocks", broken)
    result = screened(reader)
    rows = [row for row in result.ledger if row.key.startswith("page:0")]
    assert [(row.kind, row.reason) for row in rows] == [(CoverageKind.PAGE, NotScreened.FAILED)]
    balance(result.ledger, result.account)


def test_a_ledger_that_lost_any_row_is_refused(reader: SnapshotReader) -> None:
    result = screened(reader)
    for at in range(len(result.ledger)):
        short = result.ledger[:at] + result.ledger[at + 1 :]
        with pytest.raises(LedgerError, match=result.ledger[at].key):
            balance(short, result.account)


def test_a_ledger_with_any_row_twice_is_refused(reader: SnapshotReader) -> None:
    result = screened(reader)
    for row in result.ledger:
        with pytest.raises(LedgerError, match=row.key):
            balance([*result.ledger, row], result.account)


def test_a_row_under_no_key_is_refused(reader: SnapshotReader) -> None:
    result = screened(reader)
    with pytest.raises(LedgerError):
        balance([*result.ledger, replace(result.ledger[0], key="")], result.account)


def test_text_that_went_unread_without_a_row_is_refused(reader: SnapshotReader) -> None:
    result = screened(reader)
    assert result.account is not None
    result.account.blocks_read["page:0"] -= 1
    with pytest.raises(LedgerError, match="1 text blocks"):
        balance(result.ledger, result.account)


def test_text_that_the_snapshot_lacks_is_a_row_and_balances(tmp_path: Path) -> None:
    with snapshot_of(tmp_path, manifest(pages=(page(blocks=3),)), {URL: [line_of("一")]}) as opened:
        result = screened(opened)
    balance(result.ledger, result.account)
    assert (result.measures["blocks_found"], result.measures["blocks_read"]) == (3, 1)
    assert [r.kind for r in result.ledger if not r.screened] == [CoverageKind.BLOCK]


def test_a_thing_entered_as_another_kind_is_refused(reader: SnapshotReader) -> None:
    result = screened(reader)
    rows = [
        replace(row, kind=CoverageKind.FRAME) if row.key == "image:0" else row
        for row in result.ledger
    ]
    with pytest.raises(LedgerError, match="image:0"):
        balance(rows, result.account)


def test_a_ledger_that_nobody_counted_is_refused(reader: SnapshotReader) -> None:
    with pytest.raises(LedgerError, match="without counting"):
        balance(screened(reader).ledger, None)


def test_a_ledger_that_does_not_balance_is_not_kept(reader: SnapshotReader, tmp_path: Path) -> None:
    result = screened(reader)
    with session(open_database(Config(home=tmp_path / "home"))) as current:
        add_space(current)
        snapshot = add_snapshot(current)
        lost = replace(result, ledger=result.ledger[1:])
        with pytest.raises(LedgerError):
            keep_screening(current, lost, tools(), screening_id="sc1", snapshot=snapshot, at=NOW)
        assert newest_screening(current, snapshot.id) is None
        assert current.exec(select(Coverage)).all() == []
        assert current.get(Snapshot, snapshot.id) is not None
        keep_screening(current, result, tools(), screening_id="sc1", snapshot=snapshot, at=NOW)
        assert len(current.exec(select(Coverage)).all()) == len(result.ledger)


CAPTURES = st.builds(
    lambda blocks, frames, more, captured: page(
        blocks=blocks,
        frames_unread=tuple(f"http://f.example/{n}" for n in range(frames)),
        more_below=more,
        captured=captured,
    ),
    st.integers(0, 3),
    st.integers(0, 2),
    st.booleans(),
    st.booleans(),
)
MANIFESTS = st.builds(
    lambda pages, files, images: manifest(
        pages=tuple(pages),
        resources=tuple(file(name, openness) for name, openness in files),
        images=tuple(ImageCapture(url=f"{URL}/{n}.png", found_on=URL) for n in range(images)),
    ),
    st.lists(CAPTURES, max_size=3),
    st.lists(
        st.tuples(st.sampled_from(["a", "b", "crash"]), st.sampled_from(list(Openness))), max_size=4
    ),
    st.integers(0, 3),
)


class Stub:
    """The read side of a snapshot of any manifest; holds one text block and some files."""

    def __init__(self, whole: Manifest) -> None:
        self.manifest = whole

    def blocks(self, url: str) -> tuple[object, ...]:  # noqa: ARG002
        return (line_of("一段"),)

    def body(self, url: str) -> bytes | None:
        return BODIES.get(url)


@given(MANIFESTS)
def test_whatever_a_visit_found_the_ledger_adds_up(whole: Manifest) -> None:
    """The same address may stand there twice: each time it is a thing."""
    result = screened(Stub(whole))  # type: ignore[arg-type]
    balance(result.ledger, result.account)
    counted = Counter(row.key.partition(":")[0] for row in result.ledger if "/" not in row.key)
    assert (counted["page"], counted["resource"], counted["image"]) == (
        len(whole.pages),
        len(whole.resources),
        len(whole.images),
    )
