"""Reads a rendered page: waits until it is there, scrolls it out, takes its text, links and picture.

Runs inside the browser's page through Playwright. What comes back is plain records; nothing here
judges what was read.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Frame, Page, Response
from playwright.async_api import TimeoutError as PlaywrightTimeout

from crawler.guard_denial import denial_of
from models.manifest import Line, TextBlock
from rules.profile import Profile

SCRIPT = (resources.files(__package__) / "reading.js").read_text(encoding="utf-8")
#: Changes with what is read of a page: a reading by other code is not carried over to a later visit.
READER_VERSION = hashlib.sha256(SCRIPT.encode() + Path(__file__).read_bytes()).hexdigest()[:12]
#: Where the browser shows an error of its own instead of an answer.
ERROR_PAGE = "chrome-error:"

#: Whether a frame's element is shown, how far its content stands in from its outer edge, its source.
FRAME_SCRIPT = """(el) => {
  const style = getComputedStyle(el), box = el.getBoundingClientRect();
  const shown = el.checkVisibility({ opacityProperty: true, visibilityProperty: true });
  return [shown && box.width > 1 && box.height > 1,
    el.clientLeft + parseFloat(style.paddingLeft), el.clientTop + parseFloat(style.paddingTop),
    el.src || ""];
}"""

#: Shows the end of a page that has grown beyond the given height and the window, else its start.
SCROLL_SCRIPT = """(known) => {
  const height = document.documentElement.scrollHeight;
  const grown = height > known && height > innerHeight;
  scrollTo(0, grown ? height : 0);
  return [height, grown];
}"""

SIZE_SCRIPT = """() => {
  const root = document.documentElement;
  return [root.clientWidth, root.scrollHeight, document.getElementsByTagName("*").length];
}"""

#: A page is quiet when nothing was asked for during this long, in seconds; measured on script-built
#: pages, where a chain of two calls leaves gaps of up to 0.2 s.
QUIET_SECONDS = 0.4
#: A page that never falls quiet (a poll, a stream) is read after this long, in seconds.
QUIET_LIMIT = 6.0
#: Waiting for the profile's own sign that the page is ready, in milliseconds.
READY_MILLISECONDS = 8000
#: Waiting for what scrolling or a late script has asked for, in seconds.
LATE_LIMIT = 2.0
#: Readings of a page that goes on changing: the last one counts.
READINGS = 3
#: Steps of scrolling or of "load more" after which an endless page is cut off.
SCROLL_STEPS = 12
#: Until a script that listens to scrolling has asked for more, in seconds; many wait for a tenth.
SCROLL_PAUSE = 0.15
#: Height of the screenshot in CSS pixels at most: above, Chromium's memory rises steeply.
SCREENSHOT_HEIGHT = 12_000
SCREENSHOT_QUALITY = 70


@dataclass(frozen=True, slots=True)
class FoundLink:
    """An address on a page; ``file`` when the page marks it as something to download."""

    url: str
    text: str = ""
    hidden: bool = False
    file: bool = False
    #: Which of the profile's selectors of member links it matches.
    members: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class FoundImage:
    """A picture shown on a page, with its natural size."""

    url: str
    alt: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Size:
    """How large a page is: CSS pixels, and elements."""

    width: int
    height: int
    elements: int


@dataclass(slots=True)
class PageReading:
    """All that was read of one rendered page, its frames included."""

    url: str = ""
    title: str = ""
    blocks: list[TextBlock] = field(default_factory=list)
    links: list[FoundLink] = field(default_factory=list)
    images: list[FoundImage] = field(default_factory=list)
    frames_unread: list[str] = field(default_factory=list)
    password_field: bool = False
    shown: frozenset[str] = frozenset()
    declared: str | None = None
    price: str | None = None
    screenshot: bytes | None = None
    cut_at: int | None = None
    more_below: bool = False
    size: Size = Size(0, 0, 0)

    @property
    def text(self) -> str:
        """The visible text, one block a line."""
        return "\n".join(block.text for block in self.blocks if block.role != "link")


class Traffic:
    """Counts a page's requests in flight, to know when it has fallen quiet.

    Also keeps the frames that show an answer of our guard's and not of a site.
    """

    def __init__(self, page: Page) -> None:
        """Listen to a page from now on."""
        self._open = 0
        self._asked = 0
        self._none_open = asyncio.Event()
        self._none_open.set()
        self.denied: set[Frame] = set()
        self._changed = asyncio.get_running_loop().time()
        page.on("request", lambda _: self._count(1))
        page.on("requestfinished", lambda _: self._count(-1))
        page.on("requestfailed", lambda _: self._count(-1))
        page.on("response", self._note_denial)

    def _count(self, step: int) -> None:
        self._open = max(0, self._open + step)
        self._asked += max(0, step)
        if self._open:
            self._none_open.clear()
        else:
            self._none_open.set()
        self._changed = asyncio.get_running_loop().time()

    def _note_denial(self, response: Response) -> None:
        request = response.request
        if request.is_navigation_request():
            denied = denial_of(response.url, response.headers) is not None
            (self.denied.add if denied else self.denied.discard)(request.frame)

    @property
    def busy(self) -> bool:
        """Whether something is in flight right now."""
        return self._open > 0

    @property
    def asked(self) -> int:
        """How many requests there have been."""
        return self._asked

    async def idle(self, limit: float = QUIET_LIMIT) -> None:
        """Wait until nothing is in flight, or the limit is over."""
        with suppress(TimeoutError):
            async with asyncio.timeout(limit):
                await self._none_open.wait()

    async def quiet(self, limit: float = QUIET_LIMIT) -> None:
        """Wait until nothing is in flight for a while, or the limit is over."""
        loop = asyncio.get_running_loop()
        end = loop.time() + limit
        while (left := end - loop.time()) > 0:
            await self.idle(left)
            since = loop.time() - self._changed
            if self._open == 0 and since >= QUIET_SECONDS:
                return
            await asyncio.sleep(max(0.01, min(left, QUIET_SECONDS - since)))


async def read_page(page: Page, profile: Profile, traffic: Traffic) -> PageReading:
    """Read a page that has been navigated to: settle, scroll out, text, links, screenshot.

    What comes late, while the picture is being taken, makes for another reading: text and picture
    have to show the same.
    """
    await _settle(page, profile, traffic)
    for _ in range(READINGS):
        more_below = await _unfold(page, profile, traffic)
        reading = await _read_frames(page, profile, traffic.denied)
        reading.more_below = more_below
        reading.screenshot, reading.cut_at = await _screenshot(page, reading.size)
        if not traffic.busy and await _size(page) == reading.size:
            break
        await traffic.quiet(LATE_LIMIT)
    return reading


async def _settle(page: Page, profile: Profile, traffic: Traffic) -> None:
    if profile.ready_selector:
        try:
            await page.wait_for_selector(
                profile.ready_selector, state="attached", timeout=READY_MILLISECONDS
            )
            # The pictures may still be on their way.
            await traffic.idle()
        except PlaywrightTimeout:
            # A refusal page need not carry the sign; what is there is read all the same.
            await traffic.quiet()
    else:
        await traffic.quiet()


async def _unfold(page: Page, profile: Profile, traffic: Traffic) -> bool:
    """Scroll and click "load more" until nothing more comes; True if it was cut off.

    A page that fits into the window is not scrolled, and one that does not ask for more when its
    end comes into sight is not waited for any longer.
    """
    height = 0
    for _ in range(SCROLL_STEPS):
        asked = traffic.asked
        height, grown = await page.evaluate(SCROLL_SCRIPT, height)
        clicked = await _click_more(page, profile)
        if not grown and not clicked:
            return False
        await asyncio.sleep(SCROLL_PAUSE)
        if clicked or traffic.asked > asked:
            await traffic.quiet(LATE_LIMIT)
    await page.evaluate("window.scrollTo(0, 0)")
    return True


async def _size(page: Page) -> Size:
    return Size(*await page.evaluate(SIZE_SCRIPT))


async def _click_more(page: Page, profile: Profile) -> bool:
    for selector in profile.load_more_selectors:
        button = page.locator(selector).first
        if await button.is_visible() and await button.is_enabled():
            try:
                await button.click(timeout=1000)
            except PlaywrightTimeout:
                # Something lies over it, a notice or a floating bar.
                await button.dispatch_event("click")
            return True
    return False


def _options(profile: Profile) -> dict[str, Any]:
    return {
        "volatile": list(profile.volatile_selectors),
        "fileSelectors": list(profile.resource_selectors),
        "memberSelectors": [members.selector for members in profile.members],
        "fileAttributes": list(profile.resource_attributes),
        "selectors": [marker.selector for marker in profile.markers if marker.selector],
        "declared": profile.declared.selector if profile.declared else None,
        "price": profile.price.selector if profile.price else None,
    }


async def _read_frames(page: Page, profile: Profile, denied: Set[Frame]) -> PageReading:
    reading = PageReading(url=page.url)
    for frame in page.frames:
        main = frame is page.main_frame
        try:
            place = _Place() if main else await _place(frame)
            if not main and (frame in denied or frame.url.startswith(ERROR_PAGE)):
                reading.frames_unread.append(place.source or frame.url)
                continue
            data = json.loads(
                await frame.evaluate(SCRIPT, _options(profile) | {"hidden": not place.shown})
            )
        except PlaywrightError:
            if main:
                raise
            reading.frames_unread.append(frame.url)
            continue
        _add(reading, data, place, None if main else frame.url)
    return reading


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a frame's content stands on the page, and whether it is to be seen."""

    x: float = 0
    y: float = 0
    shown: bool = True
    source: str = ""


