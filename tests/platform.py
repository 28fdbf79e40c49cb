"""The sample platform as a program of its own, and the command against it: the product as it is used."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sample.catalog import load_catalog
from sample.nominations import make_nominations
from service.config import Config
from tests.sample_site import PRIVATE, site_folder

ROOT = Path(__file__).parent.parent
SPACEAUDIT = Path(sys.executable).with_name("spaceaudit")
CAMPAIGN = ("--campaign", "test")
MARK = "PIPELINE_TEST_MARK"


@contextmanager
def running_platform() -> Iterator[str]:
    """Serve the sample platform on a free port; gives its address."""
    command = [sys.executable, "-m", "sample", "serve", "--files", str(site_folder())]
    with subprocess.Popen(
        [*command, "--port", "0", "--private-url", PRIVATE],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    ) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip().rstrip("/")
        finally:
            process.terminate()
            process.wait(10)


def nomination_sheet(folder: Path, base_url: str) -> Path:
    """The samples' nomination sheet for a platform at this address."""
    path = folder / "nominations.xlsx"
    path.write_bytes(make_nominations(load_catalog(), base_url))
    return path


@dataclass(frozen=True, slots=True)
class Installation:
    """One data directory, and the command working on it."""

    home: Path
    platform: str
    #: In the environment of every process that the command starts.
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def environment(self) -> Mapping[str, str]:
        """Settings for a quick run."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith("SPACEAUDIT_")}
        return kept | {
            "SPACEAUDIT_HOME": str(self.home),
            "SPACEAUDIT_EGRESS_ALLOW": self.platform.removeprefix("http://"),
            "SPACEAUDIT_ATTEMPT_GAP_SECONDS": "1",
            "COLUMNS": "200",
            MARK: self.mark,
        }

    def config(self) -> Config:
        """Its settings, for what is asked of it without the command."""
        return Config(home=self.home)

    def run(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            [SPACEAUDIT, *arguments],
            env=self.environment,
            cwd=self.home.parent,
            capture_output=True,
            text=True,
            check=False,
        )

    def start(self, *arguments: str | Path) -> subprocess.Popen[str]:
        """Start a command and leave it running."""
        return subprocess.Popen(
            [SPACEAUDIT, *arguments],
            env=self.environment,
            cwd=self.home.parent,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def rows(self, query: str) -> list[tuple[object, ...]]:
        """What the database answers."""
        with closing(sqlite3.connect(self.home / "spaceaudit.db", timeout=30)) as database:
            return list(database.execute(query))

    def change(self, statement: str) -> int:
        """Change the database behind the product's back; gives the number of rows changed."""
        with closing(sqlite3.connect(self.home / "spaceaudit.db")) as database, database:
            return database.execute(statement).rowcount

    def counts(self) -> dict[str, int]:
        """How many rows the tables of facts have."""
        tables = (
            "snapshot",
            "screening",
            "finding",
            "coverage",
            "resource",
            "verdict",
            "auditevent",
        )
        return {
            table: int(str(self.rows(f"SELECT count(*) FROM {table}")[0][0])) for table in tables
        }

    def stored(self) -> list[Path]:
        """The finished snapshots."""
        return sorted((self.home / "snapshots").rglob("*.wacz"))

    def receipts(self) -> list[Path]:
        """The visits that are finished."""
        return sorted((self.home / "crawls").glob("*/done/*.json"))

    def processes(self) -> dict[int, str]:
        """The live processes that the command started, with their command lines."""
        mark, found = f"{MARK}={self.mark}".encode(), {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if mark in (folder / "environ").read_bytes().split(b"\0"):
                    words = (folder / "cmdline").read_bytes().split(b"\0")
                    found[int(folder.name)] = b" ".join(words).decode(errors="replace").strip()
            except OSError:
                # It has gone in the meantime, or is somebody else's.
                continue
        return {pid: command for pid, command in found.items() if command}

    def crawls(self) -> list[int]:
        """The crawl processes that are running."""
        return [pid for pid, command in self.processes().items() if "crawler.job" in command]

    def kill_crawl(self) -> None:
        """End the crawl process, and it alone, as the kernel would that has no memory left."""
        [crawl] = self.crawls()
        os.kill(crawl, signal.SIGKILL)


def wait_until(holds: Callable[[], object], seconds: float) -> bool:
    """Ask until it holds; False when the time is over."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if holds():
            return True
        time.sleep(0.05)
    return False
