"""Hostile and broken files each end as a named gap; nothing is raised, nothing swells."""

from __future__ import annotations

import zipfile
from io import BytesIO

import docx
import pytest
import xlsxwriter

from audit.extract import Gap, extract
from audit.extract.limits import Limits
from models.vocabulary import NotScreened, ResourceKind

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
