"""Comparing a report with the truth: a right report passes, each kind of wrong one is named."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from sample.__main__ import app
from sample.compare import Comparison, compare, finds, hits, place_of
from sample.truth import TRUTH

Report = dict[str, Any]

TRUE: Report = {
    "schema": 1,
    "spaces": [
        {
            "space": "s1", "path": "/space/s1", "visibility": "public", "behaviour": None, "pages": [],
            "resources": [
                {"path": "/files/s1/%E6%95%99%E6%A1%88.docx", "openness": "open"},
                {"url": "https://pan.example/s/1", "openness": "offsite"},
            ],
            "problems": [
                {"id": "s1-p01", "dimension": "normative", "family": "contact", "text": "加微信 abc12",
                 "path": "/space/s1", "part": "page", "medium": "text"},
                {"id": "s1-p02", "dimension": "normative", "family": "qr_code", "text": "扫码报名",
                 "path": "/media/s1/a.png", "part": "image", "medium": "picture"},
            ],
            "hard_negatives": [
                {"id": "s1-h01", "text": "加微信领奖都是诈骗", "path": "/space/s1", "part": "page", "why": "warning"},
            ],
        },
    ],
}  # fmt: skip


def finding(text: str, context: str = "", severity: str = "suspect", **more: str) -> Report:
    whole = {"rule": "r1", "dimension": "normative", "family": "advertising", "severity": severity}
    return {
        **whole,
        "text": text,
        "context": context or text,
        "where": {"url": "http://h/space/s1"},
        **more,
    }


@pytest.fixture
def report() -> Report:
    return {
        "spaces": [
            {
                "space": "s1",
                "visibility": {"state": "public"},
                "resources": [
                    {"url": "http://127.0.0.1:99/files/s1/教案.docx", "openness": "open"},
                    {"url": "https://pan.example/s/1", "openness": "offsite"},
                ],
                "findings": [
                    finding("加微信 abc12", "有意者加微信 abc12 报名"),
                    finding("扫码报名"),
                ],
            }
        ]
    }


def test_a_right_report_passes(report: Report) -> None:
    assert compare(report, TRUE).ok


def test_a_report_without_the_pictures_falls_short(report: Report) -> None:
    report["spaces"][0]["findings"].pop()
    result = compare(report, TRUE)
    assert not result.ok
    assert (result.picture_recall.right, result.picture_recall.total) == (0, 1)
    assert "in a picture: s1-p02" in result.render()


def closed(space: Report) -> None:
    space["visibility"]["state"] = "login"


def wrong_openness(space: Report) -> None:
    space["resources"][0]["openness"] = "corrupt"


def lost_resource(space: Report) -> None:
    space["resources"].pop()


def lost_problem(space: Report) -> None:
    space["findings"].clear()


def other_dimension(space: Report) -> None:
    space["findings"][0]["dimension"] = "political"


def false_serious(space: Report) -> None:
    space["findings"].append(finding("加微信领奖", "加微信领奖都是诈骗", "serious"))


def false_suspect(space: Report) -> None:
    space["findings"].append(finding("加微信", "“加微信领奖都是诈骗”,不要信", "suspect"))


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (closed, "s1: login, truth public"),
        (wrong_openness, "教案.docx: corrupt, truth open"),
        (lost_resource, "pan.example/s/1: not in the report, truth offsite"),
        (lost_problem, "s1-p01"),
        (other_dimension, "s1-p01"),
        (false_serious, "hard negatives not serious: s1-h01"),
        (false_suspect, "hard negatives not suspect: s1-h01"),
    ],
)
def test_each_kind_of_error_is_found_and_named(
    report: Report, spoil: Callable[[Report], None], fault: str
) -> None:
    spoil(report["spaces"][0])
    result = compare(report, TRUE)
    assert not result.ok
    assert fault in result.render()


def test_a_space_that_is_not_in_the_report_is_a_fault() -> None:
    result = compare({"spaces": []}, TRUE)
    assert not result.ok
    assert result.visibility.faults == ["s1: not in the report, truth public"]


def test_a_notice_on_a_hard_negative_is_no_alarm(report: Report) -> None:
    report["spaces"][0]["findings"].append(finding("加微信领奖", "加微信领奖都是诈骗", "notice"))
    assert compare(report, TRUE).ok


def test_an_unknown_resource_is_told_and_not_held_against_the_report(report: Report) -> None:
    report["spaces"][0]["resources"].append({"url": "http://h/files/s1/x.pdf", "openness": "open"})
    result = compare(report, TRUE)
    assert result.ok
    assert result.unknown_resources == ["s1 /files/s1/x.pdf"]


@pytest.mark.parametrize(
    ("said", "context", "text", "expected"),
    [
        ("加微信", "请加微信 abc12", "加微信 abc12", True),  # part of the problem
        ("请加微信 abc12 报名", "", "加微信 abc12", True),  # the problem and more
        (
            "微信 abc12,先到先得",
            "加微信 abc12,先到先得",
            "加微信 abc12",
            True,
        ),  # reaches over the end
        ("先到先得", "加微信 abc12,先到先得", "加微信 abc12", False),  # beside it only
        ("加QQ", "加QQ 123", "加微信 abc12", False),
    ],
)
def test_a_finding_finds_a_problem_by_its_words(
    said: str, context: str, text: str, expected: bool
) -> None:
    problem = {"text": text, "dimension": "normative", "family": "contact"}
    assert finds(finding(said, context), problem) is expected


@pytest.mark.parametrize(
    ("said", "context", "expected"),
    [
        ("加微信", "“加微信领奖都是诈骗”", True),
        ("加微信", "加微信领奖", True),  # a short context, all of it in the text
        ("加微信", "请加微信 abc12 报名", False),  # the same words elsewhere
        ("诈骗", "…领奖都是诈骗。", True),
        ("报名", "请加微信 abc12 报名", False),
    ],
)
def test_a_hit_is_tied_to_its_sentence(said: str, context: str, expected: bool) -> None:
    assert hits(finding(said, context), "加微信领奖都是诈骗") is expected


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("http://127.0.0.1:8/files/s1/a%20b.pdf", "/files/s1/a b.pdf"),
        ("/files/s1/a.pdf", "/files/s1/a.pdf"),
        ("https://pan.example/s/1?pwd=2", "pan.example/s/1"),
    ],
)
def test_places_are_told_without_the_platforms_host(address: str, place: str) -> None:
    assert place_of(address) == place


def test_the_command_ends_1_when_a_floor_is_missed_and_2_on_nonsense(
    report: Report, tmp_path: Path
) -> None:
    truth, good, bad, none = (tmp_path / name for name in ("truth", "good", "bad", "none"))
    truth.write_text(json.dumps(TRUE), encoding="utf-8")
    good.write_text(json.dumps(report), encoding="utf-8")
    spoiled = copy.deepcopy(report)
    closed(spoiled["spaces"][0])
    bad.write_text(json.dumps(spoiled), encoding="utf-8")
    run = CliRunner().invoke
    assert run(app, ["compare", str(good), "--truth", str(truth)]).exit_code == 0
    assert run(app, ["compare", str(bad), "--truth", str(truth)]).exit_code == 1
    assert run(app, ["compare", str(none), "--truth", str(truth)]).exit_code == 2
    assert run(app, ["serve", "--files", str(tmp_path)]).exit_code == 2


def test_a_report_made_from_the_committed_truth_passes() -> None:
    truth = json.loads(TRUTH.read_text(encoding="utf-8"))
    result: Comparison = compare({"spaces": [perfect(space) for space in truth["spaces"]]}, truth)
    assert result.ok
    assert "MISSED" not in result.render()


def perfect(space: Report) -> Report:
    return {
        "space": space["space"],
        "visibility": {"state": space["visibility"]},
        "resources": [
            {
                "url": one.get("url") or "http://127.0.0.1:1" + one["path"],
                "openness": one["openness"],
            }
            for one in space["resources"]
        ],
        "findings": [
            finding(one["text"], dimension=one["dimension"], family=one["family"])
            for one in space["problems"]
        ],
    }
