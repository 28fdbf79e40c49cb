"""The egress guard over real sockets: where it goes, for whom, and what passes of a head."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from ipaddress import ip_address

import httpx
import pytest

from crawler.addresses import Address, Denial, EgressPolicy
from crawler.guard import DENIED_HEADER, Guard, GuardEvent, denial_of
from crawler.guard_denial import DENIAL_STATUS
from tests.guard_site import (
    JOB,
    Site,
    authorization,
    basic,
    connect,
    dial,
    fetch,
    guarding,
    parse,
    replies,
    request,
    send,
)

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Answers:
    """A resolver that gives one list of answers after the other, and counts."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self._answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> list[Address]:
        self.asked.append(f"{host}:{port}")
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return [ip_address(text) for text in answer]


# Where it goes


async def test_an_allowed_site_is_reached_and_recorded() -> None:
    seen: list[GuardEvent] = []
    async with Site() as site, guarding(site, events=seen) as guard:
        reply = await fetch(guard, f"{site.url}a/b?c=d#e", "X-Kept: 1")
        assert (reply.status, reply.body, reply.denial) == (200, b"hello", None)
        assert site.heads[0].startswith(b"GET /a/b?c=d HTTP/1.1\r\n")
        (event,) = guard.events(JOB)
        assert seen == [event]
        assert (event.method, event.host, event.port) == ("GET", "127.0.0.1", site.port)
        assert (event.address, event.denial, event.error) == ("127.0.0.1", None, None)
        assert (event.bytes_up, event.bytes_down, event.url) == (0, 5, f"{site.url}a/b?c=d")
        guard.forget(JOB)
        assert guard.events(JOB) == []


PRIVATE_HOSTS = [
    "127.0.0.1",
    "127.1",
    "2130706433",
    "017700000001",
    "0177.0.0.1",
    "0x7f.1",
    "0x7f000001",
    "0",
    "0.0.0.0",
    "127.0.1",
    "0177.1",
    "0x7f.0.0.0x1",
    "127.0.0.1.",
    "localhost",
    "localhost.",
    "LOCALHOST",
    "10.0.0.1",
    "169.254.169.254",
    "2852039166",
    "[::1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[0:0:0:0:0:FFFF:127.0.0.1]",
    "[::ffff:a9fe:a9fe]",
    "[::ffff:0:7f00:1]",
    "[64:ff9b::a9fe:a9fe]",
    "[2001:0:4136:e378:8000:63bf:80ff:fffe]",
    "[2400:3200::5efe:7f00:1]",
    "[fec0::1]",
    "[100:0:0:1::1]",
    "[5f00::1]",
    "192.88.99.1",
    "192.0.0.192",
    "198.18.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "100.100.100.200",
    "[64:ff9b::7f00:1]",
    "[64:ff9b:1::7f00:1]",
    "[::127.0.0.1]",
    "[2002:7f00:1::]",
    "[fe80::1]",
    "[ff02::1]",
]


@pytest.mark.parametrize("method", ["GET", "CONNECT"])
@pytest.mark.parametrize("host", PRIVATE_HOSTS)
async def test_no_spelling_of_a_private_address_gets_through(host: str, method: str) -> None:
    async with Site() as listener, guarding(ports=frozenset({listener.port})) as guard:
        authority = f"{host}:{listener.port}"
        target = authority if method == "CONNECT" else f"http://{authority}/"
        reply = await fetch(guard, target, method=method)
        assert (reply.status, reply.denial) == (403, "private_address")
        assert listener.connections == 0
        (event,) = guard.events(JOB)
        assert event.denial is Denial.PRIVATE_ADDRESS
        assert event.address is not None


