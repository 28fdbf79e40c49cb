"""How the egress guard carries bytes: one plain http exchange, or one tunnel.

Both sides are asyncio streams read 64 KiB at a time, and every write waits until the other side
takes it, so a slow reader slows the sender instead of filling our memory.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass

from crawler.addresses import Denial
from crawler.guard_denial import ClientGoneError, RefusedError, render_denial
from crawler.guard_http import (
    RequestHead,
    ResponseHead,
    parse_response,
    render_request,
    render_response,
    response_body,
)
from crawler.guard_route import Upstream
from crawler.guard_wire import READ_BYTES, MessageError, frame, read_body, read_head

#: How long a refused client may take to read the answer and close.
_LINGER_SECONDS = 2.0
#: Interim answers before the real one: a site sends one or two, and no more tell anything.
_MOST_INTERIM = 16
_ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


@dataclass(slots=True)
class Tally:
    """Bytes carried so far, against the caps of this exchange.

    Attributes:
        announced_counts: Whether an answer that announces more than the cap is refused at once.
    """

    max_up: int
    max_down: int
    up: int = 0
    down: int = 0
    announced_counts: bool = True

    def add_up(self, count: int) -> None:
        """Count bytes sent to the site.

        Raises:
            RefusedError: They pass the cap.
        """
        self.up += count
        if self.up > self.max_up:
            raise RefusedError(Denial.BYTES_CAP, "request over the cap")

    def add_down(self, count: int) -> None:
        """Count bytes received from the site.

        Raises:
            RefusedError: They pass the cap.
        """
        self.down += count
        if self.down > self.max_down:
            raise RefusedError(Denial.BYTES_CAP, "response over the cap")


class ClientReader(asyncio.StreamReader):
    """A stream that says when its peer is gone, although nobody is reading just then.

    While a slow site is being waited for nothing is read from or written to the client; without
    this the exchange would outlive its client until the time cap.
    """

    gone: bool = False
    on_gone: Callable[[], None] | None = None

    def feed_eof(self) -> None:
        """Take note that the peer closed its side."""
        super().feed_eof()
        self._tell()

    def set_exception(self, exc: Exception) -> None:
        """Take note that the connection broke."""
        super().set_exception(exc)
        self._tell()

    def _tell(self) -> None:
        self.gone = True
        if self.on_gone is not None:
            self.on_gone()


@dataclass(slots=True)
class Client:
    """Our own side of an exchange.

    Attributes:
        answered: Whether the head of an answer went out, so that no other answer may follow.
    """

    reader: ClientReader
    writer: asyncio.StreamWriter
    answered: bool = False

    async def send(self, data: bytes) -> None:
        """Write, and wait until the client keeps up.

        Raises:
            ClientGoneError: It closed.
        """
        try:
            self.writer.write(data)
            await self.writer.drain()
        except ConnectionError as error:
            raise ClientGoneError from error


def break_off(writer: asyncio.StreamWriter) -> None:
    """Reset a connection, so that what was cut short cannot pass for complete."""
    peer = writer.get_extra_info("socket")
    if peer is not None and not writer.is_closing():
        with contextlib.suppress(OSError):
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def exchange(client: Client, request: RequestHead, upstream: Upstream, tally: Tally) -> bool:
    """Carry one plain http request and its answer.

    Returns:
        Whether the client's connection can take another request.

    Raises:
        RefusedError: A cap was passed, or the site broke off or answered what is not HTTP.
        ClientGoneError: The client broke off.
    """
    if client.reader.gone:
        raise ClientGoneError
    client.reader.on_gone = upstream.writer.transport.abort
    sending = asyncio.create_task(_send_request(client, request, upstream, tally))
    try:
        await _receive(client, request, upstream, tally)
    except (OSError, MessageError) as error:
        if sending.done():
            sending.result()
        if client.reader.gone:
            raise ClientGoneError from error
        raise RefusedError(Denial.UPSTREAM_FAILED, str(error) or "reset") from error
    else:
        return sending.done() and sending.result() and not request.closes
    finally:
        client.reader.on_gone = None
        await _settle({sending})


async def _settle(tasks: set[asyncio.Task[bool]] | set[asyncio.Task[None]]) -> None:
    """End tasks that are no longer needed; what they still raise comes too late to matter."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _send_request(
    client: Client, request: RequestHead, upstream: Upstream, tally: Tally
) -> bool:
    """Send head and body; a failure also ends the wait for the answer.

    Returns:
        Whether all of it was taken. A site may answer and close without reading the body, and
        then its answer counts.
    """
    try:
        upstream.writer.write(render_request(request))
        async for piece in read_body(client.reader, request.body):
            tally.add_up(len(piece))
            upstream.writer.write(frame(piece, request.body))
            await upstream.writer.drain()
        if request.body.chunked:
            upstream.writer.write(frame(b"", request.body))
        await upstream.writer.drain()
    except MessageError as error:
        upstream.writer.transport.abort()
        gone = client.reader.gone
        raise (
            ClientGoneError() if gone else RefusedError(Denial.BAD_REQUEST, str(error))
        ) from error
    except RefusedError:
        upstream.writer.transport.abort()
        raise
    except ConnectionError:
        return False
    return True


