"""Packs: the built-in rules keep their promises, and a bad rule is refused with its place."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest
import yaml

from models.vocabulary import Part, Severity
from rules.examples import check_examples
from rules.families import families
from rules.matcher import Matcher
from rules.pack import PackError, RulePack, load_packs, parse_pack
from rules.rule import ENOUGH_EXAMPLES

ORDINARY_TEXTS = Path(__file__).parent / "ordinary_texts.txt"

GOOD = """
id: own
version: "1"
rules:
  - id: own.words.one
    title: 示例
    family: wording
    severity: notice
    basis: [language 第十条]
    mend: 改正。
    phrases: [按装]
    should_hit: [老师在按装设备]
    near_misses: [安装设备]
"""


@pytest.fixture(scope="module")
def pack() -> RulePack:
    return load_packs()


def test_every_example_is_read_rightly(pack: RulePack) -> None:
    assert [str(failure) for failure in check_examples(pack)] == []


def test_ordinary_texts_raise_no_suspicion(pack: RulePack) -> None:
    """Of any rule: a rule's own near misses say nothing of the other rules."""
    lines = ORDINARY_TEXTS.read_text(encoding="utf-8").splitlines()
    texts = [line for line in lines if line and not line.startswith("#")]
    matcher = Matcher(pack)
    alarms = [
        f"{hit.rule.id} on {hit.text!r} in {text!r}"
        for text in texts
        for hit in matcher.match(text)
        if hit.rule.severity is not Severity.NOTICE
    ]
    assert len(texts) >= 150
    assert alarms == []


def test_every_family_has_a_rule(pack: RulePack) -> None:
    assert {rule.family for rule in pack.rules} == set(families())


def test_every_rule_has_enough_examples_of_both_kinds(pack: RulePack) -> None:
    """Or says why it cannot."""
    fewest = {r.id: min(len(r.should_hit), len(r.near_misses)) for r in pack.rules}
    unexplained = [
        r.id for r in pack.rules if fewest[r.id] < ENOUGH_EXAMPLES and not r.few_examples
    ]
    assert unexplained == []


def test_every_rule_tells_the_teacher_what_to_mend_and_says_since_when(pack: RulePack) -> None:
    """In Chinese, in a sentence of its own; each clause with its document and its date."""
    silent = [r.id for r in pack.rules if not re.search(r"[\u4e00-\u9fff]{2}.*。$", r.mend)]
    assert silent == []
    undated = [
        (rule.id, str(basis))
        for rule in pack.rules
        for basis in rule.basis
        if not basis.document or not basis.clause or basis.effective_from is None
    ]
    assert undated == []


def test_no_rule_stands_on_what_came_after_the_round(pack: RulePack) -> None:
    """Unless another of its clauses was in force: the round of 2022 is judged by its own law."""
    on = date(2022, 10, 10)
    late = [r.id for r in pack.rules if not r.applies(on=on)]
    assert late == []


def test_a_rule_is_named_after_its_dimension_and_family(pack: RulePack) -> None:
    wrong = [r.id for r in pack.rules if not r.id.startswith(f"{r.dimension}.{r.family}.")]
    assert wrong == []


def test_serious_is_rare(pack: RulePack) -> None:
    """Only what is unmistakable; anything else is for a person to weigh."""
    serious = {rule.family for rule in pack.rules if rule.severity is Severity.SERIOUS}
    assert serious == {"personal-data", "gambling", "drugs", "violence"}


def test_a_digest_leaves_out_order_and_comments() -> None:
    first = load_packs(["political", "normative"])
    second = load_packs(["normative", "political"])
    assert first.digest == second.digest
    assert first.digest.startswith("sha256:")
    assert parse_pack(GOOD, "a").digest == parse_pack("# a comment\n" + GOOD, "b").digest


