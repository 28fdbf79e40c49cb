"""libarchive, by which rar, 7z and tar archives are read."""

from __future__ import annotations

from ctypes.util import find_library

from provision import apt
from provision.console import say

#: The shared library's package: Debian 12 and older, then what newer ones call it.
_PACKAGES = ("libarchive13", "libarchive13t64")


def provide_libarchive() -> None:
    """Install the shared library when it is missing; without it such archives are ledger gaps."""
    if find_library("archive") or any(apt.install("archives", name) for name in _PACKAGES):
        return
    say("archives", "no libarchive here: rar, 7z and tar stay unread (install libarchive13)")
