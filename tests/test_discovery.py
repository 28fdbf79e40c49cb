"""Files that a page holds elsewhere than in its links: what is found where, and what is not."""

from __future__ import annotations

import json

import pytest

from crawler.discovery import (
    MOST_A_PAGE,
    discover,
    in_answer,
    in_attributes,
    in_script,
    in_string,
    in_text,
)
from crawler.disks import disk_note, masked
from crawler.readings import FoundImage, FoundLink, Gathered, PageReading
from models.vocabulary import ResourceSource

BASE = "https://platform.example/space/s1/page"
HOST = "https://platform.example"


def script(text: str, kind: str = "", *keys: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for link in in_script(text, kind, BASE, frozenset(keys)):
        found.setdefault(link.url, link.text)
    return found


def attribute(tag: str, name: str, value: str) -> list[tuple[str, str]]:
    part = Gathered(BASE, (), ((tag, name, value, "课件"),))
    return [(link.url, link.source.value) for link in in_attributes(part)]


@pytest.mark.parametrize(
    ("text", "urls"),
    [
        ('var u = "https://cdn.example/a.pdf";', ["https://cdn.example/a.pdf"]),
        (r'var u = "https:\/\/cdn.example\/a.mp4?t=1";', ["https://cdn.example/a.mp4?t=1"]),
        (r'x("\u002Ffiles\u002F第一课 课件.pptx")', [f"{HOST}/files/%E7%AC%AC%E4%B8%80%E8%AF%BE%20%E8%AF%BE%E4%BB%B6.pptx"]),
        ("player({src: '//v.example/l.m3u8'})", ["https://v.example/l.m3u8"]),
        ('JSON.parse("{\\"file\\":\\"/f/a.docx\\"}")', [f"{HOST}/f/a.docx"]),
        ("open('/pdfjs/web/viewer.html?file=%2Ff%2Fa.pdf')", [f"{HOST}/f/a.pdf"]),
        ('u = "/download.php?name=/up/a.zip&k=1"', [f"{HOST}/download.php?name=/up/a.zip&k=1"]),
        # No addresses: names, templates, code, pictures, styles, data for the script itself.
        ('x = "a.pdf"; y = "files/b.pdf"', []),
        ("`/f/${id}.pdf`", []),
        ("'/f/' + name + '.pdf'", []),
        ("/\\.(pdf|docx?)$/.test(name)", []),
        ('["/a.png", "/b.css", "/c.js", "/d.woff2", "/api/e.json"]', []),
        ("model.docx = a/b.et", []),
        ("https://www.doc.example/", []),
    ],
)  # fmt: skip
def test_addresses_in_a_script(text: str, urls: list[str]) -> None:
    assert list(script(text)) == urls


def test_data_in_a_script_gives_the_name_as_well() -> None:
    data = {"list": [{"title": "勾股定理", "res": {"url": "/f/1.pdf"}}], "token": "abcd/efgh"}
    expected = {f"{HOST}/f/1.pdf": "勾股定理"}
    assert script(json.dumps(data), "application/json") == expected
    assert script(f"window.__DATA__ = {json.dumps(data)};\nrun(1 == [2])") == expected


def test_keys_of_the_profile_need_no_extension() -> None:
    data = json.dumps({"items": [{"fileName": "课件", "downUrl": "get?id=7", "other": "get?id=8"}]})
    assert script(f"var page = {data}", "", "downurl") == {f"{HOST}/space/s1/get?id=7": "课件"}
    found = list(in_answer(data.encode(), BASE, frozenset({"downurl"})))
    assert [(f.url, f.source) for f in found] == [(f"{HOST}/space/s1/get?id=7", ResourceSource.API)]
    assert list(in_answer(data.encode(), BASE, frozenset())) == []


def test_structured_data() -> None:
    text = json.dumps(
        {
            "@type": "VideoObject",
            "name": "微课",
            "contentUrl": "/v/stream?id=1",
            "embedUrl": "/play/1",
        }
    )
    assert script(text, "application/ld+json") == {f"{HOST}/v/stream?id=1": "微课"}


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 100_000, b"\xff\xfe", b'{"a": NaN}', b"3"])
def test_an_answer_that_is_no_data_gives_nothing(body: bytes) -> None:
    assert list(in_answer(body, BASE, frozenset({"a"}))) == []


