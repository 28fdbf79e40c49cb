"""Holds each page of the browser to a share of the machine's memory: one over it is ended.

A page decides by itself how much memory it takes: by a script, by an answer of a few kilobytes that
unpacks to gigabytes, by elements without end; and a machine without memory ends our process instead
of the page's. A page that is ended counts as crashed, which says nothing of the space. Linux only:
elsewhere there is no ``/proc``, and nothing is watched.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

log = logging.getLogger(__name__)

#: What one page may take at most, in bytes: heavy pages of school platforms take 0.3 GB.
MOST_BYTES = 1536 * 1024 * 1024
#: Between two looks, in seconds: a script fills about 1 GB a second.
LOOK_SECONDS = 0.5
_PROC = Path("/proc")


def share(pages: int) -> int:
    """What one of ``pages`` pages may take, in bytes; two shares are left to all the rest."""
    with suppress(OSError, ValueError):
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        return min(MOST_BYTES, total // (pages + 2))
    return MOST_BYTES


def start_watch(most: int) -> None:
    """End every page of this process's browsers that takes more than ``most`` bytes, from now on."""
    threading.Thread(target=_watch, args=(most,), daemon=True).start()


def _watch(most: int) -> None:
    while not threading.Event().wait(LOOK_SECONDS):
        for process in renderers(os.getpid()):
            taken = own_bytes(process)
            if taken > most:
                log.warning("a page takes %d MB: its process %d is ended", taken >> 20, process)
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)


def descendants(process: int) -> Iterator[int]:
    """The processes that a process started, and those that they started."""
    try:
        tasks = list((_PROC / str(process) / "task").iterdir())
        children = [int(c) for task in tasks for c in (task / "children").read_text().split()]
    except (OSError, ValueError):
        # It has ended in the meantime.
        return
    for child in children:
        yield child
        yield from descendants(child)


def renderers(process: int) -> list[int]:
    """The processes under ``process`` in which a browser shows pages."""
    return [child for child in descendants(process) if b"--type=renderer" in _command(child)]


def browsers(process: int) -> list[int]:
    """The main processes of the browsers under ``process``."""
    return [
        child
        for child in descendants(process)
        if b"--remote-debugging-pipe" in _command(child) and b"--type=" not in _command(child)
    ]


def end_browsers() -> None:
    """End the browsers of this process, which hang; one that is stopped would outlive us otherwise."""
    for process in browsers(os.getpid()):
        log.warning("the browser does not answer: its process %d is ended", process)
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


def _command(process: int) -> bytes:
    try:
        return (_PROC / str(process) / "cmdline").read_bytes()
    except OSError:
        return b""


def own_bytes(process: int) -> int:
    """The memory that is a process's own; what it shares with others is not counted."""
    try:
        _, resident, shared, *_ = (_PROC / str(process) / "statm").read_text().split()
    except (OSError, ValueError):
        return 0
    return (int(resident) - int(shared)) * os.sysconf("SC_PAGE_SIZE")