def test_a_rules_digest_follows_only_what_can_change_a_hit() -> None:
    rule = parse_pack(GOOD, "a").rule("own.words.one")
    reworded = parse_pack(GOOD.replace("改正。", "请改正。"), "a").rule("own.words.one")
    changed = parse_pack(GOOD.replace("[按装]", "[按装, 幅射]"), "a").rule("own.words.one")
    assert reworded.digest == rule.digest
    assert changed.digest != rule.digest


def test_the_packs_digest_follows_everything() -> None:
    reworded = GOOD.replace("改正。", "请改正。")
    assert parse_pack(GOOD, "a").digest != parse_pack(reworded, "a").digest


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("basis: [language 第十条]", "basis: []"), "own.words.one: basis"),
        (("    basis: [language 第十条]\n", ""), "own.words.one: basis"),
        (("near_misses: [安装设备]", "near_misses: []"), "own.words.one: near_misses"),
        (("should_hit: [老师在按装设备]", "should_hit: []"), "own.words.one: should_hit"),
        (("language 第十条", "nowhere 第一条"), "unknown document 'nowhere'"),
        (("family: wording", "family: nothing"), "own.words.one"),
        (("phrases: [按装]", "patterns: ['(']"), "not a regular expression"),
        (("phrases: [按装]", "patterns: ['１']"), "write '１' in its folded form '1'"),
        (("phrases: [按装]", "phrases: [按装, 按装]"), "'按装' is there twice"),
        (("phrases: [按装]", "phrases: ['\u200b']"), "folds to nothing"),
        (("phrases: [按装]", "anchors: [按装]"), "needs phrases, patterns or names"),
        (("phrases: [按装]", "phrases: [按装]\n    validator: magic"), "unknown validator"),
        (("phrases: [按装]", "phrases: [按装]\n    context: {exclude: ['@nothing']}"), "@nothing"),
        (("phrases: [按装]", "patterns: ['{nothing}国']"), "unknown list of words 'nothing'"),
        (("phrases: [按装]", "phrases: ['@nothing']"), "unknown list of words 'nothing'"),
        (("phrases: [按装]", "names: [国务院]"), "a name has at least 6 characters"),
        (
            ("phrases: [按装]", "phrases: [按装]\n    context: {exclude: [2006]}"),
            "put 2006 in quotes",
        ),
        (("phrases: [按装]", "phrases: [按装]\n    phrase: [a]"), "own.words.one: phrase"),
        (("severity: notice", "severity: bad"), "own.words.one: severity"),
        (("family: wording", "family: wording\n    dimension: political"), "belongs to normative"),
    ],
)
def test_a_bad_rule_is_refused_with_its_place(change: tuple[str, str], told: str) -> None:
    with pytest.raises(PackError) as refusal:
        parse_pack(GOOD.replace(*change), "own.yaml")
    assert str(refusal.value).startswith("own.yaml:")
    assert told in str(refusal.value)


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (("    basis: [language 第十条]\n", ""), 5),  # what is missing: where its rule begins
        (("basis: [language 第十条]", "basis: []"), 9),
        (("basis: [language 第十条]", "basis: [nowhere 第一条]"), 9),
        (("    near_misses: [安装设备]\n", ""), 5),
        (("near_misses: [安装设备]", "near_misses: []"), 13),
        (("phrases: [按装]", "patterns: ['(']"), 11),
        (("severity: notice", "severity: bad"), 8),
        (("phrases: [按装]", "phrases: [按装"), 12),
    ],
)
def test_a_bad_rule_is_refused_with_its_line(change: tuple[str, str], line: int) -> None:
    with pytest.raises(PackError, match=rf"^own\.yaml:{line}: "):
        parse_pack(GOOD.replace(*change), "own.yaml")


def test_the_second_rule_of_a_file_is_named_with_its_own_line() -> None:
    two = GOOD + GOOD[GOOD.index("  - id:") :].replace("words.one", "words.two")
    with pytest.raises(PackError, match=r"^own\.yaml:22: rule own\.words\.two: near_misses"):
        parse_pack(
            two[::-1].replace("near_misses: [安装设备]"[::-1], "near_misses: []"[::-1], 1)[::-1],
            "own.yaml",
        )


