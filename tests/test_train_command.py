"""``spaceaudit train`` and ``evaluate``: any labels, a folder with one model, and errors that say where."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from service.cli import run
from service.errors import ExitCode

TASTES = {"苹果": "红红的很甜", "香蕉": "弯弯的很软", "西瓜": "圆圆的多汁"}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SPACEAUDIT_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def fruits(tmp_path: Path) -> Path:
    file = tmp_path / "fruits.jsonl"
    rows = [
        {"text": f"第{n}天,我吃了{fruit},{taste}", "label": fruit}
        for n in range(12)
        for fruit, taste in TASTES.items()
    ]
    text = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    file.write_text(text, encoding="utf-8")
    return file


def test_train_then_evaluate(
    fruits: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert run(["train", "--data", str(fruits), "--out", str(out), "--json"]) == ExitCode.DONE
    [card] = json.loads(capsys.readouterr().out)
    assert card["file"] == "fruits.skops"
    for model in (out, out / "fruits.skops"):
        assert run(["evaluate", str(model), str(fruits), "--json"]) == ExitCode.DONE
        shown = json.loads(capsys.readouterr().out)
        assert set(shown) == {"n", "accuracy", "macro_f1", "labels", "docs_per_s", "mb_per_s"}
        assert (shown["n"], shown["macro_f1"]) == (36, 1.0)


def test_without_a_folder_own_labels_do_not_screen(fruits: Path, home: Path) -> None:
    assert run(["train", "--data", str(fruits)]) == ExitCode.DONE
    assert [file.name for file in home.rglob("*.skops")] == ["fruits.skops"]
    assert (home / "models" / "own" / "fruits.md").exists()


def test_a_broken_line_is_named(
    fruits: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with fruits.open("a", encoding="utf-8") as file:
        file.write('\n{"text": "没有标签"}\n')
    asked = ["train", "--data", str(fruits), "--out", str(tmp_path / "out")]
    assert run(asked) == ExitCode.USAGE
    said = capsys.readouterr().err.replace("\n", "")
    assert "fruits.jsonl:37 is no object with text and label" in said
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--family", "abusive"], "one label beside"),
        (["--family", "anything"], "no family anything"),
    ],
)
def test_a_family_wants_its_own_label(
    fruits: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert run(["train", "--data", str(fruits), *arguments]) == ExitCode.USAGE
    assert said in capsys.readouterr().err


def test_a_folder_without_a_model_is_refused(
    fruits: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["evaluate", str(tmp_path), str(fruits)]) == ExitCode.USAGE
    assert "does not hold one model" in capsys.readouterr().err
