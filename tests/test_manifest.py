"""The manifest: what counts as the content of a space, and where a span stands on the screen."""

from __future__ import annotations

import json
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from models.manifest import (
    Box,
    Canary,
    ImageCapture,
    Line,
    Manifest,
    ResourceCapture,
    TextBlock,
    dump_manifest,
    load_manifest,
)
from models.vocabulary import NotScreened, Openness, Outcome, Visibility
from tests.judgement import page
from tests.snapshots import AT, URL, manifest

PAGES = (page(URL, text_sha256="a" * 64), page(f"{URL}/2", text_sha256="b" * 64))
FILES = (
    ResourceCapture(url=f"{URL}/a.pdf", found_on=URL, openness=Openness.OPEN, sha256="c" * 64),
    ResourceCapture(url=f"{URL}/b.pdf", found_on=URL, openness=Openness.LOGIN),
)
IMAGES = (
    ImageCapture(url=f"{URL}/a.png", found_on=URL, sha256="d" * 64, captured=True),
    ImageCapture(url=f"{URL}/b.png", found_on=URL, sha256="e" * 64, captured=True),
)


def whole(**values: object) -> Manifest:
    return manifest(**{"pages": PAGES, "resources": FILES, "images": IMAGES, **values})


def changed(number: int, items: tuple[object, ...], **values: object) -> tuple[object, ...]:
    """The same items, the numbered one with other values."""
    return tuple(
        item.model_copy(update=values) if at == number else item  # type: ignore[attr-defined]
        for at, item in enumerate(items)
    )


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"visibility": Visibility.PARTIAL}, "the space's visibility"),
        ({"pages": changed(0, PAGES, text_sha256="f" * 64)}, "a page's text"),
        ({"pages": changed(1, PAGES, visibility=Visibility.LOGIN)}, "a page's visibility"),
        ({"pages": PAGES[:1]}, "a page is gone"),
        ({"resources": changed(0, FILES, sha256="f" * 64)}, "a file's bytes"),
        ({"resources": changed(1, FILES, openness=Openness.OPEN)}, "a file's openness"),
        ({"resources": FILES[:1]}, "a file is gone"),
        ({"images": changed(0, IMAGES, sha256="f" * 64)}, "a picture's bytes"),
        ({"images": IMAGES[1:]}, "a picture is gone"),
    ],
)
def test_a_change_of_content_changes_the_digest(values: dict[str, object], why: str) -> None:
    assert whole(**values).content_digest != whole().content_digest, why


@pytest.mark.parametrize(
    "values",
    [
        {"snapshot_id": "c2-0001", "crawl_id": "c2"},
        {"taken_at": AT + timedelta(days=9), "finished_at": AT + timedelta(days=9)},
        {"pages": PAGES[::-1], "resources": FILES[::-1], "images": IMAGES[::-1]},
        {"images": (*IMAGES, IMAGES[0])},
        {"pages": changed(0, PAGES, title="换了标题栏", attempts=(), requests=7)},
        {"canary": Canary(url=URL, before=Outcome.OK, after=Outcome.OK)},
        {"user_agent": "another", "site_profile_digest": "sha256:1"},
    ],
)
def test_a_visit_to_an_unchanged_space_has_the_same_digest(values: dict[str, object]) -> None:
    assert whole(**values).content_digest == whole().content_digest


def test_a_manifest_comes_back_as_it_was_written() -> None:
    written = whole(declared=Visibility.PUBLIC)
    assert load_manifest(dump_manifest(written)) == written


def test_a_field_of_a_newer_writer_is_left_out() -> None:
    data = json.loads(dump_manifest(whole()))
    data["snapshot"]["weather"] = "fine"
    assert load_manifest(json.dumps(data).encode()) == whole()


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b'{"snapshot": {"url": "x"}}', b"\xff"])
def test_anything_else_is_no_manifest(data: bytes) -> None:
    with pytest.raises(ValidationError):
        load_manifest(data)


