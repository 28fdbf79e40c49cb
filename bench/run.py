"""Runs every benchmark of this folder, one after another: ``make bench``, or with ``--json``.

Ends 1 when one of them misses a floor or fails.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def benchmarks() -> list[Path]:
    """The benchmarks, by name; a file that starts with an underscore is shared code."""
    files = sorted(HERE.glob("[!_]*.py"))
    return [file for file in files if file.name != Path(__file__).name]


def main(arguments: list[str]) -> int:
    """Run them all; one that fails does not keep the next from running."""
    missed = []
    for bench in benchmarks():
        if "--json" not in arguments:
            print(f"\n== {bench.stem}", flush=True)
        done = subprocess.run([sys.executable, bench, *arguments], cwd=HERE.parent, check=False)
        if done.returncode:
            missed.append(bench.stem)
    if missed:
        print(f"fell short: {', '.join(missed)}", file=sys.stderr)
    elif not benchmarks():
        print("there is no benchmark yet", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
