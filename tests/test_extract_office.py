"""Words in every corner of docx, pptx and xlsx files are found, with their place."""

from __future__ import annotations

import zipfile
from io import BytesIO

import docx
import openpyxl
import pptx
import pytest
import xlsxwriter
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls
from openpyxl.comments import Comment
from openpyxl.drawing.image import Image as SheetImage
from PIL import Image
from pptx.util import Inches

from audit.extract import Extraction, Gap, extract
from audit.extract.limits import Limits
from audit.extract.xlsx import _number
from models.vocabulary import NotScreened, Part, ResourceKind


def picture() -> BytesIO:
    out = BytesIO()
    Image.new("RGB", (40, 40), "red").save(out, "PNG")
    out.seek(0)
    return out


def places(extraction: Extraction) -> dict[str, str]:
    return {segment.locator: segment.text for segment in extraction.segments}


TEXT_BOX = """<w:r {ns}><mc:AlternateContent
  xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006">
  <mc:Choice Requires="wps"><w:txbxContent><w:p><w:r><w:t>框里的字</w:t></w:r></w:p></w:txbxContent></mc:Choice>
  <mc:Fallback><w:pict><w:txbxContent><w:p><w:r><w:t>框里的字</w:t></w:r></w:p></w:txbxContent></w:pict></mc:Fallback>
</mc:AlternateContent></w:r>"""
RUBY = """<w:r {ns}><w:ruby><w:rt><w:r><w:t>hàn</w:t></w:r></w:rt>
  <w:rubyBase><w:r><w:t>汉</w:t></w:r></w:rubyBase></w:ruby></w:r>"""


def make_docx() -> bytes:
    document = docx.Document()
    document.core_properties.title = "属性里的标题"
    first = document.add_paragraph("跨")
    first.add_run("段").bold = True
    first.add_run("的词")
    boxed = document.add_paragraph("有框")
    boxed._p.append(parse_xml(TEXT_BOX.format(ns=nsdecls("w"))))
    ruby = document.add_paragraph()
    ruby._p.append(parse_xml(RUBY.format(ns=nsdecls("w"))))
    ruby.add_run("字")
    table = document.add_table(2, 2)
    table.cell(1, 1).text = "格子"
    table.cell(0, 0).add_table(1, 1).cell(0, 0).text = "套在里面"
    document.sections[0].header.paragraphs[0].text = "页眉的字"
    document.sections[0].footer.paragraphs[0].text = "页脚的字"
    document.add_comment(first.runs, text="批注的字", author="甲")
    document.part.relate_to(
        "http://ads.example/join",
        "http://schemas.openxmlformats.org/officeDocument/2006/relationships/hyperlink",
        is_external=True,
    )
    document.add_picture(picture())
    return saved(document)


def saved(document: object) -> bytes:
    out = BytesIO()
    document.save(out)  # type: ignore[attr-defined]
    return out.getvalue()


def test_docx_is_read_in_every_corner() -> None:
    found = extract(make_docx(), ResourceKind.DOCX, "教案.docx")
    read = places(found)
    assert read["第1段"] == "跨段的词", "a word split over runs is whole"
    assert read["第2段"] == "有框"
    assert read["第2段·文本框"] == "框里的字"
    assert read["第3段"].endswith("汉字"), "pinyin does not tear a word apart"
    assert read["表1 第2行第2列"] == "格子"
    assert read["表1 第1行第1列·表1 第1行第1列"] == "套在里面"
    assert read["页眉"] == "页眉的字"
    assert read["页脚"] == "页脚的字"
    assert read["批注"] == "批注的字"
    assert "属性里的标题" in [s.text for s in found.segments if s.locator == "文档属性"]
    assert read["正文·链接"] == "http://ads.example/join"
    texts = [segment.text for segment in found.segments]
    assert texts.count("框里的字") == 1, "the old-format copy of a box is not read twice"


