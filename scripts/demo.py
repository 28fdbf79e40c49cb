"""The main job on the sample platform, from the nomination sheet to the ranking: ``make demo``.

Starts the sample platform, audits its spaces with a real browser, prints verdicts and ranking, and holds
them against what is known of the samples. Stops all it started, however it ends.
``DEMO_SERVE=1`` keeps platform and web page up until Ctrl-C; ``DEMO_PORT`` names the platform's port.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
DEMO = ROOT / "var" / "demo"
FILES, REPORT = DEMO / "files", DEMO / "report.json"
HOST, PORT = "127.0.0.1", 8765
PYTHON = sys.executable
SPACEAUDIT = str(Path(sys.executable).with_name("spaceaudit"))
CAMPAIGN = ("--campaign", "demo")
AUDITOR = "示例审核员"
#: Between two attempts at what was refused: seconds here, ten minutes where the network is a real one.
ATTEMPT_GAP_SECONDS = "3"
#: What a program that is asked to end gets before it is ended.
STOP_SECONDS = 15
START_SECONDS = 60


class DemoError(RuntimeError):
    """A step of the demo failed; the message says which."""


class Stops:
    """Asks to stop (Ctrl-C, SIGTERM): the first ends the demo, but never between a start and its note."""

    def __init__(self) -> None:
        """Nothing was asked yet."""
        self._starting = False
        self._asked: int | None = None

    def listen(self) -> None:
        """Take the asks of this process from now on."""
        for sign in (signal.SIGINT, signal.SIGTERM):
            signal.signal(sign, self._ask)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Put an ask off until the block is done."""
        self._starting = True
        try:
            yield
        finally:
            self._starting = False
        if self._asked is not None:
            self._end(self._asked)

    def _ask(self, number: int, _frame: FrameType | None) -> None:
        if self._starting:
            self._asked = number
        else:
            self._end(number)

    def _end(self, number: int) -> NoReturn:
        # Only the first counts: a second must not cut short the stopping of what was started.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        sys.exit(128 + number)


STOPS = Stops()


