"""Fixtures that many tests share: a PostgreSQL server, a browser; and what a missing one means."""

from __future__ import annotations

import itertools
import logging
import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from crawler.browser import Browser, BrowserNotFound, find_browser
from service import cli
from tests.commanding import Said, Spaceaudit
from tests.postgres import NoPostgresError, Postgres, running_postgres

# How long an example takes says something of the machine, not of the code.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

#: With this set, a test that is skipped because a browser or server is missing fails instead.
REQUIRE = "SPACEAUDIT_REQUIRE_SERVERS"
SERVER_MARKS = ("browser", "postgres")

_serial = itertools.count(1)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    marked = any(item.get_closest_marker(mark) for mark in SERVER_MARKS)
    if report.skipped and not hasattr(report, "wasxfail") and marked and os.environ.get(REQUIRE):
        report.outcome = "failed"
        report.longrepr = f"{REQUIRE} is set, and this test was skipped: {report.longrepr}"
    return report


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server for this run; its tests are skipped where it is not installed."""
    try:
        with running_postgres() as server:
            yield server
    except NoPostgresError as missing:
        pytest.skip(str(missing))


@pytest.fixture
def postgres_url(postgres: Postgres) -> Iterator[str]:
    """The SQLAlchemy address of an empty PostgreSQL database, this test's alone."""
    with postgres.fresh_database(f"test_{next(_serial)}") as url:
        yield url


@pytest.fixture(scope="session")
def browser_executable() -> Browser:
    """The browser that a crawl would use; its tests are skipped where there is none."""
    try:
        return find_browser()
    except BrowserNotFound as missing:
        pytest.skip(str(missing))


@pytest.fixture
def spaceaudit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Spaceaudit]:
    """Runs a command in an empty folder, with no setting of whoever runs the tests."""
    for name in [name for name in os.environ if name.startswith("SPACEAUDIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level

    def command(*arguments: str) -> Said:
        code = cli.run(arguments)
        return Said(code, *capsys.readouterr())

    yield command
    root.handlers[:] = handlers
    root.setLevel(level)
