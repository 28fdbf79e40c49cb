"""The coverage ledger: what was found is there as screened, or as not screened with a reason (design §3, 2)."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path
from typing import cast

import docx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from audit.extract.records import Extraction, Gap, Segment
from audit.extract.worker import ExtractionWorker
from audit.screening import (
    LedgerRow,
    screen,
)
from crawler.store import SnapshotReader
from models.manifest import (
    ImageCapture,
    Manifest,
    NotCaptured,
    ResourceCapture,
    TextBlock,
)
from models.vocabulary import (
    CoverageKind,
    NotScreened,
    Openness,
    Outcome,
    Part,
    ResourceKind,
    Visibility,
)
from tests.judgement import FILE, line_of, page, saved, screened_file, snapshot_of, tools
from tests.snapshots import URL, manifest

INVITE = "想要完整课件请加 微 信 领取,名额不多。"
PLAIN = "本节课学习分数的加减法,请同学们先预习课本第二十页。"


@pytest.fixture(scope="module")
def worker() -> Iterator[ExtractionWorker]:
    with ExtractionWorker() as started:
        yield started


def test_a_page_has_a_row_for_everything_that_was_found_on_it(tmp_path: Path) -> None:
    blocks = [line_of(PLAIN), TextBlock(text="内嵌页的话", frame="http://f.example/1")]
    whole = manifest(
        pages=(
            page(blocks=2, frames_unread=("http://f.example/2",), more_below=True),
            page(f"{URL}/closed", captured=False, visibility=Visibility.LOGIN),
            page(f"{URL}/down", captured=False, visibility=Visibility.UNREACHABLE),
            page(f"{URL}/wall", captured=False, visibility=Visibility.BLOCKED),
        ),
        not_captured=(
            NotCaptured(url=f"{URL}/501", reason=NotScreened.BUDGET, detail="超过 500 页"),
        ),
    )
    with snapshot_of(tmp_path, whole, {URL: blocks}) as reader:
        rows = screen(reader, tools()).ledger
    assert [(row.kind, row.what.partition("(")[0], row.reason) for row in rows] == [
        (CoverageKind.PAGE, URL, None),
        (CoverageKind.FRAME, "http://f.example/2", NotScreened.NOT_CAPTURED),
        (CoverageKind.PAGE, URL, NotScreened.BUDGET),
        (CoverageKind.FRAME, "http://f.example/1", None),
        (CoverageKind.PAGE, f"{URL}/closed", NotScreened.NOT_OPEN),
        (CoverageKind.PAGE, f"{URL}/down", NotScreened.NOT_CAPTURED),
        (CoverageKind.PAGE, f"{URL}/wall", NotScreened.NOT_CAPTURED),
        (CoverageKind.PAGE, f"{URL}/501", NotScreened.BUDGET),
    ]


def test_what_is_shown_and_cannot_be_read_is_a_gap(tmp_path: Path) -> None:
    drawing = NotCaptured(url=URL, reason=NotScreened.PICTURE_TEXT, detail="2 个画布")
    with snapshot_of(tmp_path, manifest(pages=(page(unread=(drawing,)),)), {}) as reader:
        rows = [row for row in screen(reader, tools()).ledger if not row.screened]
    assert rows == [LedgerRow(CoverageKind.IMAGE, f"{URL}(2 个画布)", NotScreened.PICTURE_TEXT)]


@pytest.mark.parametrize("stored", [None, 0, 1, 2])
def test_text_that_a_page_had_and_the_snapshot_lacks_is_a_gap(
    tmp_path: Path, stored: int | None
) -> None:
    """None: the snapshot has no record of the page's text at all."""
    blocks = {} if stored is None else {URL: [line_of(PLAIN)] * stored}
    with snapshot_of(tmp_path, manifest(pages=(page(blocks=2),)), blocks) as reader:
        rows = screen(reader, tools()).ledger
    gaps = [row for row in rows if not row.screened]
    expected = [] if stored == 2 else [(CoverageKind.BLOCK, NotScreened.NOT_CAPTURED)]
    assert [(row.kind, row.reason) for row in gaps] == expected


