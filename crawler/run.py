"""Starts a crawl process and follows it: its events as they come, its receipts as they stand."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from crawler.task import CrawlOrder, Receipt

#: Waited for a crawl process to go after it was asked to, before it is killed, in seconds.
GRACE_SECONDS = 10
#: Seconds given to the child of a run that was killed to notice it and let go of the lock.
LOCK_TRIES = 10

#: Events that end a visit.
ENDS = frozenset({"stored", "failed"})


class CrawlError(RuntimeError):
    """The crawl process could not do its work; what was stored until then stands."""


class CrawlLacksError(CrawlError):
    """The crawl process found that the environment lacks something: exit code 3."""


@dataclass(frozen=True, slots=True)
class Progress:
    """One event of a running crawl: ``page``, ``file``, ``stored`` or ``failed``.

    ``waiting`` belongs to no space: everything waits, and ``why`` says for what and until when.
    """

    event: str
    space: str
    details: Mapping[str, str]


def receipts(order: CrawlOrder) -> Iterator[Receipt]:
    """The visits of an order that are finished and stored, whoever finished them."""
    for path in sorted(order.receipts.glob("*.json")):
        yield Receipt.model_validate_json(path.read_text(encoding="utf-8"))


def run(order: CrawlOrder, follow: Callable[[Progress], None]) -> int:
    """Run a crawl in a process of its own and call ``follow`` for each event.

    Returns the number of visits that failed. The process and its browser are one group and go
    together, also when this process is interrupted.

    Raises:
        CrawlLacksError: the environment lacks something.
        CrawlError: the process died or left spaces out, or another one is at this crawl.
    """
    order.directory.mkdir(parents=True, exist_ok=True)
    path = order.directory / "order.json"
    path.write_text(order.model_dump_json(indent=1), encoding="utf-8")
    failed: set[str] = set()
    left = {task.space for task in order.spaces}
    log = order.directory / "crawl.stderr"
    with (
        log.open("wb") as errors,
        _alone(order.directory) as lock,
        _start(path, errors, lock) as process,
    ):
        try:
            for progress in _events(process):
                if progress.event in ENDS:
                    left.discard(progress.space)
                if progress.event == "failed":
                    failed.add(progress.space)
                follow(progress)
            code = process.wait()
        finally:
            _end(process)
    if code == 3:
        raise CrawlLacksError(log.read_text(encoding="utf-8").strip())
    # A process that broke off on its way ends 0 or 1 as well.
    if code not in (0, 1) or left:
        raise CrawlError(
            f"the crawl process ended with {code} and left {len(left)} spaces unvisited; run the "
            f"same command again to go on, and see crawl.log and crawl.stderr in {order.directory}"
        )
    return len(failed)


def _start(order: Path, errors: IO[bytes], lock: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "crawler.job", str(order)],
        # Never written to: its end tells the child that we are gone.
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        start_new_session=True,
        # The child holds the lock as well, until it is gone itself.
        pass_fds=(lock,),
        text=True,
        encoding="utf-8",
    )


@contextmanager
def _alone(directory: Path) -> Iterator[int]:
    """Hold the crawl's lock: two processes at one crawl would write into each other's work."""
    with (directory / "lock").open("wb") as stream:
        for left in reversed(range(LOCK_TRIES)):
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if not left:
                    raise CrawlError(
                        "another process is at this crawl; wait for it, or stop it, and run the same "
                        "command again"
                    ) from error
                time.sleep(1)
        yield stream.fileno()


def _events(process: subprocess.Popen[str]) -> Iterator[Progress]:
    if process.stdout is None:
        return
    for line in process.stdout:
        with suppress(json.JSONDecodeError, KeyError):
            event = json.loads(line)
            yield Progress(event.pop("event"), event.pop("space"), event)


def _end(process: subprocess.Popen[str]) -> None:
    """End the whole group: the browser must not outlive the crawl."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, sign)
        if process.poll() is not None and sign is signal.SIGTERM:
            continue
        with suppress(subprocess.TimeoutExpired):
            process.wait(GRACE_SECONDS)
