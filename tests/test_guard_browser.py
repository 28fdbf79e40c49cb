"""A real browser behind the guard: no way of asking leads to an address that is not allowed.

Every vector starts on a page the policy allows and asks for a listener it does not. The guard must
have refused it, which shows that the browser did ask, and the listener must have seen nobody.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from ipaddress import ip_address

import pytest
from playwright.async_api import Browser, BrowserContext, Page, async_playwright
from playwright.async_api import Error as BrowserError

from crawler.addresses import Address, Denial
from crawler.browser import Browser as FoundBrowser
from crawler.browser import BrowserNotFound, find_browser, launch_options
from crawler.guard import Guard, GuardEvent, denial_of
from crawler.guard_route import resolve_by_system
from tests.guard_site import Site, guarding

pytestmark = [pytest.mark.anyio, pytest.mark.browser]

#: A name that the guard's resolver knows and that leads to the private listener.
PRIVATE_NAME = "intranet.example"
PRIVATE_ADDRESS = "127.0.0.9"

#: Pages by name; ``{to}`` is the private listener's host and port.
PAGES = {
    "plain": "<p>nothing</p>",
    "image-redirect": "<img src='/moved'>",
    "image": "<img src='http://{to}/'>",
    "stylesheet": "<link rel=stylesheet href='http://{to}/'>",
    "script": "<script src='http://{to}/'></script>",
    "video": "<video src='http://{to}/' autoplay muted></video>",
    "font": "<style>@font-face {{font-family: f; src: url(http://{to}/)}} p {{font-family: f}}</style><p>a",
    "iframe": "<iframe src='http://{to}/'></iframe>",
    "iframe-redirect": "<iframe src='/moved'></iframe>",
    "meta-refresh": "<meta http-equiv=refresh content='0;url=http://{to}/'>",
    "location": "<script>location = 'http://{to}/'</script>",
    "form": "<form action='http://{to}/' method=post></form><script>document.forms[0].submit()</script>",
    "popup": "<script>open('http://{to}/')</script>",
    "popup-redirect": "<script>open('/moved')</script>",
    "fetch": "<script>fetch('http://{to}/', {{mode: 'no-cors'}})</script>",
    "fetch-redirect": "<script>fetch('/moved', {{mode: 'no-cors'}})</script>",
    "fetch-https": "<script>fetch('https://{to}/', {{mode: 'no-cors'}})</script>",
    "beacon": "<script>navigator.sendBeacon('http://{to}/', 'x')</script>",
    "websocket": "<script>new WebSocket('ws://{to}/')</script>",
    "websocket-tls": "<script>new WebSocket('wss://{to}/')</script>",
    "event-source": "<script>new EventSource('http://{to}/')</script>",
    "css-import": "<style>@import url(http://{to}/);</style>",
    "background": "<style>body {{background: url(http://{to}/)}}</style><p>a",
    "srcset": "<img srcset='http://{to}/ 1x'>",
    "script-redirect": "<script src='/moved'></script>",
    "stylesheet-redirect": "<link rel=stylesheet href='/moved'>",
    "module": "<script type=module>import 'http://{to}/'</script>",
    "object": "<object data='http://{to}/'></object>",
    "embed": "<embed src='http://{to}/'>",
    "audio": "<audio src='http://{to}/' autoplay></audio>",
    "svg": "<svg><image href='http://{to}/' width=9 height=9 /></svg>",
    "form-get": "<form action='http://{to}/'></form><script>document.forms[0].submit()</script>",
    "fetch-keepalive": "<script>fetch('http://{to}/', {{mode: 'no-cors', keepalive: true}})</script>",
    "xhr": "<script>const x = new XMLHttpRequest(); x.open('GET', 'http://{to}/'); x.send()</script>",
    "upper-case": "<img src='HTTP://{to}/'>",
    "preload": "<link rel=preload as=image href='http://{to}/'>",
    "prefetch": "<link rel=prefetch href='http://{to}/'>",
    "worker": "<script>new Worker('/worker.js?fetch')</script>",
    "worker-websocket": "<script>new Worker('/worker.js?socket')</script>",
    "service-worker": "<script>navigator.serviceWorker.register('/worker.js?fetch')</script>",
}
#: Ways of asking that the browser need not take; it may not reach anybody by them either.
SILENT = {
    "preconnect": "<link rel=preconnect href='http://{to}/'>",
    "dns-prefetch": "<link rel=dns-prefetch href='http://{to}/'>",
    "prerender": "<link rel=prerender href='http://{to}/'>",
    "speculation": '<script type=speculationrules>{{"prefetch": [{{"source": "list", "urls": '
    '["http://{to}/"]}}], "prerender": [{{"source": "list", "urls": ["http://{to}/"]}}]}}</script>',
    "ping": "<a href='#x' ping='http://{to}/'>a</a><script>document.querySelector('a').click()</script>",
    "transport": "<script>try {{ new WebTransport('https://{to}/') }} catch {{}}</script>",
    "manifest": "<link rel=manifest href='http://{to}/'>",
    "csp-report": "<meta http-equiv=Content-Security-Policy content=\"img-src 'none'; "
    "report-uri http://{to}/\"><img src='/x'>",
    "track": "<video><track default src='http://{to}/'></video><script>"
    "document.querySelector('track').track.mode = 'showing'</script>",
    "link-header": "",
    "early-hints": "",
    "rtc": "<script>const c = new RTCPeerConnection({{iceServers: [{{urls: 'stun:{to}'}}, {{urls: "
    "'turn:{to}', username: 'a', credential: 'b'}}]}}); c.createDataChannel('a');"
    "c.createOffer().then((offer) => c.setLocalDescription(offer))</script>",
}
WORKER = """
const to = "{to}";
if (location.search === "?socket") new WebSocket(`ws://${{to}}/`);
else fetch(`http://${{to}}/`, {{mode: "no-cors"}}).catch(() => undefined);
"""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def browser_found() -> FoundBrowser:
    try:
        return find_browser()
    except BrowserNotFound as error:
        pytest.skip(str(error))


class Trap:
    """An allowed site whose pages all lead to one private listener."""

    def __init__(self, to: str) -> None:
        self._to = to

    async def __call__(
        self, head: bytes, _: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        path = head.split(b" ")[1].decode().removeprefix("/")
        writer.write(self._answer(path))
        await writer.drain()

    def _answer(self, path: str) -> bytes:
        if path == "moved":
            where = f"Location: http://{self._to}/\r\nContent-Length: 0"
            return f"HTTP/1.1 302 Found\r\n{where}\r\n\r\n".encode()
        if path.startswith("worker.js"):
            kind, text = "text/javascript", WORKER
        else:
            kind, text = "text/html", (PAGES | SILENT).get(path, "")
        body = f"{text}".format(to=self._to).encode()
        link = f"Link: <http://{self._to}/>; rel=preload; as=image, <http://{self._to}>; rel=preconnect"
        hints = f"HTTP/1.1 103 Early Hints\r\n{link}\r\n\r\n" if path == "early-hints" else ""
        head = f"{hints}HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
        if path == "link-header":
            head += f'{link}\r\nNEL: {{}}\r\nAlt-Svc: h3="{self._to}"\r\n'
        return f"{head}\r\n".encode() + body


class Datagrams(asyncio.DatagramProtocol):
    """Counts what comes over UDP."""

    def __init__(self) -> None:
        self.came = asyncio.Event()

    def datagram_received(self, *_: object) -> None:
        self.came.set()


@contextlib.asynccontextmanager
async def hearing(port: int) -> AsyncIterator[Datagrams]:
    """A UDP listener beside the private listener."""
    transport, datagrams = await asyncio.get_running_loop().create_datagram_endpoint(
        Datagrams, local_addr=(PRIVATE_ADDRESS, port)
    )
    try:
        yield datagrams
    finally:
        transport.close()


async def _resolve(host: str, port: int) -> list[Address]:
    if host == PRIVATE_NAME:
        return [ip_address(PRIVATE_ADDRESS)]
    return await resolve_by_system(host, port)


class Refusals:
    """The guard's refusals as they come, by job."""

    def __init__(self) -> None:
        self._seen: dict[str, asyncio.Future[GuardEvent]] = {}

    def append(self, event: GuardEvent) -> None:
        if event.denial is not None and not self._of(event.job).done():
            self._of(event.job).set_result(event)

    async def of(self, job: str) -> GuardEvent:
        async with asyncio.timeout(20):
            return await self._of(job)

    def _of(self, job: str) -> asyncio.Future[GuardEvent]:
        return self._seen.setdefault(job, asyncio.get_running_loop().create_future())


