"""A real browser's page read by the script: its text, its hidden parts, and the place of every word."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest
from PIL import Image, ImageChops
from playwright.async_api import BrowserContext, Page, Route, async_playwright

from crawler import reading, screenshots, traffic
from crawler.addresses import Denial
from crawler.browser import Browser, launch_options
from crawler.guard_denial import DENIED_HEADER
from crawler.reading import read_page
from crawler.readings import PageReading
from crawler.traffic import Traffic
from models.manifest import Box, TextBlock
from rules.profile import Profile, load_profile, parse_profile

pytestmark = pytest.mark.browser

SITE = "http://site.test"
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de"
    "0000000c49444154789c63f8cfc0000003010100c9fe92ef0000000049454e44ae426082"
)
PROFILE = """
id: reading
version: "1"
title: 试读
volatile_selectors: [.counter]
load_more_selectors: ["button.more"]
resource_selectors: [a.attachment]
declared: {selector: .who, values: {公开: public}}
price: {selector: .price}
markers:
  - {outcome: refusal_page, selector: .refusal}
  - {outcome: hidden_page, selector: .gone}
"""


@dataclass
class Reader:
    """Reads pages of an invented site, one after the other, in one browser."""

    runner: asyncio.Runner
    context: BrowserContext

    def read(
        self, html: str, others: Mapping[str, str] | None = None, profile: Profile | None = None
    ) -> PageReading:
        """The reading of a page whose frames come from ``others`` by path."""
        return self.measure(html, "0", others, profile)[0]

    def measure(
        self,
        html: str,
        script: str,
        others: Mapping[str, str] | None = None,
        profile: Profile | None = None,
    ) -> tuple[PageReading, object]:
        """The reading, and what a script says of the same rendered page."""
        return self.runner.run(
            self._measure(html, script, others or {}, profile or load_profile("generic"))
        )

    async def _measure(
        self, html: str, script: str, others: Mapping[str, str], profile: Profile
    ) -> tuple[PageReading, object]:
        page = await self.context.new_page()
        try:
            return await _read(page, {"/": html, **others}, profile), await page.evaluate(script)
        finally:
            await page.close()


async def _read(page: Page, pages: Mapping[str, str], profile: Profile) -> PageReading:
    async def answer(route: Route) -> None:
        path = urlsplit(route.request.url).path
        if path.endswith(".png"):
            await route.fulfill(body=PNG, content_type="image/png")
        elif path in pages:
            headers = {"content-type": "text/html; charset=utf-8"}
            if path == "/denied":
                headers[DENIED_HEADER] = Denial.PRIVATE_ADDRESS
            await route.fulfill(body=pages[path], headers=headers)
        else:
            await route.abort()

    await page.route("**/*", answer)
    traffic = Traffic(page)
    await page.goto(SITE)
    return await read_page(page, profile, traffic)


@pytest.fixture(scope="module")
def reader(browser_executable: Browser) -> Iterator[Reader]:
    with asyncio.Runner() as runner, pytest.MonkeyPatch.context() as patched:
        # Nothing here comes over a network.
        patched.setattr(traffic, "QUIET_SECONDS", 0.1)
        patched.setattr(reading, "SCROLL_PAUSE", 0.05)
        playwright = runner.run(async_playwright().start())
        browser = runner.run(playwright.chromium.launch(**launch_options(browser_executable)))
        context = runner.run(browser.new_context(viewport={"width": 1280, "height": 900}))
        yield Reader(runner, context)
        runner.run(browser.close())
        runner.run(playwright.stop())


def texts(found: PageReading, role: str = "text") -> list[str]:
    return [block.text for block in found.blocks if block.role == role]


# Which characters are read, and as how many blocks


@pytest.mark.parametrize(
    ("html", "blocks"),
    [
        ("<p>加我<b>微</b><i>信</i>领取</p>", ["加我微信领取"]),
        ("<p>加我<b> 微</b>\n<i>信</i> </p>", ["加我 微 信"]),
        ("<p>第一行<br>第二行</p>", ["第一行\n第二行"]),
        ("<div>一<div>二</div>三</div>", ["一", "二", "三"]),
        ("<ul><li>甲<li>乙</ul>", ["甲", "乙"]),
        ("<table><tr><td>姓名<td>王老师</table>", ["姓名", "王老师"]),
        ("<div style=display:flex><span>左</span><span>右</span></div>", ["左", "右"]),
        ("<p>一<span style=display:inline-block>二</span>三</p>", ["一二三"]),
        ("<div style=display:contents><p>在里面</p></div>", ["在里面"]),
        ("<pre>第一行\n  第二行</pre>", ["第一行\n  第二行"]),
        ("<p>\u3000\u3000段首空格</p>", ["段首空格"]),
        ("<p>前\u3000后</p>", ["前\u3000后"]),
        ("直接写在页面里<!-- 注释 -->的字", ["直接写在页面里的字"]),
        ("<p>按钮<button>下载</button></p>", ["按钮下载"]),
        ("<svg width=99 height=20><text y=15>图中字</text></svg>", ["图中字"]),
        ("<noscript>请打开脚本</noscript><p>正文</p>", ["正文"]),
        ("<script>'脚本'</script><style>p{}</style><template>模板</template>正文", ["正文"]),
        ("<svg width=9 height=9><style>text{}</style></svg>正文", ["正文"]),
        ("<video width=9>浏览器太旧</video><canvas width=9>画不了</canvas>正文", ["正文"]),
    ],
)
def test_what_is_shown_is_read_as_it_is_shown(html: str, blocks: list[str], reader: Reader) -> None:
    assert texts(reader.read(html)) == blocks


@pytest.mark.parametrize(
    "style",
    [
        "display:none",
        "visibility:hidden",
        "opacity:0",
        "content-visibility:hidden",
        "font-size:0",
    ],
)
def test_hidden_text_is_left_out_and_hidden_links_are_not(style: str, reader: Reader) -> None:
    html = f'<p>看得见</p><div style="{style}">看不见<a href=/x>暗<b>链</b></a></div>'
    found = reader.read(html)
    assert texts(found) == ["看得见"]
    assert texts(found, "link") == [f"暗链 {SITE}/x"]
    assert [(link.url, link.hidden) for link in found.links] == [(f"{SITE}/x", True)]
    assert "暗链" not in found.text


def test_a_link_that_is_shown_is_text_and_a_link(reader: Reader) -> None:
    found = reader.read(
        "<p>见<a href=a/b?c=1#d>附\n件</a>和<a href=javascript:go()>按钮</a><a>锚</a></p>"
        "<p><a class=attachment href=/get/9>资料</a> <a download href=/get/8>文件</a></p>",
        profile=parse_profile(PROFILE, "test"),
    )
    assert texts(found) == ["见附 件和按钮锚", "资料 文件"]
    assert texts(found, "link") == []
    assert [(link.url, link.text, link.file) for link in found.links] == [
        (f"{SITE}/a/b?c=1#d", "附 件", False),
        (f"{SITE}/get/9", "资料", True),
        (f"{SITE}/get/8", "文件", True),
    ]


def test_base_address_and_players_are_heeded(reader: Reader) -> None:
    found = reader.read(
        "<base href=http://site.test/deep/><a href=one>一</a><video src=two.mp4 title=课></video>"
        "<div data-file=three.pdf></div><embed src=four.pdf><object data=five.pdf></object>"
    )
    assert [(link.url, link.file) for link in found.links] == [
        (f"{SITE}/deep/one", False),
        (f"{SITE}/deep/two.mp4", True),
        (f"{SITE}/deep/three.pdf", True),
        (f"{SITE}/deep/four.pdf", True),
        (f"{SITE}/deep/five.pdf", True),
    ]


def test_shadow_trees_and_slots_are_read_in_the_order_shown(reader: Reader) -> None:
    html = """<x-card>插入<p slot=end>末尾</p></x-card><script>
      customElements.define("x-card", class extends HTMLElement { constructor() { super();
        this.attachShadow({mode: "open"}).innerHTML =
          "<p>影子里</p><div><slot></slot></div><slot name=end></slot><a href=/in>进</a>"; } });
      </script>"""
    found = reader.read(html)
    assert texts(found) == ["影子里", "插入", "末尾", "进"]
    assert [link.url for link in found.links] == [f"{SITE}/in"]


def test_alt_texts_pictures_and_field_values_have_roles_of_their_own(reader: Reader) -> None:
    found = reader.read(
        "<title> 我的空间 </title><img src=/a.png alt=' 班级合影 '><img src=/b.png>"
        "<input value=搜索词><input type=hidden value=暗值><input type=checkbox value=勾>"
        "<textarea>留言内容</textarea>"
    )
    assert [(block.role, block.text) for block in found.blocks] == [
        ("title", "我的空间"),
        ("alt", "班级合影"),
        ("value", "搜索词"),
        ("value", "留言内容"),
    ]
    assert [(image.url, image.alt, image.width) for image in found.images] == [
        (f"{SITE}/a.png", " 班级合影 ", 1),
        (f"{SITE}/b.png", "", 1),
    ]


@pytest.mark.parametrize(
    ("html", "there"),
    [
        ("<input type=password>", True),
        ("<div style=display:none><input type=password></div>", False),
        ("<input type=text value=password>", False),
    ],
)
def test_only_a_password_field_that_is_shown_counts(html: str, there: bool, reader: Reader) -> None:
    assert reader.read(html).password_field is there


def test_the_profiles_signs_count_only_where_they_are_shown(reader: Reader) -> None:
    found = reader.read(
        "<p class=refusal>无权</p><p class=gone hidden>已隐藏</p><p class=who hidden>草稿</p>"
        "<p class=who>本空间:\n公开</p><p class=price>5 积分</p>",
        profile=parse_profile(PROFILE, "test"),
    )
    assert found.shown == {".refusal"}
    assert (found.declared, found.price) == ("本空间: 公开", "5 积分")


@pytest.mark.parametrize(
    ("html", "lasting"),
    [
        ("<p>正文</p><p class=counter>访问 {n} 次</p>", "正文"),
        ("<p>访问<span class=counter>{n}</span>次</p>", "访问次"),
        ("<div class=counter><p>来过 <b>{n}</b></p></div><p>正文</p>", "正文"),
        ("<img src=/a.png alt='第 {n} 位' class=counter><p>正文</p>", "正文"),
    ],
)
def test_what_changes_with_every_visit_is_marked(html: str, lasting: str, reader: Reader) -> None:
    found = reader.read(html.format(n=17), profile=parse_profile(PROFILE, "test"))
    assert "".join(block.text for block in found.blocks if not block.volatile) == lasting
    assert "17" in "".join(block.text for block in found.blocks if block.volatile)


# Frames


def test_frames_are_read_where_they_stand(reader: Reader) -> None:
    frame = "<body style=margin:0><span style='color:#f00;background:#f00'>框中红字</span>"
    html = (
        "<div style=height:300px></div>"
        "<iframe src=/frame style='margin-left:200px;border:15px solid;padding:9px'></iframe>"
    )
    found = reader.read(html, {"/frame": frame})
    block = block_of(found, "框中红字")
    assert block.frame == f"{SITE}/frame"
    assert_covers(found, block.boxes(0, 4))


def test_a_frame_in_a_frame_is_read_where_it_stands(reader: Reader) -> None:
    inner = "<body style=margin:0><span style='color:#f00;background:#f00'>深处红字</span>"
    outer = "<div style=height:40px></div><iframe src=/inner style=margin-left:50px></iframe>"
    found = reader.read(
        "<iframe src=/outer width=600 height=300 style=margin:30px></iframe>",
        {"/outer": outer, "/inner": inner},
    )
    assert_covers(found, block_of(found, "深处红字").boxes(0, 4))


@pytest.mark.parametrize("style", ["display:none", "visibility:hidden", "width:0;height:0"])
def test_a_hidden_frames_text_is_not_shown(style: str, reader: Reader) -> None:
    html = f"<p>正文</p><iframe src=/frame style='border:0;{style}'></iframe>"
    found = reader.read(html, {"/frame": "<p>看不见</p><a href=/x>暗链</a>"})
    assert texts(found) == ["正文"]
    assert [link.url for link in found.links] == [f"{SITE}/x"]


def test_a_frame_that_did_not_load_is_named_and_its_error_page_not_read(reader: Reader) -> None:
    found = reader.read(
        "<p>正文</p><iframe src=/nowhere></iframe><iframe src=/denied></iframe>",
        {"/denied": "Not carried by the egress guard"},
    )
    assert texts(found) == ["正文"]
    assert found.frames_unread == [f"{SITE}/nowhere", f"{SITE}/denied"]


# Where it stands


def block_of(found: PageReading, text: str) -> TextBlock:
    return next(block for block in found.blocks if text in block.text)


def assert_covers(found: PageReading, boxes: list[Box]) -> None:
    """All that is pure red on the screenshot lies in these boxes, and fills them sidewise."""
    assert found.strips
    red, green, _ = Image.open(io.BytesIO(found.strips[0])).convert("RGB").split()
    mask = ImageChops.subtract(red, green).point(lambda value: 255 if value > 120 else 0)
    seen = mask.getbbox()
    assert seen is not None, "nothing red was drawn"
    left, top = min(box.x for box in boxes), min(box.y for box in boxes)
    right = max(box.x + box.width for box in boxes)
    bottom = max(box.y + box.height for box in boxes)
    assert left - 2 <= seen[0] <= left + 2, (seen, boxes)
    assert right - 2 <= seen[2] <= right + 2, (seen, boxes)
    assert top - 2 <= seen[1], (seen, boxes)
    assert seen[3] <= bottom + 2, (seen, boxes)


WRAPPED = """() => [...document.querySelectorAll("mark")].map((el) => [...el.getClientRects()]
  .map((r) => [r.x + scrollX, r.y + scrollY, r.width, r.height]))[0]"""


@pytest.mark.parametrize(
    ("before", "text", "after"),
    [
        ("请加", "微信号", "领取资料"),
        ("请加 QQ:", "123456789", " 领取资料"),
        ("iiiiiiiiiiiiiiii", "微信", "WWWWWWWWWWWW"),
        ("WWW illi,", "13800138000", ",谢谢 thank you"),
        ("很长的一段话" * 30, "微信号", "领取资料" * 30),
        ("long words in a line " * 12, "abcdef12345", " and on they go " * 12),
        ("好" * 77, "跨行的这几个字", "后面"),
        ("😀😀😀表情", "微信", "😀"),
        ("\u20000𠮷野家", "微信", "后面"),
        ("  前面 \n 有空白 ", "微信", "  后面"),
    ],
)
def test_a_spans_boxes_cover_its_characters(
    before: str, text: str, after: str, reader: Reader
) -> None:
    style = "<style>mark{all:unset}</style>"
    plain = f"{style}<p style='margin:20px 40px'>{before}{text}{after}</p>"
    wrapped = f"{style}<p style='margin:20px 40px'>{before}<mark>{text}</mark>{after}</p>"
    block = block_of(reader.read(plain), text)
    start = block.text.index(text)
    _, rects = reader.measure(wrapped, WRAPPED)
    assert isinstance(rects, list)
    assert_same_place(block.boxes(start, start + len(text)), rects)


def assert_same_place(boxes: list[Box], rects: list[list[float]]) -> None:
    rows: dict[int, tuple[float, float]] = {}
    for box in boxes:
        left, right = rows.get(round(box.y), (box.x, box.x))
        rows[round(box.y)] = (min(left, box.x), max(right, box.x + box.width))
    wanted = {round(y): (x, x + width) for x, y, width, _ in rects if width > 0}
    assert rows.keys() == wanted.keys(), (boxes, rects)
    for y, (left, right) in wanted.items():
        assert rows[y] == pytest.approx((left, right), abs=3), (boxes, rects)


def test_a_box_covers_what_the_screenshot_shows(reader: Reader) -> None:
    html = (
        "<div style='height:1500px;position:sticky'></div><p style='margin-left:77px'>"
        "前面的话<span style='color:#f00;background:#f00'>红色的字</span>后面的话</p><div style=height:900px></div>"
    )
    found = reader.read(html)
    block = block_of(found, "红色的字")
    assert_covers(found, block.boxes(4, 8))


def test_lines_lie_within_the_text(reader: Reader) -> None:
    found = reader.read("<p>  😀 开头<br>  第二行 </p><p>" + "很长" * 200 + "</p>")
    for block in found.blocks:
        for line in block.lines:
            assert 0 <= line.start < line.end <= len(block.text), block
    covered = [line.end - line.start for line in block_of(found, "很长").lines]
    assert sum(covered) == 400


# Pages that do not end


ENDLESS = """<div id=list></div><script>
  let rows = 0;
  const more = () => { for (let i = 0; i < 10; i += 1) {
    const p = document.createElement("p"); p.textContent = `第${rows += 1}条`;
    p.style.height = "100px"; list.append(p); } };
  more();
  addEventListener("scroll", () => {
    if (rows < LIMIT && innerHeight + scrollY >= document.documentElement.scrollHeight - 10) more();
  });
