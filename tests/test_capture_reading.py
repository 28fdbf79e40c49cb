"""What a visitor sees and no text node holds, and what is shown and cannot be read."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from crawler.pictures import written_in
from crawler.reading import watch_shadows
from crawler.readings import PageReading
from rules.profile import parse_profile
from tests.test_reading import PROFILE, SITE, Reader, assert_covers, block_of, reader, texts

pytestmark = pytest.mark.browser

__all__ = ["reader"]

RED = "style='color:#f00;background:#f00'"
DRAW = "const x = c.getContext('2d'); x.font = '40px serif'; x.fillText('加微信', 20, 90);"
CLOSED = "<script>{host}.attachShadow({{mode: 'closed'}}).innerHTML = '<p>封闭的文字</p>'</script>"


@pytest.mark.parametrize(
    ("html", "blocks"),
    [
        (
            "<style>b::before{content:'加'} b::after{content:'信'}</style><p>请<b>微</b>!</p>",
            ["请加微信!"],
        ),
        ("<style>p::before{content:attr(data-x) ':'}</style><p data-x=编号>一</p>", ["编号:一"]),
        ("<style>@media screen{p::after{content:'末尾'}}</style><p>正文</p>", ["正文末尾"]),
        (
            "<style>i::before{content:'\\e600'} s::before{content:''}</style>字<i></i><s></s>",
            ["字"],
        ),
        ("<style>p::before{content:'藏';display:none}</style><p>正文</p>", ["正文"]),
        ("<ruby>漢<rp>(</rp><rt>hàn</rt><rp>)</rp></ruby>字", ["hàn", "漢字"]),
        ("<p>加<ruby>微<rt>小</rt></ruby>信</p>", ["小", "加微信"]),
        ("<p style='writing-mode:vertical-rl'>竖排文字</p>", ["竖排文字"]),
        ("<p style='text-transform:uppercase'>abc</p>", ["abc"]),
        ("<p style='user-select:none'>选不中</p>", ["选不中"]),
        ("<p style='color:#fff;background:#fff'>白底白字</p>", ["白底白字"]),
        ("<svg width=99 height=40><text y=15>甲<tspan y=30>乙</tspan></text></svg>", ["甲乙"]),
        ("<details open><summary>题</summary>答</details>", ["题", "答"]),
    ],
)
def test_what_is_seen_is_read(html: str, blocks: list[str], reader: Reader) -> None:
    assert texts(reader.read(html)) == blocks


def test_generated_text_has_a_place(reader: Reader) -> None:
    html = f"<style>p::before{{content:'加微信'}}</style><p {RED}></p>"
    found = reader.read(html)
    assert_covers(found, block_of(found, "加微信").boxes(0, 3))


@pytest.mark.parametrize(
    ("html", "role", "text"),
    [
        ("<select><option>甲班<option selected>乙班</select>", "value", "甲班\n乙班"),
        ("<input placeholder=请输入口令>", "value", "请输入口令"),
        ("<textarea placeholder=说点什么></textarea>", "value", "说点什么"),
        ("<input placeholder=提示 value=已填>", "value", "已填"),
        ("<input type=button value=点我>", "value", "点我"),
        ("<p title=悬停可见>正文</p>", "alt", "悬停可见"),
        ("<form title=表单><input name=title></form>", "alt", "表单"),
    ],
)
def test_what_controls_and_tips_say_is_read(
    html: str, role: str, text: str, reader: Reader
) -> None:
    assert texts(reader.read(html), role) == [text]


def test_a_tip_that_repeats_the_text_is_read_once(reader: Reader) -> None:
    found = reader.read("<a href=/x title=课件>课件</a><img src=/a.png alt=合影 title=合影>")
    assert [(block.role, block.text) for block in found.blocks] == [
        ("alt", "合影"),
        ("text", "课件"),
    ] or texts(found, "alt") == ["合影"]


# Frames


def test_a_frame_of_another_site_is_read_where_it_stands(reader: Reader) -> None:
    frame = f"<body style=margin:0><span {RED}>别处红字</span>"
    html = "<iframe src=http://elsewhere.test/frame style='margin:40px;border:0'></iframe>"
    found = reader.read(html, {"/frame": frame})
    block = block_of(found, "别处红字")
    assert block.frame == "http://elsewhere.test/frame"
    assert_covers(found, block.boxes(0, 4))


def test_of_a_scrolled_frame_only_what_is_shown_has_a_place(reader: Reader) -> None:
    frame = (
        "<body style=margin:0><p style='margin:0;height:500px'>卷走的字</p>"
        f"<span {RED}>露出红字</span><div style=height:900px></div><script>scrollTo(0, 480)</script>"
    )
    found = reader.read("<iframe src=/frame height=150 style=border:0></iframe>", {"/frame": frame})
    assert_covers(found, block_of(found, "露出红字").boxes(0, 4))
    assert block_of(found, "卷走的字").lines == ()


# Pictures


def urls(found: PageReading) -> list[tuple[str, bool]]:
    return [(image.url.removeprefix(SITE), image.background) for image in found.images]


@pytest.mark.parametrize(
    ("html", "pictures"),
    [
        ("<div style='background:url(/b.png);width:300px;height:90px'></div>", [("/b.png", True)]),
        (
            "<style>body{background:url('/b.png'),url(/c.png)}</style>字",
            [("/b.png", True), ("/c.png", True)],
        ),
        ("<style>html{background:url(/b.png)}</style>字", [("/b.png", True)]),
        ("<div style='background:url(/b.png);width:0'></div>字", []),
        ("<div style='background:url(/b.png);display:none'>藏</div>字", []),
        ("<video poster=/p.png width=90 height=60></video>", [("/p.png", False)]),
        ("<input type=image src=/i.png>", [("/i.png", False)]),
        (
            "<svg width=50 height=50><image href=/s.png width=50 height=50 /></svg>",
            [("/s.png", False)],
        ),
        (
            "<picture><source srcset=/wide.png media='(min-width: 1px)'><img src=/n.png></picture>",
            [("/wide.png", False)],
        ),
    ],
)
def test_every_way_to_show_a_picture_is_found(
    html: str, pictures: list[tuple[str, bool]], reader: Reader
) -> None:
    assert urls(reader.read(html)) == pictures


def test_what_a_script_draws_is_a_picture(reader: Reader) -> None:
    found = reader.read(f"<canvas id=c width=300 height=150></canvas><script>{DRAW}</script>")
    (image,) = found.images
    written = written_in(image.url)
    assert written is not None
    drawn = Image.open(io.BytesIO(written[1]))
    assert drawn.size == (image.width, image.height) == (300, 150)
    box = drawn.getchannel("A").getbbox()
    assert box is not None
    assert box[2] - box[0] > 60, "three characters stand there"


def test_a_drawing_that_changes_with_every_visit_is_none(reader: Reader) -> None:
    html = f"<canvas class=counter id=c width=300 height=150></canvas><script>{DRAW}</script>"
    found = reader.read(html, profile=parse_profile(PROFILE, "test"))
    assert (found.images, found.unread) == ([], ["canvas"])


# What cannot be read is said


@pytest.mark.parametrize(
    ("html", "unread"),
    [
        ("<canvas width=300 height=150></canvas>", ["canvas"]),
        ("<canvas width=9 height=9></canvas>", []),
        ("<canvas width=300 height=150 style=display:none></canvas>", []),
        (
            "<canvas id=c width=300 height=150></canvas><script>c.getContext('webgl')</script>",
            ["canvas"],
        ),
        (f"<canvas id=c width=300 height=150></canvas><script>{DRAW}</script>", []),
        ("<x-card style='display:block;height:50px'></x-card>", ["closed_shadow"]),
        ("<x-card style='display:block;height:50px'>看得见</x-card>", []),
        ("<x-icon></x-icon>", []),
    ],
)
def test_what_is_shown_and_cannot_be_read_is_named(
    html: str, unread: list[str], reader: Reader
) -> None:
    assert reader.read(html).unread == unread


@pytest.mark.parametrize(
    "html",
    [
        "<div id=host>被盖住</div>",
        "<x-card id=host style='display:block;height:50px'></x-card>",
    ],
)
def test_a_closed_shadow_tree_is_read_where_it_was_noticed(html: str, reader: Reader) -> None:
    page = html + CLOSED.format(host="host")
    reader.runner.run(watch_shadows(reader.context))
    found = reader.read(page)
    assert texts(found) == ["封闭的文字"]
    assert found.unread == []


def test_to_be_watched_changes_nothing_for_a_page(reader: Reader) -> None:
    reader.runner.run(watch_shadows(reader.context))
    _, said = reader.measure(
        "<div id=host></div><div id=open></div>" + CLOSED.format(host="host"),
        """[String(host.shadowRoot), open.attachShadow({mode: "open"}) === open.shadowRoot,
            Element.prototype.attachShadow.toString().includes("[native code]"),
            Element.prototype.attachShadow.name, Element.prototype.attachShadow.length]""".replace(
            "open.", "document.getElementById('open')."
        ),
    )
    assert said == ["null", True, True, "attachShadow", 1]