@contextlib.asynccontextmanager
async def browsing(found: FoundBrowser, guard: Guard) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        # A proxy at launch sends also the browser's own traffic here, where it has no job.
        browser = await playwright.chromium.launch(**launch_options(found, guard.address))
        try:
            yield browser
        finally:
            await browser.close()


async def context_of(browser: Browser, guard: Guard, job: str) -> BrowserContext:
    user, password = guard.credentials(job)
    return await browser.new_context(
        proxy={"server": guard.address, "username": user, "password": password}
    )


async def _open(page: Page, url: str) -> None:
    """Go there; a page that leads elsewhere may end with an error, which is its right."""
    with contextlib.suppress(BrowserError):
        await page.goto(url)


@pytest.mark.parametrize("host", [PRIVATE_ADDRESS, PRIVATE_NAME])
async def test_no_vector_reaches_a_private_listener(browser_found: FoundBrowser, host: str) -> None:
    refusals = Refusals()
    async with Site(host=PRIVATE_ADDRESS) as listener:
        to = f"{host}:{listener.port}"
        async with (
            Site(Trap(to)) as site,
            guarding(site, resolve=_resolve, events=refusals) as guard,
            browsing(browser_found, guard) as browser,
        ):
            for name in ["moved", *PAGES.keys() - {"plain"}]:
                context = await context_of(browser, guard, name)
                await _open(await context.new_page(), f"{site.url}{name}")
                event = await refusals.of(name)
                await context.close()
                assert (event.denial, event.host) == (Denial.PRIVATE_ADDRESS, host), name
                assert event.port == listener.port, name
        assert listener.connections == 0


