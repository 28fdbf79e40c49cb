"""A pinned npm package, downloaded through the user's own npm and checked against its digest."""

from __future__ import annotations

import base64
import hashlib
import shutil
from collections.abc import Sequence
from pathlib import Path

from provision.console import SetupError, run
from provision.places import CACHE, SCRIPTS

_DOWNLOAD = CACHE / "npm"


def pinned(lock: str) -> tuple[str, str]:
    """The package (``name@version``) that a lock in ``scripts/`` names first, and its digest."""
    return pins(lock)[0]


def pins(lock: str) -> list[tuple[str, str]]:
    """The packages that a lock in ``scripts/`` names, with their digests."""
    lines = (SCRIPTS / lock).read_text(encoding="utf-8").splitlines()
    words = [line.split() for line in lines if line and not line.startswith("#")]
    return [(package, integrity) for package, integrity in words]


def download(npm: Sequence[str | Path], package: str, integrity: str) -> Path:
    """Download a package's archive; ``discard`` removes it again.

    Raises:
        SetupError: it cannot be had, or is not the pinned one.
    """
    discard()
    _DOWNLOAD.mkdir(parents=True)
    # `npm pack` asks the registry of the user's own npm configuration, and runs no script.
    done = run([*npm, "pack", package, "--ignore-scripts"], cwd=_DOWNLOAD)
    archive = next(_DOWNLOAD.glob("*.tgz"), None)
    if not done.ok or archive is None:
        cause = next(
            (line for line in done.output.splitlines() if "error" in line), "no reason given"
        )
        raise SetupError(f"npm could not download {package} ({cause.strip()})")
    check(archive, integrity)
    return archive


def check(archive: Path, integrity: str) -> None:
    """Compare an archive with its digest.

    Raises:
        SetupError: it is not the pinned one.
    """
    algorithm, _, expected = integrity.partition("-")
    measured = base64.b64encode(hashlib.new(algorithm, archive.read_bytes()).digest()).decode()
    if measured != expected:
        raise SetupError(f"{archive.name} is not the package that was pinned; it is not used")


def discard() -> None:
    """Remove what was downloaded."""
    shutil.rmtree(_DOWNLOAD, ignore_errors=True)
