from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from service.config import (
    Config,
    Source,
    explain,
    load_config,
    masked,
    unknown_settings,
    variable,
)
from service.errors import ConfigError


@pytest.fixture(autouse=True)
def _no_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("SPACEAUDIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def test_defaults_stand_on_home(tmp_path: Path) -> None:
    config = load_config()
    assert config.home == tmp_path / "var"
    assert config.database_url == f"sqlite:///{tmp_path}/var/spaceaudit.db"
    assert config.store == f"{tmp_path}/var/snapshots"
    assert config.broker is None
    assert config.browser is None


def test_environment_goes_before_file_and_file_before_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Path("spaceaudit.toml").write_text("max_pages = 7\nmax_depth = 2\n", encoding="utf-8")
    monkeypatch.setenv("SPACEAUDIT_MAX_PAGES", "9")
    config = load_config()
    assert (config.max_pages, config.max_depth, config.max_attempts) == (9, 2, 3)
    sources = {setting.name: setting.source for setting in explain(config)}
    assert sources["SPACEAUDIT_MAX_PAGES"] is Source.ENV
    assert sources["SPACEAUDIT_MAX_DEPTH"] is Source.FILE
    assert sources["SPACEAUDIT_MAX_ATTEMPTS"] is Source.DEFAULT


def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPACEAUDIT_MAX_PAGES", "")
    setting = {each.name: each for each in explain(load_config())}["SPACEAUDIT_MAX_PAGES"]
    assert (setting.value, setting.source) == ("80", Source.DEFAULT)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("MAX_ATTEMPTS", "many", "valid integer"),
        ("MAX_ATTEMPTS", "1", "greater than or equal to 2"),
        ("NOW", "2022-10-10T08:00:00", "timezone"),
        ("NOW", "yesterday", "datetime"),
        ("EGRESS_ALLOW", "localhost", "host:port"),
        ("LOG_LEVEL", "loud", "debug"),
        ("MAX_FILE_BYTES", "a lot", "byte"),
        ("CONCURRENCY", "0", "greater than or equal to 1"),
        ("SITE_CONCURRENCY", "65", "less than or equal to 64"),
        ("MAX_VISIT_BYTES", "0", "greater than 0"),
        ("QUIET_HOURS", "morning", "'morning' is no span of time"),
        ("QUIET_HOURS", "07:30-12:00,13-14", "'13-14' is no span of time"),
        ("QUIET_HOURS", "00:00-12:00,11:00-24:00", "leaves no time"),
        ("TIMEZONE", "Asia/Quanzhou", "no time zone 'Asia/Quanzhou'"),
        ("USER_AGENT_CONTACT", "ask me", "'ask me' is no address"),
        ("USER_AGENT_CONTACT", "https://a.example/)\r\nX: y", "no address"),
    ],
)
def test_a_bad_value_names_its_variable(
    name: str, value: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"SPACEAUDIT_{name}", value)
    with pytest.raises(ConfigError) as caught:
        load_config()
    assert f"SPACEAUDIT_{name} (from env)" in caught.value.message
    assert says in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"home", "spaceaudit.toml cannot be read"),
        ("home = '数据'".encode("gb18030"), "spaceaudit.toml cannot be read"),
        (b"max_pages = 'x'", "SPACEAUDIT_MAX_PAGES (from file)"),
    ],
)
def test_a_bad_file_is_named(content: bytes, says: str) -> None:
    Path("spaceaudit.toml").write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load_config()
    assert says in caught.value.message


def test_a_file_from_a_windows_editor_is_read() -> None:
    Path("spaceaudit.toml").write_bytes("\ufeffmax_file_bytes = '1MiB'\r\n".encode())
    assert load_config().max_file_bytes == 1024**2


def test_allow_rules_may_be_a_list_in_the_file() -> None:
    Path("spaceaudit.toml").write_text(
        'egress_allow = ["site.test:8000", "10.0.0.0/8:443"]', encoding="utf-8"
    )
    assert load_config().egress_allow == "site.test:8000,10.0.0.0/8:443"


def test_unknown_settings_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("spaceaudit.toml").write_text("max_page = 3\n", encoding="utf-8")
    monkeypatch.setenv("SPACEAUDIT_BROWSR", "x")
    monkeypatch.setenv("SPACEAUDIT_BROWSER", "/usr/bin/true")
    assert unknown_settings() == ["SPACEAUDIT_BROWSR", "max_page (spaceaudit.toml)"]


def test_the_clock_is_utc_and_can_be_pretended(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_config().clock().tzinfo is UTC
    monkeypatch.setenv("SPACEAUDIT_NOW", "2022-10-10T08:00:00+08:00")
    clock = load_config().clock()
    assert clock == datetime(2022, 10, 10, tzinfo=UTC)
    assert clock.tzinfo is UTC


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("postgresql://u:p@ss/w:rd@host/db", "postgresql://u:***@host/db"),
        ("redis://:secret@host:6379/0", "redis://:***@host:6379/0"),
        ("s3://bucket?secret_key=abc&region=x", "s3://bucket?secret_key=***&region=x"),
        ("sqlite:////srv/var/spaceaudit.db", "sqlite:////srv/var/spaceaudit.db"),
        ("amqp://host:5672/", "amqp://host:5672/"),
    ],
)
def test_secrets_in_addresses_are_masked(value: str, shown: str) -> None:
    assert masked(value) == shown


def test_secrets_are_in_no_repr(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPACEAUDIT_DATABASE_URL", "postgresql://u:hush@host/db")
    assert "hush" not in repr(load_config())


def test_every_setting_is_documented_and_frozen() -> None:
    config = load_config()
    assert all(setting.help for setting in explain(config))
    assert [setting.name for setting in explain(config)] == [
        variable(name) for name in Config.model_fields
    ]
    with pytest.raises(ValueError, match="frozen"):
        config.max_pages = 1  # type: ignore[misc]
