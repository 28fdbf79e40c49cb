"""Phrases of the packs, written past a word list, are found at their exact place."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from pathlib import Path

import pytest

from rules.matcher import Matcher
from rules.pack import load_packs
from rules.sounds import evaded_families, syllable_of
from tests.evasions import EVASIONS, evaded
from tests.test_matcher import matcher_of

FLOORS = Path(__file__).parent / "floors.json"
#: Every so manieth phrase, in the order of their digests.
EVERY = 5


@pytest.fixture(scope="module")
def phrases() -> list[str]:
    """Phrases of three Han characters and more, of rules that people evade; some of them."""
    found = {
        phrase
        for rule in load_packs().rules
        if rule.family in evaded_families()
        for phrase in rule.phrases
        if len(phrase) > 2 and all(c in syllable_of() and c >= "\u4e00" for c in phrase)
    }
    return sorted(found, key=lambda phrase: hashlib.sha256(phrase.encode()).hexdigest())[::EVERY]


@pytest.fixture(scope="module")
def plain(phrases: list[str]) -> Matcher:
    """The phrases alone, without the context that lets them stand or fall."""
    written = json.dumps(phrases, ensure_ascii=False)
    return matcher_of(f"phrases: {written}", family="contacts")


@pytest.fixture(scope="module")
def shares(phrases: list[str], plain: Matcher) -> dict[str, float]:
    """By evasion, the share of phrases found at exactly the evaded span."""
    tried, found = Counter[str](), Counter[str]()
    for name, _, written in evaded(phrases):
        # Letters alone count only beside Chinese.
        text = f"请{written}。" if written.isascii() else f"请看：{written}。"
        tried[name] += 1
        found[name] += any(text[hit.start : hit.end] == written for hit in plain.match(text))
    return {name: found[name] / tried[name] for name in EVASIONS}


def test_evasions_are_undone(shares: dict[str, float]) -> None:
    floors = json.loads(FLOORS.read_text(encoding="utf-8"))["evasions"]["shares"]
    below = {name: round(share, 3) for name, share in shares.items() if share < floors[name]}
    assert below == {}


def test_the_floors_name_every_evasion_and_the_table_that_was_measured() -> None:
    floors = json.loads(FLOORS.read_text(encoding="utf-8"))["evasions"]
    assert set(floors["shares"]) == set(EVASIONS)
    source = (Path(__file__).parent / "evasions.py").read_bytes()
    assert floors["cases"] == "sha256:" + hashlib.sha256(source).hexdigest()
