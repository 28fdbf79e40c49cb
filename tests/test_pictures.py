"""Pictures become text with its place; what cannot be read says why; nothing is read twice."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from audit.extract import extract
from audit.pictures.cache import ReadingCache
from audit.pictures.layout import rows, script
from audit.pictures.limits import PictureLimits
from audit.pictures.maps import unapproved_map
from audit.pictures.reader import PictureReader
from audit.pictures.records import Line, Reading, Region, Sort, View
from audit.pictures.sitting import Sitting
from models.vocabulary import NotScreened, ResourceKind
from tests.pictured import (
    bomb,
    drawn,
    filed,
    film,
    scanned,
    table,
    upright,
    with_codes,
)

SAID = "扫码加老师微信领取资料"
TURNED = 0x0112


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PictureReader]:
    with PictureReader(tmp_path_factory.mktemp("readings")) as reader:
        yield reader


def texts(reading: Reading) -> list[str]:
    assert reading.reason is None
    return [line.text for view in reading.views for line in view.lines]


def turned() -> bytes:
    exif = Image.Exif()
    exif[TURNED] = 6
    return filed(drawn(SAID).rotate(90, expand=True), "JPEG", exif=exif)


def see_through() -> bytes:
    image = Image.new("RGBA", (640, 120), (0, 0, 0, 0))
    white = drawn(SAID, ink="white", ground="black", place=(640, 120)).convert("L")
    image.paste((255, 255, 255, 255), mask=white)
    return filed(image)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(filed(drawn(SAID)), id="png"),
        pytest.param(filed(drawn(SAID, ink="#a8a8a8", ground="#cccccc"), "WEBP"), id="pale webp"),
        pytest.param(filed(drawn(SAID).rotate(180), "BMP"), id="upside-down bmp"),
        pytest.param(turned(), id="jpeg turned by its camera"),
        pytest.param(see_through(), id="white on nothing"),
        pytest.param(filed(upright(SAID)), id="from top to bottom"),
        pytest.param(filed(drawn(SAID, size=20, place=(1600, 1000))), id="small on large"),
    ],
)
def test_what_is_written_is_read(reader: PictureReader, data: bytes) -> None:
    assert texts(reader.read(data)) == [SAID]


def test_a_line_has_its_place_in_the_picture(reader: PictureReader) -> None:
    [view] = reader.read(filed(drawn(SAID, "第二行写的是别的话"))).views
    second = view.lines[1].region
    assert (view.width, view.height) == (640, 240)
    assert abs(second.x - 24) < 8
    assert 60 < second.y < 84
    assert 24 < second.height < 48
    assert all(line.sure for line in view.lines)


def test_an_animation_is_read_beyond_its_first_picture(reader: PictureReader) -> None:
    frames = [drawn("第一幅是课程表"), drawn("第一幅是课程表"), drawn(SAID)]
    data = filed(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=500)
    reading = reader.read(data)
    assert texts(reading) == ["第一幅是课程表", SAID]
    assert [view.place for view in reading.views] == ["第1帧", "第2帧"]


def test_every_code_is_read_with_its_target(reader: PictureReader) -> None:
    targets = ("https://u.wechat.com/example", "https://item.taobao.com/item.htm?id=1")
    [view] = reader.read(filed(with_codes(drawn("示例", place=(640, 90)), *targets))).views
    assert {code.target for code in view.codes} == set(targets)
    assert {code.label for code in view.codes} == {"二维码"}
    assert all(code.region.y >= 90 for code in view.codes)


def test_what_is_burnt_into_a_film_is_read(reader: PictureReader) -> None:
    reading = reader.read(film("开头的标题", SAID), Sort.FILM)
    assert texts(reading) == ["开头的标题", SAID]
    assert [view.place for view in reading.views] == ["00:00", "00:02"]


def test_the_pages_of_a_scan_are_read(reader: PictureReader) -> None:
    data = scanned(drawn(SAID), drawn("第二页是练习题答案"))
    pictures = [one for one in extract(data, ResourceKind.PDF, "扫描.pdf").pictures if one.data]
    assert [one.name for one in pictures] == ["第1页", "第2页"]
    assert [texts(reader.read(one.data)) for one in pictures] == [[SAID], ["第二页是练习题答案"]]


def test_a_table_in_a_picture_gives_its_rows(reader: PictureReader) -> None:
    cells = [["姓名", "语文", "名次"], ["示例甲", "92", "第一名"], ["示例乙", "88", "第二名"]]
    [view] = reader.read(filed(table(cells))).views
    assert rows(view.lines) == cells


@pytest.mark.parametrize(
    ("data", "sort", "reason"),
    [
        (bomb(), Sort.PICTURE, NotScreened.TOO_LARGE),
        (filed(drawn(SAID))[:700], Sort.PICTURE, NotScreened.UNREADABLE),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 80, Sort.PICTURE, NotScreened.UNREADABLE),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", Sort.PICTURE, NotScreened.UNSUPPORTED),
        (filed(Image.new("RGB", (20, 20))), Sort.PICTURE, NotScreened.DECORATION),
        (film("示例")[:600], Sort.FILM, NotScreened.UNREADABLE),
        (b"\0\0\0 ftypmp42", Sort.FILM, NotScreened.UNREADABLE),
        (b"", Sort.PICTURE, NotScreened.UNSUPPORTED),
    ],
)
def test_what_cannot_be_read_says_why(
    reader: PictureReader, data: bytes, sort: Sort, reason: NotScreened
) -> None:
    assert reader.read(data, sort) == Reading(reason=reason)


def test_a_picture_over_its_time_ends_the_child_and_the_next_is_read() -> None:
    with PictureReader(limits=PictureLimits(cpu_seconds=1, seconds=30)) as reader:
        lines = [f"第{number}条 示例文字示例文字示例文字" for number in range(60)]
        slow = filed(drawn(*lines, size=20, place=(1200, 2200)))
        assert reader.read(slow).reason is NotScreened.TIMEOUT
        assert reader.read(filed(Image.new("RGB", (64, 64)))).reason is None


def test_what_was_read_is_not_read_again(tmp_path: Path) -> None:
    data = filed(Image.new("RGB", (64, 64)))
    with PictureReader(tmp_path / "readings") as first:
        told = first.read(data)
        first.read(data)
        assert first.reads == 1
    with PictureReader(tmp_path / "readings") as second:
        assert second.read(data) == told
        assert second.reads == 0
    [file] = (tmp_path / "readings").glob("*/*.json")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "readings").stat().st_mode) == 0o700


def test_a_spoilt_reading_is_read_anew(tmp_path: Path) -> None:
    cache = ReadingCache(tmp_path)
    cache.put("abcd", Reading())
    [file] = tmp_path.glob("*/*.json")
    assert cache.get("abcd") == Reading()
    file.write_bytes(b'{"views": [')
    assert cache.get("abcd") is None


def test_the_cache_keeps_its_bound(tmp_path: Path) -> None:
    cache = ReadingCache(tmp_path, most=3)
    for key in ("aa1", "bb2", "cc3", "dd4", "ee5", "ff6"):
        cache.put(key, Reading())
    assert len(list(tmp_path.glob("*/*.json"))) <= 3
    assert cache.get("ff6") == Reading()


class _Counting(PictureReader):
    """A reader whose pictures are read by nobody and take no time."""

    def read(self, data: bytes, sort: Sort = Sort.PICTURE) -> Reading:  # noqa: ARG002
        self.reads += 1
        return Reading()


def test_past_its_time_a_space_gets_only_what_was_read_before() -> None:
    reader = _Counting()
    spent = Sitting(reader, seconds=0)
    assert spent.read(b"one").reason is NotScreened.BUDGET
    assert (spent.left_over, reader.reads) == (1, 0)
    assert Sitting(reader, seconds=1).read(b"one").reason is None


def line(text: str, x: int, y: int, width: int, height: int = 20) -> Line:
    return Line(text, 0.99, Region(x, y, width, height))


def test_lines_of_a_paragraph_are_joined_and_lead_back_to_their_boxes() -> None:
    lines = (
        line("请家长添加老师的微", 10, 10, 180),
        line("信领取资料", 10, 34, 100),
        line("第二段", 10, 90, 60),
    )
    written = script(View("", 200, 120, lines))
    assert written.text == "请家长添加老师的微信领取资料\n第二段"
    start = written.text.index("微信")
    numbers, regions = written.within(start, start + 2)
    assert numbers == (1, 2)
    assert regions == (Region(170, 10, 20, 20), Region(10, 34, 20, 20))


def test_columns_are_read_from_the_right() -> None:
    lines = (line("左边一列", 10, 10, 20, 100), line("右边一列", 60, 10, 20, 100))
    assert script(View("", 100, 120, lines)).text == "右边一列左边一列"


def test_an_empty_cell_keeps_its_place() -> None:
    lines = [
        line("姓名", 10, 10, 40), line("语文", 110, 10, 40), line("数学", 210, 10, 40),
        line("示例甲", 10, 50, 60), line("95", 212, 51, 20),
    ]  # fmt: skip
    assert rows(lines) == [["姓名", "语文", "数学"], ["示例甲", "", "95"]]


@pytest.mark.parametrize(
    ("said", "near", "expected"),
    [
        ("图1 中国行政区划图", "", "中国行政区划图"),
        ("世界地图", "课程表", "世界地图"),
        ("中国地图 审图号:GS(2019)1822号", "", None),
        ("中国地图", "本页地图审图号：GS（2019）1822号", None),
        ("校园平面图", "", None),
        ("细胞结构示意图", "", None),
    ],
)
def test_a_map_without_approval_number_goes_to_a_person(
    said: str, near: str, expected: str | None
) -> None:
    span = unapproved_map(said, near)
    assert (said[slice(*span)] if span else None) == expected
