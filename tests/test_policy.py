"""Policies and reason codes are data: complete, closed, and refused with a word on what is wrong."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from models.vocabulary import Access, Action, NotScreened, Openness, Severity, VerdictState
from rules.policy import Policy, PolicyError, load_policy
from rules.reasons import load_reasons, reasons_for

HAN = re.compile("[\u4e00-\u9fff]")
SOUND: dict[str, Any] = {
    "id": "trial",
    "version": "1",
    "title": "试行判定规则",
    "source": "示例",
    "openness": {each.value: "pending" for each in Openness if each is not Openness.OPEN},
    "allowed_gaps": ["decoration"],
    "holding_severity": "suspect",
    "valid_days": 30,
}


def written(folder: Path, text: str) -> str:
    path = folder / "policy.yaml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def varied(folder: Path, **values: object) -> str:
    """The path of a sound policy with some values changed; None leaves a field out."""
    fields = copy.deepcopy(SOUND)
    for name, value in values.items():
        if name == "openness" and isinstance(value, dict):
            fields["openness"] |= value
        elif value is None:
            del fields[name]
        else:
            fields[name] = value
    return written(folder, yaml.safe_dump(fields, allow_unicode=True))


def test_the_default_policy_rejects_only_what_is_measured() -> None:
    policy = load_policy()
    rejected = {each for each, state in policy.openness.items() if state is VerdictState.REJECTED}
    assert rejected
    assert {each.access for each in rejected} == {Access.NOT_PUBLIC}
    for each in (Openness.BLOCKED, Openness.UNREACHABLE):
        assert policy.openness[each] is VerdictState.UNDETERMINED
    assert policy.allowed_gaps == {NotScreened.DECORATION}
    assert policy.holding_severity is Severity.SUSPECT


def test_a_bureaus_own_policy_is_read_from_its_file(tmp_path: Path) -> None:
    policy = load_policy(varied(tmp_path, valid_days=7))
    assert (policy.id, policy.valid_days) == ("trial", 7)
    assert policy.openness[Openness.LOGIN] is VerdictState.PENDING


def test_the_stamp_changes_with_the_content_and_names_the_version(tmp_path: Path) -> None:
    stamps = set()
    for days in (7, 8):
        folder = tmp_path / str(days)
        folder.mkdir()
        stamps.add(load_policy(varied(folder, valid_days=days)).stamp)
    assert len(stamps) == 2
    assert all(re.fullmatch(r"trial@1 sha256:[0-9a-f]{64}", stamp) for stamp in stamps)


@pytest.mark.parametrize(
    ("values", "names"),
    [
        ({"openness": {"blocked": "rejected"}}, "blocked"),
        ({"openness": {"unreachable": "rejected"}}, "unreachable"),
        ({"openness": {"login": "stale"}}, "login"),
        ({"openness": {"login": "maybe"}}, "login"),
        ({"openness": {"ajar": "pending"}}, "ajar"),
        ({"allowed_gaps": ["boredom"]}, "allowed_gaps"),
        ({"holding_severity": "grave"}, "holding_severity"),
        ({"valid_days": 0}, "valid_days"),
        ({"valid_days": None}, "valid_days"),
        ({"version": None}, "version"),
        ({"valid_day": 3}, "valid_day"),
    ],
)
def test_a_malformed_policy_is_refused_and_says_where(
    tmp_path: Path, values: dict[str, Any], names: str
) -> None:
    path = varied(tmp_path, **values)
    with pytest.raises(PolicyError, match=names) as refused:
        load_policy(path)
    assert path in str(refused.value)


@pytest.mark.parametrize("left_out", [each for each in Openness if each is not Openness.OPEN])
def test_a_policy_speaks_of_every_openness(tmp_path: Path, left_out: Openness) -> None:
    fields = copy.deepcopy(SOUND)
    del fields["openness"][left_out.value]
    with pytest.raises(PolicyError, match=left_out.value):
        load_policy(written(tmp_path, yaml.safe_dump(fields)))


@pytest.mark.parametrize("text", ["", "[]", "just words", "openness: [", "- a\n- b", "id: 1"])
def test_what_is_no_policy_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(PolicyError):
        load_policy(written(tmp_path, text))


def test_a_file_in_another_encoding_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "gbk.yaml"
    path.write_bytes(yaml.safe_dump(SOUND, allow_unicode=True).encode("gbk"))
    with pytest.raises(PolicyError, match=r"gbk\.yaml.*UTF-8"):
        load_policy(str(path))


@pytest.mark.parametrize("name", ["", "strict", "no/such/file.yaml", "default.yaml"])
def test_an_unknown_policy_is_refused(name: str) -> None:
    with pytest.raises(PolicyError, match="no policy"):
        load_policy(name)


def test_a_policy_cannot_be_changed_once_read() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load_policy().valid_days = 1  # type: ignore[misc]
    assert isinstance(load_policy(), Policy)


# Reasons


@pytest.mark.parametrize("reason", load_reasons().values(), ids=lambda reason: reason.code)
def test_a_reason_has_a_label_a_wording_and_something_to_decide(reason: Any) -> None:
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", reason.code)
    assert HAN.search(reason.label)
    assert HAN.search(reason.wording)
    assert reason.wording.endswith("。")
    assert reason.actions


@pytest.mark.parametrize("action", list(Action))
@pytest.mark.parametrize("space_level", [False, True])
def test_every_decision_has_a_reason_to_choose(action: Action, space_level: bool) -> None:
    assert reasons_for(action, space_level=space_level)


def test_no_reason_both_confirms_and_dismisses() -> None:
    both = {Action.CONFIRM, Action.DISMISS}
    assert [r.code for r in load_reasons().values() if both <= r.actions] == []


@pytest.mark.parametrize(
    ("code", "action", "space_level", "fits"),
    [
        ("violation", Action.CONFIRM, False, True),
        ("violation", Action.CONFIRM, True, False),
        ("violation", Action.DISMISS, False, False),
        ("violation", Action.UNDO, False, False),
        ("teaching", Action.DISMISS, False, True),
        ("teaching", Action.DISMISS, True, False),
        ("unfit", Action.CONFIRM, True, True),
        ("unfit", Action.CONFIRM, False, False),
        ("fit", Action.DISMISS, True, True),
        ("fit", Action.DISMISS, False, False),
        ("fit", Action.CONFIRM, True, False),
        ("mistake", Action.UNDO, True, True),
        ("mistake", Action.UNDO, False, True),
        ("mistake", Action.DISMISS, False, False),
    ],
)
def test_a_reason_fits_its_action_and_its_level(
    code: str, action: Action, space_level: bool, fits: bool
) -> None:
    assert load_reasons()[code].fits(action, space_level=space_level) is fits
    offered = [reason.code for reason in reasons_for(action, space_level=space_level)]
    assert (code in offered) is fits
