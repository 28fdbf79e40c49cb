"""Electronic books: chapters in the order of the spine, what is beside it, pictures, properties."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from urllib.parse import unquote

from audit.extract.embedded import embedded
from audit.extract.markup import Node, local, parse_xml
from audit.extract.ooxml import Package
from audit.extract.records import Gap, Item, Segment, inside
from audit.extract.registry import Context, Refused, contained, extractor, items
from crawler.sniff import sniff
from models.vocabulary import NotScreened, Part, ResourceKind

_CONTAINER, _LOCKS = "META-INF/container.xml", "META-INF/encryption.xml"
_PAGES = frozenset({"application/xhtml+xml", "text/html", "application/x-dtbook+xml"})
#: What says how a book looks, or is made by a program.
_LOOKS = (
    "text/css", "font/", "application/font", "application/vnd.ms-opentype", "application/x-font",
    "application/javascript", "text/javascript", "application/smil",
)  # fmt: skip
_CONTENTS = "application/x-dtbncx+xml"
_DESCRIPTION = ("title", "creator", "subject", "description", "publisher", "contributor", "rights")


@dataclass(frozen=True, slots=True)
class _Entry:
    """A file of the book."""

    path: str
    type: str


@extractor(ResourceKind.EPUB)
def read_epub(data: bytes, context: Context) -> Iterator[Item]:
    """Each file of the book once, whatever the spine says: it may run in circles."""
    package = Package(data, context)
    path = _book(package)
    root = package.xml(path)
    folder = posixpath.dirname(path)
    for node in root.iter():
        if local(node) in _DESCRIPTION and node.text:
            yield Segment(node.text, Part.ATTACHMENT, "书籍信息")
    locked = _locked(package)
    numbers = count(1)
    pictures = count(1)
    for entry in _ordered(root, folder):
        if entry.path not in package:
            yield Gap(f"缺少的文件 {entry.path}", NotScreened.UNREADABLE)
        elif entry.path in locked:
            package.ask(entry.path)
            if not entry.type.startswith(_LOOKS):
                yield Gap(entry.path, NotScreened.ENCRYPTED)
        elif entry.type in _PAGES:
            place = f"第{next(numbers)}章节"
            yield from contained(place, _chapter(package, entry, place, context))
        elif entry.type.startswith("image/"):
            yield from contained(
                entry.path, _picture(package, entry, f"图{next(pictures)}", context)
            )
        else:
            yield from contained(entry.path, _other(package, entry, context))
    for known in package.parts(r"mimetype|META-INF/[^/]+\.xml"):
        package.ask(known)
    yield from package.leftovers()


def _book(package: Package) -> str:
    for node in package.xml(_CONTAINER).iter("{*}rootfile"):
        path = node.attrib.get("full-path", "")
        if path in package:
            return path
    raise Refused(NotScreened.UNREADABLE, "a book without its list of files")


def _locked(package: Package) -> frozenset[str]:
    if _LOCKS not in package:
        return frozenset()
    nodes = package.xml(_LOCKS).iter("{*}CipherReference")
    return frozenset(unquote(node.attrib.get("URI", "")) for node in nodes)


def _ordered(root: Node, folder: str) -> Iterator[_Entry]:
    """The files in the spine's order, then those that it leaves out."""
    entries: dict[str, _Entry] = {}
    for node in root.iter("{*}manifest"):
        for item in node:
            if local(item) == "item":
                path = posixpath.normpath(
                    posixpath.join(folder, unquote(item.attrib.get("href", "")))
                )
                entries[item.attrib.get("id", path)] = _Entry(
                    path, item.attrib.get("media-type", "")
                )
    spine = [node.attrib.get("idref", "") for node in root.iter("{*}itemref")]
    named = (entries[name] for name in (*spine, *entries) if name in entries)
    yield from {entry.path: entry for entry in named}.values()


def _chapter(package: Package, entry: _Entry, place: str, context: Context) -> Iterator[Item]:
    data = package.read(entry.path)
    for item in items(data, context.within(posixpath.basename(entry.path), ResourceKind.HTML)):
        yield inside(place, item)


def _picture(package: Package, entry: _Entry, place: str, context: Context) -> Iterator[Item]:
    yield from embedded(place, package.read(entry.path, context.limits.file_bytes))


def _other(package: Package, entry: _Entry, context: Context) -> Iterator[Item]:
    if entry.type == _CONTENTS:
        for node in parse_xml(package.read(entry.path), declared=True).iter("{*}text"):
            yield Segment(node.text or "", Part.ATTACHMENT, "目录")
        return
    if entry.type.startswith(_LOOKS):
        package.ask(entry.path)
        return
    data = package.read(entry.path, context.limits.file_bytes)
    kind = sniff(data).kind or ResourceKind.OTHER
    for item in items(data, context.within(posixpath.basename(entry.path), kind)):
        yield inside(f"文件 {posixpath.basename(entry.path)}", item)
