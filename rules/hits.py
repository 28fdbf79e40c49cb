"""A hit: which rule, on which exact characters, and why, in words for an officer."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from rules.characters import is_invisible
from rules.folding import fold
from rules.rule import Rule
from rules.segmentation import sentence_around

#: Folded characters on each side that tell one hit of a rule from another.
_FINGERPRINT_REACH = 20
#: Original characters read for them; more, because folding may drop some.
_FINGERPRINT_READ = 80


@dataclass(frozen=True, slots=True)
class Hit:
    """One rule on one span of a text.

    ``text`` is ``original[start:end]`` exactly; ``matched`` is the phrase found, in folded form.
    """

    rule: Rule
    start: int
    end: int
    text: str
    matched: str
    explanation: str


def fingerprint(rule_id: str, text: str, start: int, end: int) -> str:
    """Identify a hit by rule and folded words around it, wherever it stands in the text.

    The words are those of its sentence, at most 20 characters to each side, blanks left out; so
    that a decision follows its finding when other parts of the page change.
    """
    low, high = max(0, start - _FINGERPRINT_READ), min(len(text), end + _FINGERPRINT_READ)
    before, inside, after = (
        fold(part).text for part in (text[low:start], text[start:end], text[end:high])
    )
    whole = before + inside + after
    first, last = sentence_around(whole, len(before), len(before) + len(inside))
    left = _unspaced(whole[first : len(before)])[-_FINGERPRINT_REACH:]
    right = _unspaced(whole[len(before) + len(inside) : last])[:_FINGERPRINT_REACH]
    key = "\x1f".join((rule_id, left, _unspaced(inside), right))
    return "f_" + hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:20]


def _unspaced(text: str) -> str:
    return re.sub(r"\s+", "", text)


@dataclass(frozen=True, slots=True)
class Matched:
    """What of a rule was found, in folded form."""

    text: str
    #: Found only in the loosened text.
    loose: bool = False
    #: Found only by sound or likeness.
    heard: bool = False
    #: The official name of which it is a slip.
    meant: str | None = None


def explain(rule: Rule, original: str, matched: Matched, seen: tuple[str, ...]) -> str:
    """Say what matched, what was undone to see it, what it stands by, and what would refuse it."""
    parts = [f"命中“{matched.text}”"]
    if matched.meant is not None:
        parts.append(f"疑为“{matched.meant}”之误")
    if undone := _undone(original, matched):
        parts.append(f"原文写作“{original}”，已还原规避写法（{undone}）")
    if seen:
        parts.append("同时出现" + "、".join(f"“{word}”" for word in seen))
    if rule.validator is not None:
        parts.append("号码或数值校验成立")
    if refusals := _refusals(rule):
        parts.append("可排除的情形：" + "；".join(refusals))
    return "。".join(parts) + "。"


def _undone(original: str, matched: Matched) -> str:
    """The evasions in the original characters; case and width alone are none."""
    found = []
    if matched.loose:
        found.append("插入、重复或拆开的字符")
    if matched.heard:
        found.append("谐音、形近、拼音或首字母")
    if original == matched.text or fold(original).text == original:
        return "、".join(found)
    if any(is_invisible(character) for character in original):
        found.append("不可见字符或叠加符号")
    visible = (character for character in original if not is_invisible(character))
    if any(_is_styled(character) for character in visible):
        found.append("变体字母或数字")
    return "、".join(found)


def _is_styled(character: str) -> bool:
    """A circled, squared or otherwise dressed letter or digit; full width is ordinary typing."""
    if (
        character.isascii()
        or "\u3400" <= character <= "\u9fff"
        or "\uff01" <= character <= "\uff5e"
    ):
        return False
    folded = fold(character).text
    return folded != character and folded.isascii() and any(part.isalnum() for part in folded)


def _refusals(rule: Rule) -> list[str]:
    reasons = [cues.label for cues in rule.context.exclude]
    if rule.allow:
        reasons.append("属于“" + "”“".join(rule.allow[:3]) + "”等正常用语")
    if rule.subjects:
        reasons.append("、".join(rule.subjects) + "学科教学内容")
    if rule.context.skip_titles:
        reasons.append("书名号内的作品名")
    return reasons
