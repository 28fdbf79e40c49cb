"""The process that draws one page: run by ``audit.drawing``, under limits of its own.

The file comes on standard input, the order as an argument; the answer is a line of JSON and the JPEG.
It may write no file, and ends with a code other than 0 when there is nothing to show.
"""

from __future__ import annotations

import ctypes
import io
import json
import os
import resource
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pypdfium2
from PIL import Image, ImageDraw
from pypdfium2 import raw

from models.vocabulary import ResourceKind

#: Pixels: wide enough to read 9-point print, and a page that is a poster is no larger.
_WIDTH, _TALLEST = 1000, 3000
_PIXELS = 60_000_000
_MEMORY = 1536 << 20
_SECONDS = 15
_FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF")
_INK = (51, 64, 78)
_MARGIN = 3

#: Number of the words, left, top, width, height.
_Frame = tuple[int, float, float, float, float]


def main() -> None:
    """Draw what the argument orders."""
    order = json.loads(sys.argv[1])
    answer = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    data = sys.stdin.buffer.read()
    _confine()
    drawn = _pdf if order["kind"] == ResourceKind.PDF.value else _picture
    image, frames = drawn(data, order)
    if not set(order["cover"]) <= {frame[0] for frame in frames}:
        sys.exit("what must be covered was not found")
    _cover(image, [frame for frame in frames if frame[0] in order["cover"]])
    head = {"width": image.width, "height": image.height, "frames": frames}
    answer.write(json.dumps(head).encode() + b"\n")
    image.save(answer, "JPEG", quality=82)
    answer.flush()


def _confine() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS))


def _picture(data: bytes, _order: Mapping[str, Any]) -> tuple[Image.Image, list[_Frame]]:
    Image.MAX_IMAGE_PIXELS = _PIXELS
    with Image.open(io.BytesIO(data), formats=_FORMATS) as opened:
        if opened.width * opened.height > _PIXELS:
            sys.exit("too many pixels")
        opened.thumbnail((_WIDTH, _TALLEST))
        return opened.convert("RGB"), []


def _pdf(data: bytes, order: Mapping[str, Any]) -> tuple[Image.Image, list[_Frame]]:
    page = pypdfium2.PdfDocument(data)[order["page"] - 1]
    width, height = page.get_size()
    scale = min(_WIDTH / width, _TALLEST / height)
    image = page.render(scale=scale).to_pil().convert("RGB")
    return image, list(_frames(page, image.size, order["words"]))


def _frames(
    page: pypdfium2.PdfPage, size: tuple[int, int], words: Sequence[str]
) -> Iterator[_Frame]:
    text_page = page.get_textpage()
    letters = _letters(text_page)
    text = "".join(letter for letter, _ in letters)
    for number, wanted in enumerate(words):
        solid = "".join(wanted.split())
        start = text.find(solid) if solid else -1
        while start >= 0:
            first, last = letters[start][1], letters[start + len(solid) - 1][1]
            for box in _boxes(page, text_page, size, first, last - first + 1):
                yield number, *box
            start = text.find(solid, start + len(solid))


def _letters(text_page: pypdfium2.PdfTextPage) -> list[tuple[str, int]]:
    """The page's characters without spaces (a line's end is one), with their numbers."""
    found = []
    for index in range(text_page.count_chars()):
        letter = chr(raw.FPDFText_GetUnicode(text_page, index))
        if not letter.isspace() and letter not in "\x00\x02\xad\ufffe":
            found.append((letter, index))
    return found


def _boxes(
    page: pypdfium2.PdfPage,
    text_page: pypdfium2.PdfTextPage,
    size: tuple[int, int],
    first: int,
    count: int,
) -> Iterator[tuple[float, float, float, float]]:
    for number in range(text_page.count_rects(first, count)):
        left, bottom, right, top = text_page.get_rect(number)
        corners = [_on_picture(page, size, *each) for each in ((left, top), (right, bottom))]
        (x1, y1), (x2, y2) = corners
        yield min(x1, x2), min(y1, y2), abs(x2 - x1), abs(y2 - y1)


def _on_picture(
    page: pypdfium2.PdfPage, size: tuple[int, int], x: float, y: float
) -> tuple[int, int]:
    """A place on the page as pixels, whichever way the page is turned."""
    across, down = ctypes.c_int(), ctypes.c_int()
    raw.FPDF_PageToDevice(page, 0, 0, *size, 0, x, y, ctypes.byref(across), ctypes.byref(down))
    return across.value, down.value


def _cover(image: Image.Image, frames: Sequence[_Frame]) -> None:
    pen = ImageDraw.Draw(image)
    for _, x, y, width, height in frames:
        corners = (x - _MARGIN, y - _MARGIN, x + width + _MARGIN, y + height + _MARGIN)
        pen.rectangle(corners, fill=_INK)


if __name__ == "__main__":
    main()
