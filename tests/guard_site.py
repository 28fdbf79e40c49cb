"""Servers on loopback that answer byte for byte what a test says, and a client that reads it back.

The client reads with the standard library, not with the guard's own parser.
"""

from __future__ import annotations

import asyncio
import base64
import http.client
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol, Self

from crawler.addresses import AllowRule, EgressPolicy, parse_allow
from crawler.guard import Guard, GuardEvent, Resolver
from crawler.guard_relay import break_off

JOB = "job-1"


class Sink(Protocol):
    """Where events go: a list, or something that waits for them."""

    def append(self, event: GuardEvent, /) -> None: ...


Answer = Callable[[bytes, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def replies(data: bytes) -> Answer:
    """A site that answers every request with these bytes and closes."""

    async def answer(_: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()

    return answer


OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
HELLO = replies(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello")


class Site:
    """One loopback listener: answers, and remembers who came."""

    def __init__(self, answer: Answer = HELLO, host: str = "127.0.0.1") -> None:
        self.answer = answer
        self.host = host
        self.port = 0
        self.connections = 0
        self.heads: list[bytes] = []
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}/"

    @property
    def rule(self) -> AllowRule:
        return parse_allow(f"{self.host}:{self.port}")[0]

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, self.host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            self.heads.append(head)
            await self.answer(head, reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        except asyncio.CancelledError:
            writer.transport.abort()
            raise
        finally:
            writer.close()


@asynccontextmanager
async def guarding(
    *allowed: Site,
    also: str = "",
    resolve: Resolver | None = None,
    events: Sink | None = None,
    **policy: Any,
) -> AsyncIterator[Guard]:
    """A running guard that lets these sites through, and whatever else the policy says."""
    rules = (*(site.rule for site in allowed), *parse_allow(also))
    guard = Guard(
        EgressPolicy(allow=rules, **policy),
        resolve=resolve,
        on_event=None if events is None else events.append,
    )
    await guard.start()
    try:
        yield guard
    finally:
        await guard.stop()


@dataclass
class Reply:
    """An answer as the standard library reads it; ``whole`` is false when it was cut short."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes
    whole: bool

    @property
    def denial(self) -> str | None:
        return self.headers["x-spaceaudit-denied"]


class _Bytes:
    """What ``HTTPResponse`` wants of a socket."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, *_: object) -> io.BytesIO:
        return io.BytesIO(self._data)


def authorization(guard: Guard, job: str = JOB) -> str:
    return basic(*guard.credentials(job))


def basic(user: str, password: str) -> str:
    token = base64.b64encode(f"{user}:{password}".encode()).decode()
    return f"Proxy-Authorization: Basic {token}"


async def dial(guard: Guard) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, port = guard.address.removeprefix("http://").split(":")
    return await asyncio.open_connection(host, int(port))


async def send(guard: Guard, data: bytes, method: str = "GET") -> Reply:
    """Send bytes on a connection of their own and read the answer until the guard closes."""
    reader, writer = await dial(guard)
    try:
        writer.write(data)
        received = await _read_all(reader)
    finally:
        writer.close()
    return parse(received, method)


async def _read_all(reader: asyncio.StreamReader) -> bytes:
    received = b""
    try:
        while piece := await reader.read(65536):
            received += piece
    except ConnectionResetError:
        pass
    return received


def parse(received: bytes, method: str = "GET") -> Reply:
    response = http.client.HTTPResponse(_Bytes(received), method=method)  # type: ignore[arg-type]
    response.begin()
    try:
        body, whole = response.read(), True
    except http.client.IncompleteRead as error:
        body, whole = error.partial, False
    return Reply(response.status, response.msg, body, whole)


def request(
    guard: Guard,
    target: str,
    *headers: str,
    method: str = "GET",
    job: str = JOB,
    close: bool = True,
) -> bytes:
    """A proxy request's head with the job's credentials."""
    lines = [f"{method} {target} HTTP/1.1", "Host: whatever.example", authorization(guard, job)]
    if close:
        lines.append("Connection: close")
    return "\r\n".join([*lines, *headers, "", ""]).encode()


async def fetch(
    guard: Guard,
    target: str,
    *headers: str,
    method: str = "GET",
    body: bytes = b"",
    job: str = JOB,
) -> Reply:
    """One request on a connection of its own."""
    return await send(
        guard, request(guard, target, *headers, method=method, job=job) + body, method
    )


async def connect(guard: Guard, authority: str) -> tuple[int, str | None, Any, Any]:
    """Open a tunnel: status, denial, and the streams."""
    reader, writer = await dial(guard)
    writer.write(request(guard, authority, method="CONNECT", close=False))
    head = await reader.readuntil(b"\r\n\r\n")
    reply = parse(head + b"\r\n", "HEAD")
    return reply.status, reply.denial, reader, writer


class Watch:
    """The guard's events as they come."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[GuardEvent] = asyncio.Queue()

    def append(self, event: GuardEvent) -> None:
        self._queue.put_nowait(event)

    async def next(self) -> GuardEvent:
        return await self._queue.get()


def holds(*pieces: bytes) -> Answer:
    """A site that sends these pieces and then nothing more, keeping the connection open."""

    async def answer(_: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        await reader.read()

    return answer


def resets(*pieces: bytes) -> Answer:
    """A site that sends these pieces and then resets the connection."""

    async def answer(_: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        break_off(writer)

    return answer


async def drips(_: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A site that never stops, one byte at a time."""
    writer.write(CHUNKED)
    while True:
        writer.write(b"1\r\nx\r\n")
        await writer.drain()
        await asyncio.sleep(0.01)


async def floods(_: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A site that never stops, as fast as it can, and does not say how much will come."""
    writer.write(OK + b"\r\n")
    while True:
        writer.write(b"x" * 65536)
        await writer.drain()


async def echoes(head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A site that answers with the body it got, as it got it on the wire."""
    if b"100-continue" in head:
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    if b"chunked" in head:
        body = await reader.readuntil(b"0\r\n\r\n")
    else:
        body = await reader.readexactly(int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0]))
    writer.write(OK + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    await writer.drain()
