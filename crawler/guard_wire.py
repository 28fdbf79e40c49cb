"""HTTP/1.1 messages as bytes on a socket: a head as lines, a body as pieces of payload.

Errors:
    MessageError: what came is not HTTP/1.1, or stops early; the caller says whose fault it is.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator
from dataclasses import dataclass

#: Bytes taken from a socket at a time, and the longest header line.
READ_BYTES = 64 * 1024
#: A whole head. Browsers give up at 256 KiB of response headers; no site needs a fraction of it.
MAX_HEAD_BYTES = 128 * 1024
MAX_HEAD_LINES = 256

#: Names and values in order, names as received.
Headers = list[tuple[bytes, bytes]]


class MessageError(Exception):
    """A head or a body that is not HTTP/1.1, or that stops early."""


@dataclass(frozen=True, slots=True)
class Body:
    """How a message's body is delimited: so many bytes, chunks, or until the connection closes."""

    length: int | None = 0
    chunked: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether no byte of body follows the head."""
        return self.length == 0 and not self.chunked

    @property
    def until_close(self) -> bool:
        """Whether only the end of the connection ends it."""
        return self.length is None and not self.chunked


NO_BODY = Body()

_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n]*)?\r?\n")


async def read_head(reader: asyncio.StreamReader) -> list[bytes]:
    """Read one head as lines without their ends; empty when the peer closed before a byte.

    Raises:
        MessageError: It ends early, or is larger than any honest head.
    """
    lines: list[bytes] = []
    size = 0
    while True:
        try:
            line = await reader.readuntil(b"\n")
        except asyncio.IncompleteReadError as error:
            if not lines and not error.partial:
                return []
            raise MessageError("the connection closed within the head") from error
        except asyncio.LimitOverrunError as error:
            raise MessageError("a header line is too long") from error
        size += len(line)
        if size > MAX_HEAD_BYTES or len(lines) >= MAX_HEAD_LINES:
            raise MessageError("the head is too large")
        line = line.removesuffix(b"\n").removesuffix(b"\r")
        if line:
            lines.append(line)
        elif lines:
            return lines


def render(start: bytes, headers: Headers) -> bytes:
    """A head as bytes."""
    lines = [start, *(b"%b: %b" % header for header in headers), b"", b""]
    return b"\r\n".join(lines)


async def read_body(reader: asyncio.StreamReader, body: Body) -> AsyncGenerator[bytes, None]:
    """Yield a body's payload in pieces of at most 64 KiB, chunk framing and trailers taken off.

    Raises:
        MessageError: The body ends early, or a chunk is malformed.
    """
    if body.chunked:
        while size := await _chunk_size(reader):
            async for piece in _exactly(reader, size):
                yield piece
            if (await _line(reader)).strip(b"\r\n"):
                raise MessageError("a chunk is longer than it says")
        while (await _line(reader)).strip(b"\r\n"):
            pass  # trailers are dropped: nobody downstream reads them
    elif body.length is None:
        while piece := await reader.read(READ_BYTES):
            yield piece
    else:
        async for piece in _exactly(reader, body.length):
            yield piece


async def _exactly(reader: asyncio.StreamReader, size: int) -> AsyncGenerator[bytes, None]:
    while size > 0:
        piece = await reader.read(min(size, READ_BYTES))
        if not piece:
            raise MessageError("the body ended early")
        size -= len(piece)
        yield piece


async def _line(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\n")
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
        raise MessageError("the body ended within a chunk") from error


async def _chunk_size(reader: asyncio.StreamReader) -> int:
    match = _CHUNK.fullmatch(await _line(reader))
    if match is None:
        raise MessageError("malformed chunk size")
    return int(match[1], 16)


def frame(piece: bytes, body: Body) -> bytes:
    """One piece of payload as it goes on the wire; an empty piece ends a body in chunks."""
    if body.chunked or body.until_close:
        return b"%x\r\n%b\r\n" % (len(piece), piece)
    return piece


def header_in(lines: list[bytes], name: bytes) -> bytes:
    """The value of the first header ``name`` (lower case) of an unparsed head; empty if none."""
    for line in lines[1:]:
        key, _, value = line.partition(b":")
        if key.lower() == name:
            return value.strip(b" \t")
    return b""
