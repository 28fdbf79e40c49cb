"""rar, 7z, tar and compressed files: read by content, within limits, locks and damage named."""

from __future__ import annotations

import bz2
import gzip
import lzma
import random
import tarfile
from collections.abc import Callable, Mapping
from io import BytesIO

import libarchive
import pytest
from PIL import Image

from audit.extract import Extraction, Gap, extract, packed
from audit.extract.limits import Limits
from models.vocabulary import NotScreened, ResourceKind
from tests.locked_files import rar4, rar5, seven_zip

WORDS = "压缩包里的字"


def said(found: Extraction) -> dict[str, str]:
    return {segment.locator: segment.text for segment in found.segments}


def seven_zipped(entries: Mapping[str, bytes]) -> bytes:
    """A 7z archive as libarchive writes it, in LZMA."""
    out = BytesIO()
    with libarchive.custom_writer(out.write, "7zip") as made:
        for name, data in entries.items():
            made.add_file_from_memory(name, len(data), data)
    return out.getvalue()


def tarred(entries: Mapping[str, bytes], encoding: str = "utf-8") -> bytes:
    out = BytesIO()
    with tarfile.open(fileobj=out, mode="w", encoding=encoding, format=tarfile.GNU_FORMAT) as made:
        for name, data in entries.items():
            information = tarfile.TarInfo(name)
            information.size = len(data)
            made.addfile(information, BytesIO(data))
    return out.getvalue()


def picture() -> bytes:
    out = BytesIO()
    Image.new("RGB", (40, 40), "red").save(out, "PNG")
    return out.getvalue()


ENTRIES = {"教案/说明.txt": WORDS.encode(), "图.png": picture()}
READ = {"文件内 教案/说明.txt → 第1行": WORDS}


@pytest.mark.parametrize(
    "data",
    [
        seven_zipped(ENTRIES),
        tarred(ENTRIES),
        tarred(ENTRIES, "gbk"),
        gzip.compress(tarred(ENTRIES)),
        bz2.compress(tarred(ENTRIES, "gbk")),
        lzma.compress(tarred(ENTRIES)),
    ],
    ids=["7z", "tar", "tar-gbk", "tgz", "tbz", "txz"],
)
def test_entries_are_read_and_placed(data: bytes) -> None:
    found = extract(data, ResourceKind.ARCHIVE, "资料")
    assert said(found) == READ
    assert found.gaps == (Gap("资料 → 文件内 图.png", NotScreened.PICTURE_TEXT),)
    assert [p.name for p in found.pictures] == ["文件内 图.png"]


@pytest.mark.parametrize("make", [rar4, rar5])
@pytest.mark.parametrize("encoding", ["utf-8", "gbk"])
def test_rar_is_read(make: Callable[..., bytes], encoding: str) -> None:
    if make is rar5 and encoding == "gbk":
        encoding = "utf-8"  # RAR 5 knows no other
    data = make(name="说明.txt".encode(encoding), data=WORDS.encode("gbk"))
    assert said(extract(data, ResourceKind.ARCHIVE, "a.rar")) == {"文件内 说明.txt → 第1行": WORDS}


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
def test_a_single_compressed_file_is_read(compress: Callable[[bytes], bytes]) -> None:
    found = extract(compress(WORDS.encode()), ResourceKind.ARCHIVE, "说明.txt.gz")
    assert said(found) == {"文件内 说明.txt → 第1行": WORDS}


def test_archives_in_archives_are_read() -> None:
    inner = seven_zipped({"深.txt": WORDS.encode()})
    data = rar4(name=b"inner.7z", data=tarred({"a.7z": inner}))
    place = "文件内 inner.7z → 文件内 a.7z → 文件内 深.txt → 第1行"
    assert said(extract(data, ResourceKind.ARCHIVE, "a.rar")) == {place: WORDS}


@pytest.mark.parametrize("lock", ["files", "names"])
@pytest.mark.parametrize("make", [rar4, rar5, seven_zip])
def test_locks_are_named(make: Callable[..., bytes], lock: str) -> None:
    found = extract(make(lock), ResourceKind.ARCHIVE, "a")
    assert found.segments == ()
    assert {gap.reason for gap in found.gaps} == {NotScreened.ENCRYPTED}


