"""Hostile and broken files each end as a named gap; nothing is raised, nothing swells."""

from __future__ import annotations

import struct
import zipfile
import zlib
from io import BytesIO
from pathlib import Path

import docx
import pytest
import xlsxwriter

from audit.extract import Gap, extract
from audit.extract.compound import told
from audit.extract.limits import Limits
from crawler.sniff import sniff
from models.vocabulary import NotScreened, ResourceKind
from tests.locked_files import compound

CASES = Path(__file__).parent / "cases" / "office"

LAUGHS = (
    '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "哈哈哈哈">'
    + "".join(f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 20}">' for n in range(9))
    + "]><w:document xmlns:w='w'><w:body><w:p><w:r><w:t>{}</w:t></w:r></w:p></w:body></w:document>"
)


def zipped(entries: dict[str, bytes]) -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return out.getvalue()


def replaced(data: bytes, name: str, content: bytes) -> bytes:
    with zipfile.ZipFile(BytesIO(data)) as old:
        entries = {entry.filename: old.read(entry) for entry in old.infolist()}
    return zipped(entries | {name: content})


@pytest.fixture(scope="module")
def word() -> bytes:
    out = BytesIO()
    document = docx.Document()
    document.add_paragraph("好的段落")
    document.save(out)
    return out.getvalue()


@pytest.fixture(scope="module")
def sheet() -> bytes:
    out = BytesIO()
    with xlsxwriter.Workbook(out) as book:  # it shares strings, as Excel does
        book.add_worksheet().write("A1", "好的格子")
    return out.getvalue()


def texts(data: bytes, kind: ResourceKind) -> list[str]:
    return [segment.text for segment in extract(data, kind, "x").segments]


@pytest.mark.parametrize("entity", ["&j;", "&a;"])
def test_entities_are_never_expanded_in_docx(word: bytes, entity: str) -> None:
    bomb = replaced(word, "word/document.xml", LAUGHS.format(entity).encode())
    found = extract(bomb, ResourceKind.DOCX, "x.docx")
    assert Gap("x.docx → 正文", NotScreened.UNREADABLE) in found.gaps
    assert not any("哈" in segment.text for segment in found.segments)


@pytest.mark.parametrize("part", ["xl/worksheets/sheet1.xml", "xl/sharedStrings.xml"])
def test_entities_are_never_expanded_in_xlsx(sheet: bytes, part: str) -> None:
    tag = "si" if "shared" in part else "c"
    content = LAUGHS.format("&a;").replace("<w:document xmlns:w='w'>", f"<x><{tag}>")
    content = content.replace("</w:document>", f"</{tag}></x>").replace("w:", "")
    found = extract(replaced(sheet, part, content.encode()), ResourceKind.XLSX, "x.xlsx")
    assert NotScreened.UNREADABLE in [gap.reason for gap in found.gaps]
    assert not any("哈" in segment.text for segment in found.segments)


def test_outside_entities_are_not_fetched(word: bytes) -> None:
    reach = '<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/hostname">]><x><p><t>&f;</t></p></x>'
    found = extract(replaced(word, "word/document.xml", reach.encode()), ResourceKind.DOCX, "x")
    assert Gap("x → 正文", NotScreened.UNREADABLE) in found.gaps