</script>"""


def test_a_page_that_loads_on_scrolling_is_read_to_its_end(reader: Reader) -> None:
    found = reader.read(ENDLESS.replace("LIMIT", "40"))
    assert texts(found)[-1] == "第40条"
    assert not found.more_below


def test_an_endless_page_is_cut_off_and_says_so(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "SCROLL_STEPS", 3)
    found = reader.read(ENDLESS.replace("LIMIT", "1e9"))
    assert found.more_below
    assert len(texts(found)) == 40


def test_load_more_is_clicked_until_it_is_gone(reader: Reader) -> None:
    html = """<div id=list></div><button class=more>更多</button><script>
      let n = 0; const b = document.querySelector("button");
      b.onclick = () => { n += 1; list.append(`条${n} `); if (n === 3) b.remove(); };</script>"""
    found = reader.read(html, profile=parse_profile(PROFILE, "test"))
    assert texts(found) == ["条1 条2 条3"]
    assert not found.more_below


def test_a_load_more_that_never_ends_is_cut_off_and_says_so(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "SCROLL_STEPS", 3)
    html = "<button class=more onclick=\"document.body.append('又')\">更多</button>"
    found = reader.read(html, profile=parse_profile(PROFILE, "test"))
    assert texts(found) == ["更多又又又"]
    assert found.more_below


@pytest.mark.parametrize("cover", ["", "<div style='position:fixed;inset:0'></div>"])
def test_a_load_more_that_cannot_be_clicked_does_not_cost_the_page(
    cover: str, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "SCROLL_STEPS", 2)
    html = f"<button class=more {'' if cover else 'disabled'}>更多</button><p>正文</p>{cover}"
    found = reader.read(html, profile=parse_profile(PROFILE, "test"))
    assert "正文" in texts(found)


def test_a_tall_page_is_pictured_in_strips_down_to_the_limit(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(screenshots, "STRIP_HEIGHT", 2000)
    monkeypatch.setattr(screenshots, "MOST_STRIPS", 2)
    sizes = {}
    for height in (700, 1900, 3100, 5000):
        found = reader.read(f"<body style=margin:0><div style=height:{height}px>高</div>")
        pictures = [Image.open(io.BytesIO(strip)).size for strip in found.strips]
        sizes[height] = (pictures, found.cut_at)
    assert sizes == {
        700: ([(1280, 900)], None),
        1900: ([(1280, 1900)], None),
        3100: ([(1280, 2000), (1280, 1100)], None),
        5000: ([(1280, 2000), (1280, 2000)], 4000),
    }


def test_the_strips_show_the_page_one_below_the_other(reader: Reader) -> None:
    colours = [(n * 40 % 256, n * 90 % 256, n * 150 % 256) for n in range(30)]
    bands = "".join(
        f"<div style='height:1000px;background:rgb{colour}'></div>" for colour in colours
    )
    found = reader.read(f"<body style=margin:0>{bands}")
    assert [Image.open(io.BytesIO(strip)).size[1] for strip in found.strips] == [12000, 12000, 6000]
    seen = []
    for strip in found.strips:
        picture = Image.open(io.BytesIO(strip)).convert("RGB")
        seen += [picture.getpixel((600, top + 500)) for top in range(0, picture.size[1], 1000)]
    for shown, colour in zip(seen, colours, strict=True):
        assert isinstance(shown, tuple)
        assert max(abs(one - other) for one, other in zip(shown, colour, strict=True)) < 12


def test_a_page_that_is_never_quiet_is_read_all_the_same(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Traffic.quiet, "__defaults__", (0.5,))
    html = "<p>正文</p><script>setInterval(() => fetch('/poll').catch(() => 0), 50)</script>"
    assert texts(reader.read(html)) == ["正文"]


def test_text_that_a_script_brings_in_steps_is_waited_for(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(traffic, "QUIET_SECONDS", 0.4)
    html = """<script>
      fetch("/one").then((r) => r.text()).then(() => setTimeout(() =>
        fetch("/two").then((r) => r.text()).then((t) => document.body.append(t)), 150));
      </script>"""
    assert texts(reader.read(html, {"/one": "1", "/two": "终于"})) == ["终于"]
