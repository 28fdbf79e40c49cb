"""What the egress guard carries: bodies whole, and no more of them than the caps allow."""

from __future__ import annotations

import asyncio

import pytest

from crawler.addresses import Denial
from crawler.guard import CUT_SLACK, Guard
from tests.guard_site import (
    CHUNKED,
    JOB,
    OK,
    Answer,
    Reply,
    Site,
    basic,
    dial,
    drips,
    echoes,
    fetch,
    floods,
    guarding,
    holds,
    parse,
    replies,
    request,
    send,
)

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


# Bodies


@pytest.mark.parametrize(
    ("method", "answer", "body"),
    [
        ("GET", OK + b"Content-Length: 5\r\n\r\nhello", b"hello"),
        ("GET", OK + b"Content-Length: 5\r\n\r\nhello, and more than announced", b"hello"),
        ("GET", OK + b"Content-Length: 5, 5\r\n\r\nhello", b"hello"),
        ("GET", OK + b"Content-Length: 0\r\n\r\n", b""),
        ("GET", CHUNKED + b"5\r\nhello\r\n0\r\n\r\n", b"hello"),
        ("GET", CHUNKED + b'2;a="b"\r\nhe\r\n03 \r\nllo\r\n0\r\nX-Sum: 1\r\n\r\n', b"hello"),
        ("GET", CHUNKED + b"5\nhello\n0\n\n", b"hello"),
        (
            "GET",
            CHUNKED.replace(b"\r\n\r\n", b"\r\nContent-Length: 99\r\n\r\n") + b"0\r\n\r\n",
            b"",
        ),
        ("GET", CHUNKED + b"30000\r\n" + b"x" * 0x30000 + b"\r\n0\r\n\r\n", b"x" * 0x30000),
        ("GET", OK + b"\r\nhello", b"hello"),
        ("GET", b"HTTP/1.0 200 OK\r\n\r\n", b""),
        ("GET", OK + b"Transfer-Encoding: identity\r\nContent-Length: 5\r\n\r\nhello", b"hello"),
        ("GET", b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        ("GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", b""),
        ("HEAD", OK + b"Content-Length: 5\r\n\r\n", b""),
        ("HEAD", CHUNKED, b""),
        ("GET", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK + b"\r\nhello", b"hello"),
        ("GET", b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"\r\nhello", b"hello"),
    ],
)
async def test_bodies_arrive_whole_and_the_connection_serves_again(
    method: str, answer: bytes, body: bytes
) -> None:
    async with Site(replies(answer)) as site, guarding(site) as guard:
        reader, writer = await dial(guard)
        writer.write(request(guard, site.url, method=method, close=False))
        if method == "HEAD":
            first = parse(await reader.readuntil(b"\r\n\r\n"), "HEAD")
            writer.write(request(guard, site.url, method="HEAD"))
            second = parse(await reader.read(), "HEAD")
        else:
            writer.write(request(guard, site.url, method=method))
            first, second = _two(await reader.read())
        writer.close()
        for reply in (first, second):
            assert (reply.body, reply.whole, reply.denial) == (body, True, None)
        assert first.status == second.status
        assert site.connections == 2
        assert [event.bytes_down for event in guard.events(JOB)] == [len(body)] * 2


def _two(received: bytes) -> tuple[Reply, Reply]:
    """Two answers that followed each other on one connection."""
    start = received.rindex(b"HTTP/1.1 ")
    return parse(received[:start]), parse(received[start:])


async def test_a_head_answer_keeps_its_length() -> None:
    async with Site(replies(OK + b"Content-Length: 5\r\n\r\n")) as site, guarding(site) as guard:
        reply = await fetch(guard, site.url, method="HEAD")
        assert reply.headers["Content-Length"] == "5"


@pytest.mark.parametrize(
    ("headers", "body", "arrived"),
    [
        (["Content-Length: 5"], b"hello", b"hello"),
        (["Content-Length: 0"], b"", b""),
        (["Content-Length: 300000"], b"x" * 300_000, b"x" * 300_000),
        (["Transfer-Encoding: chunked"], b"5;a\r\nhello\r\n0\r\n\r\n", b"5\r\nhello\r\n0\r\n\r\n"),
        (["Transfer-Encoding: chunked"], b"0\r\nX-A: 1\r\n\r\n", b"0\r\n\r\n"),
        (["Content-Length: 5", "Expect: 100-continue"], b"hello", b"hello"),
    ],
)
async def test_uploads_arrive(headers: list[str], body: bytes, arrived: bytes) -> None:
    async with Site(echoes) as site, guarding(site) as guard:
        reader, writer = await dial(guard)
        writer.write(request(guard, site.url, *headers, method="POST"))
        if "Expect: 100-continue" in headers:
            assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(body)
        assert parse(await reader.read()).body == arrived
        writer.close()


async def test_an_early_answer_to_an_upload_counts() -> None:
    early = b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig"
    async with Site(replies(early)) as site, guarding(site) as guard:
        reader, writer = await dial(guard)
        writer.write(request(guard, site.url, "Content-Length: 9", method="PUT", close=False))
        reply = parse(await reader.read())  # ends, for the connection cannot serve again
        writer.close()
        assert (reply.status, reply.body) == (413, b"big")


async def test_a_hundred_at_once() -> None:
    async def answer(head: bytes, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = int(head.split(b"/")[1].split(b" ")[0])
        writer.write(OK + b"\r\n" + b"%d " % number * 10_000)
        await writer.drain()

    async with Site(answer) as site, guarding(site) as guard:
        fetches = [fetch(guard, f"{site.url}{n}", job=f"job-{n % 3}") for n in range(100)]
        for number, reply in enumerate(await asyncio.gather(*fetches)):
            assert (reply.body, reply.whole) == (b"%d " % number * 10_000, True)
        assert [len(guard.events(f"job-{n}")) for n in range(3)] == [34, 33, 33]


async def test_a_slow_client_slows_the_site() -> None:
    sent = 0
    stalled = asyncio.Event()

    async def answer(_: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(OK + b"\r\n")
        writer.transport.set_write_buffer_limits(0)
        while sent < 1 << 30:
            writer.write(b"x" * 65536)
            try:
                await asyncio.wait_for(writer.drain(), 0.5)
            except TimeoutError:
                stalled.set()
                return
            sent += 65536

    async with Site(answer) as site, guarding(site, max_response_bytes=1 << 31) as guard:
        _, writer = await dial(guard)
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(request(guard, site.url))
        await stalled.wait()
        assert sent < 1 << 26
        writer.transport.abort()


# Caps


async def test_a_body_announced_over_the_cap_is_refused_at_once() -> None:
    async with (
        Site(holds(OK + b"Content-Length: 1001\r\n\r\n")) as site,
        guarding(site, max_response_bytes=1000) as guard,
    ):
        reply = await fetch(guard, site.url)
        assert (reply.status, reply.denial) == (502, "bytes_cap")


def cutting(guard: Guard, site: Site) -> bytes:
    """A request of a client that takes the beginning and cuts itself off."""
    mine = basic(*guard.credentials(JOB, cuts=True))
    return f"GET {site.url} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{mine}\r\n\r\n".encode()


async def test_who_cuts_itself_off_may_begin_with_a_large_body() -> None:
    large = replies(OK + b"Content-Length: 100000\r\n\r\n" + b"x" * 100_000)
    async with Site(large) as site, guarding(site, max_response_bytes=1000) as guard:
        assert len((await send(guard, cutting(guard, site))).body) == 100_000
        assert [event.job for event in guard.events(JOB)] == [JOB]
        assert (await fetch(guard, site.url)).denial == "bytes_cap"


async def test_who_does_not_cut_itself_off_after_all_is_cut_off() -> None:
    async with Site(floods) as site, guarding(site, max_response_bytes=1000) as guard:
        reply = await send(guard, cutting(guard, site))
        assert not reply.whole
        (event,) = guard.events(JOB)
        assert event.denial is Denial.BYTES_CAP
        assert CUT_SLACK < event.bytes_down <= CUT_SLACK + 1000 + 65536


@pytest.mark.parametrize("head", [OK + b"Content-Length: 1000\r\n\r\n", OK + b"\r\n"])
async def test_a_body_of_exactly_the_cap_passes(head: bytes) -> None:
    async with (
        Site(replies(head + b"x" * 1000)) as site,
        guarding(site, max_response_bytes=1000) as guard,
    ):
        assert (await fetch(guard, site.url)).body == b"x" * 1000


@pytest.mark.parametrize(
    "answer", [floods, replies(CHUNKED + b"3e9\r\n" + b"x" * 1001 + b"\r\n0\r\n\r\n")]
)
async def test_a_body_over_the_cap_never_looks_whole(answer: Answer) -> None:
    async with Site(answer) as site, guarding(site, max_response_bytes=1000) as guard:
        reply = await fetch(guard, site.url)
        assert (reply.status, reply.whole) == (200, False)
        (event,) = guard.events(JOB)
        assert event.denial is Denial.BYTES_CAP
        assert len(reply.body) <= 1000 < event.bytes_down


async def test_an_upload_over_the_cap_is_refused() -> None:
    async with Site(echoes) as site, guarding(site, max_request_bytes=1000) as guard:
        reply = await fetch(
            guard, site.url, "Content-Length: 1001", method="POST", body=b"x" * 1001
        )
        assert (reply.status, reply.denial) == (502, "bytes_cap")


async def test_a_silent_site_is_given_up() -> None:
    async with Site(holds()) as site, guarding(site, max_seconds=0.2) as guard:
        reply = await fetch(guard, site.url)
        assert (reply.status, reply.denial) == (504, "time_cap")
        assert guard.events(JOB)[0].denial is Denial.TIME_CAP


async def test_a_dripping_site_is_given_up() -> None:
    async with Site(drips) as site, guarding(site, max_seconds=0.3) as guard:
        reply = await fetch(guard, site.url)
        assert (reply.status, reply.whole) == (200, False)
        assert guard.events(JOB)[0].denial is Denial.TIME_CAP


async def test_a_resolver_that_hangs_is_given_up() -> None:
    async def hang(host: str, port: int) -> list[object]:
        await asyncio.Event().wait()
        return [host, port]

    async with guarding(resolve=hang, connect_timeout=0.1) as guard:  # type: ignore[arg-type]
        assert (await fetch(guard, "http://slow.example/")).denial == "unresolvable"
