"""What one page may take of the machine's memory, and how the processes of pages are found."""

from __future__ import annotations

import os
import subprocess
import sys
from subprocess import PIPE

import pytest

from crawler.memory import MOST_BYTES, browsers, descendants, own_bytes, renderers, share

#: Says that it runs: right after its start a process is not yet known by its command line.
SLEEPS = "import sys; print(flush=True); sys.stdin.read()"


@pytest.mark.parametrize(
    ("pages", "memory", "expected"),
    [(4, 64 << 30, MOST_BYTES), (4, 6 << 30, 1 << 30), (1, 3 << 30, 1 << 30)],
)
def test_a_page_has_its_share_of_a_small_machine_and_no_more_of_a_large_one(
    monkeypatch: pytest.MonkeyPatch, pages: int, memory: int, expected: int
) -> None:
    values = {"SC_PHYS_PAGES": memory // 4096, "SC_PAGE_SIZE": 4096}
    monkeypatch.setattr(os, "sysconf", values.__getitem__)
    assert share(pages) == expected


@pytest.mark.skipif(sys.platform != "linux", reason="processes are found in /proc")
def test_only_a_browsers_processes_count() -> None:
    command = [sys.executable, "-c", SLEEPS]
    page = [*command, "--type=renderer"]
    main = [*command, "--remote-debugging-pipe"]
    with (
        subprocess.Popen(command, stdin=PIPE, stdout=PIPE) as other,
        subprocess.Popen(page, stdin=PIPE, stdout=PIPE) as shown,
        subprocess.Popen(main, stdin=PIPE, stdout=PIPE) as started,
    ):
        for process in (other, shown, started):
            assert process.stdout is not None
            process.stdout.readline()
        ours = os.getpid()
        assert {other.pid, shown.pid, started.pid} <= set(descendants(ours))
        assert shown.pid in renderers(ours)
        assert started.pid in browsers(ours)
        assert other.pid not in [*renderers(ours), *browsers(ours)]
        assert own_bytes(ours) > 1 << 20
        for process in (other, shown, started):
            process.communicate()
    assert own_bytes(shown.pid) == 0
    assert shown.pid not in renderers(ours)
