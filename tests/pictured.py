"""Pictures and films that tests draw themselves, with what is written in them."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Sequence

import segno
from PIL import Image, ImageDraw
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from sample.media import make_film
from sample.pictures import font

WIDTH, HEIGHT = 640, 240


def drawn(
    *lines: str,
    size: int = 28,
    ink: str = "black",
    ground: str = "white",
    place: tuple[int, int] = (WIDTH, HEIGHT),
) -> Image.Image:
    """Lines of text, one below the other."""
    image = Image.new("RGB", place, ground)
    draw = ImageDraw.Draw(image)
    for number, line in enumerate(lines):
        draw.text((24, 24 + number * size * 1.7), line, font=font(size), fill=ink)
    return image


def upright(line: str, size: int = 30) -> Image.Image:
    """One line written from top to bottom."""
    image = Image.new("RGB", (160, 40 + int(size * 1.2) * len(line)), "white")
    draw = ImageDraw.Draw(image)
    for number, char in enumerate(line):
        draw.text((60, 20 + number * size * 1.2), char, font=font(size), fill="black")
    return image


def table(rows: Sequence[Sequence[str]], column: int = 170) -> Image.Image:
    """A table without lines between its cells."""
    image = Image.new("RGB", (60 + column * max(map(len, rows)), 60 + 52 * len(rows)), "white")
    draw = ImageDraw.Draw(image)
    for y, row in enumerate(rows):
        for x, cell in enumerate(row):
            draw.text((30 + x * column, 30 + y * 52), cell, font=font(26), fill="black")
    return image


def filed(image: Image.Image, form: str = "PNG", **options: object) -> bytes:
    """The picture as a file."""
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def with_codes(image: Image.Image, *targets: str) -> Image.Image:
    """The picture with QR codes to the right of each other in a strip below."""
    codes = []
    for target in targets:
        out = io.BytesIO()
        segno.make(target, error="m", micro=False).save(out, kind="png", scale=5, border=4)
        codes.append(Image.open(out).convert("RGB"))
    strip = max(code.height for code in codes)
    width = max(image.width, sum(code.width for code in codes))
    whole = Image.new("RGB", (width, image.height + strip), "white")
    whole.paste(image, (0, 0))
    left = 0
    for code in codes:
        whole.paste(code, (left, image.height))
        left += code.width
    return whole


def scanned(*pages: Image.Image) -> bytes:
    """A PDF whose pages are pictures."""
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=(480, 360))
    for page in pages:
        canvas.drawImage(ImageReader(page), 20, 60, 440, 440 * page.height / page.width)
        canvas.showPage()
    canvas.save()
    return out.getvalue()


def bomb(side: int = 40_000) -> bytes:
    """A PNG of a few hundred bytes that claims ``side`` x ``side`` pixels."""
    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    body = zlib.compress(bytes(100_000))
    chunks = ((b"IHDR", head), (b"IDAT", body), (b"IEND", b""))
    packed = (
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def film(*cards: str) -> bytes:
    """A film of title cards, each shown for 1.5 s."""
    return make_film(cards)
