"""PDF: the text of each page with its broken lines joined, its links, and pages without text."""

from __future__ import annotations

import ctypes
import hashlib
import re
import time
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO

import pypdfium2
from pypdfium2 import raw

from audit.extract.decoding import is_sensible
from audit.extract.embedded import embedded
from audit.extract.records import EmbeddedPicture, Gap, Item, Segment, inside
from audit.extract.registry import Context, Refused, contained, extractor, items
from crawler.sniff import sniff
from models.vocabulary import NotScreened, Part, ResourceKind

#: A line at least this wide against the page's widest goes on in the next one. Lines that end a
#: paragraph are mostly shorter; joining one too many costs less than a phrase cut in two.
_FULL_LINE = 0.7
_SENTENCE_END = re.compile(r"[。！？!?；;…]\W*$")
#: A line that begins like this starts anew: a number, a bullet, a heading's sign.
_FRESH_START = re.compile(r"\s*([（(]?[0-9一二三四五六七八九十]{1,3}[）)、.．]|[•●■◆★※【])")
#: What pdfium writes for a hyphen at a line's end.
_SOFT_HYPHEN = re.compile("[\ufffe\u0002\u00ad]\\s*")

#: A page without text is drawn at this resolution: 10.5 point, the usual size, is then 22 px high and
#: an A4 page 1240 x 1754; OCR reads 12 px safely, so half that size is still read.
_DOTS_PER_INCH = 150
#: A page larger than A3 is drawn smaller, so that its longer side keeps within this, in pixels.
_LONGEST_SIDE = 2_600
#: Text shorter than this beside a picture of half the page is a page number or a scanner's stamp.
_LITTLE_TEXT = 30
_JPEG_QUALITY = 88
#: Share of a file's processor time that goes into drawing pages; past it the rest stays a gap.
_DRAWING_SHARE = 0.4
#: Pictures of more pixels are named and not handed on.
_MOST_PIXELS = 80_000_000


@dataclass(slots=True)
class _Drawing:
    """How many pages may still be drawn, and until which processor time."""

    left: int
    until: float

    @classmethod
    def of(cls, context: Context) -> _Drawing:
        limits = context.limits
        return cls(limits.drawn_pages, time.process_time() + _DRAWING_SHARE * limits.cpu_seconds)

    def page(self, page: pypdfium2.PdfPage) -> bytes:
        """A page as a JPEG file; empty when no more may be drawn."""
        if self.left < 1 or time.process_time() > self.until:
            return b""
        self.left -= 1
        scale = min(_DOTS_PER_INCH / 72, _LONGEST_SIDE / max(*page.get_size(), 1))
        return _jpeg(page.render(scale=scale))


def _jpeg(bitmap: pypdfium2.PdfBitmap) -> bytes:
    out = BytesIO()
    image = bitmap.to_pil()
    flat = image if image.mode in ("L", "RGB") else image.convert("RGB")
    flat.save(out, "JPEG", quality=_JPEG_QUALITY)
    return out.getvalue()


@extractor(ResourceKind.PDF)
def read_pdf(data: bytes, context: Context) -> Iterator[Item]:
    """One segment a page; a page without text is drawn to be looked at, or in a gap with its like."""
    document = _opened(data)
    with document:
        pages = len(document)
        blank: list[int] = []
        seen: set[str] = set()
        drawing = _Drawing.of(context)
        for number in range(1, min(pages, context.limits.pages) + 1):
            found = list(contained(f"第{number}页", _page(document, number, seen, drawing)))
            scanned = _is_undrawn(found)
            if blank and not scanned:
                yield _without_text(blank)
                blank = []
            if scanned:
                blank.append(number)
            yield from (item for item in found if not (scanned and _is_scan(item)))
        if blank:
            yield _without_text(blank)
        if pages > context.limits.pages:
            yield Gap(f"第{context.limits.pages + 1}至{pages}页", NotScreened.BUDGET)
        yield from _attached(document, context)


def _opened(data: bytes) -> pypdfium2.PdfDocument:
    try:
        return pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        if error.err_code in (raw.FPDF_ERR_PASSWORD, raw.FPDF_ERR_SECURITY):
            raise Refused(NotScreened.ENCRYPTED, str(error)) from error
        raise Refused(NotScreened.UNREADABLE, str(error)) from error


def _attached(document: pypdfium2.PdfDocument, context: Context) -> Iterator[Item]:
    """The files that travel inside the PDF."""
    for index in range(document.count_attachments()):
        attachment = document.get_attachment(index)
        name = attachment.get_name()
        data = bytes(attachment.get_data())
        context.allowance.spend(len(data))
        kind = sniff(data).kind or ResourceKind.OTHER
        for item in items(data, context.within(name, kind)):
            yield inside(f"附带文件 {name}", item)


