"""The demo leaves nothing behind, however it ends."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

import demo

SCRIPTS = Path(demo.__file__).parent
#: A demo whose one step is a shell with a child of its own; it tells both process ids.
HANGING = """
import sys
from pathlib import Path
import demo

demo.DEMO = Path(sys.argv[1]) / "demo"
shell = ("sh", "-c", "sleep 300 & echo $$ $!; wait")
demo.main_job = lambda stack: demo.step("hang", shell)
sys.exit(demo.main())
"""


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def started(process: subprocess.Popen[str], pattern: int = 2) -> list[int]:
    assert process.stdout is not None
    for line in process.stdout:
        words = line.split()
        if len(words) == pattern and all(word.isdigit() for word in words):
            return [int(word) for word in words]
    raise AssertionError("the demo ended early")


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_demo_stops_what_it_started(tmp_path: Path, sign: signal.Signals) -> None:
    command = [sys.executable, "-c", HANGING, str(tmp_path)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(SCRIPTS)}
    ) as process:
        pids = started(process)
        assert all(map(is_alive, pids))
        process.send_signal(sign)
        assert process.wait(60) == 128 + sign
    # A killed process is still there for the moment that the kernel takes to end it.
    deadline = time.monotonic() + 10
    while any(map(is_alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(is_alive, pids))


def test_a_program_that_will_not_end_is_killed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(demo, "STOP_SECONDS", 0.3)
    port, log = demo.free_port(0), tmp_path / "log"
    stubborn = (
        "import signal, socket, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        f"listener = socket.create_server(('127.0.0.1', {port})); time.sleep(300)"
    )
    with demo.running([sys.executable, "-c", stubborn], log) as process:
        demo.wait_for(process, port, log)
    assert process.returncode == -signal.SIGKILL


def test_a_failed_step_is_named() -> None:
    with pytest.raises(demo.DemoError, match="“Judge” failed: sh -c exit 7 ended 7"):
        demo.step("Judge", ("/bin/sh", "-c", "exit 7"))


def test_a_server_that_does_not_start_is_quoted(tmp_path: Path) -> None:
    log = tmp_path / "log"
    command = ("sh", "-c", "echo the cellar is flooded; exit 3")
    with ExitStack() as stack, pytest.raises(demo.DemoError, match="the cellar is flooded"):
        demo.serve(stack, command, demo.free_port(0), log)


def test_a_server_is_up_when_serve_returns_and_gone_after(tmp_path: Path) -> None:
    port = demo.free_port(0)
    command = (sys.executable, "-m", "http.server", "-b", "127.0.0.1", str(port))
    with ExitStack() as stack:
        demo.serve(stack, command, port, tmp_path / "log")
        socket.create_connection(("127.0.0.1", port)).close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def test_a_taken_port_is_told_and_another_taken(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        taken = listener.getsockname()[1]
        port = demo.free_port(taken)
    assert port != taken
    assert f"port {taken} is taken" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("states", "space"),
    [
        (["eligible", "rejected", "pending", "pending"], "s3"),
        (["undetermined", "rejected"], "s2"),
        (["eligible", "undetermined"], "s2"),
    ],
)
def test_the_explained_space_is_one_that_is_held_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, states: list[str], space: str
) -> None:
    report = tmp_path / "report.json"
    spaces = [
        {"space": f"s{number}", "verdict": {"state": state}}
        for number, state in enumerate(states, start=1)
    ]
    report.write_text(json.dumps({"spaces": spaces}))
    monkeypatch.setattr(demo, "REPORT", report)
    assert demo.held_out() == space
