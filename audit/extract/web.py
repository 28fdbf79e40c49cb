"""HTML files: the text a reader sees, descriptions of pictures, and where links lead."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import count

from lxml import etree

from audit.extract.decoding import decode
from audit.extract.markup import Node, local
from audit.extract.records import Gap, Item, Segment
from audit.extract.registry import Context, Refused, extractor
from models.vocabulary import NotScreened, Part, ResourceKind

_UNSEEN = frozenset({"script", "style", "template", "noscript", "head", "svg", "math", "rt", "rp"})
#: Elements that do not break a line; the pinyin over a character (``rt``) is among the unseen.
_INLINE = re.compile(
    r"a|abbr|acronym|b|bdi|bdo|big|cite|code|data|dfn|em|font|i|img|ins|kbd|label|mark|q|rb|rp|rt"
    r"|ruby|s|samp|small|span|strike|strong|sub|sup|time|tt|u|var|wbr"
)
_HIDDEN_STYLE = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_CHARSET = re.compile(rb"charset\s*=\s*[\"']?\s*([\w-]+)", re.IGNORECASE)
#: Pages labelled GB2312 or GBK use characters of the larger set.
_CHINESE = frozenset({"gb2312", "gbk", "gb18030", "gb_2312-80", "x-gbk"})
_SAID_BY_ATTRIBUTE = ("alt", "title", "placeholder")


@extractor(ResourceKind.HTML)
def read_html(data: bytes, context: Context) -> Iterator[Item]:
    """One segment a block, then descriptions and links in the order of the page."""
    if len(data) > context.limits.text_bytes:
        raise Refused(NotScreened.TOO_LARGE, "more markup than the limit")
    root, whole = _parsed(_decoded(data))
    if root is None:
        return
    numbers = count(1)
    for text in _blocks(root):
        yield Segment(text, Part.ATTACHMENT, f"第{next(numbers)}段")
    yield from _attributes(root)
    if not whole:
        yield Gap("嵌套过深的部分", NotScreened.BUDGET)


def _decoded(data: bytes) -> str:
    declared = _CHARSET.search(data[:4096])
    if declared and declared[1].decode("ascii").lower() in _CHINESE:
        return data.decode("gb18030", "replace")
    return decode(data)


def _parsed(text: str) -> tuple[Node | None, bool]:
    """The root, and whether the parser got to the end (libxml2 stops at a nesting of 2,048)."""
    parser = etree.HTMLParser(
        encoding="utf-8", remove_comments=True, remove_pis=True, no_network=True, huge_tree=True
    )
    try:
        root = etree.fromstring(text.encode("utf-8", "replace"), parser)
    except etree.XMLSyntaxError:
        return None, not text.strip()
    stopped = any(entry.type_name == "ERR_RESOURCE_LIMIT" for entry in parser.error_log)
    return root, not stopped


def _blocks(root: Node) -> Iterator[str]:
    """Visible text, cut where a block begins or ends; iterative, for nesting may be deep."""
    run: list[str] = []
    hidden = 0
    for event, node in etree.iterwalk(root, events=("start", "end")):
        if not _INLINE.fullmatch(local(node)):
            yield from _flushed(run)
        if event == "start":
            hidden += _is_hidden(node)
            text = None if hidden else node.text
        else:
            hidden -= _is_hidden(node)
            text = None if hidden else node.tail
        if text:
            run.append(text)
    yield from _flushed(run)


def _flushed(run: list[str]) -> Iterator[str]:
    text = re.sub(r"\s+", " ", "".join(run)).strip()
    run.clear()
    if text:
        yield text


def _is_hidden(node: Node) -> bool:
    if local(node) in _UNSEEN or "hidden" in node.attrib:
        return True
    return bool(_HIDDEN_STYLE.search(node.attrib.get("style", "")))


def _attributes(root: Node) -> Iterator[Segment]:
    for title in root.iter("title"):
        yield Segment(title.text or "", Part.ATTACHMENT, "网页标题")
    numbers = count(1)
    for node in root.iter():
        for name in _SAID_BY_ATTRIBUTE:
            yield Segment(node.attrib.get(name, ""), Part.ATTACHMENT, f"<{local(node)}>的说明")
        address = node.attrib.get("href", "")
        if local(node) in ("a", "area") and re.match(r"(https?:)?//", address):
            yield Segment(address, Part.LINK, f"第{next(numbers)}个链接")
