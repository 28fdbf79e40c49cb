"""A browser that really starts: found, or installed by the first way that works here."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from provision import apt
from provision.console import SetupError, run, say
from provision.environment import SITE_PACKAGES, packages_state
from provision.node import has_packaged_node, install_packaged_node
from provision.npm_browser import provide_npm_browser
from provision.places import ROOT, VENV_PYTHON
from provision.stamps import digest, identity, mark_done, recorded

#: A refused download answers at once; one that is swallowed by a firewall must not hold set-up up.
_CONNECT_MILLISECONDS = 8_000
_DOWNLOAD_SECONDS = 600


@dataclass(frozen=True)
class Found:
    """A browser that started."""

    path: Path
    version: str
    kind: str
    sandbox: str

    @property
    def is_best(self) -> bool:
        """Whether it is the kind that shows real statuses and bytes; others are taken at need."""
        return self.kind == "headless_shell"


def provide_browser() -> None:
    """Make sure that a browser starts.

    Raises:
        SetupError: none does, and none can be installed here.
    """
    if _is_remembered():
        return
    _provide_driver()
    found, reason = _start()
    for remedy in _REMEDIES:
        if found is not None and found.is_best:
            break
        if remedy():
            found, reason = _start()
    if found is None:
        raise SetupError(_last_word(reason))
    say("browser", f"{found.path} {found.version}, {found.sandbox}")
    if not found.is_best:
        say("browser", "full Chromium is second best: PDF pages and bare refusals show less")
    mark_done("browser", _state(found.path))


def _start() -> tuple[Found | None, str]:
    """Start what crawler/browser.py finds: the browser, or why there is none."""
    done = run([VENV_PYTHON, "-m", "crawler.browser"], cwd=ROOT)
    lines = done.output.strip().splitlines() or [""]
    if not done.ok:
        return None, lines[-1]
    path, version, kind, sandbox = lines[-1].split("\t")
    return Found(Path(path), version, kind, sandbox), ""


def _last_word(reason: str) -> str:
    what, _, advice = reason.partition("; ")
    if "make setup" in advice:  # which is what is running
        advice = (
            "as root run `apt-get install chromium-headless-shell`, "
            "or set SPACEAUDIT_BROWSER to a Chromium executable, then run this again"
        )
    return f"{what}; {advice}"


def _is_remembered() -> bool:
    state = recorded("browser")
    path = Path(state.partition(" ")[2])
    return path.is_file() and state == _state(path)


def _state(path: Path) -> str:
    setting = os.environ.get("SPACEAUDIT_BROWSER", "")
    code = ROOT / "crawler" / "browser.py"
    return f"{digest(packages_state(), code, setting, str(os.geteuid()), identity(path))} {path}"


def _provide_driver() -> None:
    """Give Playwright's driver a Node.js that runs: its own needs libatomic1."""
    node = SITE_PACKAGES / "playwright" / "driver" / "node"
    if run([node, "--version"]).ok or has_packaged_node():
        return
    if apt.install("browser", "libatomic1") and run([node, "--version"]).ok:
        return
    install_packaged_node("Playwright's own cannot run here")


def _by_apt(package: str) -> bool:
    return apt.install("browser", package)


def _by_playwright() -> bool:
    say("browser", "trying Playwright's own download")
    env = {"PLAYWRIGHT_DOWNLOAD_CONNECTION_TIMEOUT": str(_CONNECT_MILLISECONDS)}
    playwright: list[str | Path] = [VENV_PYTHON, "-m", "playwright"]
    done = run(
        [*playwright, "install", "--only-shell", "chromium"], env=env, timeout=_DOWNLOAD_SECONDS
    )
    if not done.ok:
        say("browser", "the download is refused or out of reach here; going on")
        return False
    found, reason = _start()
    if found is None:
        # It would be found first ever after, so it must not stay.
        say("browser", f"the downloaded browser does not start ({reason}); removing it")
        run([*playwright, "uninstall"])
    return found is not None


#: First to last: each is tried only while no browser of the best kind starts.
_REMEDIES: tuple[Callable[[], bool], ...] = (
    partial(_by_apt, "chromium-headless-shell"),
    partial(_by_apt, "chromium"),
    _by_playwright,
    provide_npm_browser,
)
