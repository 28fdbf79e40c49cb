"""Noto Sans CJK: without a Chinese font screenshots show boxes, and the sample's pictures are drawn with this one."""

from __future__ import annotations

import re
from pathlib import Path

from provision import apt
from provision.console import SetupError, say
from provision.environment import pip_install
from provision.places import FONTS, SCRIPTS

_SYSTEM_CONFIG = Path("/etc/fonts/fonts.conf")
_FONT_DIRS = (
    Path("/usr/share/fonts"),
    Path("/usr/local/share/fonts"),
    Path.home() / ".fonts",
    Path.home() / ".local/share/fonts",
)
#: The file names it has on the various systems.
_NOTO = re.compile(r"Noto ?Sans ?(Mono)?(CJK|SC)[\w-]*\.(ttc|otf|ttf)", re.IGNORECASE)
_FONTCONFIG = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">
<fontconfig>
  <include ignore_missing="yes">{system}</include>
  <dir>/usr/share/fonts</dir>
  <dir>{fonts}</dir>
  <cachedir>{fonts}/cache</cachedir>
</fontconfig>
"""


def provide_fonts() -> None:
    """Install Noto Sans CJK when it is not there; never fails the set-up."""
    present = _has_system_font() or _has_packaged_font()
    if not present and not (apt.install("fonts", "fonts-noto-cjk") and _has_system_font()):
        _install_packaged_font()
    if _has_packaged_font() or not _SYSTEM_CONFIG.is_file():
        _write_fontconfig()


def _install_packaged_font() -> None:
    say("fonts", "installing the packaged Noto Sans CJK under .cache/fonts")
    try:
        pip_install("--require-hashes", "--target", FONTS, "-r", SCRIPTS / "fonts.lock")
    except SetupError:
        say("fonts", "no Chinese font can be installed: screenshots will show boxes for characters")


def _write_fontconfig() -> None:
    """Say where fonts are, to a browser on a system that does not."""
    FONTS.mkdir(parents=True, exist_ok=True)
    text = _FONTCONFIG.format(system=_SYSTEM_CONFIG, fonts=FONTS)
    (FONTS / "fonts.conf").write_text(text, encoding="utf-8")


def _has_system_font() -> bool:
    folders = (place for place in _FONT_DIRS if place.is_dir())
    return any(_NOTO.fullmatch(file.name) for place in folders for file in place.rglob("*"))


def _has_packaged_font() -> bool:
    return any(FONTS.glob("*/*.ttc"))
