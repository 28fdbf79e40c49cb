"""PDF, plain text, tables as text, HTML and archives: words with their place, or a named gap."""

from __future__ import annotations

import zipfile
from io import BytesIO

import docx
import pytest
from PIL import Image
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas

from audit.extract import Extraction, Gap, extract
from audit.extract.limits import Limits
from audit.extract.pdf import join_lines
from models.vocabulary import NotScreened, Part, ResourceKind

pdfmetrics.registerFont(UnicodeCIDFont("STSong-Light"))


def places(extraction: Extraction) -> dict[str, str]:
    return {segment.locator: segment.text for segment in extraction.segments}


def picture() -> ImageReader:
    out = BytesIO()
    Image.new("RGB", (60, 60), "blue").save(out, "PNG")
    out.seek(0)
    return ImageReader(out)


def make_pdf(*pages: tuple[str, ...], encrypt: StandardEncryption | None = None) -> bytes:
    """Each page's lines; an empty page is a picture only, the line ``-`` an empty sheet."""
    out = BytesIO()
    canvas = Canvas(out, encrypt=encrypt, pageCompression=0)
    for lines in pages:
        canvas.setFont("STSong-Light", 12)
        for row, line in enumerate(lines):
            if line == "图":
                canvas.drawImage(picture(), 50, 50)
            elif line != "-":
                canvas.drawString(50, 780 - 20 * row, line)
        canvas.showPage()
    canvas.save()
    return out.getvalue()


def test_pdf_pages_with_joined_lines() -> None:
    data = make_pdf(("今天我们学习有理数的加法与减", "法，请同学们先看例题。"), ("第二页",))
    read = places(extract(data, ResourceKind.PDF, "讲义.pdf"))
    assert read["第1页"] == "今天我们学习有理数的加法与减法，请同学们先看例题。"
    assert read["第2页"] == "第二页"


def test_pages_without_text_are_drawn_and_each_is_a_gap() -> None:
    data = make_pdf(("有字",), ("图",), ("图",), ("-",), ("又有字", "图"), ("图",))
    found = extract(data, ResourceKind.PDF, "扫描.pdf")
    assert found.gaps == (
        Gap("扫描.pdf → 第2页", NotScreened.NO_TEXT_LAYER),
        Gap("扫描.pdf → 第3页", NotScreened.NO_TEXT_LAYER),
        Gap("扫描.pdf → 第6页", NotScreened.NO_TEXT_LAYER),
    ), "an empty sheet is no gap; the picture was named with page 2 already"
    drawn = [picture.name for picture in found.pictures if picture.data]
    assert drawn == ["第2页", "第3页", "第6页"]


def test_pages_over_the_limit_are_one_gap_a_run() -> None:
    data = make_pdf(("图",), ("图",), ("图",), ("有字",), ("图",))
    found = extract(data, ResourceKind.PDF, "扫描.pdf", Limits(drawn_pages=1))
    assert found.gaps == (
        Gap("扫描.pdf → 第1页", NotScreened.NO_TEXT_LAYER),
        Gap("扫描.pdf → 第2至3页", NotScreened.NO_TEXT_LAYER),
        Gap("扫描.pdf → 第5页", NotScreened.NO_TEXT_LAYER),
    )
    assert [picture.name for picture in found.pictures if picture.data] == ["第1页"]


def test_picture_beside_text_in_pdf_is_a_gap() -> None:
    found = extract(make_pdf(("有字", "图")), ResourceKind.PDF, "讲义.pdf")
    assert found.gaps == (Gap("讲义.pdf → 第1页·图片1", NotScreened.PICTURE_TEXT),)


def test_pdf_link_areas_are_read() -> None:
    out = BytesIO()
    canvas = Canvas(out)
    canvas.drawString(50, 700, "click")
    canvas.linkURL("http://ads.example/join", (50, 690, 100, 720))
    canvas.save()
    found = extract(out.getvalue(), ResourceKind.PDF, "讲义.pdf")
    links = [segment for segment in found.segments if segment.part is Part.LINK]
    assert [(link.text, link.locator) for link in links] == [
        ("http://ads.example/join", "第1页·链接")
    ]