@pytest.mark.parametrize(
    "data",
    [rar4()[:200], rar5()[:60], seven_zipped(ENTRIES)[:-20], gzip.compress(b"1" * 999)[:20]],
    ids=["rar4", "rar5", "7z", "gz"],
)
def test_damage_is_named(data: bytes) -> None:
    found = extract(data, ResourceKind.ARCHIVE, "a")
    assert {gap.reason for gap in found.gaps} == {NotScreened.UNREADABLE}


def test_paths_lead_nowhere() -> None:
    data = tarred({"../../etc/evil.txt": WORDS.encode(), "/abs.txt": b"abs"})
    places = said(extract(data, ResourceKind.ARCHIVE, "a.tar"))
    assert set(places) == {"文件内 ../../etc/evil.txt → 第1行", "文件内 /abs.txt → 第1行"}


def test_links_and_devices_are_passed_over() -> None:
    out = BytesIO()
    with tarfile.open(fileobj=out, mode="w") as made:
        for name, kind in (("link", tarfile.SYMTYPE), ("device", tarfile.CHRTYPE)):
            information = tarfile.TarInfo(name)
            information.type, information.linkname = kind, "/etc/hostname"
            made.addfile(information)
    found = extract(out.getvalue(), ResourceKind.ARCHIVE, "a.tar")
    assert (found.segments, found.gaps) == ((), ())


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
def test_a_bomb_ends_at_the_ratio(compress: Callable[[bytes], bytes]) -> None:
    data = compress(b"0" * (40 << 20))
    found = extract(data, ResourceKind.ARCHIVE, "a.txt.gz")
    assert found.segments == ()
    assert {gap.reason for gap in found.gaps} == {NotScreened.TOO_LARGE}


def test_7z_bomb_ends_at_the_ratio_and_the_rest_is_named() -> None:
    data = seven_zipped({f"{n}.bin": b"\0" * (6 << 20) for n in range(8)})
    found = extract(data, ResourceKind.ARCHIVE, "a.7z")
    assert Gap("a.7z", NotScreened.TOO_LARGE) in found.gaps
    assert len(found.gaps) < 8


def test_one_allowance_for_all_that_is_nested() -> None:
    layer = tarred({f"{n}.bin": random.Random(n).randbytes(400_000) for n in range(3)})
    outer = tarred({f"{n}.tar": layer for n in range(4)})
    limits = Limits(unpacked_bytes=3_000_000)
    found = extract(outer, ResourceKind.ARCHIVE, "a.tar", limits)
    assert Gap("a.tar", NotScreened.TOO_LARGE) in found.gaps


def test_too_many_entries() -> None:
    data = tarred({f"{n}.txt": b"1" for n in range(50)})
    found = extract(data, ResourceKind.ARCHIVE, "a.tar", Limits(entries=20))
    assert len(found.segments) == 20
    assert Gap("a.tar", NotScreened.TOO_LARGE) in found.gaps


def test_nested_archives_end_at_the_depth() -> None:
    data = WORDS.encode()
    for _ in range(8):
        data = tarred({"a": data})
    found = extract(data, ResourceKind.ARCHIVE, "a.tar")
    assert (found.segments, [gap.reason for gap in found.gaps]) == ((), [NotScreened.BUDGET])


def test_a_file_in_layers_of_compression_is_read() -> None:
    data = WORDS.encode()
    for _ in range(8):
        data = gzip.compress(data)
    assert WORDS in said(extract(data, ResourceKind.ARCHIVE, "a.txt.gz")).values()


def test_without_libarchive_the_gap_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed, "ffi", None)
    found = extract(rar5(), ResourceKind.ARCHIVE, "a.rar")
    assert found.gaps == (
        Gap("a.rar → 压缩包格式(.rar),未装解压库 libarchive", NotScreened.UNSUPPORTED),
    )
    assert packed.version() is None
