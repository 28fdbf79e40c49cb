"""Presentations: shapes, groups, tables, figures, notes, comments, and what masters add."""

from __future__ import annotations

from collections.abc import Iterator

from audit.extract.markup import Node, local
from audit.extract.ooxml import Package, drawing_text, figures, relationship_id
from audit.extract.records import Item, Segment
from audit.extract.registry import Context, contained, extractor
from models.vocabulary import Part, ResourceKind


@extractor(ResourceKind.PPTX)
def read_pptx(data: bytes, context: Context) -> Iterator[Item]:
    """Everything on the slides and behind them."""
    package = Package(data, context)
    main = package.main_part()
    for number, part in enumerate(_slides(package, main), 1):
        place = f"第{number}张幻灯片"
        yield from contained(place, _slide(package, part, place))
    for sort, place in (("slideLayouts", "版式"), ("slideMasters", "母版")):
        for part in package.parts(rf"ppt/{sort}/[^/]+\.xml"):
            yield from contained(place, _furniture(package, part, place))
    for part in package.parts(r"ppt/(notesMasters|handoutMasters)/[^/]+\.xml"):
        yield from contained("备注母版", _furniture(package, part, "备注母版"))
    yield from package.properties()
    yield from package.leftovers()


def _slides(package: Package, main: str) -> list[str]:
    """The slide parts in showing order, hidden slides among them."""
    targets = {link.id: link.target for link in package.relationships(main)}
    ids = (relationship_id(node) for node in package.xml(main).iter("{*}sldId"))
    return [targets[id_] for id_ in ids if id_ in targets]


def _slide(package: Package, part: str, place: str) -> Iterator[Item]:
    root = package.xml(part)
    yield from _shapes(root, place)
    yield from _tables(root, place)
    for node in root.iter("{*}cNvPr"):
        yield Segment(node.attrib.get("descr", ""), Part.ATTACHMENT, f"{place}·图片说明")
    yield from figures(package, part, place)
    for notes in package.related(part, "notesSlide"):
        yield from contained(f"{place}·备注", _notes(package, notes, f"{place}·备注"))
    for comments in package.related(part, "comments"):
        yield from contained(f"{place}·批注", _comments(package, comments, f"{place}·批注"))
    yield from package.leads(part, place)
    yield from package.media(part, place)


def _shapes(root: Node, place: str) -> Iterator[Segment]:
    """One segment a shape, groups included; a table's text is read cell by cell instead."""
    for body in root.iter("{*}txBody"):
        if local(next(body.iterancestors())) != "tc" and not _in_fallback(body):
            yield Segment(drawing_text(body), Part.ATTACHMENT, place)


def _tables(root: Node, place: str) -> Iterator[Segment]:
    for number, table in enumerate(root.iter("{*}tbl"), 1):
        for row_number, row in enumerate(table.iter("{*}tr"), 1):
            for column, cell in enumerate(row.iter("{*}tc"), 1):
                where = f"{place}·表{number} 第{row_number}行第{column}列"
                yield Segment(drawing_text(cell), Part.ATTACHMENT, where)


def _in_fallback(node: Node) -> bool:
    return any(True for _ in node.iterancestors("{*}Fallback"))


def _notes(package: Package, part: str, place: str) -> Iterator[Item]:
    yield from _shapes(package.xml(part), place)
    yield from package.leads(part, place)
    yield from package.media(part, place)


def _comments(package: Package, part: str, place: str) -> Iterator[Item]:
    """Comments of both generations: plain ``p:text`` and rich ``p188:txBody``."""
    root = package.xml(part)
    for node in root.iter("{*}text"):
        yield Segment(node.text or "", Part.ATTACHMENT, place)
    yield from _shapes(root, place)


def _furniture(package: Package, part: str, place: str) -> Iterator[Item]:
    """What a layout or master shows by itself; the prompts in its placeholders never show."""
    for shape in package.xml(part).iter("{*}sp"):
        if not any(True for _ in shape.iter("{*}ph")):
            yield Segment(drawing_text(shape), Part.ATTACHMENT, place)
    yield from package.leads(part, place)
    yield from package.media(part, place)
