"""Workbooks: the values of every sheet (hidden ones too), comments, drawings, sheet names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from openpyxl.styles.numbers import BUILTIN_FORMATS, is_date_format
from openpyxl.utils.datetime import from_excel

from audit.extract.markup import Node, local, stream_xml
from audit.extract.ooxml import Package, drawing_text, figures, relationship_id
from audit.extract.records import Gap, Item, Segment
from audit.extract.registry import Context, contained, extractor
from models.vocabulary import NotScreened, Part, ResourceKind

_SHEETS = frozenset({"worksheet", "chartsheet", "dialogsheet", "xlMacrosheet"})
#: Codes in a printed header or footer: &L &C &R (place), &"font", &12 (size), &P (page) …
_HEADER_CODE = re.compile(r'&("[^"]*"|\d+|K[0-9A-F]{6}|[A-Z])')


@dataclass(frozen=True, slots=True)
class _Book:
    """What cells refer to."""

    strings: tuple[str, ...]
    #: For each cell style: whether its numbers are dates.
    dates: tuple[bool, ...]


@extractor(ResourceKind.XLSX)
def read_xlsx(data: bytes, context: Context) -> Iterator[Item]:
    """Each cell with a value is a segment; past the cap on cells a sheet's rest is a gap."""
    package = Package(data, context)
    main = package.main_part()
    book = _Book(_strings(package, main), _dates(package, main))
    links = {link.id: link for link in package.relationships(main)}
    left = context.limits.cells
    for node in package.xml(main).iter("{*}sheet"):
        place = f"工作表“{node.attrib.get('name', '')}”"
        link = links.get(relationship_id(node))
        if link is None or link.type not in _SHEETS or link.target not in package:
            yield Gap(place, NotScreened.UNREADABLE)
            continue
        yield Segment(node.attrib.get("name", ""), Part.ATTACHMENT, f"{place}·表名")
        for item in contained(place, _sheet(package, link.target, place, book, left)):
            left -= isinstance(item, Segment)
            yield item
    yield from package.properties()
    yield from package.leftovers()


def _strings(package: Package, main: str) -> tuple[str, ...]:
    parts = package.related(main, "sharedStrings")
    return tuple(_plain(node) for part in parts for node in stream_xml(package.read(part), "{*}si"))


def _plain(node: Node) -> str:
    """The text of a string item without its pinyin (``rPh``)."""
    return "".join(
        text.text or ""
        for text in node.iter("{*}t")
        if not any(True for _ in text.iterancestors("{*}rPh"))
    )


def _dates(package: Package, main: str) -> tuple[bool, ...]:
    for part in package.related(main, "styles"):
        root = package.xml(part)
        formats = dict(BUILTIN_FORMATS)
        for node in root.iter("{*}numFmt"):
            formats[int(node.attrib.get("numFmtId", "0"))] = node.attrib.get("formatCode", "")
        return tuple(
            bool(is_date_format(formats.get(int(style.attrib.get("numFmtId", "0")), "")))
            for styles in root.iter("{*}cellXfs")
            for style in styles
        )
    return ()


def _sheet(package: Package, part: str, place: str, book: _Book, cap: int) -> Iterator[Item]:
    yield from _cells(package.read(part), place, book, cap)
    for comments in (*package.related(part, "comments"), *package.related(part, "threadedComment")):
        for node in package.xml(comments).iter("{*}comment", "{*}threadedComment"):
            where = f"{place}!{node.attrib.get('ref', '')}·批注"
            yield Segment(_comment(node), Part.ATTACHMENT, where)
    for drawing in package.related(part, "drawing"):
        yield from contained(f"{place}·图形", _drawing(package, drawing, place))
    for drawing in package.related(part, "vmlDrawing"):
        package.read(drawing)  # only the frames of the comments
    yield from package.leads(part, place)
    yield from package.media(part, place)


def _comment(node: Node) -> str:
    return "".join(text.text or "" for text in node.iter("{*}t", "{*}text")).strip()


def _cells(data: bytes, place: str, book: _Book, cap: int) -> Iterator[Item]:
    seen = 0
    for node in stream_xml(data, "{*}c", "{*}oddHeader", "{*}oddFooter"):
        if local(node) != "c":
            text = _HEADER_CODE.sub(" ", node.text or "")
            yield Segment(text, Part.ATTACHMENT, f"{place}·页眉页脚")
            continue
        text = _value(node, book)
        if not text.strip():
            continue
        reference = node.attrib.get("r", "")
        seen += 1
        if seen > cap:
            yield Gap(f"{place}!{reference}及以后", NotScreened.BUDGET)
            return
        yield Segment(text, Part.ATTACHMENT, f"{place}!{reference}")


def _value(cell: Node, book: _Book) -> str:
    raw = next((node.text or "" for node in cell.iter("{*}v")), "")
    match cell.attrib.get("t", "n"):
        case "s":
            return book.strings[int(raw)] if raw else ""
        case "inlineStr":
            return _plain(cell)
        case "n":
            return _number(raw, _is_date(cell, book))
        case "b":
            return {"1": "TRUE", "0": "FALSE"}.get(raw, raw)
        case _:
            return raw


def _is_date(cell: Node, book: _Book) -> bool:
    style = int(cell.attrib.get("s", "0"))
    return style < len(book.dates) and book.dates[style]


def _number(raw: str, is_date: bool) -> str:
    """A number as a person would read it: 13800000000, not 1.38E10; dates as dates."""
    if is_date and raw:
        try:
            return str(from_excel(float(raw))).removesuffix(" 00:00:00")
        except (ValueError, OverflowError):
            return raw
    if "E" not in raw.upper():
        return raw
    try:
        return f"{Decimal(raw):f}" if abs(Decimal(raw).adjusted()) < 30 else raw
    except InvalidOperation:
        return raw


def _drawing(package: Package, part: str, place: str) -> Iterator[Item]:
    root = package.xml(part)
    for body in root.iter("{*}txBody"):
        yield Segment(drawing_text(body), Part.ATTACHMENT, f"{place}·图形")
    yield from figures(package, part, f"{place}·图形")
    yield from package.leads(part, place)
    yield from package.media(part, place)
