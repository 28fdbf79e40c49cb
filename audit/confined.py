"""A child process that reads hostile files for us, from the side of the one who asks.

    killed by time-out, or out of processor time    the answer is TIMEOUT
    killed by the kernel or aborted for memory      the answer is TOO_LARGE
    any other end, or an answer that is none        the answer is UNREADABLE

After each of these the next file gets a fresh process. The child's own side of the limits is
``audit.confinement``.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from threading import Event, Timer
from typing import IO, TypeVar

from models.vocabulary import NotScreened

_log = logging.getLogger(__name__)
_Answer = TypeVar("_Answer")

#: Seconds between the end of a child's output and the end of the child.
_LAST_BREATH = 2.0


class ConfinedProcess:
    """A long-lived child that answers one request after another; not for several threads.

    Args:
        module: The module that is run as the child's program.
        arguments: Its command line.
        start_seconds: What a fresh process has to import its libraries, beside the first request.
        environment: Variables it gets beside where modules are; nothing else of ours reaches it.
    """

    def __init__(
        self,
        module: str,
        arguments: Sequence[str],
        start_seconds: float,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._module = module
        self._arguments = tuple(arguments)
        self._start_seconds = start_seconds
        self._environment = dict(environment or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._fresh = True

    @property
    def pid(self) -> int | None:
        """The number of the running child; None while there is none."""
        return self._process.pid if self._process is not None else None

    def close(self) -> None:
        """End the child."""
        if self._process is not None:
            self._process.kill()
            self.collect()

    def ask(
        self, head: bytes, data: bytes, read: Callable[[IO[bytes]], _Answer], seconds: float
    ) -> _Answer | NotScreened:
        """Send one request and read its answer, or name why there is none.

        Args:
            head: The line that says what is asked.
            data: The bytes after it.
            read: Reads the answer; raises ValueError for what is none.
            seconds: How long the answer may take.
        """
        process = self._running()
        late = Event()
        timer = Timer(self._patience(seconds), _kill_late, (process, late))
        timer.start()
        try:
            return _converse(process, head, data, read)
        except ValueError:
            return self._cause(process, late)
        finally:
            timer.cancel()

    def collect(self) -> None:
        """Wait for a child that ends by itself."""
        process, self._process = self._process, None
        if process is None:
            return
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):  # what it never read is of no use now
                    pipe.close()

    def _patience(self, seconds: float) -> float:
        extra, self._fresh = (self._start_seconds if self._fresh else 0.0), False
        return seconds + extra

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is not None:
            self.collect()
        if self._process is None:
            self._process = self._started()
            self._fresh = True
        return self._process

    def _started(self) -> subprocess.Popen[bytes]:
        """A fresh interpreter with nothing of our environment but where modules are."""
        environment = {
            "PYTHONPATH": os.pathsep.join(str(Path(path).absolute()) for path in sys.path if path),
            "PYTHONSAFEPATH": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONUTF8": "1",
        }
        return subprocess.Popen(
            [sys.executable, "-m", self._module, *self._arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env=environment | self._environment,
            start_new_session=True,
        )

    def _cause(self, process: subprocess.Popen[bytes], late: Event) -> NotScreened:
        """Wait for a child that gave no answer to end, or end it, and name why."""
        try:
            code = process.wait(_LAST_BREATH)
        except subprocess.TimeoutExpired:
            process.kill()
            code = None
        self.collect()
        _log.warning("%s ended with %s", self._module, code)
        if late.is_set() or code in (-signal.SIGXCPU, -signal.SIGALRM):
            return NotScreened.TIMEOUT
        if code in (-signal.SIGKILL, -signal.SIGABRT):
            return NotScreened.TOO_LARGE
        return NotScreened.UNREADABLE


def _converse(
    process: subprocess.Popen[bytes],
    head: bytes,
    data: bytes,
    read: Callable[[IO[bytes]], _Answer],
) -> _Answer:
    """Send one request and read its answer; ValueError when the child is gone."""
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("the child was started without pipes")
    try:
        process.stdin.write(head)
        process.stdin.write(data)
        process.stdin.flush()
    except BrokenPipeError as error:
        raise ValueError("the child took no request") from error
    return read(process.stdout)


def _kill_late(process: subprocess.Popen[bytes], late: Event) -> None:
    late.set()
    process.kill()