@pytest.mark.parametrize(
    "text", ["", "- a", "rules: 3", "id: a\nversion: '1'\nrules: [text]", "a: [", "rules: []"]
)
def test_what_is_no_pack_is_refused(text: str) -> None:
    with pytest.raises(PackError, match=r"own\.yaml"):
        parse_pack(text, "own.yaml")


def test_an_id_used_twice_is_refused(tmp_path: Path) -> None:
    data = yaml.safe_load(GOOD)
    data["rules"] *= 2
    with pytest.raises(PackError, match=r"own\.words\.one"):
        parse_pack(yaml.safe_dump(data, allow_unicode=True), "own.yaml")
    path = tmp_path / "own.yaml"
    path.write_text(GOOD, encoding="utf-8")
    with pytest.raises(PackError, match="used twice"):
        load_packs([str(path), str(path)])


def test_a_bureaus_own_file_joins_the_built_in_ones(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(GOOD, encoding="utf-8")
    joined = load_packs(["normative", str(path)])
    assert joined.id == "normative+own"
    assert joined.rule("own.words.one").title == "示例"


def test_an_unknown_pack_names_the_known_ones() -> None:
    with pytest.raises(PackError, match="normative"):
        load_packs(["nothing"])
    with pytest.raises(PackError, match=r"missing\.yaml"):
        load_packs(["missing.yaml"])
    with pytest.raises(PackError, match="no rule pack was named"):
        load_packs([])


def test_a_list_of_words_is_written_out() -> None:
    listed = GOOD.replace(
        "phrases: [按装]", "phrases: [按装, '@islands']\n    patterns: ['{islands}国']"
    )
    rule = parse_pack(listed, "a").rule("own.words.one")
    assert rule.phrases == ("按装", "台湾", "香港", "澳门")
    assert rule.patterns == ("(?:台湾|香港|澳门)国",)


@pytest.mark.parametrize(
    ("citation", "verify"),
    [
        ("ads 第三十九条", False),
        ("ads 第九条(三)", True),  # the item's number was not read
        ("emblem-law 第十八条", True),
        ("tutoring 五", True),  # a reprint
    ],
)
def test_a_clause_that_nobody_read_is_marked(citation: str, verify: bool) -> None:
    cited = parse_pack(GOOD.replace("language 第十条", citation), "a").rule("own.words.one")
    assert cited.basis[0].verify is verify


def test_a_basis_carries_its_dates_and_doubts(pack: RulePack) -> None:
    basis = pack.rule("normative.tutoring.phrases").basis[0]
    assert basis.verify
    assert basis.effective_from is not None
    assert str(basis).startswith("《严禁中小学校")


@pytest.mark.parametrize(
    ("text", "family"),
    [
        ("学科网（北京）股份有限公司", "sources"),  # a watermark, read from a picture
        ("www.zxxk.com", "sources"),
        ("图中二维码:https://shop.example/p/1", "links"),
        ("图中二维码:https://item.taobao.com/item.htm?id=1", "links"),
        ("图中二维码:https://pan.baidu.com/s/1abcdef", "links"),
        ("扫码加老师微信领取资料", "contacts"),
        ("中国轮廓图（南海诸岛略）", "maps"),
    ],
)
def test_text_from_pictures_is_held_against_the_same_rules(
    pack: RulePack, text: str, family: str
) -> None:
    """OCR and QR codes give text; whether the picture offends is for a person to see."""
    hits = Matcher(pack).match(text, part=Part.IMAGE)
    assert family in {hit.rule.family for hit in hits}


def test_a_code_that_leads_to_a_school_site_is_left_alone(pack: RulePack) -> None:
    for host in ("www.smartedu.cn", "www.qz.gov.cn", "sxyz.edu.cn"):
        assert Matcher(pack).match(f"图中二维码:https://{host}/a", part=Part.IMAGE) == []