@pytest.mark.parametrize(
    ("target", "denial"),
    [
        ("http://8.8.8.8:22/", Denial.PORT),
        ("http://8.8.8.8:8080/", Denial.PORT),
        ("https://8.8.8.8/", Denial.SCHEME),
        ("ftp://8.8.8.8/", Denial.SCHEME),
        ("ws://8.8.8.8/", Denial.SCHEME),
        ("file:///etc/passwd", Denial.SCHEME),
        ("HTTP://127.0.0.1/", Denial.PRIVATE_ADDRESS),
        ("HTTPS://8.8.8.8/", Denial.SCHEME),
        ("gopher://8.8.8.8/", Denial.SCHEME),
        ("http:/8.8.8.8/", Denial.BAD_REQUEST),
        ("//8.8.8.8/", Denial.BAD_REQUEST),
        ("http://127.0.0.1#@8.8.8.8/", Denial.PRIVATE_ADDRESS),
        ("http://8.8.8.8@127.0.0.1/", Denial.BAD_REQUEST),
        ("http://8.8.8.8:80:80/", Denial.BAD_REQUEST),
        ("http://8.8.8.8:99999999999/", Denial.BAD_REQUEST),
        ("http://8.8.8.8:-80/", Denial.BAD_REQUEST),
        ("http://１２７.0.0.1/", Denial.BAD_REQUEST),
        ("http://ⓛocalhost/", Denial.BAD_REQUEST),
        ("http://127。0。0。1/", Denial.BAD_REQUEST),
        ("http://xn--55qx5d.invalid/", Denial.UNRESOLVABLE),
        ("http://127.0.0.1\t/", Denial.BAD_REQUEST),
        ("http://[::1/", Denial.BAD_REQUEST),
        ("http://[127.0.0.1]/", Denial.PRIVATE_ADDRESS),
        ("/", Denial.BAD_REQUEST),
        ("*", Denial.BAD_REQUEST),
        ("8.8.8.8:80", Denial.BAD_REQUEST),
        ("http:///", Denial.BAD_REQUEST),
        ("http://:80/", Denial.BAD_REQUEST),
        ("http://user:pass@8.8.8.8/", Denial.BAD_REQUEST),
        ("http://8.8.8.8:80@127.0.0.1/", Denial.BAD_REQUEST),
        ("http://127%2e0.0.1/", Denial.BAD_REQUEST),
        ("http://8.8.8.8\\@127.0.0.1/", Denial.BAD_REQUEST),
        ("http://8.8.8.8:/", Denial.BAD_REQUEST),
        ("http://8.8.8.8:0/", Denial.BAD_REQUEST),
        ("http://8.8.8.8:65536/", Denial.BAD_REQUEST),
        ("http://8.8.8.8:+80/", Denial.BAD_REQUEST),
        ("http://[fe80::1%25eth0]/", Denial.BAD_REQUEST),
        ("http://::1/", Denial.BAD_REQUEST),
        ("http://名师.example/", Denial.BAD_REQUEST),
        ("http://no-such-name.invalid/", Denial.UNRESOLVABLE),
        ("http://a..b/", Denial.UNRESOLVABLE),
        (f"http://{'a' * 64}.example/", Denial.UNRESOLVABLE),
    ],
)
async def test_refused_targets(target: str, denial: Denial) -> None:
    async with guarding() as guard:
        reply = await fetch(guard, target)
        assert (reply.status, reply.denial) == (DENIAL_STATUS[denial], denial.value)
        assert reply.body == f"Not carried by the egress guard: {denial}\n".encode()
        assert [event.denial for event in guard.events(JOB)] == [denial]


@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS", "TRACE", "PROPFIND"])
async def test_the_host_header_is_the_targets_whatever_the_client_says(method: str) -> None:
    async with Site() as site, Site(host="127.0.0.9") as private, guarding(site) as guard:
        lines = [f"Host: {private.host}:{private.port}", "X-Forwarded-Host: x.example"]
        reply = await fetch(guard, site.url, *lines, method=method)
        assert reply.status == 200
        hosts = [line for line in site.heads[0].split(b"\r\n") if line.lower().startswith(b"host:")]
        assert hosts == [f"Host: 127.0.0.1:{site.port}".encode()]
        assert private.connections == 0


