"""Books and Markdown: chapters in the order of the spine, links apart, what is beside them."""

from __future__ import annotations

import zipfile
from io import BytesIO
from pathlib import Path

from PIL import Image

from audit.extract import Extraction, Gap, extract
from crawler.sniff import sniff
from models.vocabulary import NotScreened, Part, ResourceKind

CASES = Path(__file__).parent / "cases" / "office"
CONTAINER = '<container><rootfiles><rootfile full-path="OPS/book.opf"/></rootfiles></container>'
NCX = (
    '<?xml version="1.0"?><!DOCTYPE ncx PUBLIC "-//NISO//DTD ncx 2005-1//EN" "ncx.dtd">'
    "<ncx><navMap><navLabel><text>第一课</text></navLabel></navMap></ncx>"
)


def said(found: Extraction) -> dict[str, str]:
    return {segment.locator: segment.text for segment in found.segments}


def picture() -> bytes:
    out = BytesIO()
    Image.new("RGB", (20, 20), "red").save(out, "PNG")
    return out.getvalue()


def opf(manifest: str, spine: str) -> str:
    return (
        f"<package><metadata><title>示例读本</title></metadata>"
        f"<manifest>{manifest}</manifest><spine>{spine}</spine></package>"
    )


def chapter(text: str) -> str:
    return f"<html><body><p>{text}</p></body></html>"


def book(entries: dict[str, str | bytes]) -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        made.writestr("mimetype", "application/epub+zip")
        made.writestr("META-INF/container.xml", CONTAINER)
        for name, data in entries.items():
            made.writestr(name, data)
    return out.getvalue()


PAGE = "application/xhtml+xml"
BOOK = book(
    {
        "OPS/book.opf": opf(
            f'<item id="c1" href="b.xhtml" media-type="{PAGE}"/>'
            f'<item id="c2" href="%E7%94%B2.xhtml" media-type="{PAGE}"/>'
            f'<item id="c3" href="left.xhtml" media-type="{PAGE}"/>'
            '<item id="n" href="toc.ncx" media-type="application/x-dtbncx+xml"/>'
            '<item id="p" href="p.png" media-type="image/png"/>'
            '<item id="s" href="s.css" media-type="text/css"/>'
            '<item id="gone" href="gone.xhtml" media-type="text/html"/>',
            '<itemref idref="c2"/><itemref idref="c1"/><itemref idref="c2"/>',
        ),
        "OPS/b.xhtml": chapter("第二章的字"),
        "OPS/甲.xhtml": chapter("第一章的字"),
        "OPS/left.xhtml": chapter("不在书脊里的字"),
        "OPS/toc.ncx": NCX,
        "OPS/p.png": picture(),
        "OPS/s.css": "p{}",
        "OPS/unlisted.txt": "清单里没有的字",
    }
)


def test_chapters_are_read_once_in_the_order_of_the_spine() -> None:
    assert sniff(BOOK).kind is ResourceKind.EPUB
    found = extract(BOOK, ResourceKind.EPUB, "读本.epub")
    assert said(found) == {
        "书籍信息": "示例读本",
        "第1章节 → 第1段": "第一章的字",
        "第2章节 → 第1段": "第二章的字",
        "第3章节 → 第1段": "不在书脊里的字",
        "目录": "第一课",
        "嵌入文件 unlisted.txt → 第1行": "清单里没有的字",
    }
    assert set(found.gaps) == {
        Gap("读本.epub → 图1", NotScreened.PICTURE_TEXT),
        Gap("读本.epub → 缺少的文件 OPS/gone.xhtml", NotScreened.UNREADABLE),
    }


def test_a_spine_in_circles_ends() -> None:
    item = f'<item id="c" href="c.xhtml" media-type="{PAGE}"/>'
    again = f'<item id="d" href="./x/../c.xhtml" media-type="{PAGE}"/>'
    spine = '<itemref idref="c"/><itemref idref="d"/>' * 20_000
    data = book({"OPS/book.opf": opf(item + again, spine), "OPS/c.xhtml": chapter("一次")})
    found = extract(data, ResourceKind.EPUB, "a.epub")
    assert [s.text for s in found.segments] == ["示例读本", "一次"]


def test_locked_chapters_are_named() -> None:
    lock = '<encryption><CipherReference URI="OPS/c.xhtml"/></encryption>'
    item = f'<item id="c" href="c.xhtml" media-type="{PAGE}"/>'
    entries: dict[str, str | bytes] = {
        "META-INF/encryption.xml": lock,
        "OPS/book.opf": opf(item, '<itemref idref="c"/>'),
        "OPS/c.xhtml": bytes(range(200)),
    }
    found = extract(book(entries), ResourceKind.EPUB, "a.epub")
    assert found.gaps == (Gap("a.epub → OPS/c.xhtml", NotScreened.ENCRYPTED),)


def test_entities_of_a_book_are_not_expanded() -> None:
    evil = NCX.replace('"ncx.dtd">', '"ncx.dtd" [<!ENTITY a SYSTEM "file:///etc/hostname">]>')
    evil = evil.replace("第一课", "&a;")
    item = '<item id="n" href="toc.ncx" media-type="application/x-dtbncx+xml"/>'
    data = book({"OPS/book.opf": opf(item, ""), "OPS/toc.ncx": evil})
    found = extract(data, ResourceKind.EPUB, "a.epub")
    assert Gap("a.epub → OPS/toc.ncx", NotScreened.UNREADABLE) in found.gaps
    assert "目录" not in said(found)


def test_a_book_by_libreoffice_is_read() -> None:
    found = extract((CASES / "plan.epub").read_bytes(), ResourceKind.EPUB, "plan.epub")
    assert "表格记号丁" in said(found).values()
    assert [p.length for p in found.pictures] == [101]


MARKDOWN = """# 标题

这里**加**微信,看[这里](http://ads.example/a "说明")和![图](pic.png)。
`代码`、snake_case_name、2*3*4

[甲]: https://ads.example/b
<https://ads.example/c>
"""


def test_markdown_reads_as_it_is_shown() -> None:
    found = extract(MARKDOWN.encode(), ResourceKind.TXT, "笔记.md")
    text = said(found)["第3至4行"]
    assert text.startswith("这里加微信,看这里 说明和图。\n代码、snake_case_name")
    links = [s.text for s in found.segments if s.part is Part.LINK]
    assert links == ["http://ads.example/a", "https://ads.example/b", "https://ads.example/c"]
