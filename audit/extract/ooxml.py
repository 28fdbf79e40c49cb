"""The package behind docx, pptx and xlsx: parts, relationships, and a count of what was read.

A reader asks for the parts it knows. ``leftovers`` then names every part that nobody asked for
and that may hold content, so that a part we do not know shows as a gap instead of vanishing.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from audit.extract.embedded import embedded
from audit.extract.markup import Node, attribute, local, parse_xml
from audit.extract.records import Gap, Item, Segment, inside
from audit.extract.registry import Context, Refused, contained, items
from audit.extract.unpacking import open_container, unpack
from crawler.sniff import sniff
from models.vocabulary import NotScreened, Part, ResourceKind

#: Parts without words of the author: looks, settings, indexes, the thumbnail of the first page.
_STRUCTURE = re.compile(
    r"""\[Content_Types\]\.xml | .*/_rels/.* | _rels/.* | docProps/(app|custom|thumbnail).* | customXml/.*
    | .*/(theme|themeOverride|fonts|tags|printerSettings|activeX|webextensions|ctrlProps|revisions)/.*
    | (word|ppt|xl)/(styles|stylesWithEffects|settings|webSettings|fontTable|numbering|presProps
        |viewProps|tableStyles|calcChain|metadata|commentsExtended|commentsIds|commentsExtensible
        |people|authors|commentAuthors|volatileDependencies|connections)\w*\.xml
    | .*/(charts/(style|colors)|diagrams/(colors|quickStyle|layout))\w*\.xml | .*/tables/.*
    | xl/(persons|threadedComments/person|pivotTables|pivotCache|queryTables|externalLinks)/.*
    | .*/vbaProject\w*\.bin | .*/vbaData\.xml | .*/changesInfos/.* | mimetype""",
    re.VERBOSE,
)
_METADATA = ("title", "subject", "description", "keywords", "category")


@dataclass(frozen=True, slots=True)
class Relationship:
    """A link from one part to another, or (``external``) to an address."""

    id: str
    #: The last step of the type's address: ``slide``, ``hyperlink``, ``image`` …
    type: str
    target: str
    external: bool


class Package:
    """An opened office file."""

    def __init__(self, data: bytes, context: Context) -> None:
        self._context = context
        self._container = open_container(data, context.limits)
        self._entries = {entry.filename: entry for entry in self._container.infolist()}
        self._asked: set[str] = set()

    def __contains__(self, part: str) -> bool:
        return part in self._entries

    def main_part(self) -> str:
        """The name of the document, presentation or workbook part."""
        for relationship in self.relationships(""):
            if relationship.type == "officeDocument":
                return relationship.target
        raise Refused(NotScreened.UNREADABLE, "an office file without a main part")

    def parts(self, pattern: str) -> list[str]:
        """Names of parts that match, in the order of their numbers (slide2 before slide10)."""
        found = [name for name in self._entries if re.fullmatch(pattern, name)]
        return sorted(found, key=lambda name: (int("0" + re.sub(r"\D", "", name)), name))

    def read(self, part: str, limit: int | None = None) -> bytes:
        """The bytes of a part, now counted as read."""
        self._asked.add(part)
        if part not in self._entries:
            raise Refused(NotScreened.UNREADABLE, f"part {part} is missing")
        limit = limit or self._context.limits.text_bytes
        return unpack(self._container, self._entries[part], self._context, limit)

    def xml(self, part: str) -> Node:
        """The root of an XML part."""
        return parse_xml(self.read(part))

    def relationships(self, part: str) -> list[Relationship]:
        """Where a part (``""``: the package) leads, in the order of the file."""
        folder, name = posixpath.split(part)
        source = posixpath.join(folder, "_rels", f"{name}.rels")
        if source not in self._entries:
            return []
        return [_relationship(node, folder) for node in self.xml(source).iter("{*}Relationship")]

    def related(self, part: str, kind: str) -> list[str]:
        """Names of the parts of one type that ``part`` leads to and that exist."""
        return [
            relationship.target
            for relationship in self.relationships(part)
            if relationship.type == kind and relationship.target in self
        ]

    def properties(self) -> Iterator[Item]:
        """Title, subject, keywords and remarks from the file's properties."""
        for part in self.parts(r"docProps/core\.xml"):
            for node in self.xml(part).iter():
                if local(node) in _METADATA and node.text:
                    yield Segment(node.text, Part.ATTACHMENT, "文档属性")

    def leads(self, part: str, place: str) -> Iterator[Item]:
        """Addresses that a part links to, and outside media that it shows without holding it."""
        for relationship in self.relationships(part):
            if not relationship.external:
                continue
            if relationship.type == "hyperlink":
                yield Segment(relationship.target, Part.LINK, f"{place}·链接")
            else:
                yield Gap(f"{place}·外部内容 {relationship.target}", NotScreened.OFFSITE)

    def media(self, part: str, place: str) -> Iterator[Item]:
        """Pictures, sounds and embedded files of a part, each once in the package."""
        for relationship in self.relationships(part):
            target = relationship.target
            media = "/media/" in target or "/embeddings/" in target
            if media and target in self and target not in self._asked:
                yield from contained(_named(place, target), self._embedded(target, place))

    def leftovers(self) -> Iterator[Item]:
        """Whatever nobody asked for: media are named, files are read, unknown parts are gaps."""
        for name, entry in self._entries.items():
            if name in self._asked or entry.is_dir() or _STRUCTURE.fullmatch(name):
                continue
            yield from contained(_named("", name), self._embedded(name, ""))

    def _embedded(self, part: str, place: str) -> Iterator[Item]:
        data = self.read(part, self._context.limits.file_bytes)
        kind = _media_kind(part, data)
        if kind is ResourceKind.IMAGE:
            yield from embedded(_named(place, part, "图片"), data)
        elif kind in (ResourceKind.AUDIO, ResourceKind.VIDEO):
            yield from embedded(_named(place, part, "音视频"), data, kind)
        elif part.endswith(".xml"):
            yield Gap(_named(place, part, "部件"), NotScreened.UNSUPPORTED)
        else:
            where = _named(place, part, "嵌入文件")
            for item in items(data, self._context.within(PurePosixPath(part).name, kind)):
                yield inside(where, item)