@pytest.mark.parametrize(
    ("openness", "reason"),
    [
        (Openness.LOGIN, NotScreened.NOT_OPEN),
        (Openness.FORBIDDEN, NotScreened.NOT_OPEN),
        (Openness.PAID, NotScreened.NOT_OPEN),
        (Openness.PASSWORD, NotScreened.NOT_OPEN),
        (Openness.MISSING, NotScreened.NOT_OPEN),
        (Openness.DISGUISED, NotScreened.NOT_OPEN),
        (Openness.EMPTY, NotScreened.NOT_OPEN),
        (Openness.CORRUPT, NotScreened.UNREADABLE),
        (Openness.OFFSITE, NotScreened.OFFSITE),
        (Openness.BLOCKED, NotScreened.NOT_CAPTURED),
        (Openness.UNREACHABLE, NotScreened.NOT_CAPTURED),
    ],
)
def test_a_file_that_is_not_open_is_not_read_and_says_so(
    tmp_path: Path, worker: ExtractionWorker, openness: Openness, reason: NotScreened
) -> None:
    result = screened_file(tmp_path, worker, INVITE.encode(), ResourceKind.TXT, openness=openness)
    assert result.findings == []
    assert result.ledger == [LedgerRow(CoverageKind.RESOURCE, FILE, reason)]


def test_an_open_file_is_read(tmp_path: Path, worker: ExtractionWorker) -> None:
    result = screened_file(tmp_path, worker, INVITE.encode(), ResourceKind.TXT)
    assert result.ledger == [LedgerRow(CoverageKind.RESOURCE, FILE)]
    assert result.findings


def test_an_open_file_that_the_snapshot_lacks_is_a_gap(
    tmp_path: Path, worker: ExtractionWorker
) -> None:
    result = screened_file(tmp_path, worker, None, ResourceKind.TXT)
    assert result.ledger == [LedgerRow(CoverageKind.RESOURCE, FILE, NotScreened.NOT_CAPTURED)]


def test_a_file_that_was_cut_off_is_read_as_far_as_it_goes(
    tmp_path: Path, worker: ExtractionWorker
) -> None:
    result = screened_file(tmp_path, worker, INVITE.encode(), ResourceKind.TXT, truncated=True)
    assert result.findings
    assert [row.reason for row in result.ledger] == [None, NotScreened.NOT_CAPTURED]


def picture(side: int = 200) -> bytes:
    out = BytesIO()
    Image.new("RGB", (side, side), "red").save(out, "PNG")
    return out.getvalue()


def document_with_picture() -> bytes:
    document = docx.Document()
    document.add_paragraph(PLAIN)
    document.add_picture(BytesIO(picture()))
    return saved(document)


def packed(**members: bytes) -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, body in members.items():
            archive.writestr(name.replace("_", "."), body)
    return out.getvalue()


