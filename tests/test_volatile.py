"""What counts as a change of an answer, and what never does: by a profile, and by two looks."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.volatile import (
    LONGEST_BLOCK,
    LONGEST_NAME,
    Mask,
    learn_blocks,
    template_of,
)
from models.manifest import TextBlock
from rules.profile import parse_profile

URL = "http://platform.example/space/s1"
HTML = "text/html; charset=utf-8"
JSON = "application/json"
PROFILE = parse_profile(
    'id: t\nversion: "1"\ntitle: t\nvolatile_selectors: [.counter, "#clock"]\nvolatile_keys: [visits]\n',
    "t.yaml",
)
BY_PROFILE = Mask.of(PROFILE)


def document(*parts: str) -> bytes:
    return f"<!doctype html><html><body>{''.join(parts)}</body></html>".encode()


def data(**values: object) -> bytes:
    return json.dumps(values, ensure_ascii=False).encode()


@pytest.mark.parametrize(
    ("first", "second", "kind", "same", "why"),
    [
        (
            document("<p class=counter>访问 1 次</p><p>文</p>"),
            document("<p class=counter>访问 2 次</p><p>文</p>"),
            HTML,
            True,
            "the profile says so",
        ),
        (
            document("<p class=counter>访问 1 次</p><p>文</p>"),
            document("<p class=counter>访问 1 次</p><p>另文</p>"),
            HTML,
            False,
            "beside it something changed",
        ),
        (
            document("<div><b id=clock>8:00</b> 之后的文字</div>"),
            document("<div><b id=clock>9:30</b> 之后的文字</div>"),
            HTML,
            True,
            "what follows the part stays",
        ),
        (
            document("<div><b id=clock>8:00</b> 之后的文字</div>"),
            document("<div><b id=clock>8:00</b> 别的文字</div>"),
            HTML,
            False,
            "what follows the part counts",
        ),
        (document("<a href=/1>文</a>"), document("<a href=/2>文</a>"), HTML, False, "a link"),
        (document("<p>一</p>"), document("<p>一</p><p>二</p>"), HTML, False, "a new paragraph"),
        (document("<p>一</p><!-- 0.1 s -->"), document("<p>一</p><!-- 0.2 s -->"), HTML, True, ""),
        (document("<pre>一 二</pre>"), document("<pre>一\n二</pre>"), HTML, False, "white space"),
        (
            document("<script>var now = 1</script>"),
            document("<script>var now = 2</script>"),
            HTML,
            False,
            "a script, of which nothing was learned",
        ),
        (data(visits=1, text="文"), data(visits=2, text="文"), JSON, True, ""),
        (data(visits=1, text="文"), data(visits=2, text="另文"), JSON, False, ""),
        (data(a=[{"visits": 1}]), data(a=[{"visits": 5}]), JSON, True, "deep down"),
        (data(a=[1, 2]), data(a=[1, 2, 3]), JSON, False, "a longer list"),
        (data(a=1, b=2), b'{"b": 2, "a": 1}', JSON, True, "the order of keys"),
        (data(text="文"), data(text=None), JSON, False, "null"),
        (b"{broken", b"{brokem", JSON, False, "not JSON"),
        (b"\x89PNG 1", b"\x89PNG 2", "image/png", False, "a picture, byte for byte"),
        (b"body { color: 1 }", b"body { color: 2 }", "text/css", False, "a style"),
        (b"", document("<p>一</p>"), HTML, False, "it came empty"),
    ],
)
def test_what_is_the_same(first: bytes, second: bytes, kind: str, same: bool, why: str) -> None:
    assert BY_PROFILE.same(first, second, kind) is same, why


@pytest.mark.parametrize(
    ("first", "second", "fits", "not_fits"),
    [
        (
            "总访问量 123 次",
            "总访问量 124 次",
            "总访问量 9,999 次".replace(",", ""),
            "总访问 123 次",
        ),
        ("2022-09-01 08:00", "2022-09-01 08:01", "2022-09-01 08:59", "2022-09-02 08:59"),
        ("csrf=a8f3b2c1", "csrf=77d0e4aa", "csrf=01234567", "csrf=登录"),
        ("今天 8:05:01 生成", "今天 8:05:02 生成", "今天 8:05:09 生成", "明天 8:05:09 生成"),
        ("晨光", "小石榴", "刺桐花开", "请先登录后再查看这个空间,谢谢!"),
        ("/space/s001", "/space/s017", "/space/s029", "/login/s029"),
    ],
)
def test_what_two_looks_teach(first: str, second: str, fits: str, not_fits: str) -> None:
    template = template_of(first, second)
    assert template is not None
    assert template.fits(fits)
    assert template.fits(first)
    assert not template.fits(not_fits)


@pytest.mark.parametrize(
    ("first", "second", "why"),
    [
        (
            "今天我们学习了分数的加法,同学们很认真。",
            "今天我们学习了分数的减法,同学们很认真。",
            "a word",
        ),
        ("函数的单调性,课后练习见附件。", "", "it is gone"),
        ("a paragraph of words, and more", "a paragraph of other words", "words"),
        ("第" * (LONGEST_NAME + 1), "课" * (LONGEST_NAME + 1), "longer than a name"),
        ("访问 12 次,好。", "访问 十二 次,好。", "not a number any more"),
    ],
)
def test_what_two_looks_do_not_teach(first: str, second: str, why: str) -> None:
    assert template_of(first, second) is None, why


def test_what_was_learned_is_masked_at_its_place_only() -> None:
    first = document("<p>访问 1 次</p><p>第 1 课</p>")
    parts = Mask().learn(first, document("<p>访问 2 次</p><p>第 1 课</p>"), HTML, URL)
    assert [(part.first, part.second) for part in parts] == [("访问 1 次", "访问 2 次")]
    mask = Mask.of(PROFILE, parts)
    assert mask.same(first, document("<p>访问 77 次</p><p>第 1 课</p>"), HTML, URL)
    assert not mask.same(first, document("<p>访问 77 次</p><p>第 2 课</p>"), HTML, URL)
    assert not mask.same(first, document("<p>访问 77 次</p><p>第 1 课</p>"), HTML, URL + "/other")
    assert not mask.same(first, document("<p>请登录</p><p>第 1 课</p>"), HTML, URL)


def test_lists_of_names_in_json_are_learned() -> None:
    first = data(visitors=["晨光", "木棉"], about="这里是王老师的空间,欢迎大家。")
    second = data(visitors=["蓝天老师", "晨光"], about="这里是王老师的空间,欢迎大家。")
    mask = Mask.of(PROFILE, Mask().learn(first, second, JSON, URL))
    third = data(visitors=["海丝风", "闽南雨"], about="这里是王老师的空间,欢迎大家。")
    assert mask.same(first, third, JSON, URL)
    assert not mask.same(first, data(visitors=["海丝风", "闽南雨"], about="改了。"), JSON, URL)


def test_nothing_is_learned_of_answers_built_otherwise() -> None:
    assert Mask().learn(document("<p>1</p>"), document("<p>1</p><p>2</p>"), HTML, URL) == ()
    assert Mask().learn(b"\x00 1", b"\x00 2", "image/png", URL) == ()


def block(text: str, locator: str = "p") -> TextBlock:
    return TextBlock(text=text, locator=locator)


def test_a_block_that_two_renderings_show_to_change_is_marked() -> None:
    long = "今天" * LONGEST_BLOCK
    first = [block("访问 1 次", "p.n"), block("第一课的笔记。"), block(f"{long} 1", "p.l")]
    second = [block("访问 2 次", "p.n"), block("第二课的笔记。"), block(f"{long} 2", "p.l")]
    parts = learn_blocks(URL, first, second)
    assert [part.where for part in parts] == ["block:text:p.n"]
    marked = Mask.of(PROFILE, parts).mark(URL, [block("访问 9 次", "p.n"), *first[1:]])
    assert [each.volatile for each in marked] == [True, False, False]
    on_another_page = Mask.of(PROFILE, parts).mark(f"{URL}/2", [block("访问 9 次", "p.n")])
    assert [each.volatile for each in on_another_page] == [True]
    elsewhere = Mask.of(PROFILE, parts).mark(URL, [block("本空间已关闭。", "p.n")])
    assert [each.volatile for each in elsewhere] == [False]
    assert learn_blocks(URL, first, second[1:]) == ()


WORDS = st.text("教学分数课笔记,。abc 12", min_size=1, max_size=60)


@given(WORDS, WORDS, WORDS)
def test_a_changed_paragraph_is_never_masked(first: str, second: str, third: str) -> None:
    """Whatever two looks taught: a sentence that becomes another sentence is a change."""
    sentence, other = f"<p>{first}。</p>", f"<p>{third}!这是改过的话。</p>"
    parts = Mask().learn(document(sentence), document(f"<p>{second}。</p>"), HTML, URL)
    mask = Mask.of(PROFILE, parts)
    assert not mask.same(document(sentence), document(other), HTML, URL)


@given(st.integers(0, 10**9), st.integers(0, 10**9), st.integers(0, 10**9), WORDS)
def test_a_counter_is_masked_and_the_words_around_it_are_not(
    first: int, second: int, third: int, words: str
) -> None:
    def shown(number: int, text: str = "") -> bytes:
        return document(f"<p>访问 {number} 次。{text}</p><p>{words}</p>")

    mask = Mask.of(PROFILE, Mask().learn(shown(first), shown(second), HTML, URL))
    assert mask.same(shown(first), shown(third), HTML, URL) is (first != second or first == third)
    assert not mask.same(shown(first), shown(third, "新"), HTML, URL)


def test_a_name_is_volatile_on_its_own_page_only() -> None:
    first, second = [block("晨光", "li")], [block("木棉", "li")]
    mask = Mask.of(PROFILE, learn_blocks(URL, first, second))
    assert [each.volatile for each in mask.mark(URL, [block("海丝风", "li")])] == [True]
    assert [each.volatile for each in mask.mark(f"{URL}/2", [block("海丝风", "li")])] == [False]


def test_a_clock_of_now_is_learned() -> None:
    """As sites without a profile have it: the time of the answer in the page's foot."""
    now = datetime(2022, 9, 1, 8, 0, 59, tzinfo=UTC)
    shown = [
        document(f"<p>第一课</p><i>页面生成时间:{now.replace(second=second):%Y/%m/%d %H:%M:%S}</i>")
        for second in (1, 3, 59)
    ]
    mask = Mask.of(PROFILE, Mask().learn(shown[0], shown[1], HTML, URL))
    assert mask.same(shown[0], shown[2], HTML, URL)
