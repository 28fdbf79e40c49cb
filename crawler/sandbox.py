"""Whether Chromium's own sandbox holds the pages: asked of the kernel, not of our settings.

``python -m crawler.sandbox`` starts the browser once and prints ``on``, ``off`` or ``unknown``.

The sandbox puts each page's process into namespaces of its own and behind a system-call filter. What is
looked at is the filter, since anybody may read of it: a page's process has at least one more of them
than ours. A container may have put a filter over all of us, so that having one is no sign yet.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path

from playwright.async_api import Error as PlaywrightError
from playwright.async_api import async_playwright

from crawler.browser import START_SECONDS, Browser, BrowserError, find_browser, launch_options
from crawler.memory import renderers

_PROC = Path("/proc")


class Sandbox(StrEnum):
    """What the kernel says of a running browser's pages."""

    ON = "on"
    OFF = "off"
    UNKNOWN = "unknown"
    """The kernel does not tell (no ``/proc``), or no page ran."""


def filters_of(process: int | str) -> int | None:
    """How many system-call filters a process is behind; None where the kernel does not tell."""
    try:
        text = (_PROC / str(process) / "status").read_text(encoding="utf-8")
    except OSError:
        return None
    fields = dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)
    if "Seccomp_filters" in fields:
        return int(fields["Seccomp_filters"])
    # Kernels before 5.9 say only whether there is one (2) or none (0).
    return int(fields["Seccomp"]) // 2 if "Seccomp" in fields else None


def state_of(processes: Iterable[int]) -> Sandbox:
    """Whether every one of these processes of pages is behind a filter that we are not behind."""
    ours = filters_of("self")
    theirs = [filters_of(process) for process in processes]
    if ours is None or not theirs or any(count is None for count in theirs):
        return Sandbox.UNKNOWN
    return Sandbox.ON if all((count or 0) > ours for count in theirs) else Sandbox.OFF


async def measure(browser: Browser) -> Sandbox:
    """Start a browser, open a page, and ask the kernel.

    A browser that does not start is the business of :func:`crawler.browser.probe`: unknown.
    """
    try:
        async with asyncio.timeout(START_SECONDS), async_playwright() as driver:
            running = await driver.chromium.launch(**launch_options(browser))
            try:
                page = await running.new_page()
                await page.goto("about:blank")
                return state_of(renderers(os.getpid()))
            finally:
                await running.close()
    except (PlaywrightError, OSError, TimeoutError):
        return Sandbox.UNKNOWN


def main() -> int:
    """Say whether the sandbox of this machine's browser is on, for the user who asks."""
    setting = os.environ.get("SPACEAUDIT_BROWSER")
    try:
        browser = find_browser(Path(setting) if setting else None)
    except BrowserError as error:
        sys.stderr.write(f"{error}\n")
        return 3
    sys.stdout.write(f"{asyncio.run(measure(browser))}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
