"""The sample's content: what it must hold, and that its committed truth says the same."""

from __future__ import annotations

import io
import json
import zipfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import docx
import openpyxl
import pptx
import pypdfium2
import pytest

from models.vocabulary import Dimension, Openness, Visibility
from sample.build import BASE_URL, build
from sample.catalog import ContentError, list_pages, load_catalog, parse_space
from sample.markup import MarkupError, parse_marked
from sample.nominations import COLUMNS, make_nominations
from sample.planted import is_open, placed_texts
from sample.records import Behaviour
from sample.truth import TRUTH, make_truth
from tests.sample_site import site_folder

SPACES = load_catalog()
COMMITTED: Mapping[str, Any] = json.loads(TRUTH.read_text(encoding="utf-8"))
PROBLEMS = [problem for space in COMMITTED["spaces"] for problem in space["problems"]]
NEGATIVES = [one for space in COMMITTED["spaces"] for one in space["hard_negatives"]]
REFRESH = "run python -m sample refresh"


@pytest.mark.parametrize(
    ("source", "text", "problems", "harmless"),
    [
        ("平常的话", "平常的话", [], []),
        ("请{{normative/contact|加微信 a}}。", "请加微信 a。", [("normative", "加微信 a")], []),
        ("{{ok: why|拒绝毒品}}", "拒绝毒品", [], ["拒绝毒品"]),
        ("{{ok: a|甲}}{{political/map|乙}}", "甲乙", [("political", "乙")], ["甲"]),
        ("f(x) = {1, 2}", "f(x) = {1, 2}", [], []),
    ],
)
def test_marks_are_stripped_and_kept(
    source: str, text: str, problems: list[tuple[str, str]], harmless: list[str]
) -> None:
    marked = parse_marked(source)
    assert marked.text == text
    assert [(one.dimension.value, one.text) for one in marked.problems] == problems
    assert [one.text for one in marked.hard_negatives] == harmless


@pytest.mark.parametrize(
    "source",
    ["{{normative/contact|开着", "{{contact|甲}}", "{{moral/contact|甲}}", "{{political/|甲}}"],
)
def test_a_malformed_mark_is_refused(source: str) -> None:
    with pytest.raises(MarkupError):
        parse_marked(source)


HEAD = "{id: s900, name: a, teacher: b, school: c, county: d, kind: town, stage: 小学, subject: e"


@pytest.mark.parametrize(
    ("rest", "word"),
    [
        (", colour: red}", "colour"),
        (", visibility: secret}", "visibility"),
        (", about: '{{x|y}}'}", "about"),
        (", resources: [{title: a, date: '2022-01-01', description: b, name: c.docx}]}", "content"),
        (
            ", resources: [{title: a, date: '2022-01-01', description: b, href: 'http://c'}]}",
            "offsite",
        ),
        (", about: [", "s900.yaml"),
    ],
)
def test_malformed_content_names_file_and_place(rest: str, word: str) -> None:
    with pytest.raises(ContentError, match=word) as raised:
        parse_space(HEAD + rest, "s900.yaml")
    assert "s900.yaml" in str(raised.value)


def test_truth_and_sheet_are_those_of_the_content() -> None:
    assert json.loads(json.dumps(make_truth(SPACES))) == COMMITTED, REFRESH
    sheet = TRUTH.with_name("nominations.xlsx").read_bytes()
    assert make_nominations(SPACES, BASE_URL) == sheet, REFRESH


def test_every_visibility_occurs_on_spaces_and_on_single_pages() -> None:
    whole = {space["visibility"] for space in COMMITTED["spaces"]}
    assert whole == {member.value for member in Visibility}
    partly = [space for space in COMMITTED["spaces"] if space["visibility"] == Visibility.PARTIAL]
    pages = {page["visibility"] for space in partly for page in space["pages"]}
    assert pages == {member.value for member in Visibility} - {"public", "partial"}
    assert all(space["pages"] for space in partly)


def test_every_openness_and_behaviour_occurs() -> None:
    resources = [one for space in COMMITTED["spaces"] for one in space["resources"]]
    assert {one["openness"] for one in resources} == {member.value for member in Openness}
    behaviours = {space["behaviour"] for space in COMMITTED["spaces"]}
    assert behaviours == {None, *(member.value for member in Behaviour)}


def test_there_is_enough_of_everything() -> None:
    text = [problem for problem in PROBLEMS if problem["medium"] == "text"]
    assert len(SPACES) >= 26
    assert len(text) >= 45
    assert sum(problem["part"] == "attachment" for problem in text) >= 12
    assert sum(problem["medium"] == "picture" for problem in PROBLEMS) >= 6
    assert {problem["dimension"] for problem in text} == {member.value for member in Dimension}
    assert len({problem["family"] for problem in PROBLEMS}) >= 25
    assert len(NEGATIVES) >= 40