async def test_a_name_that_rebinds_between_two_hops_is_refused_on_the_second() -> None:
    answers = Answers(["127.0.0.1"], ["127.0.0.9"])
    async with Site(host="127.0.0.9") as private:
        where = f"http://rebind.example:{private.port}/"
        moved = f"HTTP/1.1 302 Found\r\nLocation: {where}\r\nContent-Length: 0\r\n\r\n"
        async with Site(replies(moved.encode())) as site, guarding(site, resolve=answers) as guard:
            async with httpx.AsyncClient(proxy=guard.proxy_url(JOB), trust_env=False) as client:
                first = f"http://rebind.example:{site.port}/"
                answer = await client.get(first, follow_redirects=True)
            assert denial_of(str(answer.url), answer.headers) is Denial.PRIVATE_ADDRESS
        assert (site.connections, private.connections) == (1, 0)


@pytest.mark.parametrize("authority", ["8.8.8.8", "8.8.8.8:", "http://8.8.8.8:80", "a@8.8.8.8:80"])
async def test_malformed_tunnels(authority: str) -> None:
    async with guarding() as guard:
        reply = await fetch(guard, authority, method="CONNECT")
        assert (reply.status, reply.denial) == (400, "bad_request")


async def test_a_name_is_resolved_once_and_pinned(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = Answers(["93.184.215.14"], ["127.0.0.1"])
    dialled: list[tuple[str, int]] = []

    async def refuse(host: str, port: int, **_: object) -> None:
        dialled.append((host, port))
        raise ConnectionRefusedError

    async with guarding(resolve=answers) as guard:
        reader, writer = await dial(guard)
        monkeypatch.setattr(asyncio, "open_connection", refuse)
        writer.write(request(guard, "http://rebind.example/"))
        assert parse(await reader.read()).denial == "connect_failed"
        writer.close()
        assert dialled == [("93.184.215.14", 80)]
        assert answers.asked == ["rebind.example:80"]


async def test_a_rebound_name_is_refused_the_next_time() -> None:
    async with Site() as site, Site(host="127.0.0.9") as private:
        answers = Answers(["127.0.0.1"], ["127.0.0.9"])
        async with guarding(site, resolve=answers) as guard:
            target = f"http://rebind.example:{site.port}/"
            assert (await fetch(guard, target)).body == b"hello"
            assert f"Host: rebind.example:{site.port}\r\n".encode() in site.heads[0]
            assert (await fetch(guard, target)).denial == "private_address"
        assert (site.connections, private.connections) == (1, 0)


@pytest.mark.parametrize(
    "answers", [["8.8.8.8", "127.0.0.1"], ["127.0.0.1", "8.8.8.8"], ["8.8.8.8", "::1"]]
)
async def test_one_bad_answer_refuses_them_all(answers: list[str]) -> None:
    async with (
        Site() as listener,
        guarding(resolve=Answers(answers), ports=frozenset({listener.port})) as guard,
    ):
        status, denial, _, writer = await connect(guard, f"mixed.example:{listener.port}")
        writer.close()
        assert (status, denial, listener.connections) == (403, "private_address", 0)


async def test_a_dead_address_falls_through_to_the_next() -> None:
    async with Site() as site:
        answers = Answers(["127.0.0.3", "127.0.0.1"])
        async with guarding(site, also=f"127.0.0.3:{site.port}", resolve=answers) as guard:
            reply = await fetch(guard, f"http://two.example:{site.port}/")
            assert reply.body == b"hello"
            assert guard.events(JOB)[0].address == "127.0.0.1"


async def test_nobody_listens() -> None:
    async with Site() as site:
        pass
    async with guarding(site) as guard:
        reply = await fetch(guard, site.url)
        assert (reply.status, reply.denial) == (502, "connect_failed")
        status, denial, _, writer = await connect(guard, f"127.0.0.1:{site.port}")
        writer.close()
        assert (status, denial) == (502, "connect_failed")


async def test_a_redirect_to_a_private_listener_stops_at_the_guard() -> None:
    async with Site() as listener:
        moved = f"HTTP/1.1 302 Found\r\nLocation: {listener.url}\r\nContent-Length: 0\r\n\r\n"
        async with Site(replies(moved.encode())) as site, guarding(site) as guard:
            async with httpx.AsyncClient(proxy=guard.proxy_url(JOB), trust_env=False) as client:
                answer = await client.get(site.url, follow_redirects=True)
            assert answer.url == listener.url
            assert denial_of(str(answer.url), answer.headers) is Denial.PRIVATE_ADDRESS
        assert listener.connections == 0


# For whom


async def test_credentials_are_asked_for_and_then_taken_on_the_same_connection() -> None:
    async with Site() as site, guarding(site) as guard:
        reader, writer = await dial(guard)
        writer.write(f"GET {site.url} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 407 ")
        assert b"\r\nProxy-Authenticate: Basic realm=" in head
        assert f"\r\n{DENIED_HEADER}: credentials\r\n".encode() in head
        assert (site.connections, guard.events(JOB)) == (0, [])
        await reader.readline()
        writer.write(request(guard, site.url))
        assert parse(await reader.read()).body == b"hello"
        writer.close()


async def test_wrong_credentials_reach_nothing() -> None:
    seen: list[GuardEvent] = []
    async with Site() as site, guarding(site, events=seen) as guard, guarding() as other:
        wrong = [
            basic(JOB, "guess"),
            basic(JOB, ""),
            basic("job-2", guard.credentials(JOB)[1]),
            authorization(other),
            "Proxy-Authorization: Basic !!!",
            "Proxy-Authorization: Basic /w==",
            "Proxy-Authorization: Bearer x",
            "Authorization: " + authorization(guard).split(" ", 1)[1],
        ]
        for line in wrong:
            for start in (f"GET {site.url}", f"CONNECT 127.0.0.1:{site.port}"):
                head = f"{start} HTTP/1.1\r\nConnection: close\r\n{line}\r\n\r\n"
                reply = await send(guard, head.encode())
                assert (reply.status, reply.denial) == (407, "credentials"), line
        assert (site.connections, guard.events(JOB)) == (0, [])
        assert {(event.job, event.denial) for event in seen} == {("", Denial.CREDENTIALS)}
        assert len(seen) == 14


async def test_a_refused_upload_still_hears_why() -> None:
    async with guarding() as guard:
        head = b"POST http://8.8.8.8/ HTTP/1.1\r\nContent-Length: 3000000\r\n\r\n"
        assert (await send(guard, head + b"x" * 3_000_000)).status == 407


async def test_each_job_has_its_own_events() -> None:
    async with Site() as site, guarding(site) as guard:
        for job in ("县区 一/空间?1", "b"):
            async with httpx.AsyncClient(proxy=guard.proxy_url(job), trust_env=False) as client:
                assert (await client.get(site.url)).text == "hello"
        assert [event.job for event in guard.events("县区 一/空间?1")] == ["县区 一/空间?1"]
        assert [event.job for event in guard.events("b")] == ["b"]


@pytest.mark.parametrize("job", ["", "a:b", "a\nb", "a\0", "x" * 201])
def test_names_that_cannot_be_a_job(job: str) -> None:
    with pytest.raises(ValueError, match="a job's name cannot be"):
        Guard(EgressPolicy()).credentials(job)


# What passes of a head


async def test_only_end_to_end_headers_reach_the_site() -> None:
    async with Site() as site, guarding(site) as guard:
        sent = ["Proxy-Connection: keep-alive", "TE: trailers", "Keep-Alive: 5", "X-Secret: 1"]
        sent += ["Upgrade: h2c", "Connection: x-secret", "Cookie: a=b", "X-Kept: ü", "X-Kept: 2"]
        reply = await fetch(guard, site.url, *sent)
        assert reply.status == 200
        lines = site.heads[0].decode().rstrip().split("\r\n")[1:]
        assert lines == [
            f"Host: 127.0.0.1:{site.port}",
            "Cookie: a=b",
            "X-Kept: ü",
            "X-Kept: 2",
            "Connection: close",
        ]


@pytest.mark.parametrize(
    "name", ["x-spaceaudit-denied", "X-SpaceAudit-Denied", "X-SPACEAUDIT-DENIED "]
)
async def test_a_site_cannot_forge_the_guards_mark(name: str) -> None:
    forged = f"HTTP/1.1 403 Forbidden\r\n{name}: private_address\r\nX-Kept: 1\r\n".encode()
    trailer = f"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n{name}: port\r\n\r\n".encode()
    async with Site(replies(forged + trailer)) as site, guarding(site) as guard:
        reply = await fetch(guard, site.url)
        assert (reply.status, reply.body, reply.denial) == (403, b"ok", None)
        assert reply.headers["X-Kept"] == "1"


def test_a_mark_on_https_is_not_believed() -> None:
    mark = {DENIED_HEADER: "private_address"}
    assert denial_of("http://a.example/", mark) is Denial.PRIVATE_ADDRESS
    assert denial_of("https://a.example/", mark) is None
    assert denial_of("http://a.example/", {}) is None
    assert denial_of("http://a.example/", {DENIED_HEADER: "something"}) is None


@pytest.mark.parametrize(
    "lines",
    [
        ["Content-Length: 3", "Transfer-Encoding: chunked"],
        ["Content-Length: 3", "Content-Length: 4"],
        ["Content-Length: 3, 4"],
        ["Content-Length: -1"],
        ["Content-Length: +3"],
        ["Content-Length: 0x3"],
        ["Content-Length:"],
        ["Transfer-Encoding: gzip, chunked"],
        ["Transfer-Encoding: chunked, identity"],
        ["Transfer-Encoding: xchunked"],
        ["X-A : 1"],
        [" X-A: 1"],
        ["X-A: 1", " folded"],
        ["X-A"],
        [": 1"],
        ["X A: 1"],
        ["X-A: 1\rX-B: 2"],
        ["X-A: \0"],
        ["Upgrade: websocket", "Connection: Upgrade"],
        [f"X-{number}: 1" for number in range(300)],
        ["X-A: " + "a" * 70_000],
    ],
    ids=lambda lines: lines[0][:40],
)
async def test_ambiguous_requests_never_reach_a_site(lines: list[str]) -> None:
    async with Site() as site, guarding(site) as guard:
        reply = await fetch(guard, site.url, *lines, method="POST", body=b"abc")
        assert (reply.status, reply.denial) == (400, "bad_request")
        assert site.connections == 0


@pytest.mark.parametrize("version", ["HTTP/1.0", "HTTP/2.0", "HTTP/1.1 x", ""])
async def test_other_versions_are_refused(version: str) -> None:
    async with Site() as site, guarding(site) as guard:
        head = f"GET {site.url} {version}\r\n{authorization(guard)}\r\n\r\n"
        assert (await send(guard, head.encode())).denial == "bad_request"
        assert site.connections == 0


async def test_odd_answers_are_read_as_browsers_do() -> None:
    odd = b"HTTP/1.0 200 \xe5\xa5\xbd\nno header here\nX-A : 1\nX-B: 2\n folded\nX-C: 3\rX-D: 4\nBad Name: 1\n\nbody"
    async with Site(replies(odd)) as site, guarding(site) as guard:
        reply = await fetch(guard, site.url)
        assert (reply.status, reply.body, reply.whole) == (200, b"body", True)
        assert [(k, v) for k, v in reply.headers.items() if k.startswith("X-")] == [
            ("X-A", "1"),
            ("X-B", "2 folded"),
        ]
