"""Small real files of every format, bytes turned and ends cut: nothing is raised out of a reader."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit.extract.limits import Limits
from audit.extract.records import EmbeddedPicture, Gap, Segment
from audit.extract.registry import Context, items
from crawler.sniff import sniff
from models.vocabulary import NotScreened, ResourceKind
from tests.locked_files import pdf, picture, rar4, rar5
from tests.test_extract_archives import ENTRIES, seven_zipped, tarred
from tests.test_extract_books import BOOK, MARKDOWN
from tests.test_extract_office import make_docx, make_pptx, make_xlsx
from tests.test_extract_old_office import GBK_RTF
from tests.test_extract_text import HTML, zipped
from tests.test_extract_timed import ASS, LRC, SRT, VTT, sound, subtitled

CASES = Path(__file__).parent / "cases" / "office"
#: Small, so that a file which claims to be huge is refused and does not slow the run.
LIMITS = Limits(
    file_bytes=4 << 20,
    text_bytes=2 << 20,
    unpacked_bytes=16 << 20,
    ratio_floor=1 << 20,
    entries=200,
    pages=20,
    cells=2_000,
    characters=200_000,
)
#: Turned files of each format in one run. A longer hunt sets the seed and more of them by hand.
ROUNDS, MOST_TURNED = 12, 12

SEEDS: dict[str, Callable[[], bytes]] = {
    "plan.doc": (CASES / "plan.doc").read_bytes,
    "deck.ppt": (CASES / "deck.ppt").read_bytes,
    "marks.xls": (CASES / "marks.xls").read_bytes,
    "plan.rtf": (CASES / "plan.rtf").read_bytes,
    "gbk.rtf": lambda: GBK_RTF,
    "plan.docx": make_docx,
    "deck.pptx": make_pptx,
    "marks.xlsx": make_xlsx,
    "book.epub": lambda: BOOK,
    "a.pdf": pdf,
    "a.html": lambda: HTML.format(charset="utf-8").encode(),
    "a.md": lambda: MARKDOWN.encode("gb18030"),
    "a.csv": lambda: '姓名,备注\n示例,"两行\n字"\n'.encode("gb18030"),
    "a.srt": SRT.encode,
    "a.vtt": VTT.encode,
    "a.ass": lambda: ASS.encode("utf-16"),
    "a.lrc": LRC.encode,
    "a.flac": lambda: sound("flac", {"TITLE": "示例"}),
    "a.mkv": subtitled,
    "a.zip": lambda: zipped({"a.txt": b"1", "b.md": MARKDOWN.encode()}),
    "a.7z": lambda: seven_zipped(ENTRIES),
    "a.tar": lambda: tarred(ENTRIES),
    "a4.rar": rar4,
    "a5.rar": rar5,
    "a.png": lambda: picture("PNG"),
}


def read(data: bytes, kind: ResourceKind, name: str) -> list[object]:
    return list(items(data, Context.of(name, kind, LIMITS)))


@pytest.mark.parametrize("name", SEEDS)
def test_the_seed_itself_is_read(name: str) -> None:
    data = SEEDS[name]()
    kind = sniff(data).kind
    assert kind is not None
    assert any(isinstance(item, Segment | EmbeddedPicture | Gap) for item in read(data, kind, name))


@pytest.mark.parametrize("name", SEEDS)
def test_no_turned_byte_is_raised_out_of_a_reader(name: str) -> None:
    good = SEEDS[name]()
    kind = sniff(good).kind
    assert kind is not None

    @settings(
        max_examples=ROUNDS, deadline=None, database=None, derandomize=True,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(
        turned=st.lists(
            st.tuples(st.integers(0, len(good) - 1), st.integers(0, 255)), max_size=MOST_TURNED
        ),
        length=st.one_of(st.just(len(good)), st.integers(0, len(good))),
    )
    def check(turned: list[tuple[int, int]], length: int) -> None:
        data = bytearray(good)
        for place, value in turned:
            data[place] = value
        for item in read(bytes(data[:length]), kind, name):
            assert isinstance(item, Segment | Gap | EmbeddedPicture)

    check()


@pytest.mark.parametrize("name", ["plan.doc", "deck.ppt", "marks.xls", "gbk.rtf", "a4.rar", "a.7z"])
def test_heads_and_tables_turned_by_chance(name: str) -> None:
    """Most of a file is padding; where the tables stand, many bytes are turned at a time."""
    chance, good = random.Random(7), SEEDS[name]()
    kind = sniff(good).kind
    assert kind is not None
    for _ in range(60):
        data = bytearray(good)
        start = chance.randrange(len(good))
        for _ in range(chance.choice((1, 4, 30))):
            place = min(len(data) - 1, start + chance.randrange(600))
            data[place] = chance.choice((0, 1, 0x7F, 0xFF, chance.randrange(256)))
        read(bytes(data), kind, name)


def test_a_file_over_the_limit_is_no_exception() -> None:
    large = read(bytes(LIMITS.file_bytes + 1), ResourceKind.OTHER, "x")
    assert large == [Gap("", NotScreened.TOO_LARGE)]


@pytest.mark.parametrize("kind", list(ResourceKind))
@settings(max_examples=20, deadline=None, database=None, derandomize=True)
@given(data=st.binary(max_size=600))
def test_any_bytes_under_any_kind(kind: ResourceKind, data: bytes) -> None:
    read(data, kind, "x")