@pytest.mark.parametrize(
    ("kind", "body", "rows"),
    [
        (
            ResourceKind.DOCX,
            document_with_picture(),
            [(CoverageKind.RESOURCE, None), (CoverageKind.IMAGE, NotScreened.PICTURE_TEXT)],
        ),
        (
            ResourceKind.ARCHIVE,
            packed(a_txt=PLAIN.encode(), b_png=picture(), c_mp3=b"ID3\x04" + b"\0" * 64),
            [
                (CoverageKind.RESOURCE, None),
                (CoverageKind.IMAGE, NotScreened.PICTURE_TEXT),
                (CoverageKind.RESOURCE, NotScreened.AUDIO_VIDEO),
                (CoverageKind.RESOURCE, NotScreened.UNREADABLE),
            ],
        ),
        (ResourceKind.IMAGE, picture(), [(CoverageKind.RESOURCE, NotScreened.PICTURE_TEXT)]),
        (
            ResourceKind.VIDEO,
            b"\0\0\0 ftypmp42",
            [
                (CoverageKind.RESOURCE, NotScreened.AUDIO_VIDEO),
                (CoverageKind.RESOURCE, NotScreened.UNREADABLE),
            ],
        ),
        (
            ResourceKind.AUDIO,
            b"ID3\x04",
            [
                (CoverageKind.RESOURCE, NotScreened.AUDIO_VIDEO),
                (CoverageKind.RESOURCE, NotScreened.UNREADABLE),
            ],
        ),
        (ResourceKind.DOC, b"\xd0\xcf\x11\xe0", [(CoverageKind.RESOURCE, NotScreened.UNREADABLE)]),
        (ResourceKind.PDF, b"%PDF-1.4 no", [(CoverageKind.RESOURCE, NotScreened.UNREADABLE)]),
        (ResourceKind.DOCX, b"PK\x03\x04 no", [(CoverageKind.RESOURCE, NotScreened.UNREADABLE)]),
    ],
)
def test_what_a_file_holds_and_nobody_read_is_in_the_ledger(
    tmp_path: Path,
    worker: ExtractionWorker,
    kind: ResourceKind,
    body: bytes,
    rows: list[tuple[CoverageKind, NotScreened | None]],
) -> None:
    ledger = screened_file(tmp_path, worker, body, kind).ledger
    assert [(row.kind, row.reason) for row in ledger] == rows
    assert all(row.what.startswith(FILE) for row in ledger)


@pytest.mark.parametrize(
    ("width", "height", "captured", "reason"),
    [
        (800, 600, True, NotScreened.PICTURE_TEXT),
        (800, 600, False, NotScreened.NOT_CAPTURED),
        (16, 16, False, NotScreened.NOT_CAPTURED),
        (47, 47, True, NotScreened.DECORATION),
        (48, 47, True, NotScreened.PICTURE_TEXT),
        (1200, 2, True, NotScreened.DECORATION),
        (2, 1200, True, NotScreened.DECORATION),
        # a strip with a line of advertising on it
        (468, 40, True, NotScreened.PICTURE_TEXT),
        # the browser could not tell: a drawing without a size of its own
        (0, 0, True, NotScreened.PICTURE_TEXT),
        (0, 600, True, NotScreened.PICTURE_TEXT),
    ],
)
def test_a_picture_is_decoration_only_when_nothing_can_be_read_in_it(
    tmp_path: Path, width: int, height: int, captured: bool, reason: NotScreened
) -> None:
    image = ImageCapture(
        url=f"{URL}/a.png", found_on=URL, width=width, height=height, captured=captured
    )
    with snapshot_of(tmp_path, manifest(pages=(), images=(image,))) as reader:
        rows = screen(reader, tools()).ledger
    assert rows == [LedgerRow(CoverageKind.IMAGE, image.url, reason)]


# Whatever a visit brings home


@dataclass
class StubReader:
    """A snapshot in memory."""

    manifest: Manifest
    text: dict[str, tuple[TextBlock, ...]] = field(default_factory=dict)
    bodies: frozenset[str] = frozenset()

    def blocks(self, url: str) -> tuple[TextBlock, ...]:
        return self.text.get(url, ())

    def body(self, url: str) -> bytes | None:
        return b"x" if url in self.bodies else None


@dataclass
class StubWorker:
    """Reads every file alike."""

    extraction: Extraction

    def extract(self, *_: object) -> Extraction:
        return self.extraction


