"""Remembers which step was done on what, so that a second set-up has nothing to do."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from provision.places import STAMPS


def digest(*parts: Path | str) -> str:
    """One digest of files (by content) and strings; a missing file counts as missing."""
    total = hashlib.sha256()
    for part in parts:
        if isinstance(part, str):
            content = part.encode()
        else:
            content = part.read_bytes() if part.is_file() else b"missing"
        total.update(len(content).to_bytes(8, "big") + content)
    return total.hexdigest()


def identity(path: Path) -> str:
    """Which file this is, without reading it: a replaced or deleted one differs."""
    if not path.exists():
        return "missing"
    stat = path.stat()
    return f"{path}:{stat.st_ino}:{stat.st_size}:{stat.st_mtime_ns}"


def recorded(step: str) -> str:
    """The state on which the step was last done; empty when it never was."""
    return _read().get(step, "")


def mark_done(step: str, state: str) -> None:
    """Remember the state on which the step was done."""
    stamps = {**_read(), step: state}
    STAMPS.parent.mkdir(parents=True, exist_ok=True)
    fresh = STAMPS.with_suffix(".new")
    fresh.write_text(json.dumps(stamps, indent=1), encoding="utf-8")
    fresh.replace(STAMPS)


def _read() -> dict[str, str]:
    try:
        stamps = json.loads(STAMPS.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return stamps if isinstance(stamps, dict) else {}