async def _place(frame: Frame) -> _Place:
    element = await frame.frame_element()
    box = await element.bounding_box()
    shown, left, top, source = await element.evaluate(FRAME_SCRIPT)
    outer = frame.parent_frame
    if outer is not None and outer.parent_frame is not None:
        shown = shown and (await _place(outer)).shown
    if box is None:
        return _Place(shown=False, source=source)
    return _Place(box["x"] + left, box["y"] + top, shown, source)


def _add(
    reading: PageReading,
    data: Mapping[str, Any],
    place: _Place,
    frame: str | None,
) -> None:
    reading.blocks += [_block(raw, place, frame) for raw in data["blocks"]]
    reading.links += [
        FoundLink(raw["href"], raw["text"], raw["hidden"], raw["file"], frozenset(raw["members"]))
        for raw in data["links"]
    ]
    reading.links += [FoundLink(raw["href"], raw["text"], file=True) for raw in data["files"]]
    reading.images += [FoundImage(**raw) for raw in data["images"]]
    reading.password_field = reading.password_field or data["passwordField"]
    reading.shown |= frozenset(data["shown"])
    if frame is None:
        reading.title = data["title"]
        reading.size = Size(data["width"], data["height"], data["elements"])
        reading.declared, reading.price = data["declared"], data["price"]
        if data["title"].strip():
            title = TextBlock(text=data["title"].strip(), role="title", locator="title")
            reading.blocks.insert(0, title)


def _block(raw: Mapping[str, Any], place: _Place, frame: str | None) -> TextBlock:
    at = _characters(raw["text"])
    lines = tuple(
        Line(
            start=at[line["start"]],
            end=at[line["end"]],
            x=line["x"] + place.x,
            y=line["y"] + place.y,
            width=line["width"],
            height=line["height"],
        )
        for line in raw["lines"]
    )
    return TextBlock.model_validate({**raw, "lines": lines, "frame": frame})


def _characters(text: str) -> Sequence[int]:
    """The index of the character for each index of the browser, which counts UTF-16 units."""
    units = (2 if character > "\uffff" else 1 for character in text)
    return [index for index, width in enumerate(units) for _ in range(width)] + [len(text)]


async def _screenshot(page: Page, size: Size) -> tuple[bytes, int | None]:
    cut = size.height > SCREENSHOT_HEIGHT
    height = SCREENSHOT_HEIGHT if cut else max(1, size.height)
    picture = await page.screenshot(
        type="jpeg",
        quality=SCREENSHOT_QUALITY,
        full_page=True,
        clip={"x": 0, "y": 0, "width": max(1, size.width), "height": height},
        animations="disabled",
        caret="initial",
    )
    return picture, height if cut else None
