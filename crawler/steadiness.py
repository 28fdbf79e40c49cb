"""What a page may not do to its visit: move on or ask without end, fill the screen with windows, not close.

RestlessError   the page was closed for it, and its outcome says for what; nothing of it can be read
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar
from weakref import WeakSet

from playwright.async_api import BrowserContext, Dialog, Page, Request
from playwright.async_api import Error as PlaywrightError
from playwright.async_api import TimeoutError as PlaywrightTimeout

from models.vocabulary import Outcome

#: Until what is to be closed counts as hanging, in seconds: a page at rest takes a few hundredths.
CLOSE_SECONDS = 5.0
#: How often a page may move on by itself, by a refresh or a script, while it is read. Browsers allow 20
#: hops by status; a chain of entry pages needs three.
MOST_MOVES = 12
#: Dialogs that are answered; a page that asks on is left with its question, which stops its script.
MOST_DIALOGS = 50
#: The part of a page's time, and the seconds at most, that are waited for what belongs to it once its
#: document is there: a counter that never answers must not keep the page from being read.
LOAD_SHARE = 1 / 3
LOAD_SECONDS = 10.0
#: Windows that a page may open, those that its windows open included.
MOST_WINDOWS = 4

#: Who typed an address has a window that no script can close, and a browser that opens few others unasked;
#: ours is a new window, and Playwright lets it open as many as it likes.
INIT_SCRIPT = f"""(() => {{
  const open = window.open;
  let left = window.opener ? 0 : {MOST_WINDOWS};
  window.open = (...given) => (left-- > 0 ? open.apply(window, given) : null);
  if (window === top && !window.opener) window.close = () => undefined;
}})()"""

#: What Playwright says of a page that moved on while it was read.
MOVED = ("because of a navigation", "page is navigating", "another navigation")

#: Requests of one page: heavy pages ask for a few hundred, and each has to be recorded.
MOST_REQUESTS = 2000

T = TypeVar("T")

#: Closings under way: a task that nobody holds may be dropped.
_closing: set[asyncio.Task[None]] = set()
_prepared: WeakSet[BrowserContext] = WeakSet()


class RestlessError(Exception):
    """A page was closed because it does not come to rest.

    Attributes:
        outcome: What the attempt was.
    """

    def __init__(self, outcome: Outcome, why: str) -> None:
        super().__init__(why)
        self.outcome = outcome


class Steadiness:
    """Watches the page of one attempt, and closes it when it does not stand still."""

    def __init__(self) -> None:
        """Nothing has moved yet."""
        self._page: Page | None = None
        self._moves = 0
        self._asked = 0
        self._windows = 0
        self._dialogs = 0
        self._closed = False

    async def watch(self, page: Page) -> None:
        """Watch a page that is about to be navigated.

        Raises:
            RestlessError: the attempt's page has been closed for its unrest, and this is another one.
        """
        if self._moves >= MOST_MOVES:
            raise RestlessError(Outcome.REDIRECT_LOOP, f"moved on {self._moves} times")
        if self._asked >= MOST_REQUESTS:
            raise RestlessError(Outcome.TOO_LARGE, f"asked for {self._asked} things")
        if page.context not in _prepared:
            _prepared.add(page.context)
            await page.context.add_init_script(INIT_SCRIPT)
        self._page = page
        page.on("request", self._count)
        page.on("popup", self._limit)
        page.on("dialog", self._answer)

    def release(self) -> None:
        """The attempt is over: another one may go on in the page."""
        if self._page is not None:
            self._page.remove_listener("request", self._count)
            self._page.remove_listener("popup", self._limit)
            self._page.remove_listener("dialog", self._answer)

    def _count(self, request: Request) -> None:
        if self._page is None:
            return
        self._asked += 1
        self._moves += _opens(request, self._page)
        restless = self._moves >= MOST_MOVES or self._asked >= MOST_REQUESTS
        if restless and not self._closed:
            self._closed = True
            _close_later(self._page)

    def _limit(self, window: Page) -> None:
        self._windows += 1
        if self._windows > MOST_WINDOWS:
            _close_later(window)
        else:
            window.on("popup", self._limit)

    async def _answer(self, dialog: Dialog) -> None:
        self._dialogs += 1
        if self._dialogs <= MOST_DIALOGS:
            with suppress(PlaywrightError):
                await dialog.dismiss()

    async def read(self, read: Callable[[], Awaitable[T]]) -> T:
        """Read a page anew when it moved on in the middle of it, as an entry page does.

        Raises:
            RestlessError: it moves on again and again.
        """
        for _ in range(MOST_MOVES):
            try:
                return await read()
            except PlaywrightError as error:
                if not any(sign in error.message for sign in MOVED):
                    raise
        raise RestlessError(Outcome.REDIRECT_LOOP, "moved on whenever it was read")


def _opens(request: Request, page: Page) -> bool:
    """Whether a request opens another document in a page; hops by status belong to the first of them."""
    if not request.is_navigation_request() or request.redirected_from is not None:
        return False
    # A request whose page is not known yet is none of a page that is.
    with suppress(PlaywrightError):
        return request.frame is page.main_frame
    return False


def _close_later(page: Page) -> None:
    task = asyncio.get_running_loop().create_task(close_soon(page))
    _closing.add(task)
    task.add_done_callback(_closing.discard)


async def arrive(page: Page, url: str, seconds: float) -> None:
    """Open an address: its document whole, and what belongs to it as far as that comes in time.

    Args:
        page: where to open it.
        url: what to open.
        seconds: all the time that there is for the page.

    Raises:
        PlaywrightError: there is no whole document.
    """
    await page.goto(url, wait_until="domcontentloaded")
    limit = min(LOAD_SECONDS, seconds * LOAD_SHARE)
    with suppress(PlaywrightTimeout):
        await page.wait_for_load_state("load", timeout=limit * 1000)


async def close_soon(thing: Page | BrowserContext) -> None:
    """Close a page or a context, or leave it when it does not let itself be closed.

    Playwright gives closing no limit, and a page that hangs or a browser that died may never answer.
    """
    with suppress(PlaywrightError, TimeoutError):
        async with asyncio.timeout(CLOSE_SECONDS):
            await thing.close()