@pytest.mark.parametrize(
    ("tag", "name", "value", "expected"),
    [
        ("div", "data-setup", '{"sources":[{"src":"/v/a.mp4"}]}', (f"{HOST}/v/a.mp4", "attribute")),
        ("a", "data-href", "files/a.doc", (f"{HOST}/space/s1/files/a.doc", "attribute")),
        ("a", "onclick", "down('files/a.zip', 3)", (f"{HOST}/space/s1/files/a.zip", "handler")),
        ("a", "href", "javascript:go('/f/a.xls')", (f"{HOST}/f/a.xls", "handler")),
        ("param", "value", "player.swf?file=/v/a.flv", (f"{HOST}/v/a.flv", "player")),
        ("embed", "flashvars", "auto=1&file=/v/a.flv&image=/i.jpg", (f"{HOST}/v/a.flv", "player")),
        ("iframe", "src", "/web/viewer.html?file=/f/a.pdf", (f"{HOST}/f/a.pdf", "player")),
        ("iframe", "src", "/f/a.pdf", (f"{HOST}/f/a.pdf", "player")),
        ("iframe", "src", "https://view.officeapps.live.com/op/embed.aspx?src=https%3A%2F%2Fp.example%2Fa.pptx", ("https://p.example/a.pptx", "player")),
        ("video", "src", "/v/stream?id=1", (f"{HOST}/v/stream?id=1", "player")),
        ("video", "src", "blob:https://platform.example/1", None),
        ("track", "src", "/v/a.vtt", (f"{HOST}/v/a.vtt", "player")),
        ("img", "data-original", "/i/late.jpg", (f"{HOST}/i/late.jpg", "attribute")),
        ("div", "data-bg", "/i/back.jpg", None),
        ("div", "data-text", "共 3 份:教案/课件.ppt 等", None),
        ("img", "data-src", "/f/a.pdf", None),
    ],
)  # fmt: skip
def test_addresses_in_attributes(
    tag: str, name: str, value: str, expected: tuple[str, str] | None
) -> None:
    found = attribute(tag, name, value)
    assert found == ([expected] if expected else [])


def test_addresses_written_out() -> None:
    text = "课件:https://pan.baidu.com/s/1abc_D,提取码:ab12。见 http://p.example/a.pdf;官网 http://p.example/x"
    assert [link.url for link in in_text(text)] == [
        "https://pan.baidu.com/s/1abc_D",
        "http://p.example/a.pdf",
    ]


def test_what_is_known_is_not_found_again_and_a_flood_is_counted() -> None:
    many = json.dumps([f"/f/{n}.pdf" for n in range(MOST_A_PAGE + 30)])
    reading = PageReading(
        url=BASE,
        links=[FoundLink(f"{HOST}/f/0.pdf")],
        images=[FoundImage(f"{HOST}/i/a.jpg", "", 1, 1)],
        gathered=[
            Gathered(BASE, (("", f"x = {many}"),), (("img", "data-src", "/i/a.jpg", ""),)),
        ],
    )
    found, left = discover(reading, [many.encode()], ())
    assert (len(found), left) == (MOST_A_PAGE, 29)
    assert {link.source for link in found} == {ResourceSource.SCRIPT}
    assert found[0].url == f"{HOST}/f/1.pdf"


def test_a_long_script_is_searched_in_time() -> None:
    # Ten thousand extensions without an address, and one long string: linear, or this hangs.
    text = "a.pdf " * 100_000 + '"' + "x/" * 100_000 + '.pdf"'
    assert list(in_string(text, relative=False)) == []


# Net disks


@pytest.mark.parametrize(
    ("url", "link_text", "page", "note"),
    [
        ("https://pan.baidu.com/s/1a?pwd=ab12", "", "", "链接中带有(a**2)"),
        ("https://pan.baidu.com/s/1a", "网盘下载", "网盘下载 提取码:ab12 欢迎", "页面给出(a**2)"),
        ("https://pan.quark.cn/s/1a", "夸克", "链接:https://pan.quark.cn/s/1a 密码: x9y8", "页面给出(x**8)"),
        ("https://cloud.189.cn/t/a", "天翼(访问码:q1w2)", "", "页面给出(q**2)"),
        ("https://pan.baidu.com/s/1a", "网盘下载", "网盘下载(提取码请私信)", "没有给出"),
        ("https://pan.baidu.com/s/1a", "网盘下载", "网盘下载", "没有提取码"),
        ("https://item.taobao.com/1", "店", "提取码:ab12", ""),
    ],
)  # fmt: skip
def test_an_extraction_code_is_noted_and_masked(
    url: str, link_text: str, page: str, note: str
) -> None:
    said = disk_note(url, link_text, page)
    assert note in said
    assert bool(said) is bool(note)
    assert not any(code in said for code in ("ab12", "x9y8", "q1w2"))


def test_a_short_code_is_all_mask() -> None:
    assert (masked("a"), masked("ab"), masked("abc")) == ("*", "**", "a*c")
