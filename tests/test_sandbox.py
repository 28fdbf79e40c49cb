"""Chromium's sandbox is really on for an ordinary user: asked of the kernel while a page is open."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from crawler import sandbox
from crawler.browser import Browser
from crawler.sandbox import Sandbox, filters_of, measure, state_of

AS_NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")


def status(folder: Path, process: int | str, text: str) -> None:
    place = folder / str(process)
    place.mkdir()
    (place / "status").write_text(f"Name:\tx\n{text}", encoding="utf-8")


@pytest.mark.parametrize(
    ("ours", "theirs", "state"),
    [
        ("Seccomp:\t0\nSeccomp_filters:\t0\n", "Seccomp:\t2\nSeccomp_filters:\t1\n", Sandbox.ON),
        ("Seccomp:\t2\nSeccomp_filters:\t1\n", "Seccomp:\t2\nSeccomp_filters:\t3\n", Sandbox.ON),
        # A container's own filter, and no sandbox.
        ("Seccomp:\t2\nSeccomp_filters:\t1\n", "Seccomp:\t2\nSeccomp_filters:\t1\n", Sandbox.OFF),
        ("Seccomp:\t0\nSeccomp_filters:\t0\n", "Seccomp:\t0\nSeccomp_filters:\t0\n", Sandbox.OFF),
        ("Seccomp:\t0\n", "Seccomp:\t2\n", Sandbox.ON),
        ("", "Seccomp:\t2\n", Sandbox.UNKNOWN),
    ],
)
def test_a_page_counts_as_held_when_it_has_a_filter_more_than_we(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ours: str, theirs: str, state: Sandbox
) -> None:
    monkeypatch.setattr(sandbox, "_PROC", tmp_path)
    status(tmp_path, "self", ours)
    status(tmp_path, 7, theirs)
    assert state_of([7]) is state
    assert state_of([]) is Sandbox.UNKNOWN
    assert state_of([8]) is Sandbox.UNKNOWN


@pytest.fixture
def ordinary(browser_executable: Browser, monkeypatch: pytest.MonkeyPatch) -> Iterator[Browser]:
    """The browser as an ordinary user has it: when we are root, it is started as nobody."""
    if filters_of("self") is None:
        pytest.skip("this system does not tell of system-call filters")
    if not _may_make_namespaces():
        pytest.skip("the kernel gives ordinary users no user namespaces; doctor says so")
    if os.geteuid() != 0:
        yield browser_executable
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o777)
        started = folder / browser_executable.path.name
        started.write_text(
            f"#!/bin/sh\nexec {' '.join(AS_NOBODY)} env HOME={folder} {browser_executable.path}"
            f' "$@" --user-data-dir={folder}/profile\n',
            encoding="ascii",
        )
        started.chmod(0o755)
        monkeypatch.setattr(os, "geteuid", lambda: 65534)
        yield Browser(started, browser_executable.kind)


def _may_make_namespaces() -> bool:
    become = AS_NOBODY if os.geteuid() == 0 else ()
    if not all(shutil.which(program) for program in ("unshare", *become[:1])):
        return False
    made = subprocess.run([*become, "unshare", "--user", "true"], capture_output=True, check=False)
    return made.returncode == 0


@pytest.mark.browser
def test_an_ordinary_users_pages_are_held(
    ordinary: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SPACEAUDIT_BROWSER_SANDBOX", raising=False)
    assert asyncio.run(measure(ordinary)) is Sandbox.ON
    monkeypatch.setenv("SPACEAUDIT_BROWSER_SANDBOX", "off")
    assert asyncio.run(measure(ordinary)) is Sandbox.OFF
