"""Debian's packages, where this user may install them."""

from __future__ import annotations

import functools
import os
import shutil

from provision.console import Outcome, run, say

_ENV = {"DEBIAN_FRONTEND": "noninteractive"}
#: Another apt (an automatic upgrade, say) may hold the lock for a while; downloads may break off.
_OPTIONS = ("-o", "DPkg::Lock::Timeout=120", "-o", "Acquire::Retries=3")


def usable() -> bool:
    """Whether packages can be installed at all: as root, on a system with apt-get."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def install(step: str, *packages: str) -> bool:
    """Install packages without what they only recommend, trying twice.

    Returns:
        False when they cannot be installed: not root, no apt, unknown here, or no network.
    """
    if not usable():
        return False
    _update_lists()
    if not all(_known(package) for package in packages):
        return False
    say(step, f"installing {' '.join(packages)} from the system's packages")
    done = _install(packages)
    if not done.ok:
        _update_lists.cache_clear()
        _update_lists()
        done = _install(packages)
    if not done.ok:
        say(step, f"apt-get could not install {' '.join(packages)}:\n{done.tail}")
    return done.ok


def _install(packages: tuple[str, ...]) -> Outcome:
    options = ("-y", "-q", "--no-install-recommends", *_OPTIONS)
    return run(["apt-get", "install", *options, *packages], env=_ENV)


@functools.cache
def _update_lists() -> None:
    say("system", "reading the system's package lists")
    run(["apt-get", "update", "-q", *_OPTIONS], env=_ENV)


def _known(package: str) -> bool:
    shown = run(["apt-cache", "policy", package]).output
    return "Candidate:" in shown and "Candidate: (none)" not in shown
