"""What the person at the terminal sees, and how other programs are run: quietly, into a log."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from provision.places import LOG

#: Lines of a failed program's output that are shown; the rest is in the log.
TAIL_LINES = 15


class SetupError(RuntimeError):
    """Set-up cannot go on: the message says what is missing and what to do. Exit code 3."""


@dataclass(frozen=True)
class Outcome:
    """How a program ended, and all it printed."""

    ok: bool
    output: str

    @property
    def tail(self) -> str:
        """The last lines of the output, indented."""
        lines = [line for line in self.output.splitlines() if line.strip()]
        return "\n".join(f"    {line}" for line in lines[-TAIL_LINES:])


def say(step: str, text: str) -> None:
    """Tell what is being done, one line."""
    print(f"  {step + ':':<10} {text}", flush=True)


def run(
    command: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    timeout: float | None = None,
    cwd: Path | None = None,
) -> Outcome:
    """Run a program to its end and log what it printed.

    A program that is not there, or not done after ``timeout`` seconds, counts as failed.
    """
    argv = [str(part) for part in command]
    try:
        done = subprocess.run(
            argv,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout,
            cwd=cwd,
            check=False,
        )
        outcome = Outcome(done.returncode == 0, done.stdout.decode(errors="replace"))
    except subprocess.TimeoutExpired:
        outcome = Outcome(ok=False, output=f"{argv[0]} was not done after {timeout:.0f} seconds")
    except OSError as error:
        outcome = Outcome(ok=False, output=str(error))
    _log(argv, outcome)
    return outcome


def _log(argv: Sequence[str], outcome: Outcome) -> None:
    LOG.parent.mkdir(parents=True, exist_ok=True)
    with LOG.open("a", encoding="utf-8") as log:
        log.write(f"$ {' '.join(argv)}\n{outcome.output}\n")
