"""Matching: boundaries, evasions, context, exceptions, dates, explanations, fingerprints."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.vocabulary import Part
from rules.matcher import Hit, Matcher, fingerprint
from rules.pack import load_packs, parse_pack


def matcher_of(*rules: str, family: str = "wording") -> Matcher:
    """A matcher of small rules, each given as the YAML of what it looks for."""
    entries = [
        f"""
  - id: own.rule.r{number}
    title: 示例
    family: {family}
    severity: suspect
    basis: [{{document: 甲, clause: 一, effective_from: 2022-01-01, effective_to: 2022-12-31}}]
    mend: 改。
    should_hit: [甲]
    near_misses: [乙]
    {rule}"""
        for number, rule in enumerate(rules)
    ]
    return Matcher(parse_pack("id: own\nversion: '1'\nrules:" + "".join(entries), "own.yaml"))


def texts(hits: list[Hit]) -> list[str]:
    return [hit.text for hit in hits]


@pytest.fixture(scope="module")
def built_in() -> Matcher:
    return Matcher(load_packs())


@pytest.mark.parametrize(
    ("phrase", "text"),
    [
        ("作爱", "以人民为中心的创作爱国主义精神"),
        ("口活", "出口活动逐步恢复"),
        ("大麻", "这下惹了大麻烦"),
        ("口交", "24口交换机"),
        ("口交", "路口交通安全"),
        ("A片", "DNA片段"),
        ("国共", "中国共产党"),
        ("加微信", "欢迎参加微信公众平台的活动"),
        ("VX", "AVX指令集"),
    ],
)
def test_a_phrase_across_words_is_no_hit(phrase: str, text: str) -> None:
    assert matcher_of(f"phrases: [{phrase}]").match(text) == []


@pytest.mark.parametrize(
    ("phrase", "text"),
    [
        ("大麻", "有人在种植大麻。"),
        ("加微信", "请加微信领取"),
        ("VX", "加VX领取"),
        ("赌球", "周末一起赌球吧"),
    ],
)
def test_a_phrase_of_whole_words_is_a_hit(phrase: str, text: str) -> None:
    assert texts(matcher_of(f"phrases: [{phrase}]").match(text)) == [phrase]


@pytest.mark.parametrize(
    ("text", "original", "told"),
    [
        ("请加\u200b微\u200b信", "加\u200b微\u200b信", "不可见字符"),
        ("请加*微*信", "加*微*信", "插入、重复或拆开的字符"),
        ("请加 微 信", "加 微 信", "插入、重复或拆开的字符"),
        ("请加Ⓥ信", "加Ⓥ信", "变体字母或数字"),
        ("请加微微微信", "加微微微信", "插入、重复或拆开的字符"),
    ],
)
def test_an_evasion_is_undone_and_said(text: str, original: str, told: str) -> None:
    (hit,) = matcher_of("phrases: [加微信, 加V信]").match(text)
    assert hit.text == original == text[hit.start : hit.end]
    assert told in hit.explanation


@pytest.mark.parametrize("text", ["请加微信", "請加微信", "ＶＸ"])
def test_ordinary_writing_is_not_called_an_evasion(text: str) -> None:
    (hit,) = matcher_of("phrases: [加微信, VX]").match(text)
    assert "规避" not in hit.explanation


def test_an_allow_phrase_cancels_only_what_is_inside_it() -> None:
    matcher = matcher_of("phrases: [震撼教育]\n    allow: [震撼教育法]")
    assert texts(matcher.match("震撼教育法；震撼教育")) == ["震撼教育"]


def test_one_rules_long_phrase_does_not_hide_anothers_short_one() -> None:
    hits = matcher_of("phrases: [严禁赌博网站]", "phrases: [赌博网站]").match("严禁赌博网站")
    assert [hit.rule.id for hit in hits] == ["own.rule.r0", "own.rule.r1"]


def test_of_one_rules_overlapping_phrases_the_longest_counts() -> None:
    assert texts(matcher_of("phrases: [加微信, 加微信领取]").match("加微信领取")) == ["加微信领取"]


def test_overlapping_words_of_one_automaton_are_all_seen() -> None:
    """The trap of other automata: cba hides b when the text is cb."""
    assert texts(matcher_of("phrases: [丙乙甲丁, 乙甲戊己]").match("丙乙甲戊己")) == ["乙甲戊己"]


def test_context_words_let_a_hit_stand_or_fall() -> None:
    matcher = matcher_of("phrases: [限时抢购]\n    context: {require: [课程], exclude: [骗局]}")
    (hit,) = matcher.match("本课程限时抢购")
    assert "“课程”" in hit.explanation
    assert "骗局" in hit.explanation
    assert matcher.match("限时抢购") == []
    assert matcher.match("课程限时抢购是骗局") == []


def test_context_is_the_sentence_unless_a_window_is_given() -> None:
    sentence = matcher_of("phrases: [限时抢购]\n    context: {exclude: [骗局]}")
    window = matcher_of(
        "phrases: [限时抢购]\n    context: {exclude: [{label: 辟谣, words: [骗局], window: 9}]}"
    )
    text = "这是骗局。请看：限时抢购！"
    assert texts(sentence.match(text)) == ["限时抢购"]
    assert window.match(text) == []


def test_a_cue_inside_the_hit_or_a_set_phrase_does_not_count() -> None:
    cues = "{label: 防范, words: [不要], but_not: [不要错过]}"
    matcher = matcher_of(f"phrases: [限时抢购, 不要钱的课]\n    context: {{exclude: [{cues}]}}")
    assert texts(matcher.match("限时抢购，不要错过")) == ["限时抢购"]
    assert texts(matcher.match("不要钱的课")) == ["不要钱的课"]
    assert matcher.match("不要点限时抢购") == []


def test_a_cue_in_the_gap_of_a_pattern_counts() -> None:
    matcher = matcher_of("patterns: ['国歌.{0,6}广告']\n    context: {exclude: [不得]}")
    assert texts(matcher.match("国歌用于广告")) == ["国歌用于广告"]
    assert matcher.match("国歌不得用于广告") == []


def test_a_title_in_brackets_may_be_left_alone() -> None:
    matcher = matcher_of("phrases: [赌徒必胜]\n    context: {skip_titles: true}")
    assert matcher.match("小说《赌徒必胜》的结局") == []
    assert texts(matcher.match("《小说》赌徒必胜")) == ["赌徒必胜"]


def test_a_pattern_is_tried_near_its_anchor_only() -> None:
    matcher = matcher_of("patterns: ['\\d{5}']\n    anchors: [群号]")
    assert texts(matcher.match("群号12345")) == ["12345"]
    assert matcher.match("12345") == []
    assert matcher.match("群号" + "字" * 150 + "12345") == []


@pytest.mark.parametrize(
    ("text", "original"),
    [
        ("我们保*证*提*分", "保*证*提*分"),
        ("保 证 两 周 提 分", "保 证 两 周 提 分"),
        ("请看：保·证孩子提🌟分！", "保·证孩子提🌟分"),
        ("保\u200b证*两周*提分", "保\u200b证*两周*提分"),
    ],
)
def test_a_pattern_sees_through_what_was_put_between(text: str, original: str) -> None:
    matcher = matcher_of("patterns: ['保证[^。]{0,3}提分']\n    anchors: [保, 提分]")
    (hit,) = matcher.match(text)
    assert hit.text == original == text[hit.start : hit.end]
    assert "插入、重复或拆开的字符" in hit.explanation


@pytest.mark.parametrize(
    "text",
    [
        "姓名 保证 金额 提分",  # headings of a table
        "气温为-30度",  # a sign belongs to its number
        "浓度为0.5%的盐水",
        "保证！提分",  # punctuation parts clauses
    ],
)
def test_a_pattern_does_not_join_what_is_apart(text: str) -> None:
    matcher = matcher_of("patterns: ['保证提分|保证金额提分|气温为30度|05的盐水']")
    assert matcher.match(text) == []


def test_what_was_put_between_does_not_hide_the_context() -> None:
    matcher = matcher_of("phrases: [加微信]\n    context: {exclude: [不要]}")
    assert texts(matcher.match("请 加 微 信 领取")) == ["加 微 信"]
    assert matcher.match("请 不 要 加 微 信 领取") == []


def test_a_hit_of_both_readings_is_one_hit() -> None:
    matcher = matcher_of("patterns: ['加[^。]{0,9}信']")
    (hit,) = matcher.match("加*微*信")
    assert "规避" not in hit.explanation


@pytest.mark.parametrize(
    ("text", "slip"),
    [
        ("全国人民代表会是最高国家权力机关", "全国人民代表会"),
        ("召开全国人民代大表会", "全国人民代大表会"),
        ("全国人民代理大会召开", "全国人民代理大会"),
        ("全国的人民代表大会", "全国的人民代表大会"),
        ("全 国 人 民 代 表 会", "全 国 人 民 代 表 会"),
    ],
)
def test_a_slip_of_an_official_name_is_a_hit(text: str, slip: str) -> None:
    (hit,) = matcher_of("names: [全国人民代表大会]").match(text)
    assert hit.text == slip == text[hit.start : hit.end]
    assert "疑为“全国人民代表大会”之误" in hit.explanation


@pytest.mark.parametrize(
    "text",
    [
        "全国人民代表大会",
        "各级人民代表大会",
        "全国人民代表",
        "我国人民代表大会制度",
    ],
)
def test_a_name_or_another_is_no_slip(text: str) -> None:
    assert matcher_of("names: [全国人民代表大会]").match(text) == []


def test_a_pattern_may_narrow_its_hit_and_ask_a_validator() -> None:
    matcher = matcher_of(
        "patterns: ['证号(?P<hit>(?P<value>\\d{18}))']\n    validator: identity_number"
    )
    assert texts(matcher.match("证号350502201003071236")) == ["350502201003071236"]
    assert matcher.match("证号350502201003071235") == []


def test_exceptions_of_subject_stage_part_and_date() -> None:
    matcher = matcher_of(
        "phrases: [震撼教育]\n    subjects: [历史]\n    stages: [小学]\n    parts: [page]"
    )
    text = "震撼教育"
    assert matcher.match(text)
    assert matcher.match(text, subject="数学", stage="小学", part=Part.PAGE, on=date(2022, 8, 1))
    assert not matcher.match(text, subject="历史")
    assert not matcher.match(text, stage="初中")
    assert not matcher.match(text, part=Part.ATTACHMENT)
    assert not matcher.match(text, on=date(2021, 12, 31))
    assert not matcher.match(text, on=date(2023, 1, 1))


def test_hits_come_in_order_with_exact_offsets(built_in: Matcher) -> None:
    text = "①更多资料请加微信：abc12345。\n身份证号 350502201003071236"
    hits = built_in.match(text)
    assert [hit.start for hit in hits] == sorted(hit.start for hit in hits)
    assert all(text[hit.start : hit.end] == hit.text for hit in hits)
    assert {"normative.contacts.wechat-id", "normative.personal-data.identity-number"} <= {
        hit.rule.id for hit in hits
    }


@pytest.mark.parametrize(
    "text",
    [
        "主题班会：远离毒品，认识冰毒、海洛因的危害，珍爱生命。",
        "鸦片战争后，中国开始沦为半殖民地半封建社会。",
        "严禁在职教师组织有偿补课，不得向学生推荐校外培训机构。",
        "反诈宣传：刷单返利、加微信领红包都是诈骗。",
        "“喝碱性水能治癌”是谣言，没有科学依据。",
        "生物的生殖：被子植物的双受精。",
        "国旗、国徽、国歌不得用于商业广告。",
        "坚决反对“台独”分裂势力，维护国家统一。",
        "小明买了一送一的牛奶，打八折后应付多少元？",
    ],
)
def test_lessons_statutes_and_warnings_pass(built_in: Matcher, text: str) -> None:
    assert [hit.rule.id for hit in built_in.match(text) if hit.rule.severity.rank > 0] == []


def test_a_fingerprint_stays_when_the_text_around_moves() -> None:
    first = "请加微信领取课件。"
    moved = "新的一段。\n请加 \u200b微信领取课件。另一句"
    one = fingerprint("r", first, 1, 4)
    at = moved.index("加")
    assert one == fingerprint("r", moved, at, moved.index("信") + 1)
    assert one.startswith("f_")
    assert len(one) == 22


def test_a_fingerprint_tells_rules_and_sentences_apart() -> None:
    text = "请加微信领取课件。勿加微信！"
    first, second = text.index("加"), text.rindex("加")
    prints = {
        fingerprint("r", text, first, first + 3),
        fingerprint("r", text, second, second + 3),
        fingerprint("q", text, first, first + 3),
    }
    assert len(prints) == 3


_BUILT_IN = Matcher(load_packs())


@given(
    st.text(
        st.sampled_from("加微信号码姓名电话图片来自网络*1380 \u200b①。\n《》震惊!身份证"),
        max_size=80,
    )
)
def test_no_text_breaks_the_matcher(text: str) -> None:
    for hit in _BUILT_IN.match(text):
        assert 0 <= hit.start < hit.end <= len(text)
        assert hit.text == text[hit.start : hit.end]
        assert hit.explanation