def test_docx_link_is_told_from_text() -> None:
    found = extract(make_docx(), ResourceKind.DOCX, "教案.docx")
    parts = {segment.locator: segment.part for segment in found.segments}
    assert parts["正文·链接"] is Part.LINK
    assert parts["第1段"] is Part.ATTACHMENT


def test_embedded_picture_is_a_gap_and_has_a_digest() -> None:
    found = extract(make_docx(), ResourceKind.DOCX, "教案.docx")
    assert found.gaps == (Gap("教案.docx → 正文·图1", NotScreened.PICTURE_TEXT),)
    assert [(len(p.sha256), p.length) for p in found.pictures] == [(64, len(picture().read()))]


def make_pptx() -> bytes:
    deck = pptx.Presentation()
    blank = deck.slide_layouts[6]
    first = deck.slides.add_slide(blank)
    box = first.shapes.add_textbox(0, 0, Inches(2), Inches(1))
    box.text_frame.text = "一行\n又一行"
    group = first.shapes.add_group_shape()
    group.shapes.add_textbox(0, 0, Inches(1), Inches(1)).text_frame.text = "组里的字"
    table = first.shapes.add_table(2, 2, 0, 0, Inches(2), Inches(2)).table
    table.cell(1, 0).text = "表里的字"
    first.notes_slide.notes_text_frame.text = "备注的字"
    second = deck.slides.add_slide(blank)
    second._element.set("show", "0")
    second.shapes.add_picture(picture(), 0, 0)
    run = second.shapes.add_textbox(0, 0, 1, 1).text_frame.paragraphs[0].add_run()
    run.text = "藏着的幻灯片"
    run.hyperlink.address = "http://ads.example/more"
    master = deck.slide_masters[0].shapes
    frame = master._spTree
    frame.append(box._element.__deepcopy__({}))
    return saved(deck)


def test_pptx_is_read_in_every_corner() -> None:
    found = extract(make_pptx(), ResourceKind.PPTX, "课件.pptx")
    read = {(segment.locator, segment.text) for segment in found.segments}
    assert {
        ("第1张幻灯片", "一行\n又一行"),
        ("第1张幻灯片", "组里的字"),
        ("第1张幻灯片·表1 第2行第1列", "表里的字"),
        ("第1张幻灯片·备注", "备注的字"),
        ("第2张幻灯片", "藏着的幻灯片"),
        ("第2张幻灯片·链接", "http://ads.example/more"),
        ("母版", "一行\n又一行"),
    } <= read
    assert not any("单击此处" in text or "Click to edit" in text for _, text in read)
    assert [gap.what for gap in found.gaps] == ["课件.pptx → 第2张幻灯片·图1"]


def test_slides_are_numbered_as_shown_not_as_stored() -> None:
    deck = pptx.Presentation()
    for text in ("甲", "乙"):
        slide = deck.slides.add_slide(deck.slide_layouts[6])
        slide.shapes.add_textbox(0, 0, 1, 1).text_frame.text = text
    ids = deck.slides._sldIdLst
    ids.append(ids[0])
    read = places(extract(saved(deck), ResourceKind.PPTX, "课件.pptx"))
    assert (read["第1张幻灯片"], read["第2张幻灯片"]) == ("乙", "甲")


def make_xlsx() -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "名单"
    sheet["B4"] = "张小样"
    sheet["C4"] = 13800000000
    sheet["D4"] = 0.5
    sheet["E4"] = "=1+1"
    sheet["B4"].comment = Comment("批注的字", "甲")
    sheet.add_image(SheetImage(picture()), "F1")
    assert sheet.oddHeader is not None
    sheet.oddHeader.center.text = "表头的字"
    hidden = book.create_sheet("藏着")
    hidden.sheet_state = "hidden"
    hidden["A1"] = "看不见的表"
    hidden["A1"].hyperlink = "http://ads.example/x"
    hidden.cell(2, 1).value = 40000
    hidden.cell(2, 1).number_format = "yyyy-mm-dd"
    return saved(book)


