"""The vocabularies: closed, labelled in Chinese, and never held against a teacher by mistake."""

from __future__ import annotations

import re

import pytest

from models import vocabulary
from models.vocabulary import (
    OURS,
    OUTCOME_VISIBILITY,
    VISIBILITY_ACCESS,
    WORTH_A_RETRY,
    Access,
    FeedEvent,
    Openness,
    Outcome,
    Severity,
    Term,
    TokenScope,
    Visibility,
)

TERMS: list[type[Term]] = [
    value
    for value in vars(vocabulary).values()
    if isinstance(value, type) and issubclass(value, Term) and value is not Term
]
MEMBERS = [
    pytest.param(member, id=f"{type(member).__name__}.{member}") for t in TERMS for member in t
]
HAN = re.compile("[\u4e00-\u9fff]")
#: What a label may be without a Chinese character: the name of a format.
FORMATS = {"PDF"}
#: Values that are written otherwise than in words with underlines between them.
SHAPES: dict[type[Term], str] = {FeedEvent: r"[a-z]+\.[a-z]+", TokenScope: r"[a-z]+:[a-z]+"}


@pytest.mark.parametrize("member", MEMBERS)
def test_a_member_has_a_stable_value_and_a_chinese_label(member: Term) -> None:
    shape = SHAPES.get(type(member), r"[a-z]+(_[a-z]+)*")
    assert re.fullmatch(shape, member.value)
    assert HAN.search(member.label) or member.label in FORMATS
    assert member.label == member.label.strip()


@pytest.mark.parametrize("term", TERMS)
def test_values_and_labels_tell_members_apart(term: type[Term]) -> None:
    names = term.__members__
    # An enum makes two names of one value the same member, without a word.
    assert len(list(term)) == len(names)
    assert [name.lower() for name in names] == [
        member.value.rpartition(".")[2].replace(":", "_") for member in names.values()
    ]
    assert len({member.label for member in term}) == len(names)


def test_every_outcome_and_every_visibility_says_something() -> None:
    assert set(OUTCOME_VISIBILITY) == set(Outcome)
    assert set(VISIBILITY_ACCESS) == set(Visibility)


@pytest.mark.parametrize("outcome", sorted(OURS | WORTH_A_RETRY))
def test_what_is_ours_or_worth_a_retry_never_means_not_public(outcome: Outcome) -> None:
    assert outcome.visibility.access is Access.CANNOT_TELL


def test_only_an_opened_page_is_public() -> None:
    public = [o for o in Outcome if o.visibility.access is Access.PUBLIC]
    assert public == [Outcome.OK]
    assert Outcome.OK not in WORTH_A_RETRY


# Design §2: these are positive evidence; everything else that is not public is a mistake.
POSITIVE = {
    Outcome.UNAUTHORIZED,
    Outcome.LOGIN_REDIRECT,
    Outcome.LOGIN_WALL,
    Outcome.PASSWORD_PROMPT,
    Outcome.REFUSAL_PAGE,
    Outcome.HIDDEN_PAGE,
    Outcome.FORBIDDEN,
    Outcome.NOT_FOUND,
    Outcome.SOFT_NOT_FOUND,
    Outcome.PAYMENT,
}


@pytest.mark.parametrize("outcome", list(Outcome))
def test_not_public_needs_positive_evidence(outcome: Outcome) -> None:
    assert (outcome.visibility.access is Access.NOT_PUBLIC) == (outcome in POSITIVE)


def test_a_refusal_of_our_own_guard_is_not_tried_again() -> None:
    assert Outcome.GUARD_DENIED not in WORTH_A_RETRY
    assert {Outcome.CRASH, Outcome.CANARY_DOWN, Outcome.TIMEOUT} <= WORTH_A_RETRY


def test_openness_gives_one_of_three_answers() -> None:
    unknown = {o for o in Openness if o.access is Access.CANNOT_TELL}
    assert unknown == {Openness.BLOCKED, Openness.UNREACHABLE}
    assert [o for o in Openness if o.access is Access.PUBLIC] == [Openness.OPEN]


def test_severities_rise() -> None:
    assert [s.rank for s in (Severity.NOTICE, Severity.SUSPECT, Severity.SERIOUS)] == [0, 1, 2]
