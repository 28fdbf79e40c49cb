"""Folding: what it undoes, what it must leave, and that every span leads back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.folding import Folded, fold
from rules.loosening import dense_skips, loosen, part_pairs

#: Ordinary text mixed with everything folding treats specially.
TRICKY = st.text(
    st.one_of(
        st.characters(exclude_categories=["Cs"]),
        st.sampled_from("微信加乾隆康燥台灣國ＡＢ①❶⒈㈱ﬁ…️\u200b\u200d\u00ad\u0301\u20e3İß *-."),
    ),
    max_size=60,
)


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("ＶＸ：１３８", "vx:138"),
        ("①②❸➃⓪", "12340"),
        ("🅥🅧", "vx"),
        ("𝐕𝐗 ⓥⓧ", "vx vx"),
        ("加\u200b微\u2063信\ufeff", "加微信"),
        ("加\u0332微\u0332信", "加微信"),
        ("wēi xìn", "wei xin"),
        ("1️⃣3️⃣8️⃣", "138"),
        ("臺灣國家", "台湾国家"),
        ("㈱", "株"),
        ("ⅣＫＧ", "ivkg"),
    ],
)
def test_undoes_the_way_characters_are_written(text: str, folded: str) -> None:
    assert fold(text).text == folded


@pytest.mark.parametrize(
    "text",
    ["乾隆年间", "康乾盛世", "乾坤", "下三滥", "a ≠ b", "狼藉", "瞭望", "显著", "が", "한글", "ก็"],
)
def test_leaves_what_means_something_else(text: str) -> None:
    assert fold(text).text == text


def test_folds_dry_but_not_the_emperor() -> None:
    assert fold("乾隆皇帝把頭髮晾乾").text == "乾隆皇帝把头发晾干"


@pytest.mark.parametrize(
    ("text", "span", "original"),
    [
        ("请加\u200b微\u200b信", (1, 4), "加\u200b微\u200b信"),
        ("㈱甲", (0, 1), "㈱"),
        ("㋿甲", (1, 3), "㋿甲"),
        ("一…二", (1, 4), "…"),
        ("\u200b\u200b甲乙", (0, 2), "甲乙"),
    ],
)
def test_a_span_leads_back_to_its_characters(
    text: str, span: tuple[int, int], original: str
) -> None:
    start, end = fold(text).original(*span)
    assert text[start:end] == original


@pytest.mark.parametrize(
    ("text", "loose"),
    [
        ("加*微*信", "加微信"),
        ("加 微 信", "加微信"),
        ("加·微-信", "加微信"),
        ("傻傻傻傻逼", "傻逼"),
        ("加👍微👍信", "加微信"),
    ],
)
def test_the_looser_fold_skips_what_was_put_between(text: str, loose: str) -> None:
    found = loosen(fold(text))
    assert found is not None
    assert found.text == loose


@pytest.mark.parametrize(
    "text", ["妈妈的爱", "天天向上", "一，二。三", "你好。再见", "a v b", "first second", "看看书"]
)
def test_the_looser_fold_leaves_ordinary_writing(text: str) -> None:
    assert loosen(fold(text)) is None


@pytest.mark.parametrize(
    "text", ["气温为-30度", "为 -3", "浓度5%的盐水", "在3/4处", "第1.5节", "和+2相加"]
)
def test_the_looser_fold_leaves_what_belongs_to_a_number(text: str) -> None:
    loosened = loosen(fold(text))
    assert loosened is None or loosened.text == text.replace("为 -", "为-")


@pytest.mark.parametrize(
    ("text", "looks"),
    [
        ("加*微信", True),
        ("加 微 信", True),
        ("姓名 电话 住址", False),  # words of two, as in a table
        ("第一课 春天", False),
        ("保🌟证", True),
    ],
)
def test_a_skip_looks_like_an_evasion(text: str, looks: bool) -> None:
    folded = fold(text)
    loosened = loosen(folded)
    assert loosened is not None
    assert bool(dense_skips(folded, loosened).size) is looks


def test_a_loose_span_leads_back_through_both_folds() -> None:
    text = "请\u200b加*微*Ｘ信"
    folded = fold(text)
    loose = loosen(folded)
    assert loose is not None
    start = loose.text.index("微")
    assert _source(text, folded, loose.original(start - 1, start + 1)) == "加*微"


def _source(text: str, folded: Folded, span: tuple[int, int]) -> str:
    start, end = folded.original(*span)
    return text[start:end]


@given(TRICKY)
def test_folding_twice_is_folding_once(text: str) -> None:
    once = fold(text).text
    assert fold(once).text == once


@given(TRICKY)
def test_every_span_maps_back_inside_the_text_and_in_order(text: str) -> None:
    folded = fold(text)
    spans = [folded.original(index, index + 1) for index in range(len(folded.text))]
    assert all(0 <= start < end <= len(text) for start, end in spans)
    assert spans == sorted(spans)
    assert all(folded.text[i] in fold(text[s:e]).text or folded.text[i] == "乾"
               for i, (s, e) in enumerate(spans))  # fmt: skip


@given(TRICKY)
def test_the_looser_fold_maps_back_character_by_character(text: str) -> None:
    folded = fold(text)
    loose = loosen(folded)
    if loose is None:
        return
    for index, character in enumerate(loose.text):
        start, end = loose.original(index, index + 1)
        source = folded.text[start:end]
        assert set(source) == {character} or part_pairs()[source] == character


@given(TRICKY, TRICKY)
def test_folding_works_piece_by_piece(first: str, second: str) -> None:
    """Nothing depends on the place in the text, but for 乾 and its neighbour."""
    whole = fold(first + second).text.replace("乾", "干")
    assert whole == (fold(first).text + fold(second).text).replace("乾", "干")


@given(st.text(st.sampled_from("加微信弓虽氵去*_ ,，、【】()👍…\n.-a1bb国"), max_size=14))
def test_the_short_cut_for_short_texts_hides_no_change(text: str) -> None:
    """Padded beyond the length up to which it is taken, the same text is loosened in the same way."""
    folded = fold(text)
    padded = loosen(fold(text + "\u2fff" + "甲乙" * 200))
    whole = padded.text.split("\u2fff")[0] if padded else folded.text
    short = loosen(folded)
    assert (short.text if short else folded.text) == whole
