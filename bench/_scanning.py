"""What each side of the matching benchmark does alike: read the task, build, scan, tell the cost.

Run by each side's own Python, so it needs nothing but the standard library.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from time import process_time
from typing import TypeVar

#: Between documents in the file of texts.
PAGE = "\f"
Built = TypeVar("Built")


def megabytes(field: str) -> float:
    """What this process holds (VmRSS) or held at most (VmHWM)."""
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) / 1024
    return 0.0


def run(
    build: Callable[[Sequence[str]], Built], scan: Callable[[Built, Sequence[str]], int]
) -> None:
    """Build from the phrases, scan the texts so many times, and print what it took.

    ``scan`` answers how much it found; the best of several turns counts, since other work on the
    machine only ever adds.
    """
    task = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    phrases = Path(task["phrases"]).read_text(encoding="utf-8").splitlines()
    texts = Path(task["texts"]).read_text(encoding="utf-8").split(PAGE)
    before, started = megabytes("VmRSS"), process_time()
    built = build(phrases)
    building = process_time() - started
    held = megabytes("VmRSS") - before
    scan(built, texts[:1])
    turns = []
    for _ in range(task["turns"]):
        started = process_time()
        found = scan(built, texts)
        turns.append(process_time() - started)
    cost = {
        "seconds": min(turns),
        "build_seconds": building,
        "built_megabytes": held,
        "peak_megabytes": megabytes("VmHWM"),
        "found": found,
    }
    print(json.dumps(cost))
