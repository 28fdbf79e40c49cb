"""Pages that a hostile or broken site may show: each by name, with what a crawl must make of it."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from dataclasses import dataclass

import brotli

from models.vocabulary import Outcome
from tests.crawl_site import Paths, answer, message, moved
from tests.guard_site import OK, Answer, holds, replies

GREETING = "<!doctype html><title>空间</title><p>欢迎来到我的空间,这里有我的教案和课件。</p>"
#: Uncompressed size of a bomb, in bytes: far over what a crawl lets in, quick to make.
BOMB_BYTES = 512 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Row:
    """One space: what its home page answers, and the outcomes that are right for it."""

    answer: Answer
    outcome: Outcome
    #: Where it depends on which limit is met first.
    or_else: Outcome | None = None


def script(code: str, html: str = GREETING) -> Answer:
    """The ordinary page, and a script after it."""
    return answer(f"{html}<script>{code}</script>")


def interim(count: int) -> bytes:
    """That many interim answers before the real one."""
    return b"HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n" * count


def bomb(coding: str) -> bytes:
    """A page of ``BOMB_BYTES`` blanks in a fraction of the bytes."""
    piece = GREETING.encode().ljust(1024 * 1024, b" ")
    rounds = BOMB_BYTES // len(piece)
    if coding == "gzip":
        packer = zlib.compressobj(9, zlib.DEFLATED, 31)
        return b"".join([*(packer.compress(piece) for _ in range(rounds)), packer.flush()])
    packed = brotli.Compressor(quality=4, lgwin=22)
    return b"".join([*(packed.process(piece) for _ in range(rounds)), packed.finish()])


async def floods_interim(
    _: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """A site that never comes to its answer."""
    while True:
        writer.write(interim(100))
        await writer.drain()
        await asyncio.sleep(0.01)


async def streams(_: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A page that never ends, a paragraph at a time."""
    writer.write(OK + b"Content-Type: text/html; charset=utf-8\r\n\r\n" + GREETING.encode())
    while True:
        writer.write("<p>还有一段</p>".encode())
        await writer.drain()
        await asyncio.sleep(0.05)


