"""Word documents: body, nested tables, text boxes, headers, footers, notes, comments, figures."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import count

from audit.extract.markup import Node, attribute, local
from audit.extract.ooxml import Package, figures
from audit.extract.records import Item, Segment
from audit.extract.registry import Context, contained, extractor
from models.vocabulary import Part, ResourceKind

#: Parts beside the body: relationship type → what officers call it.
_SIDE_PARTS = {
    "header": "页眉",
    "footer": "页脚",
    "footnotes": "脚注",
    "endnotes": "尾注",
    "comments": "批注",
    "glossaryDocument": "自动图文集",
}
#: Text that is not the paragraph's own: text boxes (read apart), the old-format copy of a drawing,
#: and the pinyin over a character, which would tear words apart.
_APART = frozenset({"txbxContent", "Fallback", "rt"})
_WRAPPERS = frozenset(
    {"sdt", "sdtContent", "customXml", "ins", "moveTo", "smartTag", "AlternateContent", "Choice"}
)
_SIGNS = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-", "ptab": "\t"}
_FIELD_LINK = re.compile(r'HYPERLINK\s+"([^"]+)"')


@extractor(ResourceKind.DOCX)
def read_docx(data: bytes, context: Context) -> Iterator[Item]:
    """Everything a reader of the document can see, and what it links to."""
    package = Package(data, context)
    main = package.main_part()
    yield from contained("正文", _body(package, main))
    for relationship in package.relationships(main):
        place = _SIDE_PARTS.get(relationship.type)
        if place and relationship.target in package:
            yield from contained(place, _side(package, relationship.target, place))
    yield from package.properties()
    yield from package.leftovers()


def _body(package: Package, part: str) -> Iterator[Item]:
    root = package.xml(part)
    for body in root.iter("{*}body"):
        yield from _blocks(body, "")
    yield from _furniture(package, part, root, "正文")


def _side(package: Package, part: str, place: str) -> Iterator[Item]:
    root = package.xml(part)
    yield from _blocks(root, place)
    yield from _furniture(package, part, root, place)


def _furniture(package: Package, part: str, root: Node, place: str) -> Iterator[Item]:
    """What hangs on a part beside its paragraphs."""
    for node in root.iter("{*}docPr"):
        yield Segment(node.attrib.get("descr", ""), Part.ATTACHMENT, f"{place}·图片说明")
    instructions = "".join(node.text or "" for node in root.iter("{*}instrText"))
    for address in _FIELD_LINK.findall(instructions):
        yield Segment(address, Part.LINK, f"{place}·链接")
    yield from figures(package, part, place)
    yield from package.leads(part, place)
    yield from package.media(part, place)


def _blocks(container: Node, place: str) -> Iterator[Segment]:
    """Paragraphs and tables of a body, a cell, a header or a text box, in order."""
    paragraphs, tables = count(1), count(1)
    for block in _unwrapped(container):
        match local(block):
            case "p":
                number = next(paragraphs)
                yield from _paragraph(block, place or f"第{number}段")
            case "tbl":
                yield from _table(block, f"{place}·表{next(tables)}".lstrip("·"))
            case "footnote" | "endnote" | "comment" | "docPart" | "docParts" | "docPartBody":
                yield from _blocks(block, place)


def _unwrapped(container: Node) -> Iterator[Node]:
    for child in container:
        if local(child) in _WRAPPERS:
            yield from _unwrapped(child)
        else:
            yield child


def _table(table: Node, place: str) -> Iterator[Segment]:
    rows = (node for node in _unwrapped(table) if local(node) == "tr")
    for row_number, row in enumerate(rows, 1):
        cells = (node for node in _unwrapped(row) if local(node) == "tc")
        for column, cell in enumerate(cells, 1):
            yield from _blocks(cell, f"{place} 第{row_number}行第{column}列")


def _paragraph(paragraph: Node, place: str) -> Iterator[Segment]:
    yield Segment("".join(_text(paragraph)), Part.ATTACHMENT, place)
    for box in _boxes(paragraph):
        yield from _blocks(box, f"{place}·文本框")


def _text(node: Node) -> Iterator[str]:
    for child in node:
        name = local(child)
        if name == "t":
            yield child.text or ""
        elif name in _SIGNS:
            yield _SIGNS[name]
        elif name == "sym":
            yield _symbol(child)
        elif name not in _APART:
            yield from _text(child)


def _symbol(node: Node) -> str:
    code = attribute(node, "char") or ""
    return chr(int(code, 16)) if re.fullmatch(r"[0-9A-Fa-f]{4}", code) else ""


def _boxes(node: Node) -> Iterator[Node]:
    """The outermost text boxes below a node; the old-format copies are passed over."""
    for child in node:
        name = local(child)
        if name == "txbxContent":
            yield child
        elif name != "Fallback":
            yield from _boxes(child)
