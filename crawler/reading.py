"""Reads a rendered page: waits until it is there, scrolls it out, takes its text, links and picture.

Runs inside the browser's page through Playwright. What comes back is plain records; nothing here
judges what was read.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from importlib import resources
from typing import Any

from playwright.async_api import BrowserContext, Frame, Page
from playwright.async_api import Error as PlaywrightError
from playwright.async_api import TimeoutError as PlaywrightTimeout

from crawler.paging import pages_stated
from crawler.readings import Embed, FoundImage, FoundLink, Gathered, PageReading
from crawler.screenshots import Size, cut_at, size_of, strip, strips_of
from crawler.states import Control, Hands, Walked, ask, controls_in, options_of, walk_states
from crawler.traffic import Traffic
from models.manifest import TextBlock
from models.vocabulary import ResourceSource
from rules.profile import Profile

SCRIPT = (resources.files(__package__) / "reading.js").read_text(encoding="utf-8")
#: Changes with what is read of a page: a reading by other code is not carried over to a later visit.
READER_VERSION = hashlib.sha256(
    b"".join(
        resources.files(__package__).joinpath(part).read_bytes()
        for part in ("reading.js", "reading.py", "screenshots.py", "traffic.py")
    )
).hexdigest()[:12]
#: Where the browser shows an error of its own instead of an answer.
ERROR_PAGE = "chrome-error:"

#: Notices closed shadow trees as scripts make them: what they show can be read no other way. The page
#: goes on as it would; ``reading.js`` looks them up by the same symbol.
CLOSED_SCRIPT = """(() => {
  const roots = new WeakMap();
  Object.defineProperty(document, Symbol.for("spaceaudit.closed"), { value: roots });
  Element.prototype.attachShadow = new Proxy(Element.prototype.attachShadow, {
    apply(attach, host, [init]) {
      const root = Reflect.apply(attach, host, [init]);
      if (init?.mode === "closed") roots.set(host, root);
      return root;
    },
  });
})()"""

#: Whether a frame's element is shown, how far its content stands in from its outer edge, its source.
FRAME_SCRIPT = """(el) => {
  const style = getComputedStyle(el), box = el.getBoundingClientRect();
  const shown = el.checkVisibility({ opacityProperty: true, visibilityProperty: true });
  return [shown && box.width > 1 && box.height > 1,
    el.clientLeft + parseFloat(style.paddingLeft), el.clientTop + parseFloat(style.paddingTop),
    el.src || ""];
}"""

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
#: Going through tabs and pagers of one page, in seconds; a quarter of a page's whole time.
STATE_SECONDS = 12.0


async def watch_shadows(context: BrowserContext) -> None:
    """Have every page of a context note its closed shadow trees; before its first navigation."""
    await context.add_init_script(CLOSED_SCRIPT)


async def read_page(
    page: Page, profile: Profile, traffic: Traffic, *, state_seconds: float = STATE_SECONDS
) -> PageReading:
    """Read a page that has been navigated to: settle, scroll out, text, links, screenshot.

    What comes late, while the picture is being taken, makes for another reading: text and picture
    have to show the same. Then come its other states, behind tabs and pagers, for at most
    ``state_seconds``.
    """
    await _settle(page, profile, traffic)
    for _ in range(READINGS):
        unfolded = await _unfold(page, profile, traffic)
        reading = await _read_frames(page, profile, traffic.denied)
        reading.more_below = unfolded.cut_off
        reading.strips = [
            await strip(page, reading.size, n) for n in range(strips_of(reading.size))
        ]
        reading.cut_at = cut_at(reading.size)
        if not traffic.busy and await size_of(page) == reading.size:
            break
        await traffic.quiet(LATE_LIMIT)
    _add_addresses(reading, unfolded.away)
    if unfolded.controls:
        await _read_states(
            page, profile, traffic, reading, controls=unfolded.controls, seconds=state_seconds
        )
    reading.pages_stated = pages_stated(block.text for block in reading.blocks)
    return reading


async def _read_states(  # noqa: PLR0913  (a page, how to read it, and what was read so far)
    page: Page,
    profile: Profile,
    traffic: Traffic,
    reading: PageReading,
    *,
    controls: Sequence[Control],
    seconds: float,
) -> None:
    reading.dom = await page.content()
    asked = traffic.asked

    async def settle() -> None:
        nonlocal asked
        await asyncio.sleep(SCROLL_PAUSE)
        if traffic.asked > asked:
            await traffic.quiet(LATE_LIMIT)
        asked = traffic.asked

    async def read(name: str) -> int:
        return _absorb(reading, await _read_frames(page, profile, traffic.denied), name)

    walked: Walked = await walk_states(page, profile, controls, Hands(settle, read), seconds)
    reading.states, reading.pages_read = walked.states, walked.pages_read
    reading.left_unread += walked.left_unread
    _add_addresses(reading, walked.away)


def _absorb(reading: PageReading, state: PageReading, name: str) -> int:
    """Add what is new in another state of the page; how much that was."""
    known = {(block.role, block.text, block.frame) for block in reading.blocks}
    known_links, known_images = set(reading.links), set(reading.images)
    blocks = [
        block.model_copy(update={"state": name, "locator": f"{name} › {block.locator}"})
        for block in state.blocks
        if (block.role, block.text, block.frame) not in known
    ]
    links = [link for link in state.links if link not in known_links]
    images = [image for image in state.images if image not in known_images]
    reading.blocks += blocks
    reading.links += links
    reading.images += images
    reading.frames += [f for f in state.frames if f not in reading.frames]
    reading.frames_unread += [f for f in state.frames_unread if f not in reading.frames_unread]
    # Counted anew in each state: what stands on all of them is one.
    reading.unread = max(reading.unread, state.unread, key=len)
    reading.embeds += [embed for embed in state.embeds if embed not in reading.embeds]
    # A counter that ticks is no other state.
    return len([block for block in blocks if not block.volatile]) + len(links) + len(images)


def _add_addresses(reading: PageReading, addresses: Sequence[str]) -> None:
    """Where a press would have led is a link, although it stands nowhere."""
    known = {link.url for link in reading.links}
    reading.links += [
        FoundLink(url) for url in addresses if url.startswith("http") and url not in known
    ]


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


@dataclass(frozen=True, slots=True)
class _Unfolded:
    """What came of unfolding: whether it was cut off, what can be pressed, where presses led."""

    cut_off: bool
    controls: Sequence[Control] = ()
    away: Sequence[str] = ()


async def _unfold(page: Page, profile: Profile, traffic: Traffic) -> _Unfolded:
    """Scroll and press "load more" until nothing more comes.

    A page that fits into the window is not scrolled, and one that does not ask for more when its
    end comes into sight is not waited for any longer.
    """
    height = 0
    options = options_of(profile)
    for _ in range(SCROLL_STEPS):
        asked = traffic.asked
        answer = await ask(page, options, "unfold", known=height)
        height = answer["height"]
        clicked = await _click_more(page, profile) or answer["clicked"]
        if not (answer["grown"] or answer["opened"] or clicked):
            return _Unfolded(False, controls_in(answer), answer["away"])
        await asyncio.sleep(SCROLL_PAUSE)
        if clicked or traffic.asked > asked:
            await traffic.quiet(LATE_LIMIT)
    await page.evaluate("window.scrollTo(0, 0)")
    look = await ask(page, options, "look")
    return _Unfolded(True, controls_in(look), look["away"])


async def _click_more(page: Page, profile: Profile) -> bool:
    for selector in profile.load_more_selectors:
        button = page.locator(selector).first
        if await button.is_visible() and await button.is_enabled():
            await ask(page, options_of(profile), "guard")
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
        if not main and place.shown:
            reading.frames.append(frame.url)
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
        FoundLink(
            raw["href"],
            raw["text"],
            raw["hidden"],
            raw["file"],
            frozenset(raw["members"]),
            raw["main"],
            raw["author"],
        )
        for raw in data["links"]
    ]
    reading.links += [
        FoundLink(raw["href"], raw["text"], file=True, source=ResourceSource.PLAYER)
        for raw in data["files"]
    ]
    gathered = data["gathered"]
    reading.gathered.append(
        Gathered(
            gathered["base"],
            tuple((kind, text) for kind, text in gathered["scripts"]),
            tuple((tag, name, value, text) for tag, name, value, text in gathered["attributes"]),
            gathered["cut"],
        )
    )
    reading.images += [FoundImage(**raw) for raw in data["images"]]
    reading.unread += data["unread"]
    reading.embeds += [Embed(**raw) for raw in data["embeds"]]
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
    # Checked all at once, as a part of their block: one by one costs three times as much.
    lines = [
        {
            "start": at[line["start"]],
            "end": at[line["end"]],
            "x": line["x"] + place.x,
            "y": line["y"] + place.y,
            "width": line["width"],
            "height": line["height"],
        }
        for line in raw["lines"]
    ]
    return TextBlock.model_validate({**raw, "lines": lines, "frame": frame})


def _characters(text: str) -> Sequence[int]:
    """The index of the character for each index of the browser, which counts UTF-16 units."""
    if text.isascii() or max(text) <= "\uffff":
        return range(len(text) + 1)
    units = (2 if character > "\uffff" else 1 for character in text)
    return [index for index, width in enumerate(units) for _ in range(width)] + [len(text)]
