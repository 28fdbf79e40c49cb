"""XML read so that a hostile document can neither reach out nor swell.

No entity is resolved, no DTD loaded, no network used, and libxml2's own limits on depth (256)
and text length stay on. Office formats forbid a DTD, so a part that has one is refused outright.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from io import BytesIO
from typing import Protocol, cast

from lxml import etree

from audit.extract.registry import Refused
from models.vocabulary import NotScreened


class Node(Protocol):
    """The part of an lxml element that the extractors use."""

    tag: str
    text: str | None
    tail: str | None

    @property
    def attrib(self) -> Mapping[str, str]:
        """Attributes by (namespaced) name."""

    def __iter__(self) -> Iterator[Node]:
        """Children in order."""

    def iter(self, *tags: str) -> Iterator[Node]:
        """This node and all below it with one of the tags (``{*}p`` = any namespace)."""

    def iterancestors(self, *tags: str) -> Iterator[Node]:
        """The nodes above this one with one of the tags, the nearest first."""

    def clear(self) -> None:
        """Drop text, attributes and children, to free memory while streaming."""


def parse_xml(data: bytes, *, declared: bool = False) -> Node:
    """The root of an XML document; refuses one with a DTD, raises on a malformed one.

    Args:
        data: The document.
        declared: It may name its type, as parts of books do; entities of its own it may not have.
    """
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    root = etree.fromstring(data, parser)
    _refuse_dtd(root, declared=declared)
    return cast("Node", root)


def stream_xml(data: bytes, *tags: str) -> Iterator[Node]:
    """The finished nodes with one of ``tags``; each is emptied after use, so memory stays flat."""
    source = etree.iterparse(
        BytesIO(data),
        events=("end",),
        tag=tags,
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    first = True
    for _event, node in source:
        if first:
            _refuse_dtd(node)
            first = False
        yield cast("Node", node)
        node.clear()
        while node.getprevious() is not None:
            del node.getparent()[0]


def _refuse_dtd(node: Node, *, declared: bool = False) -> None:
    dtd = etree.ElementTree(node).docinfo.internalDTD
    if dtd is not None and not (declared and not list(dtd.iterentities())):
        raise Refused(NotScreened.UNREADABLE, "an office part with a DTD")


def local(node: Node) -> str:
    """The tag without its namespace; an empty string for what is no element."""
    return node.tag.rpartition("}")[2] if isinstance(node.tag, str) else ""


def attribute(node: Node, name: str) -> str | None:
    """An attribute by its local name, whatever the namespace (strict and transitional OOXML)."""
    return next((v for k, v in node.attrib.items() if k.rpartition("}")[2] == name), None)
