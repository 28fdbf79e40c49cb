"""What a command costs, with all processes it starts: seconds, CPU seconds, memory at its peak."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import subprocess
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

#: Between two looks at the memory of the processes, in seconds; each look costs some milliseconds.
SAMPLE_SECONDS = 0.25
PR_SET_CHILD_SUBREAPER = 36


class SideError(RuntimeError):
    """A side of the comparison did not do its work; nothing can be said."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one run of a command took."""

    seconds: float
    cpu_seconds: float
    peak_megabytes: float
    output: str
    #: Megabytes held at each look, in the order of time.
    megabytes: tuple[float, ...] = ()


def measured(command: Sequence[str | Path], folder: Path) -> Cost:
    """Run a command to its end and measure it.

    Processes that outlive their parent come to this one, so that their CPU time is counted too.

    Raises:
        SideError: it ended with an error; the end of what it said is in the message.
    """
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    before, started = _children_cpu(), perf_counter()
    with (folder / "stderr").open("w+b") as errors:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, text=True, start_new_session=True
        )
        memory = _Memory(process.pid)
        memory.start()
        try:
            output, _ = process.communicate()
        finally:
            seconds = perf_counter() - started
            memory.stop()
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        if process.returncode:
            errors.seek(0)
            raise SideError(f"{command[1]} failed: {errors.read()[-2000:].decode()}")
    _reap(memory.seen)
    held = tuple(kilobytes / 1024 for kilobytes in memory.held)
    return Cost(seconds, _children_cpu() - before, max(held, default=0.0), output, held)


def _reap(processes: set[int]) -> None:
    for process in processes:
        with suppress(ChildProcessError):
            os.waitpid(process, 0)


def _children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class _Memory(threading.Thread):
    """Looks again and again at what a process and its descendants hold, in kilobytes.

    Proportional set size: pages shared between Chromium's processes count once.
    """

    def __init__(self, root: int) -> None:
        super().__init__(daemon=True)
        self.held: list[int] = []
        self.seen: set[int] = set()
        self._root = root
        self._stopped = threading.Event()

    def run(self) -> None:
        while not self._stopped.wait(SAMPLE_SECONDS):
            family = _descendants(self._root)
            self.seen |= family
            self.held.append(sum(_proportional(process) for process in family))

    def stop(self) -> None:
        self._stopped.set()
        self.join()


def _descendants(root: int) -> set[int]:
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            # After the command's name, which may hold anything: state, parent, …
            parents[int(folder.name)] = int(
                (folder / "stat").read_text().rpartition(")")[2].split()[1]
            )
    family = {root}
    while more := {child for child, parent in parents.items() if parent in family} - family:
        family |= more
    return family


def _proportional(process: int) -> int:
    with suppress(OSError):
        for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0
