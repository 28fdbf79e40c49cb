"""The other states of one page: what its tabs, folded parts and pagers without addresses show.

Each is pressed in turn, within a budget, and read where it stands. What the budget leaves unread is
said, never silent. Nothing here knows what a reading is: it presses, and calls back.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Page

from rules.profile import Profile

SCRIPT = (resources.files(__package__) / "controls.js").read_text(encoding="utf-8")

#: States of one page read at most: with twenty entries a page a list of 500, more than a teacher's
#: list has; a page of it costs about half a second.
STATES = 24


@dataclass(frozen=True, slots=True)
class Control:
    """Something that shows another state: a ``tab`` (or folded part), or a ``next`` page."""

    kind: str
    label: str
    key: str


@dataclass(slots=True)
class Walked:
    """What came of it."""

    #: Names of the states that brought something new, in order.
    states: list[str] = field(default_factory=list)
    #: Pages read of the longest list turned in place, the first included.
    pages_read: int = 1
    #: What was not read, in words for the ledger.
    left_unread: list[str] = field(default_factory=list)
    #: Addresses to which a press would have led.
    away: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Hands:
    """What the walk asks of who reads the page."""

    #: Waits until what a press has asked for is there.
    settle: Callable[[], Awaitable[None]]
    #: Reads the state of this name; how many things were new in it.
    read: Callable[[str], Awaitable[int]]


def options_of(profile: Profile) -> dict[str, Any]:
    """What the script is to look for."""
    return {
        "discover": profile.discover_controls,
        "guessMore": not profile.load_more_selectors,
        "tabs": list(profile.tab_selectors),
        "next": list(profile.next_page_selectors),
    }


async def ask(
    page: Page, options: Mapping[str, Any], action: str, **more: object
) -> dict[str, Any]:
    """Run one action of the script in the page."""
    answer: dict[str, Any] = await page.evaluate(
        SCRIPT, {"action": action, "known": 0, "key": "", "options": options, **more}
    )
    return answer


def controls_in(answer: Mapping[str, Any]) -> list[Control]:
    """The controls that an answer of the script names."""
    return [Control(**control) for control in answer["controls"]]


async def walk_states(
    page: Page, profile: Profile, controls: Sequence[Control], hands: Hands, seconds: float
) -> Walked:
    """Press these controls and those that come up behind them; stop after ``seconds``."""
    walk = _Walk(page, options_of(profile), hands, time.monotonic() + seconds)
    try:
        await walk.run(controls)
    except PlaywrightError:
        # The state before is read; a page that breaks under its own controls is its own doing.
        walk.found.left_unread.append("切换页内标签或翻页时页面出错,其余未读")
    return walk.found


class _Walk:
    def __init__(self, page: Page, options: dict[str, Any], hands: Hands, end: float) -> None:
        self._page = page
        self._options = options
        self._hands = hands
        self._end = end
        self._pressed = 0
        self._spent: set[str] = set()
        self.found = Walked()

    async def run(self, controls: Sequence[Control]) -> None:
        """Turn what is shown first, then go through the tabs, and turn what each of them shows."""
        current = await self._turn(controls, "")
        tabs = [control for control in controls if control.kind == "tab"]
        while tabs:
            tab = tabs.pop(0)
            if tab.key in self._spent:
                continue
            if self._over():
                names = "、".join(left.label for left in [tab, *tabs])
                self.found.left_unread.append(f"页内标签没有读完,未读:{names}")
                return
            self._spent.add(tab.key)
            name = f"页内标签“{tab.label}”"
            shown = await self._press(tab, name)
            if shown is None:
                continue
            current = await self._turn(shown, name)
            # Tabs within tabs come up when the outer one is shown.
            known = {control.key for control in tabs}
            tabs += [c for c in current if c.kind == "tab" and c.key not in known | self._spent]

    async def _turn(self, controls: Sequence[Control], where: str) -> Sequence[Control]:
        """Press "next page" until nothing new comes; the controls that are then there."""
        read = 1
        while turner := self._turner(controls, where):
            if self._over():
                self.found.left_unread.append(f"{where}列表没有翻完,读到第 {read} 页".strip())
                break
            name = f"{where}第 {read + 1} 页"
            shown = await self._press(turner, name)
            if shown is None or self.found.states[-1:] != [name]:
                self._spent.add(where + turner.key)
                controls = shown or controls
                continue
            controls = shown
            read += 1
            self.found.pages_read = max(self.found.pages_read, read)
        return controls

    def _turner(self, controls: Sequence[Control], where: str) -> Control | None:
        open_ = (c for c in controls if c.kind == "next" and where + c.key not in self._spent)
        return next(open_, None)

    def _over(self) -> bool:
        return self._pressed >= STATES or time.monotonic() > self._end

    async def _press(self, control: Control, name: str) -> Sequence[Control] | None:
        """Show a state and read it; None when it led away or is not there."""
        self._pressed += 1
        if not (await ask(self._page, self._options, "press", key=control.key))["pressed"]:
            return None
        await self._hands.settle()
        answer = await ask(self._page, self._options, "look")
        self._note_away(answer)
        if answer["left"]:
            # The script has gone back in the page's history.
            await self._hands.settle()
            return None
        if await self._hands.read(name):
            self.found.states.append(name)
        return controls_in(answer)

    def _note_away(self, answer: Mapping[str, Any]) -> None:
        self.found.away += [url for url in answer["away"] if url not in self.found.away]