def test_xlsx_is_read_in_every_corner() -> None:
    found = extract(make_xlsx(), ResourceKind.XLSX, "成绩.xlsx")
    read = places(found)
    assert read["工作表“名单”!B4"] == "张小样"
    assert read["工作表“名单”!C4"] == "13800000000"
    assert read["工作表“名单”!D4"] == "0.5"
    assert read["工作表“名单”!B4·批注"].endswith("批注的字")
    assert "表头的字" in read["工作表“名单”·页眉页脚"]
    assert read["工作表“藏着”!A1"] == "看不见的表"
    assert read["工作表“藏着”!A2"] == "2009-07-06"
    assert read["工作表“藏着”·链接"] == "http://ads.example/x"
    assert read["工作表“藏着”·表名"] == "藏着"
    assert [gap.reason for gap in found.gaps] == [NotScreened.PICTURE_TEXT]


def test_shared_strings_and_text_boxes_in_xlsx() -> None:
    out = BytesIO()
    with xlsxwriter.Workbook(out) as book:
        sheet = book.add_worksheet("名单")
        sheet.write("A1", "共用")
        sheet.write_rich_string("A2", book.add_format({"bold": True}), "富", "文本")
        sheet.write("A3", "共用")
        sheet.insert_textbox("C1", "框里的字")
        chart = book.add_chart({"type": "pie"})
        chart.set_title({"name": "图表标题"})
        chart.add_series({"values": "=名单!$A$1:$A$3"})
        sheet.insert_chart("E1", chart)
    found = extract(out.getvalue(), ResourceKind.XLSX, "a.xlsx")
    read = places(found)
    assert [read[f"工作表“名单”!A{row}"] for row in (1, 2, 3)] == ["共用", "富文本", "共用"]
    assert "框里的字" in [s.text for s in found.segments if s.locator == "工作表“名单”·图形"]
    assert "图表标题" in read["工作表“名单”·图形·图表"]
    assert found.gaps == ()


@pytest.mark.parametrize(
    ("raw", "shown"),
    [("1.38E10", "13800000000"), ("5E-3", "0.005"), ("1E300", "1E300"), ("12", "12")],
)
def test_numbers_read_as_written(raw: str, shown: str) -> None:
    assert _number(raw, is_date=False) == shown


def test_cells_past_the_cap_are_a_gap() -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in range(30):
        sheet.append([row])
    found = extract(saved(book), ResourceKind.XLSX, "大表.xlsx", Limits(cells=20))
    assert "工作表“Sheet”!A20" in places(found)
    assert found.gaps == (Gap("大表.xlsx → 工作表“Sheet”!A21及以后", NotScreened.BUDGET),)


def with_entry(data: bytes, name: str, content: bytes) -> bytes:
    """The zip with one entry added or replaced."""
    out = BytesIO()
    with zipfile.ZipFile(BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        for entry in old.infolist():
            if entry.filename != name:
                new.writestr(entry, old.read(entry))
        new.writestr(name, content)
    return out.getvalue()


def test_a_part_nobody_knows_is_a_gap() -> None:
    data = with_entry(make_docx(), "word/future.xml", b"<x>new</x>")
    found = extract(data, ResourceKind.DOCX, "教案.docx")
    assert Gap("教案.docx → 部件 future.xml", NotScreened.UNSUPPORTED) in found.gaps


def test_a_file_inside_a_document_is_read() -> None:
    data = with_entry(make_docx(), "word/embeddings/book.xlsx", make_xlsx())
    read = places(extract(data, ResourceKind.DOCX, "教案.docx"))
    assert read["嵌入文件 book.xlsx → 工作表“名单”!B4"] == "张小样"


def test_one_broken_slide_does_not_hide_the_others() -> None:
    data = with_entry(make_pptx(), "ppt/slides/slide1.xml", b"<p:sld>cut off")
    found = extract(data, ResourceKind.PPTX, "课件.pptx")
    assert Gap("课件.pptx → 第1张幻灯片", NotScreened.UNREADABLE) in found.gaps
    assert places(found)["第2张幻灯片"] == "藏着的幻灯片"