def test_zip_bomb_is_refused_before_unpacking(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = zipped({f"{n}.txt": b"0" * (8 << 20) for n in range(4)})
    monkeypatch.setattr(zipfile.ZipFile, "read", None)
    found = extract(bomb, ResourceKind.ARCHIVE, "x.zip")
    assert found.gaps == (Gap("x.zip", NotScreened.TOO_LARGE),)


def test_docx_bomb_is_refused(word: bytes) -> None:
    bomb = replaced(word, "word/media/image1.png", b"0" * (40 << 20))
    assert extract(bomb, ResourceKind.DOCX, "x").gaps == (Gap("x", NotScreened.TOO_LARGE),)


def test_bomb_in_layers_spends_one_allowance() -> None:
    layer = zipped({f"{n}.bin": bytes([n]) * 2_000_000 for n in range(3)})
    outer = zipped({f"{n}.zip": layer + b"\0" * n for n in range(3)})
    limits = Limits(unpacked_bytes=9_000_000)
    found = extract(outer, ResourceKind.ARCHIVE, "x.zip", limits)
    reasons = [gap.reason for gap in found.gaps]
    assert NotScreened.TOO_LARGE in reasons
    assert len(reasons) <= 9


def test_a_lying_directory_gives_a_gap() -> None:
    data = zipped({"a.txt": b"1234567890" * 500, "b.txt": "好的".encode()})
    small = (5000).to_bytes(4, "little"), (50).to_bytes(4, "little")
    found = extract(data.replace(*small), ResourceKind.ARCHIVE, "x.zip")
    assert found.gaps == (Gap("x.zip → 文件内 a.txt", NotScreened.UNREADABLE),)
    assert [segment.text for segment in found.segments] == ["好的"]


def test_too_many_entries() -> None:
    data = zipped({f"{n}.txt": b"1" for n in range(50)})
    found = extract(data, ResourceKind.ARCHIVE, "x.zip", Limits(entries=40))
    assert found.gaps == (Gap("x.zip", NotScreened.TOO_LARGE),)


def test_deep_nesting_ends_at_the_limit() -> None:
    data = "最里面".encode()
    for level in range(8):
        data = zipped({f"{level}.zip" if level else "a.txt": data})
    found = extract(data, ResourceKind.ARCHIVE, "x.zip")
    assert [gap.reason for gap in found.gaps] == [NotScreened.BUDGET]
    assert found.segments == ()


def test_encrypted_entry_is_named() -> None:
    data = bytearray(zipped({"a.txt": b"1", "b.txt": b"2"}))
    local, central = data.index(b"PK\x03\x04"), data.index(b"PK\x01\x02")
    data[local + 6] |= 1
    data[central + 8] |= 1
    found = extract(bytes(data), ResourceKind.ARCHIVE, "x.zip")
    assert found.gaps == (Gap("x.zip → 文件内 a.txt", NotScreened.ENCRYPTED),)
    assert len(found.segments) == 1


@pytest.mark.parametrize(
    ("stream", "reason"),
    [("EncryptedPackage", NotScreened.ENCRYPTED), ("WordDocument", NotScreened.UNSUPPORTED)],
)
def test_office_file_in_an_ole_shell(stream: str, reason: NotScreened) -> None:
    data = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 500 + stream.encode("utf-16-le")
    assert extract(data, ResourceKind.DOCX, "x").gaps == (Gap("x", reason),)


@pytest.mark.parametrize("kind", list(ResourceKind))
@pytest.mark.parametrize("share", [0.02, 0.5, 0.97])
def test_cut_and_mislabelled_files_never_raise(
    word: bytes, kind: ResourceKind, share: float
) -> None:
    found = extract(word[: int(len(word) * share)], kind, "x")
    assert found.gaps or kind is ResourceKind.HTML


def test_deep_xml_is_refused_not_crashed_on(word: bytes) -> None:
    deep = "<x>" + "<tbl><tr><tc>" * 400 + "</tc></tr></tbl>" * 400 + "</x>"
    found = extract(replaced(word, "word/document.xml", deep.encode()), ResourceKind.DOCX, "x")
    assert Gap("x → 正文", NotScreened.UNREADABLE) in found.gaps


def test_tables_nested_as_deep_as_xml_allows_are_read(word: bytes) -> None:
    levels = 60
    deep = (
        "<document><body>"
        + "<tbl><tr><tc>" * levels
        + "<p><r><t>最里面</t></r></p>"
        + "</tc></tr></tbl>" * levels
        + "</body></document>"
    )
    data = replaced(word, "word/document.xml", deep.encode())
    assert "最里面" in texts(data, ResourceKind.DOCX)


def test_a_far_cell_costs_nothing(sheet: bytes) -> None:
    content = b"<x><sheetData><row r='1048576'><c r='XFD1048576' t='str'><v>far</v></c></row></sheetData></x>"
    data = replaced(sheet, "xl/worksheets/sheet1.xml", content)
    assert "far" in texts(data, ResourceKind.XLSX)


def test_text_that_no_database_takes_is_mended() -> None:
    found = extract("a\0b".encode("utf-16"), ResourceKind.TXT, "x\udc80.txt")
    assert [segment.text for segment in found.segments] == ["a\ufffdb"]


def test_caps_on_segments_and_characters_leave_a_gap() -> None:
    data = "\n\n".join(f"第{n}段" for n in range(50)).encode()
    for limits in (Limits(segments=10), Limits(characters=40)):
        found = extract(data, ResourceKind.TXT, "x.txt", limits)
        assert 0 < len(found.segments) <= 12
        assert [gap.reason for gap in found.gaps] == [NotScreened.BUDGET]


# Old formats, tables as text, books, PDF: each ends as a gap, within the limits.


OLD_WORD = (CASES / "plan.doc").read_bytes()
#: Where the header says in which sectors the tables of sectors and of short sectors begin.
LONG_TABLE, SHORT_TABLE = 76, 60


@pytest.mark.parametrize("name", ["plan.doc", "deck.ppt", "marks.xls"])
@pytest.mark.parametrize("table", [LONG_TABLE, SHORT_TABLE])
@pytest.mark.parametrize("value", [0, 1, 5, 0xFFFFFFFE, 0x7FFFFFFF])
def test_a_table_of_sectors_in_circles_ends(name: str, table: int, value: int) -> None:
    good = (CASES / name).read_bytes()
    kind = sniff(good).kind or ResourceKind.OTHER
    at = 512 * (int.from_bytes(good[table : table + 4], "little") + 1)
    for number in range(0, 40, 3):
        data = bytearray(good)
        data[at + 4 * number : at + 4 * number + 4] = value.to_bytes(4, "little")
        found = extract(bytes(data), kind, name)
        assert len(found.segments) < 50
        assert found.segments or found.gaps


@pytest.mark.parametrize("pointer", [68, 72, 76])
@pytest.mark.parametrize("entry", range(8))
def test_a_directory_in_circles_ends(entry: int, pointer: int) -> None:
    data = bytearray(OLD_WORD)
    directory = 512 * (int.from_bytes(data[48:52], "little") + 1)
    at = directory + 128 * entry + pointer
    for target in (0, 1, entry):
        data[at : at + 4] = target.to_bytes(4, "little")
        found = extract(bytes(data), ResourceKind.DOC, "x.doc")
        assert found.segments or found.gaps


@pytest.mark.parametrize("name", ["plan.doc", "deck.ppt", "marks.xls"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_old_office_cut_short_is_named(name: str, share: float) -> None:
    """In an archive: what is cut on its own the visit finds out already."""
    data = (CASES / name).read_bytes()
    found = extract(zipped({name: data[: int(len(data) * share)]}), ResourceKind.ARCHIVE, "a.zip")
    assert NotScreened.UNREADABLE in {gap.reason for gap in found.gaps}


def test_properties_without_number_end() -> None:
    """Where a damaged property counts four thousand million parts, nobody counts along."""
    title = struct.pack("<2I", 0x1E, 9) + "示例".encode().ljust(12, b"\0")
    lists = struct.pack("<2I", 0x101E, 0xFFFFFFFF)
    section = struct.pack("<2I4I", 99, 0xFFFFFFFF, 2, 24, 3, 44) + title + lists
    data = bytes(44) + struct.pack("<I", 48) + section
    assert list(told(data, (2, 3, 5))) == ["示例"]


def test_edits_of_a_presentation_in_circles_end() -> None:
    edit = struct.pack("<HHI", 0, 0x0FF5, 28) + struct.pack("<7I", 0, 0, 8, 8, 1, 0, 0)
    user = struct.pack("<HHI", 0, 0x0FF6, 20) + struct.pack("<5I", 20, 0xE391C05F, 8, 0, 0)
    data = compound({"Current User": user, "PowerPoint Document": bytes(8) + edit})
    found = extract(data, ResourceKind.PPT, "x.ppt")
    assert found.gaps == (Gap("x.ppt", NotScreened.UNREADABLE),)


def test_groups_of_rtf_nested_without_end() -> None:
    data = rb"{\rtf1 good\par " + b"{" * 200_000 + b"}" * 200_000 + b"}"
    found = extract(data, ResourceKind.RTF, "x.rtf")
    assert found.gaps == (Gap("x.rtf → 嵌套过深的部分", NotScreened.BUDGET),)
    assert [segment.text for segment in found.segments] == ["good"]


@pytest.mark.parametrize(
    ("size", "reason"), [(9_000_000, NotScreened.TOO_LARGE), (50 << 20, NotScreened.TOO_LARGE)]
)
def test_a_csv_of_one_endless_cell(size: int, reason: NotScreened) -> None:
    found = extract(b'a,b\n"' + b"x" * size, ResourceKind.TXT, "x.csv")
    assert [gap.reason for gap in found.gaps] == [reason]


def many_pages(pages: int) -> bytes:
    """A PDF of empty pages, written by hand: no library makes so many in a moment."""
    out = bytearray(b"%PDF-1.4\n")
    places = []
    kids = " ".join(f"{n} 0 R" for n in range(3, pages + 3))
    bodies = ["<</Type/Catalog/Pages 2 0 R>>", f"<</Type/Pages/Count {pages}/Kids[{kids}]>>"]
    bodies += ["<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>"] * pages
    for number, body in enumerate(bodies, 1):
        places.append(len(out))
        out += f"{number} 0 obj{body}endobj\n".encode()
    start = len(out)
    out += f"xref\n0 {len(places) + 1}\n0000000000 65535 f \n".encode()
    out += "".join(f"{place:010} 00000 n \n" for place in places).encode()
    out += f"trailer<</Size {len(places) + 1}/Root 1 0 R>>\nstartxref\n{start}\n%%EOF".encode()
    return bytes(out)


def test_a_pdf_of_50000_pages_is_read_as_far_as_the_limit() -> None:
    found = extract(many_pages(50_000), ResourceKind.PDF, "x.pdf")
    assert found.gaps == (Gap("x.pdf → 第1001至50000页", NotScreened.BUDGET),)


def test_a_bomb_of_many_layers_ends_within_limits() -> None:
    """Like 42.zip: sixteen archives in each of sixteen, with zeros at the bottom."""
    data = zipped({f"{n}.dll": b"0" * (15 << 20) for n in range(1)})
    for level in range(5):
        data = zipped({f"lib {n}.zip": data for n in range(16 if level else 4)})
    found = extract(data, ResourceKind.ARCHIVE, "42.zip")
    assert found.segments == ()
    assert {gap.reason for gap in found.gaps} <= {NotScreened.BUDGET, NotScreened.TOO_LARGE}
    assert found.gaps


def test_a_picture_that_swells_is_handed_on_as_it_is(word: bytes) -> None:
    """Nothing is decoded here: 30,000 x 30,000 white points are 110 kB in the file."""
    row = zlib.compress(bytes(3_751) * 3_000)
    header = struct.pack(">2I5B", 30_000, 30_000, 1, 0, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in ((b"IHDR", header), (b"IDAT", row), (b"IEND", b""))
    )
    found = extract(replaced(word, "word/media/bomb.png", png), ResourceKind.DOCX, "x.docx")
    assert [picture.length for picture in found.pictures] == [len(png)]
