"""What ``doctor`` says of a machine that lacks something; a browser is started only where it is the point."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from audit.extract import packed
from crawler.browser import Browser, BrowserKind
from crawler.sandbox import Sandbox
from models.audit_log import record
from models.database import session
from service import doctor
from service.config import Config
from service.doctor import Check, examine
from service.workspace import open_database
from tests.authority import NoOpensslError, answering, make_authority


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    monkeypatch.chdir(tmp_path)
    return Config(home=tmp_path / "var", browser=tmp_path / "no-browser")


def check(name: str, config: Config) -> Check:
    return {each.name: each for each in examine(config)}[name]


def test_every_check_is_named_and_what_fails_has_advice(config: Config) -> None:
    checks = examine(config)
    names = ["browser", "sandbox", "fonts", "database", "store", "pictures", "disk"]
    names += ["clock", "timestamp", "replay", "archives"]
    names.append("contact")
    assert [each.name for each in checks] == names
    assert all(each.found for each in checks)
    assert all(each.advice for each in checks if not each.ok)


def test_it_is_said_when_no_platform_can_ask_who_comes(config: Config) -> None:
    silent = check("contact", config)
    assert silent.ok
    assert "SPACEAUDIT_USER_AGENT_CONTACT" in silent.advice
    named = config.model_copy(update={"user_agent_contact": "audit@edu.example"})
    assert "+audit@edu.example" in check("contact", named).found


def test_a_missing_browser_is_missing(config: Config) -> None:
    missing = check("browser", config)
    assert not missing.ok
    assert "no-browser" in missing.found
    assert "SPACEAUDIT_BROWSER" in missing.advice


@pytest.mark.parametrize(
    ("user", "setting", "state", "ok", "said"),
    [
        (0, "", Sandbox.OFF, True, "off, because root"),
        (1000, "off", Sandbox.OFF, True, "SPACEAUDIT_BROWSER_SANDBOX=off"),
        (1000, "", Sandbox.ON, True, "on: "),
        (1000, "", Sandbox.OFF, False, "outside of it"),
        (1000, "", Sandbox.UNKNOWN, True, "does not show"),
    ],
)
def test_the_sandbox_is_said_with_why_and_what_to_do(
    config: Config,
    monkeypatch: pytest.MonkeyPatch,
    user: int,
    setting: str,
    state: Sandbox,
    *,
    ok: bool,
    said: str,
) -> None:
    async def measured(_: object) -> Sandbox:
        return state

    there = Browser(Path("/bin/chromium-headless-shell"), BrowserKind.HEADLESS_SHELL)
    monkeypatch.setattr(doctor, "find_browser", lambda _: there)
    monkeypatch.setattr(doctor, "measure", measured)
    monkeypatch.setattr(os, "geteuid", lambda: user)
    monkeypatch.setenv("SPACEAUDIT_BROWSER_SANDBOX", setting)
    found = doctor._sandbox(config)
    assert found.ok is ok
    assert said in found.found
    assert bool(found.advice) is (state is Sandbox.OFF)


def test_a_new_database_is_well_and_says_that_tables_come(config: Config) -> None:
    assert "next command makes" in check("database", config).found
    open_database(config)
    found = check("database", config)
    assert found.ok
    assert "tables are there" in found.found


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("postgresql://u:hush@127.0.0.1:1/x", "u:***@127.0.0.1:1/x"),
        ("nonsense", "nonsense"),
        ("sqlite:////dev/null/a.db", "/dev/null/a.db"),
    ],
)
def test_a_database_that_cannot_be_used(address: str, shown: str, config: Config) -> None:
    found = check("database", config.model_copy(update={"database_url": address}))
    assert not found.ok
    assert shown in found.found
    assert "hush" not in found.found
    assert "\n" not in found.found


def test_a_database_file_that_is_none(config: Config, tmp_path: Path) -> None:
    (tmp_path / "a.db").write_text("no database, some text", encoding="utf-8")
    address = {"database_url": f"sqlite:///{tmp_path / 'a.db'}"}
    assert not check("database", config.model_copy(update=address)).ok


def test_a_store_is_tried_by_writing_and_left_empty(config: Config) -> None:
    assert check("store", config).ok
    assert list(Path(config.store).iterdir()) == []


@pytest.mark.parametrize("address", ["/dev/null/snapshots", "nosuch://bucket"])
def test_a_store_that_cannot_be_written(address: str, config: Config) -> None:
    found = check("store", config.model_copy(update={"store": address}))
    assert not found.ok
    assert "SPACEAUDIT_STORE" in found.advice


def test_a_full_disk(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    assert check("disk", config).ok == (
        shutil.disk_usage(config.home.parent).free >= doctor.MIN_FREE_BYTES
    )
    monkeypatch.setattr(doctor, "MIN_FREE_BYTES", 1024**6)
    assert not check("disk", config).ok


def test_a_machine_without_chinese_fonts(
    config: Config, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(doctor, "FONT_FOLDERS", (str(tmp_path / "fonts"),))
    assert not check("fonts", config).ok
    (tmp_path / "fonts" / "noto").mkdir(parents=True)
    (tmp_path / "fonts" / "noto" / "NotoSans-Regular.ttf").touch()
    assert not check("fonts", config).ok
    (tmp_path / "fonts" / "noto" / "NotoSansCJK-Regular.ttc").touch()
    assert check("fonts", config).ok


def test_a_clock_behind_the_log_or_the_program_is_wrong(config: Config) -> None:
    assert check("clock", config).ok
    with session(open_database(config)) as current:
        tomorrow = datetime.now(UTC) + timedelta(days=1)
        record(current, actor="a", action="x", at=tomorrow, subject="campaign:1")
    behind = check("clock", config)
    assert not behind.ok
    assert "newest event" in behind.found


def test_a_pretended_clock_is_said(config: Config) -> None:
    pretended = config.model_copy(update={"now": datetime(2022, 10, 1, tzinfo=UTC)})
    found = check("clock", pretended)
    assert found.ok
    assert "SPACEAUDIT_NOW" in found.found


@pytest.mark.browser
def test_the_browser_really_starts(config: Config) -> None:
    found = check("browser", config.model_copy(update={"browser": None}))
    assert found.ok, found


def test_a_time_stamp_authority_is_asked_only_where_one_is_set(
    config: Config, tmp_path: Path
) -> None:
    unset = check("timestamp", config)
    assert unset.ok
    assert "not stamped" in unset.found
    values: dict[str, object] = {
        "timestamp_url": "http://127.0.0.1:1/",
        "timestamp_ca": tmp_path / "none.pem",
    }
    unreadable = check("timestamp", config.model_copy(update=values))
    assert not unreadable.ok
    assert "SPACEAUDIT_TIMESTAMP_CA" in unreadable.advice
    try:
        authority = make_authority(tmp_path / "authority")
    except NoOpensslError as missing:
        pytest.skip(str(missing))
    with answering(authority):
        values = {"timestamp_url": authority.url, "timestamp_ca": authority.ca}
        refused = check("timestamp", config.model_copy(update=values))
        assert not refused.ok
        assert "SPACEAUDIT_EGRESS_ALLOW" in refused.advice
        values = {**values, "egress_allow": authority.allow}
        assert check("timestamp", config.model_copy(update=values)).ok


def test_replay_is_said_and_never_needed(config: Config, tmp_path: Path) -> None:
    missing = check("replay", config.model_copy(update={"replay": tmp_path / "none"}))
    assert missing.ok
    assert "make setup" in missing.advice
    for name, text in (("ui.js", ""), ("sw.js", ""), ("package.json", '{"version": "9.9"}')):
        (tmp_path / name).write_text(text, encoding="ascii")
    found = check("replay", config.model_copy(update={"replay": tmp_path}))
    assert "9.9" in found.found
    assert found.advice == ""


def test_missing_libarchive_is_said(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "libarchive" in check("archives", config).found
    monkeypatch.setattr(packed, "ffi", None)
    missing = check("archives", config)
    assert "unread" in missing.found
    assert "libarchive13" in missing.advice