async def ticks(_: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """An event stream that never ends."""
    writer.write(OK + b"Content-Type: text/event-stream\r\n\r\n")
    while True:
        writer.write(b"data: tick\n\n")
        await writer.drain()
        await asyncio.sleep(0.2)


def loops() -> dict[str, Row]:
    """Pages that never stand still."""
    again = Outcome.REDIRECT_LOOP
    # On a busy machine the time may be over before the loop is seen to be one.
    late = Outcome.TIMEOUT
    return {
        "http-loop": Row(moved("/s/http-loop/"), again),
        "http-pair": Row(moved("/t/http-pair"), again),
        "http-endless": Row(_onward, again),
        "meta-loop": Row(answer("<meta http-equiv=refresh content=0><p>请稍候"), again, late),
        "meta-pair": Row(
            answer('<meta http-equiv=refresh content="0;url=/t/meta-pair">'), again, late
        ),
        "script-pair": Row(answer("<script>location='/t/script-pair'</script>"), again, late),
        "reload": Row(script("location.reload()"), again, late),
        "reload-late": Row(script("setInterval(() => location.reload(), 300)"), again, late),
        "submit-loop": Row(
            script("document.forms[0].submit()", GREETING + "<form method=post></form>"),
            again,
            late,
        ),
    }


async def _onward(head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    number = int(head.split(b" ")[1].rpartition(b"?")[2] or 0) if b"?" in head.split(b" ")[1] else 0
    writer.write(message(b"", 302, Location=f"/s/http-endless/?{number + 1}"))


ELSEWHERE = {
    "data": "data:text/html,<p>hello",
    "file": "file:///etc/passwd",
    "javascript": "javascript:alert(1)",
    "about": "about:blank",
    "ftp": "ftp://127.0.0.1/x",
    "chrome": "chrome://version/",
}


def moves() -> dict[str, Row]:
    """Redirects out of the web."""
    rows = {f"moved-{name}": Row(moved(to), Outcome.NO_RESPONSE) for name, to in ELSEWHERE.items()}
    stays = {"data", "file", "javascript", "chrome"}
    for name, to in ELSEWHERE.items():
        shown = Outcome.OK if name in stays else Outcome.NO_RESPONSE
        rows[f"meta-{name}"] = Row(
            answer(f'{GREETING}<meta http-equiv=refresh content="0;url={to}">'),
            Outcome.OK if name == "ftp" else shown,
        )
        rows[f"script-{name}"] = Row(
            script(f"location = {to!r}"),
            # The browser gives the page up for a program that is not there.
            Outcome.TIMEOUT if name == "ftp" else shown,
        )
    return rows


def windows() -> dict[str, Row]:
    """Pages that want something of the window or of the person before it."""
    return {
        "alerts": Row(script("for (let n = 0; n < 50; n++) alert(n)"), Outcome.OK),
        # A question every hundredth of a second: on a busy machine the page's time may not be enough.
        "alert-timer": Row(
            script("setInterval(() => alert('!'), 10)"), Outcome.OK, Outcome.TIMEOUT
        ),
        "before-unload": Row(
            script("onbeforeunload = (e) => { e.preventDefault(); return e.returnValue = '?' }"),
            Outcome.OK,
        ),
        "unload-hangs": Row(script("onunload = onpagehide = () => { for (;;); }"), Outcome.OK),
        "print": Row(script("print(); setInterval(print, 50)"), Outcome.OK),
        "closes-itself": Row(script("close(); window.close(); self.close()"), Outcome.OK),
        "closes-later": Row(script("setTimeout(() => window.close(), 200)"), Outcome.OK),
        "popups": Row(script("for (let n = 0; n < 60; n++) open('/empty?' + n)"), Outcome.OK),
        "popup-bomb": Row(script("open(location); open(location)"), Outcome.OK),
        "permissions": Row(
            script(
                "navigator.geolocation.getCurrentPosition(() => 0);"
                "window.Notification && Notification.requestPermission();"
                "navigator.mediaDevices && navigator.mediaDevices.getUserMedia({video: true});"
                "navigator.clipboard && navigator.clipboard.readText();"
                "document.documentElement.requestFullscreen().catch(() => 0);"
                "document.documentElement.requestPointerLock();"
                "navigator.wakeLock && navigator.wakeLock.request().catch(() => 0);"
                "navigator.usb && navigator.usb.requestDevice({filters: []}).catch(() => 0);"
            ),
            Outcome.OK,
        ),
        "file-chooser": Row(
            script("document.querySelector('input').click()", GREETING + "<input type=file>"),
            Outcome.OK,
        ),
        "service-worker": Row(
            script("navigator.serviceWorker && navigator.serviceWorker.register('/sw.js')"),
            Outcome.OK,
        ),
        "debugger": Row(script("debugger"), Outcome.OK),
        "history": Row(
            script("setInterval(() => history.pushState(0, '', '?' + Math.random()), 5)"),
            Outcome.OK,
        ),
    }


def traffic() -> dict[str, Row]:
    """Pages that never fall quiet."""
    return {
        "socket": Row(
            script("const s = new WebSocket(location.href.replace('http', 'ws'))"), Outcome.OK
        ),
        "event-stream": Row(script("new EventSource('/ticks')"), Outcome.OK),
        "long-poll": Row(
            script("const poll = () => fetch('/silent').finally(poll); poll()"), Outcome.OK
        ),
        "fetch-storm": Row(
            script(
                "let n = 0; setInterval(() => { for (let i = 0; i < 20; i++)"
                " fetch('/empty?' + n++).catch(() => 0) }, 10)"
            ),
            Outcome.TOO_LARGE,
        ),
        "broken-images": Row(
            script("for (let n = 0; n < 60; n++) new Image().src = '/missing.png?' + n"),
            Outcome.OK,
        ),
    }


def sizes() -> dict[str, Row]:
    """Pages without end, or nearly."""
    many = "".join(f"<p>第{n}段</p>" + "<i></i>" * 9 for n in range(5_000))
    return {
        "grows": Row(
            script("setInterval(() => document.body.append(document.createElement('p')), 1)"),
            Outcome.OK,
        ),
        "grows-on-scroll": Row(
            script(
                "onscroll = () => { for (let n = 0; n < 50; n++) {"
                " const p = document.createElement('p'); p.textContent = '又一段';"
                " document.body.append(p); } }",
                GREETING + "<div style='height: 3000px'></div>",
            ),
            Outcome.OK,
        ),
        "moves-on": Row(
            answer(GREETING + '<meta http-equiv=refresh content="0;url=/calm">'), Outcome.OK
        ),
        # Read in 16 seconds by itself; beside pages that flood the same site it may not get its turn.
        "counter-hangs": Row(answer(GREETING + "<img src=/silent>"), Outcome.OK, Outcome.TIMEOUT),
        "many-elements": Row(answer(GREETING + many), Outcome.OK),
        "tall": Row(answer(GREETING + "<div style='height: 1000000px'></div>"), Outcome.OK),
        "wide": Row(answer(GREETING + "<div style='width: 1000000px'>x</div>"), Outcome.OK),
        "deep": Row(answer(GREETING + "<div>" * 20_000 + "底"), Outcome.OK),
    }


def hangs() -> dict[str, Row]:
    """Pages whose script does not give the thread back."""
    return {
        "alert-loop": Row(script("for (;;) alert('!')"), Outcome.TIMEOUT),
        "confirm-loop": Row(script("while (!confirm('?'));"), Outcome.TIMEOUT),
        "prompt-loop": Row(script("while (!prompt('?'));"), Outcome.TIMEOUT),
        "popup-hangs": Row(script("open('/hang')"), Outcome.TIMEOUT),
        "streams": Row(streams, Outcome.TIMEOUT),
        "frames": Row(
            script(
                "for (let n = 0; n < 3; n++) { const f = document.createElement('iframe');"
                " f.src = '/frames?' + Math.random(); document.body.append(f); }"
            ),
            Outcome.TOO_LARGE,
            Outcome.TIMEOUT,
        ),
        "spin": Row(script("for (;;);"), Outcome.TIMEOUT),
        "spin-later": Row(script("setTimeout(() => { for (;;); }, 150)"), Outcome.TIMEOUT),
        "spin-at-load": Row(script("onload = () => { for (;;); }"), Outcome.TIMEOUT),
        "spin-on-scroll": Row(
            script("onscroll = () => { for (;;); }", GREETING + "<div style='height: 3000px'>"),
            Outcome.TIMEOUT,
        ),
        "spin-microtask": Row(
            script("const again = () => Promise.resolve().then(again); again()"), Outcome.TIMEOUT
        ),
    }


def transfers() -> dict[str, Row]:
    """Answers that are odd on the wire."""
    return {
        "no-content": Row(answer(b"", 204), Outcome.NO_RESPONSE),
        "reset-content": Row(answer(b"", 205), Outcome.NO_RESPONSE),
        "partial": Row(answer(GREETING, 206, Content_Range="bytes 0-99/9999"), Outcome.OK),
        "not-modified": Row(replies(message(b"", 304)), Outcome.NO_RESPONSE),
        "interim": Row(replies(interim(5) + message(GREETING)), Outcome.OK),
        "interim-many": Row(replies(interim(5000) + message(GREETING)), Outcome.NO_RESPONSE),
        "interim-flood": Row(floods_interim, Outcome.NO_RESPONSE),
        "gzip-bomb": Row(
            answer(bomb("gzip"), Content_Encoding="gzip"), Outcome.TIMEOUT, Outcome.CRASH
        ),
        "brotli-bomb": Row(
            answer(bomb("br"), Content_Encoding="br"), Outcome.TIMEOUT, Outcome.CRASH
        ),
        "gzip-twice": Row(
            answer(gzip.compress(bomb("gzip")), Content_Encoding="gzip, gzip"),
            Outcome.TIMEOUT,
            Outcome.CRASH,
        ),
        "attachment": Row(
            answer(b"PK\x03\x04", kind="application/zip", Content_Disposition="attachment"),
            Outcome.NO_RESPONSE,
        ),
        "attachment-large": Row(
            replies(
                OK + b"Content-Type: application/zip\r\nContent-Disposition: attachment\r\n"
                b"Content-Length: 314572800\r\n\r\n" + b"PK" * 1000
            ),
            Outcome.TOO_LARGE,
        ),
        "attachment-endless": Row(_attachment, Outcome.TOO_LARGE, Outcome.NO_RESPONSE),
        "basic": Row(answer("", 401, WWW_Authenticate='Basic realm="x"'), Outcome.UNAUTHORIZED),
        "proxy-lookalike": Row(
            answer("", 407, Proxy_Authenticate='Basic realm="x"'), Outcome.NO_RESPONSE
        ),
    }


async def _attachment(_: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(OK + b"Content-Type: application/zip\r\nContent-Disposition: attachment\r\n\r\n")
    while True:
        writer.write(b"PK" * 30_000)
        await writer.drain()


#: What the pages above ask for beside themselves.
EXTRAS: dict[str, Answer] = {
    "/healthz": answer("ok"),
    "/ticks": ticks,
    "/silent": holds(),
    "/empty": answer(""),
    "/frames": script(
        "for (let n = 0; n < 3; n++) { const f = document.createElement('iframe');"
        " f.src = '/frames?' + Math.random(); document.body.append(f); }"
    ),
    "/calm": answer(GREETING),
    "/hang": answer("<script>for (;;);</script>"),
    "/t/http-pair": moved("/s/http-pair/"),
    "/t/meta-pair": answer('<meta http-equiv=refresh content="0;url=/s/meta-pair/">'),
    "/t/script-pair": answer("<script>location='/s/script-pair/'</script>"),
}


class Pages(Paths):
    """Answers by path, whatever is asked after it."""

    async def __call__(
        self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        path = head.split(b" ")[1].decode().partition("?")[0]
        await self.table.get(path, self.missing)(head, reader, writer)