async def _receive(client: Client, request: RequestHead, upstream: Upstream, tally: Tally) -> None:
    head = await _final_head(client, request, upstream)
    body = response_body(request.method, head)
    if tally.announced_counts and body.length is not None and body.length > tally.max_down:
        raise RefusedError(Denial.BYTES_CAP, f"announces {body.length} bytes")
    client.answered = True
    await client.send(render_response(head, body, close=request.closes))
    async for piece in read_body(upstream.reader, body):
        tally.add_down(len(piece))
        await client.send(frame(piece, body))
    if body.until_close and client.reader.gone:
        raise ClientGoneError
    if body.chunked or body.until_close:
        await client.send(frame(b"", body))


async def _final_head(client: Client, request: RequestHead, upstream: Upstream) -> ResponseHead:
    """The site's answer after any interim ones.

    A 407 is refused: a browser would take the site's challenge for ours.
    """
    for _ in range(_MOST_INTERIM + 1):
        head = parse_response(await read_head(upstream.reader))
        if head.status in {101, 407}:
            raise MessageError(f"the site answered {head.status}")
        if head.status >= 200:
            return head
        if head.status == 100 and request.expects_continue:
            await client.send(_CONTINUE)
    raise MessageError("interim answers without end")


async def tunnel(client: Client, upstream: Upstream, tally: Tally) -> None:
    """Carry bytes both ways until one side ends.

    Raises:
        RefusedError: A cap was passed, or the site's side broke.
        ClientGoneError: The client's side broke.
    """
    client.answered = True
    await client.send(_ESTABLISHED)
    broke = RefusedError(Denial.UPSTREAM_FAILED, "reset")
    ways = {
        asyncio.create_task(
            _pump(client.reader, upstream.writer, tally.add_up, ClientGoneError(), broke)
        ),
        asyncio.create_task(
            _pump(upstream.reader, client.writer, tally.add_down, broke, ClientGoneError())
        ),
    }
    try:
        done, _ = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await _settle(ways)
    for way in done:
        way.result()


async def _pump(
    source: asyncio.StreamReader,
    sink: asyncio.StreamWriter,
    count: Callable[[int], None],
    source_broke: Exception,
    sink_broke: Exception,
) -> None:
    while True:
        try:
            piece = await source.read(READ_BYTES)
        except OSError as error:
            raise source_broke from error
        if not piece:
            return
        count(len(piece))
        try:
            sink.write(piece)
            await sink.drain()
        except OSError as error:
            raise sink_broke from error


async def deny(client: Client, request: RequestHead | None, denial: Denial) -> bool:
    """Tell the client no, or reset it when an answer had begun.

    Returns:
        Whether its connection can take another request.
    """
    if client.answered:
        break_off(client.writer)
        return False
    method = request.method if request else ""
    reusable = request is not None and request.body.is_empty and not request.closes
    await client.send(render_denial(denial, method=method, close=not reusable))
    if not reusable:
        await _linger(client)
    return reusable


async def _linger(client: Client) -> None:
    """Read off what a refused client still sends; closing on it would reset our answer away."""
    if client.writer.can_write_eof():
        client.writer.write_eof()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_LINGER_SECONDS):
            while await client.reader.read(READ_BYTES):
                pass