@contextmanager
def running(command: Sequence[str], log: Path | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program in a process group of its own, which is gone at the end."""
    output = None if log is None else log.open("wb")
    process: subprocess.Popen[bytes] | None = None
    try:
        with STOPS.held():
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                start_new_session=True,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output and subprocess.STDOUT,
            )
        yield process
    finally:
        if process is not None:
            stop_group(process)
        if output is not None:
            output.close()


def stop_group(process: subprocess.Popen[bytes]) -> None:
    """End a program and all that it started: asked first, then killed."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, sign)
        except ProcessLookupError:
            break
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            continue
    process.wait()


def step(title: str, command: Sequence[str]) -> None:
    """Run one step to its end, its output on this terminal.

    Raises:
        DemoError: it did not end well.
    """
    shown = " ".join(Path(word).name if word == command[0] else word for word in command)
    print(f"\n== {title}\n$ {shown}", flush=True)
    started = time.monotonic()
    with running(command) as process:
        code = process.wait()
    if code:
        raise DemoError(f"“{title}” failed: {shown} ended {code}")
    print(f"({time.monotonic() - started:.1f} s)", flush=True)


def free_port(wanted: int) -> int:
    """The wanted port, or when it is taken another one, saying so."""
    try:
        with socket.create_server((HOST, wanted)) as listener:
            return int(listener.getsockname()[1])
    except OSError:
        port = free_port(0)
        print(f"port {wanted} is taken; the sample platform uses {port} instead")
        return port


def wait_for(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Wait until a server that was started takes connections.

    Raises:
        DemoError: it ended, or takes too long.
    """
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with socket.create_connection((HOST, port), timeout=1):
                return
        except OSError:
            time.sleep(0.1)
    said = log.read_text(encoding="utf-8", errors="replace").strip()[-2000:]
    raise DemoError(f"the server on port {port} did not start; it said:\n{said}")


def serve(stack: ExitStack, command: Sequence[str], port: int, log: Path) -> None:
    """Start a server that runs until the stack is closed, and wait for it."""
    wait_for(stack.enter_context(running(command, log)), port, log)


def held_out() -> str:
    """A space that the ranking must hold out: one waiting for a person, rather than one refused."""
    spaces = json.loads(REPORT.read_text(encoding="utf-8"))["spaces"]
    by_state = {space["verdict"]["state"]: space["space"] for space in reversed(spaces)}
    for state in ("pending", "rejected", "undetermined"):
        if state in by_state:
            return str(by_state[state])
    raise DemoError("every space was found eligible: the samples hold some that are not")


def unseen_only() -> list[str]:
    """The spaces that wait for a person only because something in them could not be read."""
    spaces = json.loads(REPORT.read_text(encoding="utf-8"))["spaces"]
    return [space["space"] for space in spaces if space["verdict"]["reasons"] == ["coverage_gap"]]


def look_at_unread() -> None:
    """A made-up auditor looks at what no program read, so that the ranking has more to rank."""
    step("Add a made-up auditor", (SPACEAUDIT, "user", "add", AUDITOR, "--role", "city_staff"))
    for space in unseen_only():
        word = ("--dismiss", "--reason", "fit", "--note", "示例:已人工查看", "--as", AUDITOR)
        step(
            f"The auditor passes {space}",
            (SPACEAUDIT, "decide", "--space", space, *CAMPAIGN, *word),
        )


def main_job(stack: ExitStack) -> None:
    """From the sheet to the ranking, and the comparison with what is known."""
    port = free_port(int(os.environ.get("DEMO_PORT", PORT)))
    os.environ["SPACEAUDIT_HOME"] = str(DEMO / "home")
    os.environ["SPACEAUDIT_EGRESS_ALLOW"] = f"{HOST}:{port}"
    os.environ.setdefault("SPACEAUDIT_ATTEMPT_GAP_SECONDS", ATTEMPT_GAP_SECONDS)
    sample = (PYTHON, "-m", "sample")
    base = f"http://{HOST}:{port}"
    step("Build the samples", (*sample, "build", "--out", str(FILES), "--base-url", base))
    site = (*sample, "serve", "--files", str(FILES), "--port", str(port))
    serve(stack, site, port, DEMO / "platform.log")
    print(f"the sample platform is at {base}/")

    sheet = str(FILES / "nominations.xlsx")
    audit = (SPACEAUDIT, "audit", sheet, *CAMPAIGN, "--profile", "sample")
    step("Import, visit, screen, judge", audit)
    report = (SPACEAUDIT, "report", *CAMPAIGN, "--format")
    step("The verdicts", (*report, "table"))
    step("The same for machines", (*report, "json", "--out", str(REPORT)))
    look_at_unread()
    step("Walk the evidence and the audit log", (SPACEAUDIT, "verify", *CAMPAIGN))
    rank = (SPACEAUDIT, "rank", *CAMPAIGN)
    step("The ranking", rank)
    step("Why one space is held out", (*rank, "--explain", held_out()))
    step("Held against the truth", (*sample, "compare", str(REPORT)))


def serve_page(stack: ExitStack) -> None:
    """Keep the web page up until Ctrl-C."""
    port = free_port(8000)
    command = (SPACEAUDIT, "serve", "--port", str(port), "--as", AUDITOR)
    serve(stack, command, port, DEMO / "serve.log")
    print(f"\nthe web page is at http://{HOST}:{port}/ until Ctrl-C", flush=True)
    signal.pause()


def main() -> int:
    """Run the demo; 0 when every step went well and no floor of the comparison is missed."""
    STOPS.listen()
    shutil.rmtree(DEMO, ignore_errors=True)
    DEMO.mkdir(parents=True)
    started = time.monotonic()
    try:
        with ExitStack() as stack:
            main_job(stack)
            print(f"\nall steps done in {time.monotonic() - started:.0f} s")
            if os.environ.get("DEMO_SERVE"):
                serve_page(stack)
    except DemoError as error:
        print(f"\nthe demo stopped: {error}", file=sys.stderr)
        return 1
    print(
        f"look at it in a browser: SPACEAUDIT_HOME={DEMO.relative_to(ROOT) / 'home'} .venv/bin/spaceaudit serve --as {AUDITOR}"
        " (or all in one: DEMO_SERVE=1 make demo)"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