def _named(place: str, part: str, sort: str = "部件") -> str:
    name = f"{sort} {PurePosixPath(part).name}"
    return f"{place}·{name}" if place else name


def _media_kind(part: str, data: bytes) -> ResourceKind:
    if PurePosixPath(part).suffix.lower() in (".emf", ".wmf", ".wdp", ".svg", ".tif", ".tiff"):
        return ResourceKind.IMAGE
    return sniff(data).kind or ResourceKind.OTHER


def _relationship(node: Node, folder: str) -> Relationship:
    target = node.attrib.get("Target", "")
    external = node.attrib.get("TargetMode") == "External"
    if not external:
        target = posixpath.normpath(posixpath.join("/", folder, target)).lstrip("/")
    kind = node.attrib.get("Type", "").rpartition("/")[2]
    return Relationship(node.attrib.get("Id", ""), kind, target, external)


def relationship_id(node: Node) -> str:
    """A node's ``r:id``; a plain ``id`` beside it is another number."""
    return next((v for k, v in node.attrib.items() if k.startswith("{") and k.endswith("}id")), "")


def drawing_text(root: Node) -> str:
    """The DrawingML text below a node (shape, chart, SmartArt): one line a paragraph."""
    lines = ("".join(_drawn(paragraph)) for paragraph in root.iter("{*}p"))
    return "\n".join(line for line in lines if line.strip())


def _drawn(paragraph: Node) -> Iterator[str]:
    for node in paragraph.iter("{*}t", "{*}br", "{*}tab", "{*}fld"):
        match local(node):
            case "t" if not _is_page_number(node):
                yield node.text or ""
            case "br":
                yield "\n"
            case "tab":
                yield "\t"


def _is_page_number(node: Node) -> bool:
    return any(attribute(field, "type") == "slidenum" for field in node.iterancestors("{*}fld"))


def figures(package: Package, part: str, place: str) -> Iterator[Item]:
    """The words of SmartArt and charts that a part shows."""
    for target in package.related(part, "diagramData"):
        yield Segment(drawing_text(package.xml(target)), Part.ATTACHMENT, f"{place}·智能图形")
    for target in package.related(part, "diagramDrawing"):
        package.read(target)  # the same words once more, laid out
    for kind in ("chart", "chartEx"):
        for target in package.related(part, kind):
            root = package.xml(target)
            cached = [v.text for v in root.iter("{*}strCache") for v in v.iter("{*}v") if v.text]
            text = "\n".join([drawing_text(root), *dict.fromkeys(cached)])
            yield Segment(text, Part.ATTACHMENT, f"{place}·图表")
