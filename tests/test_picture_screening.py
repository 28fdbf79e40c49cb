"""What stands in pictures is a finding with its picture and box, and every picture has its row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import docx
import pytest

from audit.extract.worker import ExtractionWorker
from audit.pictures.reader import PictureReader
from audit.pictures.records import Code, Line, Reading, Region, Sort, View
from audit.records import stands
from audit.screening import PICTURES_LEFT, LedgerRow, Screened, Tools, screen
from models.manifest import ImageCapture, ResourceCapture
from models.tables import Screening
from models.vocabulary import CoverageKind, NotScreened, Openness, Part, ResourceKind
from tests.judgement import FILE, line_of, page, saved, snapshot_of, tools
from tests.pictured import drawn, filed, film, scanned, with_codes
from tests.snapshots import AT, URL, manifest

PICTURE = f"{URL}/a.png"
ADVERT = "扫码加老师微信领取试听课"


class Told(PictureReader):
    """A reader that knows beforehand what stands in a picture, by its bytes."""

    def __init__(self, told: Mapping[bytes, Reading]) -> None:
        super().__init__()
        self.told = told

    def read(self, data: bytes, sort: Sort = Sort.PICTURE) -> Reading:  # noqa: ARG002
        self.reads += 1
        return self.told[data]


def reading(*texts: str, score: float = 0.99, codes: tuple[Code, ...] = ()) -> Reading:
    lines = tuple(
        Line(text, score, Region(40, 100 + 50 * number, 20 * len(text), 24))
        for number, text in enumerate(texts)
    )
    return Reading((View("", 800, 600, lines, codes),))


def shown(
    folder: Path, reader: PictureReader, body: bytes = b"1", alt: str = "", **values: object
) -> Screened:
    """A page with one picture on it, screened."""
    image = ImageCapture(url=PICTURE, found_on=URL, alt=alt, width=800, height=600, captured=True)
    whole = manifest(pages=(page(),), images=(image,))
    made: Tools = replace(tools(), pictures=reader, **values)  # type: ignore[arg-type]
    blocks = {URL: [line_of("本页是家长会的照片")]}
    with snapshot_of(folder, whole, blocks, {PICTURE: body}) as snapshot:
        return screen(snapshot, made)


def filed_under(
    folder: Path, reader: PictureReader, worker: ExtractionWorker, body: bytes, kind: ResourceKind
) -> Screened:
    resource = ResourceCapture(url=FILE, found_on=URL, kind=kind, openness=Openness.OPEN)
    whole = manifest(pages=(), resources=(resource,))
    with snapshot_of(folder, whole, bodies={FILE: body}) as snapshot:
        return screen(snapshot, replace(tools(), pictures=reader, worker=worker))


@pytest.fixture(scope="module")
def worker() -> Iterator[ExtractionWorker]:
    with ExtractionWorker() as worker:
        yield worker


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PictureReader]:
    with PictureReader(tmp_path_factory.mktemp("readings")) as reader:
        yield reader


def test_a_finding_in_a_picture_has_its_picture_line_and_box(tmp_path: Path) -> None:
    result = shown(tmp_path, Told({b"1": reading("活动照片", ADVERT)}))
    found = [one for one in result.findings if one.place.part is Part.IMAGE]
    assert found
    for one in found:
        assert one.place.url == PICTURE
        assert "第2行" in one.place.locator
        assert ADVERT.find(one.text) >= 0
        [region] = one.regions
        assert (region.y, region.height) == (150, 24)
        assert region.x == 40 + 20 * ADVERT.index(one.text)
        assert str(region) in one.place.locator
        assert one.boxes == ()
    assert LedgerRow(CoverageKind.IMAGE, PICTURE) in result.ledger


def test_what_a_code_leads_to_is_judged(tmp_path: Path) -> None:
    code = Code("加微信 shili_laoshi01 报名补习班", "QRCode", Region(500, 300, 90, 90))
    result = shown(tmp_path, Told({b"1": reading(codes=(code,))}))
    found = [one for one in result.findings if one.place.part is Part.IMAGE]
    assert found
    assert all("二维码" in one.place.locator for one in found)
    assert all(one.regions == (code.region,) for one in found)


def test_lines_of_which_the_program_was_not_sure_are_a_gap(tmp_path: Path) -> None:
    result = shown(tmp_path, Told({b"1": reading("糊成一片", score=0.6)}))
    rows = [row for row in result.ledger if row.kind is CoverageKind.IMAGE]
    assert [row.reason for row in rows] == [None, NotScreened.PICTURE_TEXT]
    assert "1 行" in rows[1].what


@pytest.mark.parametrize("reason", [NotScreened.TOO_LARGE, NotScreened.UNREADABLE])
def test_a_picture_that_was_not_read_says_why(tmp_path: Path, reason: NotScreened) -> None:
    result = shown(tmp_path, Told({b"1": Reading(reason=reason)}))
    assert LedgerRow(CoverageKind.IMAGE, PICTURE, reason) in result.ledger


def test_pictures_left_for_another_time_are_read_then(tmp_path: Path) -> None:
    reader = Told({b"1": reading(ADVERT)})
    result = shown(tmp_path / "1", reader, picture_seconds=0.0)
    assert LedgerRow(CoverageKind.IMAGE, PICTURE, NotScreened.BUDGET) in result.ledger
    assert (result.measures[PICTURES_LEFT], reader.reads) == (1, 0)
    kept = Screening(
        id="sc_1", snapshot_id="s", space_id=1, rule_pack="p", rule_pack_version="1",
        rule_pack_digest="d", models={}, screened_at=AT, measures=result.measures,
    )  # fmt: skip
    assert not stands(kept, "sc_1")
    whole = shown(tmp_path / "2", reader)
    assert PICTURES_LEFT not in whole.measures
    assert stands(kept.model_copy(update={"measures": whole.measures}), "sc_1")


def test_a_map_without_approval_number_is_put_before_a_person(tmp_path: Path) -> None:
    told = Told({b"1": reading("丝绸之路"), b"2": reading("审图号:GS(2019)1822号")})
    result = shown(tmp_path / "1", told, alt="世界地图")
    [found] = [one for one in result.findings if one.family == "maps"]
    assert (found.text, found.place.url, found.place.part) == ("世界地图", PICTURE, Part.IMAGE)
    approved = shown(tmp_path / "2", told, body=b"2", alt="世界地图")
    assert not [one for one in approved.findings if one.family == "maps"]


def test_pictures_in_documents_and_scans_are_read(
    tmp_path: Path, worker: ExtractionWorker, real: PictureReader
) -> None:
    document = docx.Document()
    document.add_paragraph("本节课的教学目标")
    document.add_picture(BytesIO(filed(drawn(ADVERT))))
    result = filed_under(tmp_path / "1", real, worker, saved(document), ResourceKind.DOCX)
    assert [(row.kind, row.reason) for row in result.ledger] == [
        (CoverageKind.RESOURCE, None),
        (CoverageKind.IMAGE, None),
    ]
    assert any("正文·图1 第1行" in one.place.locator for one in result.findings)
    scan = scanned(drawn(ADVERT))
    result = filed_under(tmp_path / "2", real, worker, scan, ResourceKind.PDF)
    assert [(row.kind, row.reason) for row in result.ledger] == [
        (CoverageKind.RESOURCE, None),
        (CoverageKind.IMAGE, None),
    ]
    assert any("第1页 第1行" in one.place.locator for one in result.findings)


def test_a_picture_for_download_is_one_resource(
    tmp_path: Path, worker: ExtractionWorker, real: PictureReader
) -> None:
    body = filed(with_codes(drawn("示例海报"), "https://u.wechat.com/shili"))
    result = filed_under(tmp_path, real, worker, body, ResourceKind.IMAGE)
    assert result.ledger == [LedgerRow(CoverageKind.RESOURCE, FILE)]


def test_the_pictures_of_a_film_are_read_and_its_sound_stays_a_gap(
    tmp_path: Path, worker: ExtractionWorker, real: PictureReader
) -> None:
    result = filed_under(tmp_path, real, worker, film("示例", ADVERT), ResourceKind.VIDEO)
    assert [(row.kind, row.reason) for row in result.ledger] == [
        (CoverageKind.RESOURCE, NotScreened.AUDIO_VIDEO),
        (CoverageKind.IMAGE, None),
    ]
    assert any("00:02 第1行" in one.place.locator for one in result.findings)


def test_another_reader_is_another_screening() -> None:
    plain = tools()
    reading_too = replace(plain, pictures=Told({}))
    assert plain.stamp() != reading_too.stamp()