def test_locked_pdf_is_told_from_an_owner_password() -> None:
    locked = make_pdf(("有字",), encrypt=StandardEncryption("open", "owner"))
    assert extract(locked, ResourceKind.PDF, "a.pdf").gaps == (Gap("a.pdf", NotScreened.ENCRYPTED),)
    readable = make_pdf(("有字",), encrypt=StandardEncryption("", "owner"))
    assert places(extract(readable, ResourceKind.PDF, "a.pdf")) == {"第1页": "有字"}


def test_pages_past_the_cap_are_a_gap() -> None:
    data = make_pdf(*[("字",)] * 5)
    found = extract(data, ResourceKind.PDF, "a.pdf", Limits(pages=3))
    assert len(found.segments) == 3
    assert found.gaps == (Gap("a.pdf → 第4至5页", NotScreened.BUDGET),)


@pytest.mark.parametrize(
    ("text", "joined"),
    [
        ("扫码加微信领取全套资\r\n料", "扫码加微信领取全套资料"),
        ("the long line of words\r\nand more", "the long line of words and more"),
        ("完整的一句话到此结束。\r\n新的一句", "完整的一句话到此结束。\n新的一句"),
        ("课题\r\n这一行要比课题长得多得多", "课题\n这一行要比课题长得多得多"),
        ("一、准备好三角板和直尺\r\n二、画图", "一、准备好三角板和直尺\n二、画图"),
        ("inter\ufffe\r\nnational", "international"),
        ("", ""),
    ],
)
def test_only_breaks_made_by_the_page_width_go(text: str, joined: str) -> None:
    assert join_lines(text) == joined


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_text_in_the_encodings_of_chinese_files(encoding: str) -> None:
    data = "春眠不觉晓\n处处闻啼鸟\n\n夜来风雨声".encode(encoding)
    read = places(extract(data, ResourceKind.TXT, "诗.txt"))
    assert read == {"第1至2行": "春眠不觉晓\n处处闻啼鸟", "第4行": "夜来风雨声"}


@pytest.mark.parametrize("data", [bytes(range(256)) * 4, b"\x00\x01\x02" * 50, b"\xff" * 64])
def test_bytes_that_are_no_text_are_a_gap(data: bytes) -> None:
    found = extract(data, ResourceKind.TXT, "a.txt")
    assert found.segments == ()
    assert found.gaps == (Gap("a.txt", NotScreened.UNREADABLE),)


def test_long_text_is_cut_at_line_ends_and_loses_nothing() -> None:
    lines = [f"第{n}句话，说的是同一件事情。" for n in range(400)]
    found = extract("\n".join(lines).encode(), ResourceKind.TXT, "a.txt")
    assert len(found.segments) > 3
    assert "\n".join(segment.text for segment in found.segments).split("\n") == lines


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_csv_is_read_by_cells(delimiter: str) -> None:
    data = f'姓名{delimiter}备注\n张小样{delimiter}"两行\n备注"\n'.encode("gb18030")
    read = places(extract(data, ResourceKind.TXT, "名单.csv"))
    assert read == {
        "第1行第1列": "姓名",
        "第1行第2列": "备注",
        "第2行第1列": "张小样",
        "第2行第2列": "两行\n备注",
    }


HTML = """<html><head><meta charset="{charset}"><title>题目</title><script>var 脚本=1</script></head>
<body><p>第一<b>段</b>的字<div hidden>藏着</div><p style="display: none">也藏着</p>
<!-- 注释 --><template>模板</template><ruby>汉<rt>hàn</rt>字</ruby>
<img src="a.png" alt="图的说明"><a href="http://ads.example/q">点我</a><a href="#top">上</a></body>"""


@pytest.mark.parametrize(("charset", "encoding"), [("utf-8", "utf-8"), ("gb2312", "gb18030")])
def test_html_gives_what_a_reader_sees(charset: str, encoding: str) -> None:
    data = HTML.format(charset=charset).encode(encoding)
    found = extract(data, ResourceKind.HTML, "a.html")
    texts = [segment.text for segment in found.segments]
    assert texts == ["第一段的字", "汉字 点我上", "题目", "图的说明", "http://ads.example/q"]
    assert found.segments[-1].part is Part.LINK


