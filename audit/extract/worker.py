"""Extraction in a process of its own, so that no file can hang, swell or crash the product.

    killed by time-out, or out of processor time    the file is a gap: TIMEOUT
    killed by the kernel or aborted for memory      the file is a gap: TOO_LARGE
    any other end, or an answer that is none        the file is a gap: UNREADABLE

After each of these the next file gets a fresh process.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from threading import Event, Timer
from types import TracebackType
from typing import Self

from audit.extract.limits import DEFAULT, Limits
from audit.extract.records import Extraction, Gap
from audit.extract.wire import Request, Response, read_response, request_line
from models.vocabulary import NotScreened, ResourceKind

_log = logging.getLogger(__name__)

#: Seconds a fresh process has to import its libraries, on top of the first file's own time.
START_SECONDS = 30.0
#: Times the text limit an answer may be long: JSON escapes, locators, UTF-8.
_ANSWER_FACTOR = 16
#: Seconds between the end of a child's output and the end of the child.
_LAST_BREATH = 2.0


class ExtractionWorker:
    """A long-lived child process that reads one file after another; not for several threads.

    Args:
        limits: What one file may cost; the child gets the same.
        modules: Further modules with extractors to load in the child, after the built-in ones.
    """

    def __init__(self, limits: Limits = DEFAULT, modules: Sequence[str] = ()) -> None:
        self._limits = limits
        self._modules = tuple(modules)
        self._process: subprocess.Popen[bytes] | None = None
        self._fresh = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the child."""
        if self._process is not None:
            self._process.kill()
            self._collect(self._process)

    def extract(self, data: bytes, kind: ResourceKind, name: str) -> Extraction:
        """Read one file; what goes wrong, in the file or the child, is a gap of the answer."""
        if len(data) > self._limits.file_bytes:
            return _unread(name, NotScreened.TOO_LARGE)
        response = self._exchange(data, Request(name, kind, len(data)))
        if isinstance(response, NotScreened):
            return _unread(name, response)
        for line in response.log:
            _log.info("%s: %s", name, line)
        return response.extraction

    def _exchange(self, data: bytes, request: Request) -> Response | NotScreened:
        process = self._running()
        late = Event()
        timer = Timer(self._patience(), _kill_late, (process, late))
        timer.start()
        try:
            line = _converse(process, data, request, self._limits)
        finally:
            timer.cancel()
        try:
            response = read_response(line)
        except ValueError:
            return self._cause(process, late, request.name)
        if response.spent:
            self._collect(process)
        return response

    def _patience(self) -> float:
        extra, self._fresh = (START_SECONDS if self._fresh else 0.0), False
        return self._limits.seconds + extra

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            if self._process is not None:
                self._collect(self._process)
            self._process = self._started()
            self._fresh = True
        return self._process

    def _started(self) -> subprocess.Popen[bytes]:
        """A fresh interpreter with nothing of our environment but where modules are."""
        arguments = [json.dumps(asdict(self._limits)), *self._modules]
        environment = {
            "PYTHONPATH": os.pathsep.join(str(Path(path).absolute()) for path in sys.path if path),
            "PYTHONSAFEPATH": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONUTF8": "1",
        }
        return subprocess.Popen(
            [sys.executable, "-m", "audit.extract.child", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env=environment,
            start_new_session=True,
        )

    def _cause(self, process: subprocess.Popen[bytes], late: Event, name: str) -> NotScreened:
        """Wait for a child that gave no answer to end, or end it, and name why."""
        try:
            code = process.wait(_LAST_BREATH)
        except subprocess.TimeoutExpired:
            process.kill()
            code = None
        self._collect(process)
        _log.warning("the extraction process ended with %s on %s", code, name)
        if late.is_set() or code in (-signal.SIGXCPU, -signal.SIGALRM):
            return NotScreened.TIMEOUT
        if code in (-signal.SIGKILL, -signal.SIGABRT):
            return NotScreened.TOO_LARGE
        return NotScreened.UNREADABLE

    def _collect(self, process: subprocess.Popen[bytes]) -> None:
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):  # what it never read is of no use now
                    pipe.close()
        self._process = None


def _converse(
    process: subprocess.Popen[bytes], data: bytes, request: Request, limits: Limits
) -> bytes:
    """Send one file and read the answer's line; an empty line when the child is gone."""
    if process.stdin is None or process.stdout is None:
        raise ValueError("the child was started without pipes")
    try:
        process.stdin.write(request_line(request))
        process.stdin.write(data)
        process.stdin.flush()
    except BrokenPipeError:
        return b""
    return process.stdout.readline(limits.characters * _ANSWER_FACTOR)


def _kill_late(process: subprocess.Popen[bytes], late: Event) -> None:
    late.set()
    process.kill()


def _unread(name: str, reason: NotScreened) -> Extraction:
    return Extraction(gaps=(Gap(name, reason),))
