"""A page that asks for one of everything, served byte for byte: the ground truth of the capture."""

from __future__ import annotations

import asyncio
import base64
import re
from dataclasses import dataclass
from typing import Literal

from tests.crawl_site import answer, message
from tests.guard_site import Answer, replies

#: A PNG of one pixel; a comment chunk makes each one's bytes its own.
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de"
    "0000000c49444154789c63f8cfc0000003010100c9fe92ef0000000049454e44ae426082"
)
#: Larger than what a player fetches before it knows that it cannot play it.
MEDIA = bytes(range(256)) * 16


def png(name: str) -> bytes:
    """A picture whose bytes no other has: what stands after its end is not looked at."""
    return PNG + name.encode()


@dataclass(frozen=True, slots=True)
class Truth:
    """One thing the page asks for: where it is, its bytes, and how it has to come home."""

    path: str
    body: bytes
    kind: str
    source: Literal["browser", "direct"] = "browser"
    status: int = 200
    ranged: bool = False
    #: On another site than the page.
    foreign: bool = False

    @property
    def answer(self) -> Answer:
        """What the server says."""
        if self.ranged:
            return ranged(self.body, self.kind)
        return answer(self.body, self.status, self.kind, Access_Control_Allow_Origin="*")


def ranged(body: bytes, kind: str) -> Answer:
    """A file that is served in the parts asked for."""

    async def respond(
        head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        asked = re.search(rb"(?i)\r\nrange: bytes=(\d+)-(\d*)", head)
        if asked is None:
            writer.write(message(body, 200, kind, Accept_Ranges="bytes"))
        else:
            first, last = int(asked[1]), int(asked[2] or len(body) - 1)
            place = f"bytes {first}-{last}/{len(body)}"
            part = body[first : last + 1]
            writer.write(message(part, 206, kind, Accept_Ranges="bytes", Content_Range=place))
        await writer.drain()

    return respond


HTML = "text/html; charset=utf-8"
SCRIPT = "text/javascript"
STYLE = b"@import 'import.css'; @font-face { font-family: eigen; src: url(font.ttf) }"

#: The 21 kinds of the measurement in the notes on crawling, and more beside them.
TRUTHS: dict[str, Truth] = {
    truth.path: truth
    for truth in (
        Truth(
            "style.css",
            STYLE + b" body { font-family: eigen; background: url(bg.png) }",
            "text/css",
        ),
        Truth("import.css", "p { color: #123 } /* 被引入的样式 */".encode(), "text/css"),
        Truth("bg.png", png("background"), "image/png"),
        Truth("font.ttf", b"\0\1\0\0 no font, and kept all the same", "font/ttf"),
        Truth("classic.js", b"window.classic = 1; fetch('fetch.json');", SCRIPT),
        Truth("module.mjs", b"import('./dynamic.mjs');", SCRIPT),
        Truth(
            "dynamic.mjs",
            b"const x = new XMLHttpRequest(); x.open('GET', 'xhr.json'); x.send();",
            SCRIPT,
        ),
        Truth("fetch.json", '{"说": "取来的"}'.encode(), "application/json"),
        Truth("xhr.json", '{"说": "旧法取来的"}'.encode(), "application/json"),
        Truth("plain.png", png("img"), "image/png"),
        Truth("srcset.png", png("srcset"), "image/png"),
        Truth("picture.png", png("picture source"), "image/png"),
        Truth("lazy.png", png("lazy"), "image/png"),
        Truth(
            "use.svg",
            b"<svg xmlns='http://www.w3.org/2000/svg'><symbol id='a'><rect width='9' height='9'/>"
            b"</symbol></svg>",
            "image/svg+xml",
        ),
        Truth(
            "object.svg",
            b"<svg xmlns='http://www.w3.org/2000/svg' width='40' height='20'></svg>",
            "image/svg+xml",
        ),
        Truth("frame.html", "<p>框架里的文字</p>".encode(), HTML),
        Truth(
            "foreign.html", "<p>别处的框架</p><img src=foreign.png>".encode(), HTML, foreign=True
        ),
        Truth("foreign.png", png("foreign"), "image/png", foreign=True),
        Truth("worker.js", b"fetch('worker.json');", SCRIPT),
        Truth("worker.json", '{"说": "后台取来的"}'.encode(), "application/json"),
        Truth("sound.mp3", b"ID3" + MEDIA, "audio/mpeg", ranged=True),
        Truth("film.mp4", b"\0\0\0\x18ftypmp42" + MEDIA, "video/mp4", ranged=True),
        Truth("poster.png", png("poster"), "image/png"),
        Truth("popup.html", "<title>小窗</title><p>弹出的窗口</p>".encode(), HTML),
        Truth("beacon", b"thanks", "text/plain"),
        Truth("moved.png", png("moved"), "image/png"),
        Truth("quiet.mp3", b"ID3 quiet" + MEDIA, "audio/mpeg", "direct", ranged=True),
        Truth("embed.pdf", b"%PDF-1.4\n% never asked for\n%%EOF\n", "application/pdf", "direct"),
        Truth(
            "track.vtt",
            "WEBVTT\n\n00:00.000 --> 00:09.000\n字幕的文字\n".encode(),
            "text/vtt",
            "direct",
        ),
    )
}
#: What the page names and nobody fetches, and what never ends.
ICON, APP, EVENTS, NOWHERE = "icon.png", "app.webmanifest", "events", "nowhere.png"
POSTED = "count=1&who=访客".encode()
#: A picture written into the page, and one that a script makes.
WRITTEN, MADE = png("written into the page"), png("made by a script")

PAGE = """<!doctype html><meta charset=utf-8><title>样样都有</title>
<link rel=stylesheet href=style.css><link rel=icon href=icon.png>
<link rel=manifest href=app.webmanifest>
<script src=classic.js></script><script type=module src=module.mjs></script>
<p>样样都有的一页<img src=plain.png alt=图><img srcset="srcset.png 1x" alt="">
<picture><source srcset=picture.png><img alt=""></picture><img src=moved alt=""><img src=nowhere.png>
<svg width=9 height=9><use href="use.svg#a"/></svg><object data=object.svg></object>
<iframe src=frame.html></iframe><iframe src={foreign}></iframe>
<audio src=sound.mp3 controls></audio><audio src=quiet.mp3 preload=none controls></audio>
<video src=film.mp4 poster=poster.png width=90 height=60><track src=track.vtt srclang=zh></video>
<embed src=embed.pdf type=application/pdf width=90 height=60>
<img id=blob alt=""><img src="{written}" alt="">
<div style="height: 6000px"></div><img src=lazy.png loading=lazy alt="" width=9 height=9>
<script>
blob.src = URL.createObjectURL(new Blob([Uint8Array.from([{bytes}])], {{type: 'image/png'}}));
new Worker('worker.js'); open('popup.html'); new EventSource('events');
navigator.sendBeacon('beacon', new Blob(['{posted}'], {{type: 'text/plain'}}));
</script>"""


def page(foreign: str) -> bytes:
    """The page itself; its foreign frame is at the address ``foreign``."""
    return PAGE.format(
        foreign=foreign,
        posted=POSTED.decode(),
        written="data:image/png;base64," + base64.b64encode(WRITTEN).decode(),
        bytes=",".join(map(str, MADE)),
    ).encode()


def answers(prefix: str, foreign: str) -> dict[str, Answer]:
    """All answers of the page's own site, by path."""
    table = {prefix + truth.path: truth.answer for truth in TRUTHS.values() if not truth.foreign}
    stream = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n"
    return table | {
        prefix: replies(message(page(foreign), 200, HTML)),
        prefix + "moved": answer(b"", 302, Location="moved.png"),
        prefix + EVENTS: endless(stream),
        prefix + ICON: answer(png("icon"), kind="image/png"),
        prefix + APP: answer(b"{}", kind="application/manifest+json"),
        "/healthz": answer("ok", kind="text/plain"),
    }


def foreign_answers() -> dict[str, Answer]:
    """The answers of the other site."""
    return {f"/{truth.path}": truth.answer for truth in TRUTHS.values() if truth.foreign}


def endless(*pieces: bytes) -> Answer:
    """An answer that begins and never ends."""

    async def respond(
        head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        for piece in pieces:
            writer.write(piece)
        await writer.drain()
        await reader.read()

    return respond