def test_deep_html_is_read_or_named() -> None:
    shallow = "<div>" * 300 + "深处" + "</div>" * 300 + "<p>后面</p>"
    assert [s.text for s in extract(shallow.encode(), ResourceKind.HTML, "a").segments] == [
        "深处",
        "后面",
    ]
    deep = extract(("<div>" * 9000 + "深处").encode(), ResourceKind.HTML, "a.html")
    assert Gap("a.html → 嵌套过深的部分", NotScreened.BUDGET) in deep.gaps


def zipped(entries: dict[str, bytes]) -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return out.getvalue()


def word(text: str) -> bytes:
    document = docx.Document()
    document.core_properties.comments = ""
    document.add_paragraph("首段")
    document.add_paragraph(text)
    out = BytesIO()
    document.save(out)
    return out.getvalue()


def test_archive_entries_are_read_by_content_and_placed() -> None:
    inner = zipped({"深.txt": "里层".encode()})
    data = zipped(
        {
            "a/b.docx": word("要找的字"),
            "改名.dat": word("改了名"),
            "c.zip": inner,
            "pic.png": b"\x89PNG\r\n\x1a\n" + b"0" * 20,
            "old.ppt": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
            + "PowerPoint Document".encode("utf-16-le"),
            "__MACOSX/x": b"\0",
        }
    )
    found = extract(data, ResourceKind.ARCHIVE, "资料.zip")
    read = places(found)
    assert read["文件内 a/b.docx → 第2段"] == "要找的字"
    assert read["文件内 改名.dat → 第2段"] == "改了名"
    assert read["文件内 c.zip → 文件内 深.txt → 第1行"] == "里层"
    assert set(found.gaps) == {
        Gap("资料.zip → 文件内 pic.png", NotScreened.PICTURE_TEXT),
        Gap("资料.zip → 文件内 old.ppt", NotScreened.UNREADABLE),
    }
    assert [p.name for p in found.pictures] == ["文件内 pic.png"]


def test_names_in_gbk_are_read() -> None:
    name = "教案.txt"
    data = zipped({"x" * len(name.encode("gbk")): "字".encode()})
    data = data.replace(b"x" * len(name.encode("gbk")), name.encode("gbk"))
    assert places(extract(data, ResourceKind.ARCHIVE, "a.zip")) == {"文件内 教案.txt → 第1行": "字"}


@pytest.mark.parametrize(
    ("kind", "name", "gaps"),
    [
        (ResourceKind.IMAGE, "a.png", {Gap("a.png", NotScreened.PICTURE_TEXT)}),
        (
            ResourceKind.AUDIO,
            "a.mp3",
            {
                Gap("a.mp3", NotScreened.AUDIO_VIDEO),
                Gap("a.mp3 → 文件信息", NotScreened.UNREADABLE),
            },
        ),
        (ResourceKind.DOC, "a.wps", {Gap("a.wps", NotScreened.UNREADABLE)}),
        (ResourceKind.ARCHIVE, "a.cab", {Gap("a.cab → 压缩包格式(.cab)", NotScreened.UNSUPPORTED)}),
        (ResourceKind.OTHER, "a.enbx", {Gap("a.enbx → 其他格式(.enbx)", NotScreened.UNSUPPORTED)}),
    ],
)
def test_what_cannot_be_read_says_what_it_is(kind: ResourceKind, name: str, gaps: set[Gap]) -> None:
    found = extract(b"\x00\x01\x02\x03 no such format", kind, name)
    assert (found.segments, set(found.gaps)) == ((), gaps)


READ_WHEN_EMPTY = (
    ResourceKind.TXT,
    ResourceKind.SUBTITLE,
    ResourceKind.HTML,
    ResourceKind.OTHER,
)


def test_every_kind_has_an_extractor() -> None:
    for kind in ResourceKind:
        found = extract(b"", kind, "空")
        assert found.gaps or kind in READ_WHEN_EMPTY, kind