PAGES = st.lists(
    st.builds(
        page,
        st.integers(0, 99).map(lambda n: f"{URL}/{n}"),
        captured=st.booleans(),
        visibility=st.sampled_from(Visibility),
        outcome=st.sampled_from(Outcome),
        blocks=st.integers(0, 3),
        frames_unread=st.lists(st.sampled_from(("f1", "f2"))).map(tuple),
        more_below=st.booleans(),
    ),
    max_size=4,
    unique_by=lambda made: made.url,
)
RESOURCES = st.lists(
    st.builds(
        ResourceCapture,
        url=st.integers(0, 99).map(lambda n: f"http://files.example/{n}"),
        found_on=st.just(URL),
        kind=st.sampled_from(ResourceKind),
        openness=st.sampled_from(Openness),
        truncated=st.booleans(),
    ),
    max_size=4,
    unique_by=lambda made: made.url,
)
IMAGES = st.lists(
    st.builds(
        ImageCapture,
        url=st.integers(0, 99).map(lambda n: f"http://images.example/{n}"),
        found_on=st.just(URL),
        width=st.integers(0, 900),
        height=st.integers(0, 900),
        captured=st.booleans(),
    ),
    max_size=4,
    unique_by=lambda made: made.url,
)
LEFT = st.lists(
    st.builds(
        NotCaptured,
        url=st.integers(0, 99).map(lambda n: f"http://left.example/{n}"),
        reason=st.sampled_from((NotScreened.BUDGET, NotScreened.NOT_CAPTURED)),
    ),
    max_size=3,
)
EXTRACTIONS = st.builds(
    Extraction,
    st.lists(st.just(Segment(PLAIN, Part.ATTACHMENT, "第1段")), max_size=1).map(tuple),
    st.lists(st.builds(Gap, st.just("f"), st.sampled_from(NotScreened)), max_size=3).map(tuple),
)
MANIFESTS = st.builds(
    lambda pages, resources, images, left: manifest(
        pages=tuple(pages),
        resources=tuple(resources),
        images=tuple(images),
        not_captured=tuple(left),
    ),
    PAGES,
    RESOURCES,
    IMAGES,
    LEFT,
)


@given(MANIFESTS, EXTRACTIONS, st.booleans(), st.integers(0, 3))
def test_nothing_that_was_found_is_missing_from_the_ledger(
    whole: Manifest, extraction: Extraction, stored: bool, blocks: int
) -> None:
    reader = StubReader(
        whole,
        {each.url: (TextBlock(text=PLAIN, frame="f3"),) * blocks for each in whole.pages},
        frozenset(each.url for each in whole.resources) if stored else frozenset(),
    )
    worker = cast("ExtractionWorker", StubWorker(extraction))
    rows = screen(cast("SnapshotReader", reader), replace(tools(), worker=worker)).ledger
    about = {row.what.partition("(")[0].partition(" ")[0]: row for row in reversed(rows)}
    for each in whole.pages:
        assert about[each.url].screened == each.captured
    for file in whole.resources:
        unread = not extraction.segments and extraction.gaps != ()
        read = file.openness is Openness.OPEN and stored and not unread
        assert about[file.url].screened == read
    for image in whole.images:
        assert not about[image.url].screened
    for left in whole.not_captured:
        if left.reason is NotScreened.BUDGET:
            assert not about[left.url].screened
    assert sum(not row.screened for row in rows) == expected_gaps(whole, extraction, stored, blocks)
    read_pages = sum(each.captured for each in whole.pages)
    frames = read_pages if blocks else 0
    read_files = sum(about[each.url].screened for each in whole.resources)
    assert sum(row.screened for row in rows) == read_pages + frames + read_files


def expected_gaps(whole: Manifest, extraction: Extraction, stored: bool, blocks: int) -> int:
    """Counted another way: what of each thing was not read."""
    gaps = len(whole.images)
    gaps += sum(left.reason is NotScreened.BUDGET for left in whole.not_captured)
    for each in whole.pages:
        gaps += (
            len(each.frames_unread) + each.more_below + (blocks < each.blocks)
            if each.captured
            else 1
        )
    for file in whole.resources:
        opened = file.openness is Openness.OPEN and stored
        gaps += len(extraction.gaps) + file.truncated if opened else 1
    return gaps
