"""The Python environment, and the locked packages in it."""

from __future__ import annotations

import importlib.util
import shutil
import sys

from provision import apt
from provision.console import SetupError, run, say
from provision.places import ROOT, SCRIPTS, VENV, VENV_PYTHON
from provision.stamps import digest, identity, mark_done, recorded

LOCK = ROOT / "requirements.lock"
BUILD_LOCK = SCRIPTS / "build.lock"
#: The two packages without wheels; everything else must come as a wheel, so that nothing unpinned builds it.
SOURCE_ONLY = "jieba,surt"
_VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
SITE_PACKAGES = VENV / "lib" / f"python{_VERSION}" / "site-packages"


def provide_python() -> None:
    """Create ``.venv``, by whatever this system has for it.

    Raises:
        SetupError: there is no way to make one.
    """
    if _works():
        return
    say("python", f"creating .venv with Python {sys.version.split()[0]}")
    for make in (_by_venv, _by_venv_after_apt, _by_virtualenv, _by_venv_with_outer_pip):
        shutil.rmtree(VENV, ignore_errors=True)
        if make() and _works():
            return
    shutil.rmtree(VENV, ignore_errors=True)
    raise SetupError(
        f"this Python {_VERSION} can make no environment (its venv module has no ensurepip) and there is no pip; "
        f"as root run `apt-get install python{_VERSION}-venv` (or python3-pip), then run this again"
    )


def provide_packages() -> None:
    """Install exactly what the locks name, then the project itself, editable.

    Raises:
        SetupError: pip failed twice.
    """
    state = packages_state()
    if recorded("packages") == state and (VENV / "bin" / "spaceaudit").is_file():
        return
    count = sum("==" in line for line in LOCK.read_text(encoding="utf-8").splitlines())
    say("packages", f"installing {count} locked packages (about a minute)")
    pip_install("--require-hashes", "-r", BUILD_LOCK)
    pip_install(
        "--require-hashes",
        *("--only-binary", ":all:", "--no-binary", SOURCE_ONLY, "--no-build-isolation"),
        *("-r", LOCK),
    )
    pip_install("--no-build-isolation", "-e", ROOT)
    mark_done("packages", state)


def pip_install(*arguments: object) -> None:
    """Run ``pip install`` for the environment, by the user's own pip configuration; tries twice.

    Raises:
        SetupError: it failed both times.
    """
    command = [*_pip(), "install", "-q", "--no-input", "--no-deps", *map(str, arguments)]
    if not run(command).ok:
        done = run(command)
        if not done.ok:
            raise SetupError(
                f"pip could not install what the project needs:\n{done.tail}\n"
                "check the network and pip's configuration (`pip config list`), then run this again"
            )


def packages_state() -> str:
    """What has to be installed, and into which environment, as one value."""
    return digest(LOCK, BUILD_LOCK, ROOT / "pyproject.toml", identity(VENV / "pyvenv.cfg"))


def _pip() -> list[str]:
    if (SITE_PACKAGES / "pip").is_dir():
        return [str(VENV_PYTHON), "-m", "pip"]
    return [sys.executable, "-m", "pip", "--python", str(VENV_PYTHON)]


def _works() -> bool:
    code = "import sys; sys.exit('%d.%d' % sys.version_info[:2] != sys.argv[1])"
    return VENV_PYTHON.exists() and run([VENV_PYTHON, "-c", code, _VERSION]).ok


def _by_venv() -> bool:
    return _has("ensurepip") and run([sys.executable, "-m", "venv", VENV]).ok


def _by_venv_after_apt() -> bool:
    # A Python that apt did not install gains nothing from apt's package: its own ensurepip is missing.
    return (
        apt.install("python", f"python{_VERSION}-venv")
        and run([sys.executable, "-m", "venv", VENV]).ok
    )


def _by_virtualenv() -> bool:
    if _has("virtualenv"):
        return run([sys.executable, "-m", "virtualenv", VENV]).ok
    program = shutil.which("virtualenv")
    return program is not None and run([program, "-p", sys.executable, VENV]).ok


def _by_venv_with_outer_pip() -> bool:
    return _has("pip") and run([sys.executable, "-m", "venv", "--without-pip", VENV]).ok


def _has(module: str) -> bool:
    return importlib.util.find_spec(module) is not None
