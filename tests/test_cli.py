"""Commands as a user runs them: what they print, where, and what they end with."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from sqlmodel import select

from crawler.store import StoreError
from models.tables import AuditEvent, Campaign
from service.commands import nominations as nominations_command
from service.config import load_config
from service.errors import ExitCode
from service.workspace import database_session
from tests.commanding import Spaceaudit
from tests.nomination_samples import GOOD, numbered, table, write_csv


def test_version_and_help(spaceaudit: Spaceaudit) -> None:
    assert spaceaudit("--version").out.startswith("spaceaudit 0.")
    said = spaceaudit("--help")
    assert said.code == ExitCode.DONE
    assert "Examples:" in said.out


@pytest.mark.parametrize(
    "arguments",
    [
        ("config",),
        ("doctor",),
        ("nominations", "import"),
        ("user", "add"),
        ("user", "list"),
        ("user", "disable"),
    ],
)
def test_every_command_teaches_by_example(
    arguments: tuple[str, ...], spaceaudit: Spaceaudit, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Help must come even where the settings cannot be read.
    monkeypatch.setenv("SPACEAUDIT_MAX_PAGES", "x")
    said = spaceaudit(*arguments, "--help")
    assert said.code == ExitCode.DONE
    assert f"spaceaudit {' '.join(arguments)}" in said.out.partition("Examples:")[2]


def test_config_shows_source_and_masks_secrets(
    spaceaudit: Spaceaudit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPACEAUDIT_BROKER", "amqp://u:hush@host/")
    monkeypatch.setenv("SPACEAUDIT_BROKR", "x")
    said = spaceaudit("config", "--json")
    broker = next(each for each in said.document if each["name"] == "SPACEAUDIT_BROKER")
    assert (broker["value"], broker["source"]) == ("amqp://u:***@host/", "env")
    assert broker["help"]
    assert "SPACEAUDIT_BROKR is no setting" in said.err
    table_said = spaceaudit("config")
    assert "SPACEAUDIT_HOME" in table_said.out
    assert "hush" not in table_said.out


def test_a_mistake_ends_in_what_and_what_to_do(
    spaceaudit: Spaceaudit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPACEAUDIT_NOW", "yesterday")
    said = spaceaudit("user", "list")
    assert (said.code, said.out) == (ExitCode.USAGE, "")
    assert said.err.startswith("error: SPACEAUDIT_NOW")
    assert "\nhint: " in said.err
    assert "Traceback" not in said.err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("nominatons",), "No such command"),
        (("nominations", "import", "a.csv"), "--campaign"),
        (("user", "add", "王", "--role", "boss"), "county_auditor"),
        (("user", "add", "王", "--role", "county_auditor"), "needs a county"),
        (("user", "disable", "王"), "no user 王"),
        (("nominations", "import", "none.xlsx", "-c", "1"), "打不开"),
    ],
)
def test_wrong_usage_ends_with_two(
    arguments: tuple[str, ...], says: str, spaceaudit: Spaceaudit
) -> None:
    said = spaceaudit(*arguments)
    assert (said.code, said.out) == (ExitCode.USAGE, "")
    assert says in said.err


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("nonsense", "not usable"),
        ("postgresql://u:hush@127.0.0.1:1/x", "does not answer"),
        ("sqlite:////dev/null/a.db", "/dev/null"),
        ("sqlite:///text.db", "not a database"),
    ],
)
def test_a_database_that_cannot_be_used_ends_with_three(
    address: str, says: str, spaceaudit: Spaceaudit, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("text.db").write_text("no database, some text", encoding="utf-8")
    monkeypatch.setenv("SPACEAUDIT_DATABASE_URL", address)
    said = spaceaudit("user", "list")
    assert (said.code, said.out) == (ExitCode.ENVIRONMENT, "")
    assert says in said.err
    assert "hush" not in said.err
    assert "Traceback" not in said.err


def test_a_database_of_another_version_is_not_touched(spaceaudit: Spaceaudit) -> None:
    spaceaudit("user", "list")
    with database_session(load_config()) as current:
        current.connection().exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    said = spaceaudit("user", "list")
    assert said.code == ExitCode.ENVIRONMENT
    assert "another version" in said.err


def test_the_traceback_is_logged_at_debug_only(
    spaceaudit: Spaceaudit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPACEAUDIT_LOG_LEVEL", "debug")
    said = spaceaudit("user", "disable", "王")
    assert "Traceback" in said.err
    assert said.err.rstrip().splitlines()[-2].startswith("error: there is no user")


def test_no_error_shows_a_password(spaceaudit: Spaceaudit, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise StoreError("the store s3://key:hush@host/bucket cannot be opened\nat all")

    monkeypatch.setattr(nominations_command, "read_nominations", fail)
    said = spaceaudit("nominations", "import", "a.csv", "-c", "1")
    assert said.code == ExitCode.ENVIRONMENT
    assert said.err == "error: the store s3://key:***@host/bucket cannot be opened at all\n"


def test_ctrl_c_says_that_the_same_command_continues(
    spaceaudit: Spaceaudit, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(nominations_command, "read_nominations", stop)
    said = spaceaudit("nominations", "import", "a.csv", "-c", "1")
    assert said.code == ExitCode.INTERRUPTED
    assert "the same command continues" in said.err


def test_an_import_names_refused_rows_and_brings_in_the_others(spaceaudit: Spaceaudit) -> None:
    write_csv(Path("a.csv"), table([numbered(1), numbered(2) | {"姓名": ""}, numbered(3)]))
    said = spaceaudit("nominations", "import", "a.csv", "--campaign", "2022", "--json")
    assert said.code == ExitCode.FELL_SHORT
    assert said.document == {
        "campaign": "2022",
        "file": "a.csv",
        "dry_run": False,
        "added": ["s001", "s003"],
        "changed": [],
        "unchanged": 0,
        "refused_rows": 1,
        "refused": [
            {
                "row": 3,
                "column": "姓名",
                "value": "",
                "reason": "不能为空(合并的单元格请拆开,逐行填写)",
            }
        ],
    }
    again = spaceaudit("nominations", "import", "a.csv", "--campaign", "2022")
    assert "新增 0,变更 0,未变 2,未导入 1 行" in again.out


def test_a_good_import_ends_with_nothing(spaceaudit: Spaceaudit) -> None:
    write_csv(Path("a.csv"), table([GOOD]))
    assert spaceaudit("nominations", "import", "a.csv", "-c", "2022").code == ExitCode.DONE
    write_csv(Path("a.csv"), table([GOOD | {"学科": "数学"}]))
    said = spaceaudit("nominations", "import", "a.csv", "-c", "2022")
    assert said.code == ExitCode.DONE
    assert "s001: 学科 有变更" in said.out


def test_a_dry_run_makes_no_campaign(spaceaudit: Spaceaudit) -> None:
    write_csv(Path("a.csv"), table([GOOD]))
    said = spaceaudit("nominations", "import", "a.csv", "-c", "2022", "--dry-run")
    assert "试运行" in said.out
    with database_session(load_config()) as current:
        assert current.exec(select(Campaign)).all() == []
        assert current.exec(select(AuditEvent)).all() == []


def test_another_profile_on_a_campaign_is_refused(spaceaudit: Spaceaudit) -> None:
    write_csv(Path("a.csv"), table([GOOD]))
    spaceaudit("nominations", "import", "a.csv", "-c", "2022")
    said = spaceaudit("nominations", "import", "a.csv", "-c", "2022", "--profile", "other")
    assert said.code == ExitCode.USAGE
    assert "campaign 2022 has the profile generic, not other" in said.err
    unknown = spaceaudit("nominations", "import", "a.csv", "-c", "2023", "--profile", "other")
    assert unknown.code == ExitCode.USAGE
    assert "no profile 'other'" in unknown.err


def test_users_are_added_listed_and_disabled(
    spaceaudit: Spaceaudit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPACEAUDIT_NOW", "2022-10-10T08:00:00+08:00")
    added = spaceaudit("user", "add", "王", "--role", "county_auditor", "--county", "示例县")
    first, second = added.out.splitlines()
    assert (added.code, first) == (0, "王: county_auditor (县区审核员) 示例县")
    assert re.fullmatch(r"one-time password, shown only now: (\w{4}-){3}\w{4}", second)
    assert spaceaudit("user", "disable", "王").out == "王: disabled\n"
    assert spaceaudit("user", "list", "--json").document == [
        {
            "name": "王",
            "role": "county_auditor",
            "county": "示例县",
            "disabled": True,
            "created_at": "2022-10-10 00:00:00+00:00",
            "school": None,
            "teacher": None,
            "id": 1,
        }
    ]
    listed = spaceaudit("user", "list").out
    assert "县区审核员" in listed
    assert "停用" in listed


def test_doctor_ends_with_three_when_something_is_missing(
    spaceaudit: Spaceaudit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPACEAUDIT_BROWSER", "/no/browser")
    said = spaceaudit("doctor", "--json")
    assert said.code == ExitCode.ENVIRONMENT
    states = {check["name"]: check["ok"] for check in said.document}
    assert list(states) == [
        "browser",
        "sandbox",
        "fonts",
        "database",
        "store",
        "pictures",
        "disk",
        "clock",
        "timestamp",
        "replay",
        "archives",
        "contact",
    ]
    assert states["browser"] is False
    assert "MISSING" in spaceaudit("doctor").out


def test_the_installed_command_runs(tmp_path: Path) -> None:
    command = [str(Path(sys.executable).with_name("spaceaudit")), "config", "--json"]
    answer = subprocess.run(command, cwd=tmp_path, capture_output=True, check=True)
    assert json.loads(answer.stdout)[0]["name"] == "SPACEAUDIT_HOME"
