"""PDF: the text of each page with its broken lines joined, its links, and pages without text."""

from __future__ import annotations

import ctypes
import hashlib
import re
import unicodedata
from collections.abc import Iterator

import pypdfium2
from pypdfium2 import raw

from audit.extract.decoding import is_sensible
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


@extractor(ResourceKind.PDF)
def read_pdf(data: bytes, context: Context) -> Iterator[Item]:
    """One segment a page; runs of pages without a text layer are one gap each."""
    document = _opened(data)
    with document:
        pages = len(document)
        blank: list[int] = []
        seen: set[str] = set()
        for number in range(1, min(pages, context.limits.pages) + 1):
            found = list(contained(f"第{number}页", _page(document, number, seen)))
            scanned = Gap(f"第{number}页", NotScreened.NO_TEXT_LAYER) in found
            if blank and not scanned:
                yield _without_text(blank)
                blank = []
            if scanned:
                blank.append(number)
            yield from (item for item in found if not _is_scan(item))
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


def _is_scan(item: Item) -> bool:
    return isinstance(item, Gap) and item.reason is NotScreened.NO_TEXT_LAYER


def _without_text(numbers: list[int]) -> Gap:
    first, last = numbers[0], numbers[-1]
    where = f"第{first}页" if first == last else f"第{first}至{last}页"
    return Gap(where, NotScreened.NO_TEXT_LAYER)


def _page(document: pypdfium2.PdfDocument, number: int, seen: set[str]) -> Iterator[Item]:
    place = f"第{number}页"
    page = document[number - 1]
    try:
        text = join_lines(page.get_textpage().get_text_bounded())
        has_text = bool(text.strip()) and is_sensible(text)
        if has_text:
            yield Segment(text, Part.ATTACHMENT, place)
        elif next(page.get_objects(), None) is not None:
            yield Gap(place, NotScreened.NO_TEXT_LAYER)
        for picture in _pictures(page, place):
            if picture.sha256 not in seen:
                seen.add(picture.sha256)
                yield picture
                if has_text:
                    yield Gap(picture.name, NotScreened.PICTURE_TEXT)
        for address in _links(document, page):
            yield Segment(address, Part.LINK, f"{place}·链接")
    finally:
        page.close()


def _pictures(page: pypdfium2.PdfPage, place: str) -> Iterator[EmbeddedPicture]:
    for number, image in enumerate(page.get_objects(filter=[raw.FPDF_PAGEOBJ_IMAGE]), 1):
        data = bytes(image.get_data())
        yield EmbeddedPicture(f"{place}·图片{number}", hashlib.sha256(data).hexdigest(), len(data))


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
