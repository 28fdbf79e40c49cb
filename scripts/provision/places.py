"""Where set-up keeps what it installs. All of it is inside the checkout and may be deleted."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "scripts"
VENV = ROOT / ".venv"
VENV_PYTHON = VENV / "bin" / "python"
CACHE = ROOT / ".cache"
LOG = CACHE / "setup.log"
STAMPS = CACHE / "setup.json"
#: Unpacked browser of last resort; crawler/browser.py looks for it here.
BROWSER = CACHE / "browser"
#: ReplayWeb.page; service/replay.py looks for it here.
REPLAY = CACHE / "replay"
#: What the pages load; service/web/assets.py looks for it here.
KIT = CACHE / "kit"
#: What the tests check the pages with.
AXE = CACHE / "axe"
#: Packaged fonts with their fontconfig file; crawler/browser.py hands the file to the browser.
FONTS = CACHE / "fonts"
