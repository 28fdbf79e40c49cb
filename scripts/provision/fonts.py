"""A font with Chinese characters: without one, screenshots show boxes."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from provision import apt
from provision.console import SetupError, run, say
from provision.environment import pip_install
from provision.places import FONTS, SCRIPTS

_SYSTEM_CONFIG = Path("/etc/fonts/fonts.conf")
_FONT_DIRS = (
    Path("/usr/share/fonts"),
    Path("/usr/local/share/fonts"),
    Path.home() / ".fonts",
    Path.home() / ".local/share/fonts",
)
#: File names of the common Chinese fonts, for systems without fontconfig's own list.
_CHINESE = re.compile(
    r"cjk|(noto|source).*(sc|cn|hans)|wqy|uming|ukai|droid.*fallback|simsun", re.IGNORECASE
)
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
    """Install Noto Sans CJK when no Chinese font is there; never fails the set-up."""
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
    if shutil.which("fc-list"):
        return bool(run(["fc-list", ":lang=zh-cn"]).output.strip())
    return any(_CHINESE.search(file.name) for place in _FONT_DIRS for file in _files(place))


def _has_packaged_font() -> bool:
    return any(FONTS.glob("*/*.ttc"))


def _files(place: Path) -> list[Path]:
    return list(place.rglob("*.[to]t[fc]")) if place.is_dir() else []
