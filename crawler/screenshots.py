"""Pictures of a page: very tall ones in strips, so that memory stays bounded."""

from __future__ import annotations

import base64
from dataclasses import dataclass

from playwright.async_api import CDPSession, Page

SIZE_SCRIPT = """() => {
  const root = document.documentElement;
  return [root.clientWidth, root.scrollHeight, document.getElementsByTagName("*").length];
}"""

#: Height of one picture in CSS pixels: above, Chromium's memory rises steeply. A taller page's screenshot
#: comes in strips of this height.
STRIP_HEIGHT = 12_000
#: Strips taken of one page at most; a page of so many screens is a trap, or nobody looks at its end.
MOST_STRIPS = 5
SCREENSHOT_QUALITY = 70


@dataclass(frozen=True, slots=True)
class Size:
    """How large a page is: CSS pixels, and elements."""

    width: int
    height: int
    elements: int


#: The size of a page that has not been read.
UNKNOWN = Size(0, 0, 0)


async def size_of(page: Page) -> Size:
    """How large a page is now."""
    return Size(*await page.evaluate(SIZE_SCRIPT))


def strips_of(size: Size) -> int:
    """How many pictures the screenshot of a page of this size takes."""
    return min(MOST_STRIPS, max(1, -(-size.height // STRIP_HEIGHT)))


def cut_at(size: Size) -> int | None:
    """Where the last strip ends short of the page, in CSS pixels; None when the page is whole."""
    most = MOST_STRIPS * STRIP_HEIGHT
    return most if size.height > most else None


#: The way to each tab's own screenshots, made once for a tab and let go with it: a session holds its
#: context, and through it all that a visit has read.
_sessions: dict[Page, CDPSession] = {}


async def strip(page: Page, size: Size, number: int) -> bytes:
    """One picture, asked of the browser itself: Playwright's way asks six times as often."""
    session = _sessions.get(page)
    if session is None:
        session = _sessions[page] = await page.context.new_cdp_session(page)
        page.once("close", _let_go)
    top = number * STRIP_HEIGHT
    height = max(1, min(STRIP_HEIGHT, size.height - top))
    taken = await session.send(
        "Page.captureScreenshot",
        {
            "format": "jpeg",
            "quality": SCREENSHOT_QUALITY,
            "clip": {"x": 0, "y": top, "width": max(1, size.width), "height": height, "scale": 1},
            "captureBeyondViewport": True,
        },
    )
    return base64.b64decode(taken["data"])


def _let_go(page: Page) -> None:
    _sessions.pop(page, None)
