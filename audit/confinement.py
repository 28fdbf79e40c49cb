"""The child's side of a confined process: its streams, its limits, its clock.

The limits are the kernel's, so that no library can forget them. The parent's side is
``audit.confined``.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
from io import BufferedReader, BufferedWriter

#: Beyond the parent's own time-out, for the case that the parent is gone.
_ORPHAN_SECONDS = 10
_OPEN_FILES = 64


def streams() -> tuple[BufferedReader, BufferedWriter]:
    """Standard input, and a private copy of standard output that no library prints into."""
    responses = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return os.fdopen(sys.stdin.fileno(), "rb"), responses


def confine(memory_bytes: int) -> None:
    """From now on: this much address space, no file written, no core, few files open."""
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (_OPEN_FILES, _OPEN_FILES))


def start_clock(seconds: float, cpu_seconds: int) -> None:
    """Processor time counts over the life of the process, so each request moves the limit on."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    cap = int(used.ru_utime + used.ru_stime) + 1 + cpu_seconds
    resource.setrlimit(resource.RLIMIT_CPU, (cap, resource.RLIM_INFINITY))
    signal.setitimer(signal.ITIMER_REAL, seconds + _ORPHAN_SECONDS)


def stop_clock() -> None:
    """The request is answered: waiting for the next one costs nothing."""
    signal.setitimer(signal.ITIMER_REAL, 0)
