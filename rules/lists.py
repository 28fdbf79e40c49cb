"""A bureau's own list of words as a pack: which entries are taken, which are refused and why.

A list is measured before it acts (see ``spaceaudit rules try --list``): a word of everyday use on
it would flag every lesson. What is taken becomes rules like any others, one for each family,
severity and basis, with the contexts of prohibition and warning that let a hit fall.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from models.vocabulary import Severity
from rules.families import families
from rules.folding import fold
from rules.pack import RulePack, cue_sets
from rules.rule import Basis, Context, Rule
from rules.segmentation import frequency

#: The document that a list's rules cite when the list names none of its own.
OWN_DOCUMENT = "本单位名单"
#: A word that the tokeniser's dictionary saw as often is of everyday use: 人民 43,719, 社会 43,401,
#: 网络 8,352, 安全 9,921; below it stand words that a list may well mean: 毒品 566, 赌博 610.
EVERYDAY = 3_000
#: From here on a word is taken, with a warning: 打架 579, 黄金 3,086 stand to either side of it.
FREQUENT = 500
#: More characters are a sentence, which will hardly be written again.
LONGEST = 40
#: Latin letters or digits alone need this many to be no part of other words.
SHORTEST_LATIN = 4
#: The families that a list's entries fall in when it does not say.
DEFAULT_FAMILY = "wording"

_EXAMPLES = 8
_COLUMNS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "word": ("词", "词语", "敏感词", "词条", "内容", "关键词", "word"),
        "family": ("类别", "分类", "类型", "family"),
        "severity": ("级别", "程度", "等级", "severity"),
        "basis": ("依据", "来源", "文件", "basis"),
    }
)
_EXCLUDED_CUES = ("negation-near", "debunking", "correction")


@dataclass(frozen=True, slots=True)
class ListEntry:
    """One word of a list; ``number`` is its line or row, from 1."""

    number: int
    phrase: str
    family: str
    severity: Severity
    basis: str


@dataclass(frozen=True, slots=True)
class Remark:
    """A row that was refused, or taken with a warning; ``why`` is for officers."""

    number: int
    word: str
    why: str

    def __str__(self) -> str:
        return f"第 {self.number} 行“{self.word}”：{self.why}"


@dataclass(slots=True)
class ReadList:
    """What of a list is taken, and what is not."""

    entries: list[ListEntry] = field(default_factory=list)
    refused: list[Remark] = field(default_factory=list)
    warned: list[Remark] = field(default_factory=list)


Row = tuple[int, Sequence[str]]


def read_list(rows: Iterable[Row], *, basis: str, family: str = DEFAULT_FAMILY) -> ReadList:
    """Read a list's rows, given as (number, cells).

    Args:
        rows: With a heading of 词, 类别, 级别, 依据 in any order; without one the first cell counts.
        basis: What an entry cites that brings no 依据 of its own.
        family: Id or label of the family for entries that bring no 类别.
    """
    read = ReadList()
    columns: Mapping[str, int] = {"word": 0}
    seen: dict[str, int] = {}
    for place, (number, cells) in enumerate(rows):
        if place == 0 and (found := _heading(cells)):
            columns = found
            continue
        values = {name: _cell(cells, at) for name, at in columns.items()}
        word = values["word"]
        if not word or word.startswith("#"):
            continue
        entry = _entry(number, word, values, basis, family)
        folded = fold(word).text
        if isinstance(entry, Remark):
            read.refused.append(entry)
        elif folded in seen:
            read.refused.append(Remark(number, word, f"与第 {seen[folded]} 行重复"))
        else:
            seen[folded] = number
            read.entries.append(entry)
            read.warned += _warnings(entry)
    return read


def _heading(cells: Sequence[str]) -> dict[str, int]:
    """The columns by name; empty when the row is no heading."""
    found = {
        name: at
        for name, words in _COLUMNS.items()
        for at, cell in enumerate(cells)
        if cell.strip().lower() in words
    }
    return found if "word" in found else {}


def _cell(cells: Sequence[str], at: int) -> str:
    return cells[at].strip() if at < len(cells) else ""


def _entry(
    number: int, word: str, values: Mapping[str, str], basis: str, family: str
) -> ListEntry | Remark:
    if why := refusal(word):
        return Remark(number, word, why)
    said = values.get("family") or family
    known = _family(said)
    if known is None:
        labels = "、".join(each.label for each in families().values())
        return Remark(number, word, f"没有类别“{said}”；可用：{labels}")
    level = values.get("severity") or Severity.SUSPECT.label
    severity = next((each for each in Severity if level in (each.label, each.value)), None)
    if severity is None:
        labels = "、".join(each.label for each in Severity)
        return Remark(number, word, f"没有级别“{level}”；可用：{labels}")
    return ListEntry(number, word, known, severity, values.get("basis") or basis)


def _family(said: str) -> str | None:
    return next((id_ for id_, each in families().items() if said in (id_, each.label)), None)


def refusal(word: str) -> str:
    """Why a word may not be on a list; "" when it may."""
    folded = fold(word).text.strip()
    bare = re.sub(r"[^\w\u4e00-\u9fff]", "", folded)
    if not bare:
        return "没有可以匹配的字"
    if len(bare) == 1:
        return "单个字会在无数正常词语中出现"
    if len(folded) > LONGEST:
        return f"超过 {LONGEST} 个字，不像词语"
    if bare.isascii() and len(bare) < SHORTEST_LATIN:
        return f"字母或数字少于 {SHORTEST_LATIN} 个，会出现在其他单词或号码里"
    if frequency(bare) >= EVERYDAY:
        return "日常用语，会命中大量正常课文和通知"
    return ""


def _warnings(entry: ListEntry) -> list[Remark]:
    if frequency(fold(entry.phrase).text) < FREQUENT:
        return []
    return [Remark(entry.number, entry.phrase, "较常用的词，请先看试用结果")]


def list_pack(name: str, version: str, entries: Sequence[ListEntry]) -> RulePack:
    """The entries as a pack: a rule for each family, severity and basis.

    Raises:
        ValueError: there is no entry.
    """
    if not entries:
        raise ValueError("the list has no entry that can be used")
    groups: dict[tuple[str, Severity, str], list[str]] = {}
    for entry in entries:
        groups.setdefault((entry.family, entry.severity, entry.basis), []).append(entry.phrase)
    rules = tuple(
        _rule(f"local.{name}.{family}.{number}", family, severity, basis, phrases)
        for number, ((family, severity, basis), phrases) in enumerate(groups.items(), 1)
    )
    return RulePack(id=f"local-{name}", version=version, rules=rules)


def _rule(
    rule_id: str, family: str, severity: Severity, basis: str, phrases: Sequence[str]
) -> Rule:
    known = families()[family]
    return Rule(
        id=rule_id,
        title=f"{OWN_DOCUMENT}：{known.label}",
        dimension=known.dimension,
        family=family,
        severity=severity,
        basis=(Basis(document=OWN_DOCUMENT, clause=basis),),
        mend="按本单位名单的要求核对，不当的请修改或删除。",
        phrases=tuple(phrases),
        context=Context(exclude=tuple(cue_sets()[cue] for cue in _EXCLUDED_CUES)),
        should_hit=tuple(phrases[:_EXAMPLES]),
        near_misses=tuple(f"严禁“{phrase}”" for phrase in phrases[:_EXAMPLES]),
        few_examples="由名单生成，例句由试用结果代替",
    )