def test_the_whole_platform_stays_within_its_page_budget() -> None:
    pages = 0
    for space in SPACES:
        pages += 1
        if is_open(space):
            items = len(space.articles) + len(space.resources)
            pages += len(space.shown_columns) + list_pages(space) - 1 + items
    assert pages <= 210


def test_ids_and_files_are_unique() -> None:
    for ids in ([one["id"] for one in PROBLEMS], [one["id"] for one in NEGATIVES]):
        assert max(Counter(ids).values()) == 1
    for space in SPACES:
        names = [one.name for one in space.resources if one.name]
        names += [picture.name for picture in space.pictures]
        assert len(names) == len(set(names)), space.id


def test_identity_numbers_in_text_carry_a_right_check_digit() -> None:
    numbers = [p["text"] for p in PROBLEMS if p["text"].isdigit() and len(p["text"]) == 18]
    assert numbers
    for number in numbers:
        total = sum(int(digit) * pow(2, 17 - at, 11) for at, digit in enumerate(number[:17]))
        assert number[17] == "10X98765432"[total % 11]


def test_the_sheet_has_the_contract_columns_and_a_row_a_space() -> None:
    book = openpyxl.load_workbook(io.BytesIO(make_nominations(SPACES, "http://x.example/")))
    header, *rows = book.worksheets[0].iter_rows(values_only=True)
    assert header == COLUMNS
    assert len(rows) == len(SPACES)
    addresses = [str(row[COLUMNS.index("空间地址")]) for row in rows]
    assert "http://x.example/space/s001" in addresses
    assert all("示例" in str(row[COLUMNS.index("备注")]) for row in rows)
    per_county = Counter(str(row[COLUMNS.index("县区")]) for row in rows)
    assert sum(count >= 4 for count in per_county.values()) >= 4


def test_two_builds_are_the_same(tmp_path: Path) -> None:
    first = site_folder()
    build(tmp_path)
    names = sorted(path.relative_to(first) for path in first.rglob("*") if path.is_file())
    assert names == sorted(
        path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()
    )
    different = [
        name for name in names if (first / name).read_bytes() != (tmp_path / name).read_bytes()
    ]
    assert different == []
    assert all((first / name).stat().st_size < 300_000 for name in names)


def test_what_is_planted_in_files_is_read_back_from_them() -> None:
    read: dict[str, str] = {}
    for space in SPACES:
        for place in placed_texts(space):
            if place.part != "attachment" or place.medium == "picture":
                continue
            if place.path not in read:
                name = next(
                    one.name for one in space.resources if place.path.endswith(_quoted(one.name))
                )
                content = (site_folder() / "files" / space.id / name).read_bytes()
                read[place.path] = _text_of(name, content)
            for planted in place.text.planted:
                assert _squeezed(planted) in read[place.path], (place.path, planted)
    assert len(read) > 20


def _quoted(name: str) -> str:
    return "/" + "".join(
        c if c.isascii() else "".join(f"%{b:02X}" for b in c.encode()) for c in name
    )


def _squeezed(text: str) -> str:
    return "".join(text.split())


def _text_of(name: str, content: bytes) -> str:
    readers = {
        "docx": _docx_text, "pptx": _pptx_text, "xlsx": _xlsx_text, "pdf": _pdf_text,
        "zip": _zip_text, "txt": _txt_text,
    }  # fmt: skip
    return _squeezed(readers[name.rpartition(".")[2]](content))


def _docx_text(content: bytes) -> str:
    document = docx.Document(io.BytesIO(content))
    header = document.sections[0].header.paragraphs[0].text
    texts = (node.text for node in document.element.body.iter() if node.tag.endswith("}t"))
    return str(header) + "".join(text or "" for text in texts)


def _pptx_text(content: bytes) -> str:
    parts = []
    for slide in pptx.Presentation(io.BytesIO(content)).slides:
        parts += [shape.text_frame.text for shape in slide.shapes if shape.has_text_frame]
        if slide.has_notes_slide:
            parts.append(slide.notes_slide.notes_text_frame.text)
    return "".join(parts)


def _xlsx_text(content: bytes) -> str:
    book = openpyxl.load_workbook(io.BytesIO(content))
    return "|".join(
        str(value) for sheet in book.worksheets for row in sheet.values for value in row
    )


def _pdf_text(content: bytes) -> str:
    with pypdfium2.PdfDocument(content) as document:
        return "".join(str(page.get_textpage().get_text_range()) for page in document)


def _txt_text(content: bytes) -> str:
    return content.decode("gb18030")


def _zip_text(content: bytes) -> str:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return "".join(_docx_text(archive.read(name)) for name in archive.namelist())
