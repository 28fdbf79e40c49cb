"""Makes the Office documents, the same bytes on every build."""

from __future__ import annotations

import io
import re
import zipfile
from datetime import UTC, datetime

import docx
import openpyxl
import pptx
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls
from docx.shared import Pt
from pptx.util import Inches

from sample.filespecs import Docx, Pptx, Sheet, Slide, Xlsx

#: The date that every part of every document carries.
STAMP = datetime(2022, 6, 1, 8, tzinfo=UTC)
_ENTRY_DATE = (2022, 6, 1, 8, 0, 0)
_MODIFIED = re.compile(rb"(<dcterms:(?:created|modified)[^>]*>)[^<]*")

_BOX = """
<w:p {ns}><w:r><w:pict xmlns:v="urn:schemas-microsoft-com:vml">
<v:shape style="width:220pt;height:60pt" type="#_x0000_t202" xmlns:o="urn:schemas-microsoft-com:office:office">
<v:textbox><w:txbxContent><w:p><w:r><w:t></w:t></w:r></w:p></w:txbxContent></v:textbox>
</v:shape></w:pict></w:r></w:p>
"""


def make_docx(spec: Docx) -> bytes:
    """A Word document."""
    document = docx.Document()
    document.styles["Normal"].font.size = Pt(12)
    if spec.header:
        document.sections[0].header.paragraphs[0].text = spec.header.text
    document.add_heading(spec.heading.text, level=1)
    for paragraph in spec.paragraphs:
        document.add_paragraph(paragraph.text)
    if spec.table:
        table = document.add_table(rows=0, cols=len(spec.table[0]), style="Table Grid")
        for row in spec.table:
            for cell, text in zip(table.add_row().cells, row, strict=True):
                cell.text = text.text
    if spec.textbox:
        box = parse_xml(_BOX.format(ns=nsdecls("w")))
        box.xpath(".//w:txbxContent//w:t")[0].text = spec.textbox.text
        document.element.body.insert_element_before(box, "w:sectPr")
    buffer = io.BytesIO()
    document.save(buffer)
    return settle(buffer.getvalue())


def make_pptx(spec: Pptx) -> bytes:
    """A presentation with notes."""
    deck = pptx.Presentation()
    for slide in spec.slides:
        _add_slide(deck, slide)
    buffer = io.BytesIO()
    deck.save(buffer)
    return settle(buffer.getvalue())


def _add_slide(deck: pptx.presentation.Presentation, spec: Slide) -> None:
    slide = deck.slides.add_slide(deck.slide_layouts[5])
    slide.shapes.title.text = spec.title.text
    box = slide.shapes.add_textbox(Inches(0.8), Inches(1.8), Inches(8.4), Inches(4.6))
    box.text_frame.word_wrap = True
    for number, bullet in enumerate(spec.bullets):
        frame = box.text_frame
        paragraph = frame.paragraphs[0] if number == 0 else frame.add_paragraph()
        paragraph.text = bullet.text
    if spec.notes:
        slide.notes_slide.notes_text_frame.text = spec.notes.text


def make_xlsx(spec: Xlsx) -> bytes:
    """A workbook."""
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for sheet in spec.sheets:
        _add_sheet(book, sheet)
    buffer = io.BytesIO()
    book.save(buffer)
    return settle(buffer.getvalue())


def _add_sheet(book: openpyxl.Workbook, spec: Sheet) -> None:
    sheet = book.create_sheet(spec.name)
    for row in spec.rows:
        sheet.append([cell.text for cell in row])
    for column in sheet.columns:
        widest = max(len(str(cell.value or "")) for cell in column)
        sheet.column_dimensions[column[0].column_letter].width = 4 + 1.8 * widest
    if spec.hidden:
        sheet.sheet_state = "hidden"


def settle(package: bytes) -> bytes:
    """The same zip package with every date set to one day, so that builds can be compared."""
    buffer = io.BytesIO()
    stamp = STAMP.strftime("%Y-%m-%dT%H:%M:%SZ").encode()
    with (
        zipfile.ZipFile(io.BytesIO(package)) as old,
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for entry in old.infolist():
            content = old.read(entry)
            if entry.filename == "docProps/core.xml":
                content = _MODIFIED.sub(rb"\g<1>" + stamp, content)
            new.writestr(_entry(entry.filename), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def make_zip(members: dict[str, bytes]) -> bytes:
    """An archive of files by their names."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(_entry(name), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, date_time=_ENTRY_DATE)
    entry.external_attr = 0o644 << 16
    return entry
