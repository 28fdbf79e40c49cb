"""The process in which files are opened: run by ``ExtractionWorker``, under limits of its own.

It answers requests on standard input until that ends. It may write no file, and it is killed by
the kernel when it takes more memory or processor time than one file is allowed.
"""

from __future__ import annotations

import json
import logging
import os
import resource
import signal
import sys
from io import BufferedReader, BufferedWriter

from audit.extract import extract
from audit.extract.limits import Limits
from audit.extract.records import Extraction
from audit.extract.registry import load
from audit.extract.wire import Response, read_request, response_line
from models.vocabulary import NotScreened

#: Beyond the parent's own time-out, for the case that the parent is gone.
_ORPHAN_SECONDS = 10


class _Notes(logging.Handler):
    """Keeps what is logged while one file is read, for the parent to log."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage()[:500])

    def taken(self) -> tuple[str, ...]:
        lines, self.lines = tuple(self.lines[:100]), []
        return lines


def main() -> None:
    """Answer requests until standard input ends. Arguments: the limits, then modules to load."""
    limits = Limits(**json.loads(sys.argv[1]))
    requests, responses = _streams()
    notes = _Notes()
    logging.basicConfig(level=logging.INFO, handlers=[notes])
    load(sys.argv[2:])
    _confine(limits)
    while line := requests.readline():
        request = read_request(line)
        _start_clock(limits)
        data = requests.read(request.length)
        extraction = extract(data, request.kind, request.name, limits)
        del data
        _answer(responses, extraction, notes)


def _streams() -> tuple[BufferedReader, BufferedWriter]:
    """Standard input, and a private copy of standard output that no library prints into."""
    responses = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return os.fdopen(sys.stdin.fileno(), "rb"), responses


def _confine(limits: Limits) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (limits.memory_bytes, limits.memory_bytes))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))


def _start_clock(limits: Limits) -> None:
    """Processor time counts over the life of the process, so each file moves the limit on."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    cap = int(used.ru_utime + used.ru_stime) + 1 + limits.cpu_seconds
    resource.setrlimit(resource.RLIMIT_CPU, (cap, resource.RLIM_INFINITY))
    signal.setitimer(signal.ITIMER_REAL, limits.seconds + _ORPHAN_SECONDS)


def _answer(responses: BufferedWriter, extraction: Extraction, notes: _Notes) -> None:
    spent = any(gap.reason is NotScreened.TOO_LARGE for gap in extraction.gaps)
    responses.write(response_line(Response(extraction, notes.taken(), spent)))
    responses.flush()
    signal.setitimer(signal.ITIMER_REAL, 0)
    if spent:
        sys.exit()


if __name__ == "__main__":
    main()
