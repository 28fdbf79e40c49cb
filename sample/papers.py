"""Makes the PDFs: with text, under a password, and scanned."""

from __future__ import annotations

import io

from PIL import Image, ImageDraw
from reportlab.lib.pagesizes import A4
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas

from sample.filespecs import Pdf
from sample.pictures import font, wrap

FACE = "STSong-Light"
MARGIN, LEADING = 72, 22
#: Characters of 12 points that fit between the margins.
LINE_CHARACTERS = 37
SCAN_SIZE = (1000, 1414)


def make_pdf(spec: Pdf) -> bytes:
    """A PDF with a text layer, or a scan without one."""
    return _scan(spec) if spec.scanned else _typeset(spec)


def _typeset(spec: Pdf) -> bytes:
    pdfmetrics.registerFont(UnicodeCIDFont(FACE))
    buffer = io.BytesIO()
    lock = StandardEncryption(spec.password, canPrint=0) if spec.password else None
    canvas = Canvas(buffer, pagesize=A4, invariant=1, encrypt=lock)
    canvas.setTitle(spec.heading.text)
    top = A4[1] - MARGIN
    canvas.setFont(FACE, 18)
    canvas.drawString(MARGIN, top, spec.heading.text)
    canvas.setFont(FACE, 12)
    top -= 2 * LEADING
    for paragraph in spec.paragraphs:
        for line in _lines(paragraph.text):
            if top < MARGIN:
                canvas.showPage()
                canvas.setFont(FACE, 12)
                top = A4[1] - MARGIN
            canvas.drawString(MARGIN, top, line)
            top -= LEADING
        top -= LEADING / 2
    canvas.save()
    return buffer.getvalue()


def _lines(text: str) -> list[str]:
    return [text[at : at + LINE_CHARACTERS] for at in range(0, len(text), LINE_CHARACTERS)]


def _scan(spec: Pdf) -> bytes:
    page = Image.new("L", SCAN_SIZE, 246)
    draw = ImageDraw.Draw(page)
    draw.text((90, 90), spec.heading.text, font=font(44), fill=30)
    top = 190
    for paragraph in spec.paragraphs:
        for line in wrap(paragraph.text, SCAN_SIZE[0] - 180, font(30)):
            draw.text((90, top), line, font=font(30), fill=40)
            top += 48
        top += 20
    # A page on a scanner never lies quite straight.
    page = page.rotate(0.7, resample=Image.Resampling.BICUBIC, fillcolor=246)
    picture = io.BytesIO()
    page.save(picture, "JPEG", quality=60)
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=A4, invariant=1)
    canvas.drawImage(ImageReader(picture), 0, 0, *A4)
    canvas.save()
    return buffer.getvalue()
