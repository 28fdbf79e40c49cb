"""Tunnels through the egress guard, and connections that break or talk nonsense."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from crawler.addresses import Denial
from crawler.guard_relay import break_off
from tests.guard_site import (
    CHUNKED,
    JOB,
    OK,
    Answer,
    Site,
    Watch,
    authorization,
    connect,
    dial,
    drips,
    echoes,
    fetch,
    floods,
    guarding,
    holds,
    replies,
    request,
    resets,
)

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


# Tunnels


async def test_a_tunnel_carries_both_ways() -> None:
    async def echo(head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        while piece := await reader.read(65536):
            writer.write(piece)
            await writer.drain()

    watch = Watch()
    async with Site(echo) as site, guarding(site, events=watch) as guard:
        status, denial, reader, writer = await connect(guard, f"127.0.0.1:{site.port}")
        assert (status, denial) == (200, None)
        data = b"\x16\x03\x01\r\n\r\n" + bytes(range(256)) * 2000
        writer.write(data)
        assert await reader.readexactly(len(data)) == data
        writer.close()
        event = await watch.next()
        assert (event.method, event.denial, event.error, event.url) == ("CONNECT", None, None, None)
        assert (event.bytes_up, event.bytes_down) == (len(data), len(data))
        assert (event.host, event.address) == ("127.0.0.1", "127.0.0.1")


@pytest.mark.parametrize(
    ("answer", "caps", "denial"),
    [
        (floods, {"max_tunnel_bytes": 1_000_000}, Denial.BYTES_CAP),
        (drips, {"max_tunnel_seconds": 0.3}, Denial.TIME_CAP),
        (holds(), {"max_request_bytes": 17}, Denial.BYTES_CAP),
        (resets(b"half"), {}, Denial.UPSTREAM_FAILED),
    ],
)
async def test_a_tunnel_that_is_cut_is_reset(
    answer: Answer, caps: dict[str, Any], denial: Denial
) -> None:
    watch = Watch()
    async with Site(answer) as site, guarding(site, events=watch, **caps) as guard:
        _, _, reader, writer = await connect(guard, f"127.0.0.1:{site.port}")
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        with pytest.raises(ConnectionResetError):
            await _read_to_end(reader)
        writer.close()
        assert (await watch.next()).denial is denial


async def test_a_tunnel_ends_with_its_site() -> None:
    watch = Watch()
    async with Site(replies(b"x" * 300_000)) as site, guarding(site, events=watch) as guard:
        _, _, reader, writer = await connect(guard, f"127.0.0.1:{site.port}")
        writer.write(b"\r\n\r\n")
        assert await reader.read(-1) == b"x" * 300_000
        writer.close()
        event = await watch.next()
        assert (event.denial, event.bytes_down) == (None, 300_000)


async def _read_to_end(reader: asyncio.StreamReader) -> None:
    while await reader.read(65536):
        pass


# Connections that break


@pytest.mark.parametrize("abort", [asyncio.StreamWriter.close, break_off], ids=["fin", "reset"])
@pytest.mark.parametrize("answer", [holds(), holds(CHUNKED), holds(OK + b"\r\npart"), floods])
async def test_when_the_client_goes_the_site_is_let_go(
    answer: Answer, abort: Callable[[asyncio.StreamWriter], None]
) -> None:
    arrived, released = asyncio.Event(), asyncio.Event()

    async def watched(
        head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        arrived.set()
        try:
            await answer(head, reader, writer)
        finally:
            released.set()

    watch = Watch()
    async with (
        Site(watched) as site,
        guarding(site, events=watch, max_response_bytes=1 << 40) as guard,
    ):
        _, writer = await dial(guard)
        writer.write(request(guard, site.url))
        await arrived.wait()
        abort(writer)
        event = await watch.next()
        assert (event.denial, event.error) == (None, "client_gone")
        await released.wait()


async def test_a_client_that_goes_during_its_upload() -> None:
    watch = Watch()
    async with Site(echoes) as site, guarding(site, events=watch) as guard:
        _, writer = await dial(guard)
        writer.write(request(guard, site.url, "Content-Length: 9", method="POST") + b"abc")
        await writer.drain()
        writer.close()
        event = await watch.next()
        assert (event.denial, event.error) == (None, "client_gone")


@pytest.mark.parametrize("answer", [resets(), resets(b"HTTP/1.1 200")])
async def test_a_reset_before_the_answer_is_told(answer: Answer) -> None:
    async with Site(answer) as site, guarding(site) as guard:
        reply = await fetch(guard, site.url)
        assert (reply.status, reply.denial) == (502, "upstream_failed")


@pytest.mark.parametrize(
    "answer",
    [
        resets(OK + b"Content-Length: 9\r\n\r\nhalf"),
        replies(OK + b"Content-Length: 9\r\n\r\nhalf"),
        resets(CHUNKED + b"9\r\nhalf"),
        replies(CHUNKED + b"9\r\nhalf"),
        replies(CHUNKED + b"4\r\nhalf\r\n"),
        replies(CHUNKED + b"4\r\nhalf+\r\n0\r\n\r\n"),
        replies(CHUNKED + b"4\r\nhalf\r\nzz\r\n\r\n"),
        resets(OK + b"\r\nhalf"),
    ],
)
async def test_a_body_cut_short_never_looks_whole(answer: Answer) -> None:
    async with Site(answer) as site, guarding(site) as guard:
        reply = await fetch(guard, site.url)
        assert (reply.status, reply.whole) == (200, False)
        assert guard.events(JOB)[0].denial is Denial.UPSTREAM_FAILED


async def test_stopping_breaks_off_what_runs() -> None:
    watch = Watch()
    async with Site(holds(CHUNKED)) as site, guarding(site, events=watch) as guard:
        reader, writer = await dial(guard)
        writer.write(request(guard, site.url))
        await reader.readuntil(b"\r\n\r\n")
        await guard.stop()
        with pytest.raises(ConnectionResetError):
            await _read_to_end(reader)
        writer.close()
        event = await watch.next()
        assert (event.denial, event.error) == (None, "interrupted")
        with pytest.raises(OSError, match="Connect call failed"):
            await dial(guard)
        await guard.stop()


async def test_idle_clients_and_half_a_head_do_no_harm() -> None:
    async with Site() as site, guarding(site) as guard:
        for data in (b"", b"\r\n", b"GET ", f"GET {site.url} HTTP/1.1\r\n".encode()):
            _, writer = await dial(guard)
            writer.write(data)
            writer.close()
        _, idle = await dial(guard)
        idle.write(authorization(guard).encode())
        assert (await fetch(guard, site.url)).body == b"hello"
        idle.close()


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0-x\r\n\r\n",
        b"<html>hello</html>",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
        b'HTTP/1.1 407 x\r\nProxy-Authenticate: Basic realm="spaceaudit"\r\nContent-Length: 0\r\n\r\n',
        b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 70_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X-A: 1\r\n" * 300 + b"\r\n",
        b"HTTP/1.1 103 Early Hints\r\n\r\n" * 40 + b"HTTP/1.1 200 OK\r\n\r\nhello",
    ],
    ids=lambda answer: answer[:40].decode(),
)
async def test_answers_that_are_not_http_are_said_so(answer: bytes) -> None:
    async with Site(replies(answer)) as site, guarding(site) as guard:
        reply = await fetch(guard, site.url)
        assert (reply.status, reply.denial) == (502, "upstream_failed")
        assert reply.headers["Proxy-Authenticate"] is None
        assert guard.events(JOB)[0].error