async def test_a_denied_page_bears_the_guards_mark(browser_found: FoundBrowser) -> None:
    async with (
        Site() as listener,
        guarding() as guard,
        browsing(browser_found, guard) as browser,
    ):
        page = await (await context_of(browser, guard, "job")).new_page()
        response = await page.goto(listener.url)
        assert response is not None
        assert response.status == 403
        assert denial_of(response.url, await response.all_headers()) is Denial.PRIVATE_ADDRESS
        with pytest.raises(BrowserError, match="ERR_TUNNEL_CONNECTION_FAILED"):
            await page.goto(listener.url.replace("http:", "https:"))
        assert [event.method for event in guard.events("job")] == ["GET", "CONNECT"]
        assert listener.connections == 0


async def test_each_context_is_known_by_its_job(browser_found: FoundBrowser) -> None:
    async with (
        Site(Trap("")) as site,
        guarding(site) as guard,
        browsing(browser_found, guard) as browser,
    ):
        pages = [await (await context_of(browser, guard, job)).new_page() for job in ("a", "b")]
        for page, name in zip(pages, ("plain?a", "plain?b"), strict=True):
            response = await page.goto(f"{site.url}{name}")
            assert response is not None
            assert response.status == 200
        for job in ("a", "b"):
            assert guard.events(job)[0].url == f"{site.url}plain?{job}"
            assert all(f"{event.url}".endswith((job, "favicon.ico")) for event in guard.events(job))
        stranger = await (await browser.new_context()).new_page()
        response = await stranger.goto(f"{site.url}plain?stranger")
        assert response is None or response.status == 407
        assert not any(b"stranger" in head for head in site.heads)


#: Until a browser that is let do so has sent its first datagram, in seconds; it takes a tenth.
DATAGRAM_SECONDS = 1.0


async def test_what_the_browser_asks_on_the_side_reaches_nobody(
    browser_found: FoundBrowser,
) -> None:
    async with Site(host=PRIVATE_ADDRESS) as listener, hearing(listener.port) as datagrams:
        to = f"{PRIVATE_ADDRESS}:{listener.port}"
        async with (
            Site(Trap(to)) as site,
            guarding(site) as guard,
            browsing(browser_found, guard) as browser,
        ):
            contexts = [await context_of(browser, guard, name) for name in SILENT]
            pages = [await context.new_page() for context in contexts]
            for page, name in zip(pages, SILENT, strict=True):
                await _open(page, f"{site.url}{name}")
            await asyncio.sleep(DATAGRAM_SECONDS)
            assert all(f"GET /{name} ".encode() in b"".join(site.heads) for name in SILENT)
        assert listener.connections == 0
        assert not datagrams.came.is_set()


async def test_without_our_switches_a_call_would_leave_over_udp(
    browser_found: FoundBrowser,
) -> None:
    """The listener hears: what the test before found is the switches' doing."""
    options = launch_options(browser_found)
    options["args"] = [arg for arg in options["args"] if "webrtc" not in arg]
    async with (
        Site(host=PRIVATE_ADDRESS) as listener,
        hearing(listener.port) as datagrams,
        Site(Trap(f"{PRIVATE_ADDRESS}:{listener.port}")) as site,
        async_playwright() as playwright,
    ):
        browser = await playwright.chromium.launch(**options)
        try:
            await _open(await browser.new_page(), f"{site.url}rtc")
            async with asyncio.timeout(10):
                await datagrams.came.wait()
        finally:
            await browser.close()


@pytest.mark.parametrize("ours", [True, False])
async def test_quic_is_off(browser_found: FoundBrowser, ours: bool) -> None:
    """A browser that was made to speak QUIC to a host does so, unless our switches are on."""
    options = launch_options(browser_found)
    async with Site(host=PRIVATE_ADDRESS) as listener, hearing(listener.port) as datagrams:
        to = f"{PRIVATE_ADDRESS}:{listener.port}"
        forced = [f"--origin-to-force-quic-on={to}", "--enable-quic"]
        kept = options["args"] if ours else [a for a in options["args"] if "quic" not in a]
        options["args"] = [*forced, *kept]
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(**options)
            try:
                page = await browser.new_page()
                with contextlib.suppress(BrowserError):
                    await page.goto(f"https://{to}/", timeout=3000)
            finally:
                await browser.close()
        assert datagrams.came.is_set() is not ours
