"""``spaceaudit profile``: the schema, and a trial of a profile as its author sees it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from crawler.browser import Browser
from rules.profile import schema_text
from service import cli
from service.errors import ExitCode
from tests.profile_sites import spaces
from tests.serving import served

PERSON = "/index.php?r=space/person/show&sid=12"
#: With a few things wrong, as a first draft has them.
DRAFT = """\
id: draft
version: "1"
title: 草稿
hosts: ['127.0.0.1:*']
space_pattern: '(?P<space>sid=\\d+)'
pages:
  - {kind: home, pattern: 'r=space/person/show'}
  - {kind: album, pattern: 'r=space/photos'}
ignore: ['r=site/login']
declared: {selector: .space-privacy, values: {公开: public}}
volatile_selectors: [.visitor-list, .no-such-counter]
"""


@pytest.fixture
def draft(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "240")
    path = tmp_path / "draft.yaml"
    path.write_text(DRAFT, encoding="utf-8")
    return path


@pytest.fixture
def live(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with served(spaces()) as address:
        monkeypatch.setenv("SPACEAUDIT_EGRESS_ALLOW", urlsplit(address).netloc)
        yield address


def test_the_schema_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(("profile", "schema")) == ExitCode.DONE
    assert capsys.readouterr().out == schema_text()


@pytest.mark.parametrize(
    ("address", "error", "hint"),
    [
        ("https://other.example/?sid=1", "is on no host of the profile draft", "add its host to hosts"),
        ("http://127.0.0.1:9/", "is no space to the profile draft", "mend space_pattern"),
    ],
)  # fmt: skip
def test_an_address_that_is_no_space(
    address: str, error: str, hint: str, draft: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = cli.run(("profile", "test", address, "--profile", str(draft)))
    assert code == ExitCode.USAGE
    said = capsys.readouterr().err
    assert error in said
    assert hint in said


@pytest.mark.browser
def test_a_trial_says_what_is_wrong_with_a_draft(
    draft: Path, live: str, capsys: pytest.CaptureFixture[str], browser_executable: Browser
) -> None:
    code = cli.run(("profile", "test", live + PERSON, "--profile", str(draft)))
    said = capsys.readouterr()
    assert code == ExitCode.DONE, said.err
    assert "可见范围:所有人可见" in said.out
    assert "属于本空间,但 pages 没有一条相符" in said.out
    assert "属于别的空间" in said.out
    assert "不访问的地址(ignore 第 1 条)" in said.out
    assert said.out.splitlines()[-4:] == [
        "注意:下列字段在 1 页里没有匹配到;空间里没有这样的东西,或者字段写得不对",
        "  pages, 2:album: r=space/photos",
        "  volatile_selectors, 2:.no-such-counter",
        "注意:declared, values 里没有平台写的“所有人可见”",
    ]


@pytest.mark.browser
def test_a_trial_for_machines(
    draft: Path, live: str, capsys: pytest.CaptureFixture[str], browser_executable: Browser
) -> None:
    cli.run(("profile", "test", live + PERSON, "--profile", str(draft), "--json"))
    document = json.loads(capsys.readouterr().out)
    assert document["url"] == live + PERSON
    trial = document["trial"]
    assert len(trial["left_out"]) == 5
    assert {"url", "found_on", "why"} == set(trial["left_out"][0])
    assert {use["field"]: use["count"] for use in trial["fields"]} == {
        "pages, 1": 1,
        "pages, 2": 0,
        "ignore, 1": 1,
        "volatile_selectors, 1": 1,
        "volatile_selectors, 2": 0,
        "declared, selector": 1,
    }
    assert trial["unknown_labels"] == ["所有人可见"]


@pytest.mark.browser
def test_a_trial_shows_what_was_learned_of_the_addresses(
    draft: Path, live: str, capsys: pytest.CaptureFixture[str], browser_executable: Browser
) -> None:
    assert cli.run(("profile", "test", live + PERSON)) == ExitCode.DONE
    said = capsys.readouterr().out
    assert "认页规则:" in said
    assert "参数 sid=12" in said
    assert "不合认页规则" in said
