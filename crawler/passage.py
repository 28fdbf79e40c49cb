"""How one exchange or tunnel passes the guard at the pace of its site (see ``crawler.pace``).

The guard carries bytes between two streams; here the site's side of them is watched: when a request
went out, when its answer began, what it says of the pace, and whether a tunnel is at work or idle.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Protocol, Self

from crawler.guard_denial import ClientGoneError
from crawler.guard_http import RequestHead
from crawler.guard_relay import ClientReader
from crawler.guard_route import Upstream
from crawler.pace import REFUSING, JobTally, SitePace
from crawler.siteslots import Release

#: A tunnel is idle when so long after an answer's last byte nothing more came, in seconds. Shorter
#: gives slots on sooner; longer counts answers that come in fits as under way throughout.
QUIET_SECONDS = 0.25
#: A request in a tunnel counts as under way so long without an answer, in seconds: as a page may take.
ANSWER_SECONDS = 45.0
#: So few bytes sent are no request but the end of a handshake (TLS 1.3: at most 80), which may stay
#: without an answer; they count for less, in seconds.
_HANDSHAKE_BYTES, _HANDSHAKE_SECONDS = 160, 1.0


class Passage(Protocol):
    """What the guard does with a request that may pass."""

    def watch(self, upstream: Upstream) -> Upstream:
        """The same connection, watched."""


class Pace(Protocol):
    """What lets requests pass."""

    def passage(
        self, job: str, request: RequestHead, client: ClientReader
    ) -> AbstractAsyncContextManager[Passage]:
        """A passage for one request of a job; waits for it, and gives its slot back at the end."""


class _Free:
    """Lets everything pass at once."""

    def passage(self, _job: str, _request: RequestHead, _client: ClientReader) -> _Free:
        return self

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    def watch(self, upstream: Upstream) -> Upstream:
        return upstream


#: No limits: for a guard of its own, beside a crawl.
FREE: Pace = _Free()


class Paced:
    """Lets requests pass at the pace that their sites bear."""

    def __init__(self, pace: SitePace) -> None:
        """Ask this pace."""
        self._pace = pace

    def passage(self, job: str, request: RequestHead, client: ClientReader) -> _Passage:
        """A passage for one request."""
        name = f"{request.host}:{request.port}"
        return _Passage(self._pace, job, name, client, tunnelled=request.method == "CONNECT")


class _Passage:
    """One exchange or tunnel."""

    __slots__ = (
        "_client", "_flight", "_release", "_taking", "_timer", "job", "last", "name", "pace", "sent", "tally",
        "tunnelled",
    )  # fmt: skip

    def __init__(
        self, pace: SitePace, job: str, name: str, client: ClientReader, *, tunnelled: bool
    ) -> None:
        self.pace = pace
        self.job = job
        self.name = name
        self.tunnelled = tunnelled
        self.tally: JobTally = pace.tally(job)
        #: When the site got something that it has not answered yet; 0 when there is nothing.
        self.sent = 0.0
        self.last = 0.0
        #: Bytes sent since the site last sent some.
        self._flight = 0
        self._client = client
        self._taking = asyncio.Lock()
        self._release: Release | None = None
        self._timer: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> Self:
        await self.activate()
        if self._client.gone:
            self._give_back()
            raise ClientGoneError
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._give_back()

    def watch(self, upstream: Upstream) -> Upstream:
        """The same connection, its bytes counted and its answers timed."""
        reader = _Reader(upstream.reader, self)
        return Upstream(reader, _Writer(upstream.writer, reader, self))

    async def activate(self, *, answering: bool = False) -> None:
        """Hold a slot from now on; an answer is taken although the site asked for a pause."""
        if self._release is not None:
            return
        async with self._taking:
            if self._release is None:
                self._release = await self.pace.acquire(self.job, self.name, heed=not answering)
                self.last = time.monotonic()
                if self.tunnelled:
                    self._look_again(QUIET_SECONDS)

    def sending(self, count: int) -> None:
        """So many bytes go to the site."""
        self._flight += count
        self.last = time.monotonic()
        self.sent = self.sent or self.last

    def received(self, count: int) -> None:
        """So many bytes came from the site."""
        self.tally.bytes += count
        self.last = time.monotonic()
        if self.sent:
            self.pace.site(self.name).answered(self.last - self.sent)
            self.sent, self._flight = 0.0, 0

    def _look_again(self, seconds: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(seconds, self._look)

    def _look(self) -> None:
        """Give the slot back when the tunnel has become idle."""
        most = QUIET_SECONDS
        if self.sent:
            most = ANSWER_SECONDS if self._flight > _HANDSHAKE_BYTES else _HANDSHAKE_SECONDS
        left = self.last + most - time.monotonic()
        if left > 0:
            # An answer may come at any time, and is quiet so long after it.
            self._look_again(min(left, QUIET_SECONDS))
        else:
            self.sent = 0.0
            self._give_back()

    def _give_back(self) -> None:
        if self._release is not None:
            self._release()
            self._release = None


class _Reader(asyncio.StreamReader):
    """The site's bytes as they come; what the guard reads with, and no more."""

    def __init__(self, inner: asyncio.StreamReader, passage: _Passage) -> None:
        super().__init__(loop=asyncio.get_running_loop())
        self._inner = inner
        self._passage = passage
        self._refusal: dict[str, str] | None = None
        self._status = 0
        self._head = not passage.tunnelled

    async def read(self, n: int = -1) -> bytes:
        piece = await self._inner.read(n)
        if piece:
            if self._passage.tunnelled:
                await self._passage.activate(answering=True)
            self._passage.received(len(piece))
        return piece

    async def readuntil(self, separator: bytes = b"\n") -> bytes:  # type: ignore[override]
        line = await self._inner.readuntil(separator)
        self._passage.received(len(line))
        if self._head:
            await self._read_head(line)
        return line

    async def _read_head(self, line: bytes) -> None:
        """Learn from the lines of an answer's head what it says of the pace."""
        text = line.strip()
        if not self._status:
            digits = text[9:12]
            self._status = int(digits) if digits.isdigit() else 0
            self._refusal = {} if self._status in REFUSING else None
        elif text and self._refusal is not None:
            name, _, value = text.decode("latin-1").partition(":")
            self._refusal[name.strip().lower()] = value.strip()
        elif not text:
            status, self._status = self._status, 0
            self._head = status < 200
            if not self._head:
                await self._passage.pace.heard(
                    self._passage.job, self._passage.name, status, self._refusal or {}
                )


class _Writer(asyncio.StreamWriter):
    """Bytes to the site; in a tunnel they wait for a slot first."""

    def __init__(
        self, inner: asyncio.StreamWriter, reader: asyncio.StreamReader, passage: _Passage
    ) -> None:
        transport = inner.transport
        super().__init__(transport, transport.get_protocol(), reader, asyncio.get_running_loop())
        #: Kept: it closes the connection when it goes.
        self._inner = inner
        self._passage = passage
        self._pieces: list[bytes] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self._passage.tunnelled:
            self._pieces.append(bytes(data))
            return
        self._passage.sending(len(data))
        super().write(data)

    async def drain(self) -> None:
        if self._pieces:
            await self._passage.activate()
            pieces, self._pieces = self._pieces, []
            for piece in pieces:
                self._passage.sending(len(piece))
                super().write(piece)
        await self._inner.drain()