def _is_undrawn(found: list[Item]) -> bool:
    drawn = any(isinstance(item, EmbeddedPicture) and item.data for item in found)
    return not drawn and any(_is_scan(item) for item in found)


def _is_scan(item: Item) -> bool:
    return isinstance(item, Gap) and item.reason is NotScreened.NO_TEXT_LAYER


def _without_text(numbers: list[int]) -> Gap:
    first, last = numbers[0], numbers[-1]
    where = f"第{first}页" if first == last else f"第{first}至{last}页"
    return Gap(where, NotScreened.NO_TEXT_LAYER)


def _page(
    document: pypdfium2.PdfDocument, number: int, seen: set[str], drawing: _Drawing
) -> Iterator[Item]:
    place = f"第{number}页"
    page = document[number - 1]
    try:
        text = join_lines(page.get_textpage().get_text_bounded())
        has_text = bool(text.strip()) and is_sensible(text)
        if has_text:
            yield Segment(text, Part.ATTACHMENT, place)
        scanned = (
            _is_scanned(page, text) if has_text else next(page.get_objects(), None) is not None
        )
        if scanned:
            yield from _drawn(drawing.page(page), place)
        for picture in _pictures(page, place, whole=not scanned):
            if picture.sha256 not in seen:
                seen.add(picture.sha256)
                yield picture
                if not scanned:
                    yield Gap(picture.name, NotScreened.PICTURE_TEXT)
        for address in _links(document, page):
            yield Segment(address, Part.LINK, f"{place}·链接")
    finally:
        page.close()


def _is_scanned(page: pypdfium2.PdfPage, text: str) -> bool:
    """Whether the little text of a page stands beside a picture of most of it."""
    if len(text.strip()) >= _LITTLE_TEXT:
        return False
    width, height = page.get_size()
    for image in page.get_objects(filter=[raw.FPDF_PAGEOBJ_IMAGE]):
        left, bottom, right, top = image.get_bounds()
        if (right - left) * (top - bottom) >= width * height / 2:
            return True
    return False


def _drawn(data: bytes, place: str) -> Iterator[Item]:
    """A page without text, drawn; the gap says that its words were not read here."""
    if data:
        yield next(embedded(place, data))
    yield Gap(place, NotScreened.NO_TEXT_LAYER)


def _pictures(page: pypdfium2.PdfPage, place: str, *, whole: bool) -> Iterator[EmbeddedPicture]:
    """The pictures of a page, with something to look at when they are not drawn with the page."""
    for number, image in enumerate(page.get_objects(filter=[raw.FPDF_PAGEOBJ_IMAGE]), 1):
        data = bytes(image.get_data())
        shown = _picture_file(image) if whole else b""
        digest = hashlib.sha256(data).hexdigest()
        yield EmbeddedPicture(f"{place}·图片{number}", digest, len(data), shown)


def _picture_file(image: pypdfium2.PdfImage) -> bytes:
    """A picture as a JPEG file; empty when it is too large or in a form that cannot be unpacked."""
    width, height = image.get_px_size()
    if width * height > _MOST_PIXELS:
        return b""
    try:
        return _jpeg(image.get_bitmap())
    except (pypdfium2.PdfiumError, ValueError, OSError):
        return b""


def _links(document: pypdfium2.PdfDocument, page: pypdfium2.PdfPage) -> Iterator[str]:
    """Addresses that areas of the page lead to."""
    position = ctypes.c_int(0)
    link = raw.FPDF_LINK()
    while raw.FPDFLink_Enumerate(page, ctypes.byref(position), ctypes.byref(link)):
        action = raw.FPDFLink_GetAction(link)
        if action and raw.FPDFAction_GetType(action) == raw.PDFACTION_URI:
            length = raw.FPDFAction_GetURIPath(document, action, None, 0)
            buffer = ctypes.create_string_buffer(length)
            raw.FPDFAction_GetURIPath(document, action, buffer, length)
            yield buffer.value.decode("utf-8", "replace")


def join_lines(text: str) -> str:
    """Undo the line breaks that only the page's width made.

    Chinese lines are joined without a space, Latin words with one. A short line, an ended
    sentence and a line that begins like a list item keep their break.
    """
    lines = [line.strip() for line in _SOFT_HYPHEN.sub("", text).splitlines()]
    widest = max((_width(line) for line in lines), default=0)
    joined: list[str] = []
    goes_on = False
    for line in lines:
        if goes_on and line and not _FRESH_START.match(line):
            joined[-1] += _glue(joined[-1], line) + line
        else:
            joined.append(line)
        goes_on = _width(line) >= _FULL_LINE * widest and not _SENTENCE_END.search(line)
    return "\n".join(joined)


def _width(line: str) -> int:
    """Columns a line takes: two for a Chinese character, one for a Latin letter."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in line)


def _glue(left: str, right: str) -> str:
    return " " if left[-1:].isascii() and right[:1].isascii() else ""
