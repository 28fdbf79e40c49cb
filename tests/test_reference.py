"""The fast matcher finds what the plain one finds, at the same original characters."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.folding import fold
from rules.loosening import loosen
from rules.matcher import Matcher
from rules.segmentation import on_word_boundaries, word_bounds, words_in
from tests.reference import matches, whole_words
from tests.test_matcher import matcher_of

PHRASES = (
    "加微信",
    "微信",
    "作爱",
    "口活",
    "大麻",
    "中国",
    "爱国",
    "出口",
    "路口交通",
    "vx",
    "138",
    "国共",
    "人民",
)
ALLOWED = ("微信公众", "中国人民", "大麻烦")
WORDS = (*PHRASES, *ALLOWED, "创", "动", "产党", "烦", "的", "我们", "学校", "教育", "，", "。", "\n", "①",
         "Ａ", "ⓥⓧ", "國", "\u200b", "\u0336", "㋿", "a", "5", "乾隆", "𠮷", "\ud800")  # fmt: skip
TEXTS = st.lists(st.sampled_from(WORDS), max_size=30).map("".join)


@pytest.fixture(scope="module")
def matcher() -> Matcher:
    phrases, allowed = (json.dumps(some, ensure_ascii=False) for some in (PHRASES, ALLOWED))
    return matcher_of(f"phrases: {phrases}\n    allow: {allowed}")


@settings(max_examples=500, deadline=None)
@given(text=TEXTS)
def test_the_fast_matcher_finds_what_the_plain_one_finds(matcher: Matcher, text: str) -> None:
    found = [(hit.start, hit.end) for hit in matcher.match(text)]
    if loosen(fold(text)) is None:
        assert found == matches(text, PHRASES, ALLOWED)
    else:  # the loosened text may add hits, and the first and longest of both count
        assert all(
            any(start < b and a < end for a, b in found)
            for start, end in matches(text, PHRASES, ALLOWED)
        )


@settings(max_examples=500, deadline=None)
@given(text=TEXTS, data=st.data())
def test_cutting_around_a_span_is_cutting_its_sentence(text: str, data: st.DataObject) -> None:
    folded = fold(text).text
    if not folded:
        return
    start = data.draw(st.integers(0, len(folded) - 1))
    end = data.draw(st.integers(start + 1, min(len(folded), start + 5)))
    assert on_word_boundaries(folded, start, end) is whole_words(folded, start, end)


def test_the_bounds_of_ordinary_text_are_those_of_its_words() -> None:
    text = "以人民为中心的创作爱国主义精神，出口活动逐步恢复。24口交换机与DNA片段"
    ends, at = [0], 0
    for word in words_in(text):
        at += len(word)
        ends.append(at)
    for start in range(len(text)):
        for end in range(start + 1, min(len(text), start + 6) + 1):
            expected = {bound for bound in ends if start <= bound <= end}
            assert set(word_bounds(text, start, end)) == expected