def test_a_reason_outside_the_vocabulary_is_no_manifest() -> None:
    data = json.loads(dump_manifest(whole()))
    data["snapshot"]["not_captured"] = [{"url": URL, "reason": NotScreened.BUDGET.value}]
    assert load_manifest(json.dumps(data).encode()).not_captured[0].reason is NotScreened.BUDGET
    data["snapshot"]["not_captured"][0]["reason"] = "lazy"
    with pytest.raises(ValidationError):
        load_manifest(json.dumps(data).encode())


@pytest.mark.parametrize(
    ("before", "after", "up"),
    [
        (Outcome.OK, Outcome.OK, True),
        (Outcome.OK, Outcome.TIMEOUT, False),
        (Outcome.DNS, Outcome.OK, False),
    ],
)
def test_the_canary_is_up_when_it_was_up_both_times(
    before: Outcome, after: Outcome, up: bool
) -> None:
    assert Canary(url=URL, before=before, after=after).up is up


# Boxes: two lines of ten characters at 20 pixels, the second indented and smaller.
TWO_LINES = TextBlock(
    text="一二三四五六七八九十" * 2,
    lines=(
        Line(x=40, y=100, width=200, height=24, start=0, end=10),
        Line(x=60, y=130, width=100, height=20, start=10, end=20),
    ),
)


@pytest.mark.parametrize(
    ("start", "end", "boxes"),
    [
        (0, 10, [(40, 100, 200, 24)]),
        (2, 5, [(80, 100, 60, 24)]),
        (9, 10, [(220, 100, 20, 24)]),
        (10, 12, [(60, 130, 20, 20)]),
        (8, 13, [(200, 100, 40, 24), (60, 130, 30, 20)]),
        (0, 20, [(40, 100, 200, 24), (60, 130, 100, 20)]),
        (5, 5, []),
        (20, 25, []),
    ],
)
def test_a_span_takes_its_share_of_each_line(
    start: int, end: int, boxes: list[tuple[float, float, float, float]]
) -> None:
    expected = [Box(x=x, y=y, width=w, height=h) for x, y, w, h in boxes]
    assert TWO_LINES.boxes(start, end) == expected


def test_characters_between_lines_and_blocks_without_lines_take_no_box() -> None:
    gapped = TextBlock(
        text="一二\n三四",
        lines=(
            Line(x=0, y=0, width=40, height=20, start=0, end=2),
            Line(x=0, y=20, width=0, height=20, start=2, end=2),
            Line(x=0, y=20, width=40, height=20, start=3, end=5),
        ),
    )
    assert gapped.boxes(2, 3) == []
    assert [(box.x, box.y) for box in gapped.boxes(1, 4)] == [(20, 0), (0, 20)]
    assert TextBlock(text="藏起来的链接", role="link").boxes(0, 3) == []


@st.composite
def blocks(draw: st.DrawFn) -> TextBlock:
    lengths = draw(st.lists(st.integers(1, 12), min_size=1, max_size=4))
    ends = [sum(lengths[: number + 1]) for number in range(len(lengths))]
    lines = [
        Line(
            x=draw(st.integers(0, 500)),
            y=20 * number,
            width=draw(st.integers(1, 900)),
            height=20,
            start=end - length,
            end=end,
        )
        for number, (length, end) in enumerate(zip(lengths, ends, strict=True))
    ]
    return TextBlock(text="字" * ends[-1], lines=tuple(lines))


@given(blocks(), st.data())
def test_boxes_stay_on_their_lines_and_parts_add_up(block: TextBlock, data: st.DataObject) -> None:
    length = len(block.text)
    cuts = data.draw(st.lists(st.integers(0, length), min_size=2, max_size=5))
    cuts.sort()
    parts = [box for a, b in pairwise(cuts) for box in block.boxes(a, b)]
    whole_span = block.boxes(cuts[0], cuts[-1])
    lines = {line.y: line for line in block.lines}
    for box in (*parts, *whole_span):
        line = lines[box.y]
        assert line.x - 1e-6 <= box.x
        assert box.x + box.width <= line.x + line.width + 1e-6
        assert box.width > 0
    assert sum(b.width for b in parts) == pytest.approx(sum(b.width for b in whole_span))
    assert len(whole_span) <= len(block.lines)
