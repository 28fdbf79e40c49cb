"""Words in every corner of old Office files and rtf, in files that LibreOffice wrote."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from striprtf import striprtf

from audit.extract import Extraction, Gap, extract
from audit.extract.decoding import written
from audit.extract.limits import Limits
from audit.extract.records import Segment
from crawler.sniff import sniff
from models.vocabulary import NotScreened, Part, ResourceKind
from tests.locked_files import compound, doc, ppt, rc4_pass, xls

CASES = Path(__file__).parent / "cases" / "office"


def read(name: str, named: str = "", limits: Limits | None = None) -> Extraction:
    """A file, read as the kind that its content tells."""
    data = (CASES / name).read_bytes()
    kind = sniff(data).kind
    assert kind is not None
    return extract(data, kind, named or name, limits or Limits())


def said(found: Extraction) -> set[tuple[str, str]]:
    return {(segment.locator, segment.text) for segment in found.segments}


@pytest.mark.parametrize("named", ["教案.doc", "教案.wps"])
def test_doc_is_read_in_every_corner(named: str) -> None:
    found = read("plan.doc", named)
    assert said(found) == {
        ("第1段", "示例教案:秋天的树叶,正文记号乙。"),
        ("第2段", "看右边的框。"),
        ("表1 第1行第1列", "格11"),
        ("表1 第1行第2列", "格12"),
        ("表1 第1行第3列", "格13"),
        ("表1 第2行第2列", "格22"),
        ("表1 第2行第3列", "表格记号丁"),
        ("第3段", "表格之后的一段。"),
        ("第4段", "加了批注的话。"),
        ("第5段", "链接在这里:点开看"),
        ("第5段·链接", "http://lesson.example/link"),
        ("页眉", "页眉记号戊"),
        ("页脚", "页脚记号己"),
        ("批注", "批注记号庚"),
        ("文本框", "文本框里的记号丙"),
        ("文档属性", "属性记号甲"),
    }
    assert [gap.reason for gap in found.gaps] == [NotScreened.PICTURE_TEXT]
    assert [picture.name for picture in found.pictures] == ["图1"]


@pytest.mark.parametrize("named", ["课件.ppt", "课件.dps"])
def test_ppt_is_read_in_every_corner(named: str) -> None:
    found = read("deck.ppt", named)
    assert said(found) == {
        ("第1张幻灯片", "示例课件:标题记号甲"),
        ("第1张幻灯片", "占位符记号乙\n第二行"),
        ("第1张幻灯片·备注", "备注记号丙"),
        ("第2张幻灯片", "组合记号丁"),
        ("第2张幻灯片", "左上"),
        ("第2张幻灯片", "表格记号戊"),
        ("第2张幻灯片", "去看看"),
        ("第3张幻灯片", "隐藏页记号己"),
        ("链接", "http://lesson.example/slide"),
    }
    assert [(p.name, p.length) for p in found.pictures] == [("第2张幻灯片·图1", 101)]


@pytest.mark.parametrize("named", ["成绩.xls", "成绩.et"])
def test_xls_is_read_in_every_corner(named: str) -> None:
    found = read("marks.xls", named)
    assert said(found) >= {
        ("工作表“成绩示例”·表名", "成绩示例"),
        ("工作表“成绩示例”!A2", "示例生甲"),
        ("工作表“成绩示例”!B2", "13800000000"),
        ("工作表“成绩示例”!C2", "0.5"),
        ("工作表“成绩示例”!D2", "2022-09-01"),
        ("工作表“成绩示例”!A2·批注", "批注记号乙"),
        ("工作表“成绩示例”·链接", "http://lesson.example/sheet"),
        ("工作表“成绩示例”·页眉页脚", " 页眉记号丙"),
        ("工作表“藏起来的表”·表名", "藏起来的表"),
        ("工作表“藏起来的表”!C3", "隐藏表记号丁"),
    }
    assert [picture.length for picture in found.pictures] == [101]
    texts = [segment.text for segment in found.segments]
    assert texts.count("批注记号乙") == 1, "a comment is no text box"


def test_links_are_told_from_text() -> None:
    for name in ("plan.doc", "deck.ppt", "marks.xls", "plan.rtf"):
        links = [s.text for s in read(name).segments if s.part is Part.LINK]
        assert len(links) == 1, name
        assert links[0].startswith("http://lesson.example/"), name


def test_cells_past_the_cap_are_a_gap() -> None:
    found = read("marks.xls", limits=Limits(cells=3))
    assert Gap("marks.xls → 工作表“成绩示例”!B2及以后", NotScreened.BUDGET) in found.gaps


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (doc(locked=True), ResourceKind.DOC),
        (ppt(locked=True).ljust(8192, b"\0"), ResourceKind.PPT),
        (xls(rc4_pass("secret")), ResourceKind.XLS),
    ],
)
def test_a_lock_is_named(data: bytes, kind: ResourceKind) -> None:
    found = extract(data, kind, "x")
    assert found.segments == ()
    assert {gap.reason for gap in found.gaps} == {NotScreened.ENCRYPTED}


def test_words_that_offsets_garble_are_a_gap() -> None:
    """Text that stands one byte aside of where the piece table looks: words that nobody wrote."""
    data = (CASES / "plan.doc").read_bytes()
    text = "示例教案:秋天的树叶,正文记号乙。".encode("utf-16-le")
    garbled = data.replace(text, text[-1:] + text[:-1])
    found = extract(garbled, ResourceKind.DOC, "x.doc")
    assert Gap("x.doc → 第1段", NotScreened.UNREADABLE) in found.gaps
    assert ("第2段", "看右边的框。") in said(found)


@pytest.mark.parametrize(
    "text", ["國立臺灣師範大學圖書館學術講座報名", "彧頔祎烜珩晟翀玥昊妍", "ㄅㄆㄇㄈ", "မြန်မာ"]
)
def test_rare_words_are_not_taken_for_garbled(text: str) -> None:
    assert [segment for segment in written(text, "x") if isinstance(segment, Segment)]


def test_an_object_of_another_program_is_a_gap() -> None:
    data = compound({"Equation Native": b"x"})
    assert extract(data, ResourceKind.OTHER, "o.bin").gaps == (
        Gap("o.bin → 公式", NotScreened.UNSUPPORTED),
    )


def test_a_file_in_the_packagers_wrapping_is_read() -> None:
    body = "包在里面的字".encode()
    wrapped = b"\0\0\0\0\x02\0" + "说明.txt".encode("gbk") + b"\0" + b"C:\\x\0" + bytes(4)
    wrapped += (4).to_bytes(4, "little") + b"C:\\\0" + len(body).to_bytes(4, "little") + body
    found = extract(compound({"\x01Ole10Native": wrapped}), ResourceKind.OTHER, "o.bin")
    assert said(found) == {("说明.txt → 第1行", "包在里面的字")}


# RTF


def test_rtf_is_read_in_every_corner() -> None:
    found = read("plan.rtf")
    assert said(found) >= {
        ("第1段", "示例教案:秋天的树叶,正文记号乙。"),
        ("表格 第2行第3列", "表格记号丁"),
        ("页眉", "页眉记号戊"),
        ("页脚", "页脚记号己"),
        ("批注", "批注记号庚"),
    }
    assert [picture.length for picture in found.pictures] == [101], "not its copy as a metafile"


def test_rtf_body_is_what_a_library_reads() -> None:
    text = (CASES / "plan.rtf").read_text("ascii")
    rtf_to_text: Callable[[str], str] = striprtf.rtf_to_text
    library = {line.strip() for line in rtf_to_text(text).replace("|", "\n").splitlines()}
    ours = {s.text for s in read("plan.rtf").segments if s.locator.startswith(("第", "表"))}
    assert len(ours) > 8
    assert ours <= library


GBK_RTF = (
    rb"{\rtf1\ansi\ansicpg936{\fonttbl{\f0\fnil\fcharset134 \'cb\'ce\'cc\'e5;}{\f1\fcharset0 Arial;}}"
    rb"{\info{\title \'b1\'ea\'cc\'e2}{\author \'bc\'d7}}"
    rb"{\f1 "
    + "怎么".encode("gbk")
    + rb"}\f0 "
    + "誠意".encode("gbk")
    + rb"\'c4\'e3\'5c\par {\*\unknown "
    + "看不见".encode("gbk")
    + rb"}\uc1\u20320?\u-10179?\u-8704?{\shp{\*\shpinst{\sp{\sn a}{\sv b}}{\shptxt \'bf\'f2\par}}}"
    rb"{\footnote \'bd\'c5\'d7\'a2}\par}"
)


def test_rtf_in_gbk() -> None:
    data = GBK_RTF.replace(rb"\'c4\'e3\'5c", rb"\'c4\'e3\'81\'5c")
    assert said(extract(data, ResourceKind.RTF, "a.rtf")) == {
        ("文档属性", "标题"),
        ("第1段", "怎么誠意你乗"),
        ("文本框", "框"),
        ("脚注", "脚注"),
        ("第2段", "你😀"),
    }


def test_a_brace_that_is_half_a_character_is_no_brace() -> None:
    tricky = bytes([0x81, 0x7B, 0x84, 0x7D, 0x95, 0x5C])
    data = rb"{\rtf1\ansi\ansicpg936 " + tricky + rb"\par " + "后面".encode("gbk") + rb"\par}"
    assert said(extract(data, ResourceKind.RTF, "a.rtf")) == {
        ("第1段", tricky.decode("gbk")),
        ("第2段", "后面"),
    }


def test_rtf_cut_short_is_a_gap() -> None:
    found = extract(GBK_RTF[:-40], ResourceKind.RTF, "a.rtf")
    assert Gap("a.rtf → 文件末尾", NotScreened.UNREADABLE) in found.gaps
    assert ("文档属性", "标题") in said(found)
