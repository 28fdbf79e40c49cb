"""The built-in rules against cases whose author had not seen them; and how that is counted."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from rules.evaluation import (
    Case,
    CaseError,
    Reading,
    Tally,
    misses,
    parse_cases,
    read_cases,
    tally,
    tally_by_family,
)
from rules.families import families
from rules.folding import fold
from rules.matcher import Matcher
from rules.pack import load_packs, parse_pack

HERE = Path(__file__).parent
CASES = HERE / "cases" / "heldout.jsonl"
FLOOR = json.loads((HERE / "floors.json").read_text(encoding="utf-8"))["screening.heldout"]
MEASURE_AGAIN = (
    "the cases changed: measure again by bench/screening.py, and write the new floors"
    " with the new digest to tests/floors.json"
)


@pytest.fixture(scope="module")
def cases() -> tuple[Case, ...]:
    return parse_cases(CASES.read_text(encoding="utf-8"), CASES.name)


@pytest.fixture(scope="module")
def readings(cases: tuple[Case, ...]) -> tuple[Reading, ...]:
    return read_cases(Matcher(load_packs()), cases)


def table(readings: Sequence[Reading]) -> str:
    """What was read wrongly, a line each: family, fault, the rules that hit, the text."""
    lines = (
        f"{reading.case.family:<14} "
        f"{'missed' if reading.case.label == 'problem' else 'false alarm':<12}"
        f"{','.join(sorted({hit.rule.id for hit in reading.hits})) or '-':<34} {reading.case.text}"
        for reading in misses(readings)
    )
    return "\n" + "\n".join(lines)


# The cases


def test_the_floors_were_measured_on_these_cases() -> None:
    digest = f"sha256:{hashlib.sha256(CASES.read_bytes()).hexdigest()}"
    assert digest == FLOOR["cases"], MEASURE_AGAIN


def test_every_family_has_ten_problems_and_ten_hard_negatives(cases: tuple[Case, ...]) -> None:
    counts = Counter((case.family, case.label) for case in cases)
    few = {
        (family, label): counts[family, label]
        for family in families()
        for label in ("problem", "harmless")
        if counts[family, label] < 10
    }
    assert few == {}


def test_no_case_stands_twice_and_none_is_a_mere_word(cases: tuple[Case, ...]) -> None:
    folded = Counter("".join(fold(case.text).text.split()) for case in cases)
    assert [text for text, count in folded.items() if count > 1] == []
    assert [case.text for case in cases if not 8 <= len(case.text) <= 80] == []


# The measures


def test_recall_is_above_its_floors(readings: tuple[Reading, ...]) -> None:
    measured = tally(readings)
    assert measured.recall >= FLOOR["recall"], table(readings)
    assert measured.recall_in_kind >= FLOOR["recall_in_kind"], table(readings)


def test_false_alarms_are_below_their_ceilings(readings: tuple[Reading, ...]) -> None:
    measured = tally(readings)
    assert measured.false_alarm <= FLOOR["false_alarm"], table(readings)
    assert measured.serious <= FLOOR["serious"], table(readings)


# How it is counted

SMALL_PACK = """
id: own
version: '1'
rules:
""" + "".join(
    f"""
  - id: own.{family}.{phrase_id}
    title: 示例
    family: {family}
    severity: {severity}
    basis: [{{document: 甲, clause: 一, effective_from: 2022-01-01}}]
    mend: 改。
    phrases: [{phrase}]
    should_hit: [{phrase}]
    near_misses: [无]
"""
    for family, phrase_id, phrase, severity in (
        ("drugs", "a", "甲乙", "notice"),
        ("drugs", "b", "丙丁", "suspect"),
        ("abuse", "c", "戊己", "serious"),
    )
)


def reading(label: str, family: str, text: str) -> Reading:
    case = Case.model_validate({"text": text, "label": label, "family": family, "why": "示例"})
    [read] = read_cases(Matcher(parse_pack(SMALL_PACK, "own.yaml")), [case])
    return read


def test_a_problem_counts_by_any_rule_and_apart_by_its_own_family() -> None:
    readings = [
        reading("problem", "drugs", "甲乙"),
        reading("problem", "drugs", "戊己"),
        reading("problem", "drugs", "庚辛"),
        reading("harmless", "drugs", "庚辛"),
    ]
    assert tally(readings) == Tally(
        problems=3, found=2, in_kind=1, suspected=1, harmless=1, noticed=0, alarms=0, serious=0
    )
    assert [read.case.text for read in misses(readings)] == ["庚辛"]
    assert tally(readings).recall == pytest.approx(2 / 3)
    assert tally(readings).recall_in_kind == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("text", "noticed", "alarms", "serious"),
    [("庚辛", 0, 0, 0), ("甲乙", 1, 0, 0), ("丙丁", 1, 1, 0), ("甲乙，戊己", 1, 1, 1)],
)
def test_a_harmless_text_counts_by_its_gravest_hit_of_any_family(
    text: str, noticed: int, alarms: int, serious: int
) -> None:
    read = reading("harmless", "tutoring", text)
    counted = tally([read])
    assert (counted.noticed, counted.alarms, counted.serious) == (noticed, alarms, serious)
    assert counted.false_alarm == alarms
    assert misses([read]) == ([read] if alarms else [])


def test_families_are_tallied_apart_in_the_order_of_their_file() -> None:
    readings = [
        reading("problem", "abuse", "戊己"),
        reading("problem", "drugs", "甲乙"),
        reading("harmless", "drugs", "丙丁"),
    ]
    by_family = tally_by_family(readings)
    assert list(by_family) == ["drugs", "abuse"]
    assert (by_family["drugs"].found, by_family["drugs"].alarms) == (1, 1)
    assert (by_family["abuse"].found, by_family["abuse"].harmless) == (1, 0)


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("{", "c.jsonl:2: line: "),
        ('{"text": "甲", "label": "bad", "family": "drugs", "why": "乙"}', "c.jsonl:2: label: "),
        (
            '{"text": "甲", "label": "problem", "family": "none", "why": "乙"}',
            "c.jsonl:2: family: there is none called 'none'",
        ),
        ('{"text": "甲", "label": "problem", "family": "drugs"}', "c.jsonl:2: why: "),
    ],
)
def test_a_bad_line_is_named(line: str, fault: str) -> None:
    good = '{"text": "甲", "label": "problem", "family": "drugs", "why": "乙"}'
    with pytest.raises(CaseError) as caught:
        parse_cases(f"{good}\n{line}\n", "c.jsonl")
    assert str(caught.value).startswith(fault)
