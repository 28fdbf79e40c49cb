"""The pace of a site, held in the guard: how much at once, when it falls, and that waiting is free."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from crawler.addresses import Denial, EgressPolicy
from crawler.guard import Guard
from crawler.pace import (
    FIRST_SPACING,
    MOST_SPACING,
    RECOVER_SECONDS,
    SLOW_SECONDS,
    WELL_ANSWERS,
    SitePace,
)
from crawler.passage import QUIET_SECONDS, Paced
from crawler.patience import patient
from tests.guard_site import (
    HELLO,
    JOB,
    OK,
    Answer,
    Site,
    connect,
    dial,
    fetch,
    holds,
    replies,
    request,
)

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@asynccontextmanager
async def paced(pace: SitePace, *allowed: Site, **policy: Any) -> AsyncIterator[Guard]:
    guard = Guard(
        EgressPolicy(allow=tuple(site.rule for site in allowed), **policy), pace=Paced(pace)
    )
    await guard.start()
    try:
        yield guard
    finally:
        await guard.stop()


class Busy:
    """An answer that takes a while, and remembers how many were under way at once."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.now = self.peak = self.answered = 0

    async def __call__(
        self, _: bytes, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.now += 1
        self.peak = max(self.peak, self.now)
        await asyncio.sleep(self.seconds)
        self.now -= 1
        self.answered += 1
        writer.write(OK + b"Content-Length: 5\r\n\r\nhello")
        await writer.drain()


def refusal(status: str, *headers: str) -> Answer:
    lines = [f"HTTP/1.1 {status}", "Content-Length: 0", *headers, "", ""]
    return replies("\r\n".join(lines).encode())


def name_of(site: Site) -> str:
    return f"{site.host}:{site.port}"


@pytest.mark.parametrize("limit", [1, 3])
async def test_no_more_at_once_than_allowed_whoever_asks(limit: int) -> None:
    busy = Busy(0.02)
    pace = SitePace(limit=limit)
    async with Site(busy) as site, paced(pace, site) as guard:
        gathered = await asyncio.gather(
            *(fetch(guard, site.url, job=f"job-{number % 4}") for number in range(16))
        )
    assert [reply.body for reply in gathered] == [b"hello"] * 16
    assert busy.peak == limit
    # Our own waiting is not taken for the site's slowness.
    assert 0.01 < pace.site(name_of(site)).latency < 0.2
    assert pace.waited("job-1") > 0.02
    assert pace.tally("job-1").bytes > 4 * len(b"hello")


async def test_waiting_for_a_slot_does_not_count_against_the_time_of_a_request() -> None:
    async with (
        Site(Busy(0.3)) as site,
        paced(SitePace(limit=1), site, max_seconds=1.2) as guard,
    ):
        gathered = await asyncio.gather(*(fetch(guard, site.url) for _ in range(6)))
        events = guard.events(JOB)
    assert [reply.status for reply in gathered] == [200] * 6
    assert all(event.seconds < 1.2 for event in events)


async def test_one_site_waits_for_no_other() -> None:
    async with (
        Site(holds()) as hanging,
        Site(HELLO) as quick,
        paced(SitePace(limit=1), hanging, quick) as guard,
    ):
        stuck = asyncio.create_task(fetch(guard, hanging.url))
        await asyncio.sleep(0.05)
        assert (await asyncio.wait_for(fetch(guard, quick.url), 1)).status == 200
        stuck.cancel()


async def test_who_gave_up_while_waiting_is_not_asked_for() -> None:
    busy = Busy(0.3)
    async with Site(busy) as site, paced(SitePace(limit=1), site) as guard:
        first = asyncio.create_task(fetch(guard, site.url))
        await asyncio.sleep(0.1)
        _, writer = await dial(guard)
        writer.write(request(guard, site.url))
        await asyncio.sleep(0.05)
        writer.close()
        assert (await first).status == 200
        assert (await asyncio.wait_for(fetch(guard, site.url), 2)).status == 200
        errors = [event.error for event in guard.events(JOB)]
    assert site.connections == 2
    assert errors == [None, "client_gone", None]


# Tunnels


async def echo(_: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Gives back what comes, until the other side closes."""
    while piece := await reader.read(65536):
        writer.write(piece)
        await writer.drain()


class Pipe(Site):
    """A site behind a tunnel: no head is read, what is answered is up to ``answer``."""

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self.answer(b"", reader, writer)
        except OSError:
            pass
        finally:
            writer.close()


BIG = b"x" * 500


async def test_idle_tunnels_hold_no_slot_and_can_be_used_again() -> None:
    async with Pipe(echo) as site, paced(SitePace(limit=1), site) as guard:
        async with asyncio.timeout(10 * QUIET_SECONDS + 5):
            tunnels = [await connect(guard, name_of(site)) for _ in range(4)]
            for _ in range(2):
                for status, _, reader, writer in tunnels:
                    assert status == 200
                    writer.write(BIG)
                    assert await reader.readexactly(len(BIG)) == BIG
        for _, _, _, writer in tunnels:
            writer.close()


async def test_a_request_in_a_tunnel_holds_its_slot_until_it_is_answered() -> None:
    let_go = asyncio.Event()

    async def late(_: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(65536):
            await let_go.wait()
            writer.write(piece)

    pace = SitePace(limit=1)
    async with Pipe(late) as site, paced(pace, site) as guard:
        _, _, reader, writer = await connect(guard, name_of(site))
        writer.write(BIG)
        second = asyncio.create_task(connect(guard, name_of(site)))
        await asyncio.sleep(4 * QUIET_SECONDS)
        assert not second.done()
        let_go.set()
        assert await reader.readexactly(len(BIG)) == BIG
        status, _, _, other = await asyncio.wait_for(second, 5 * QUIET_SECONDS)
        assert status == 200
        writer.close()
        other.close()


async def test_tunnels_at_work_never_pass_the_limit() -> None:
    """Many tunnels, each asking again and again, and a site that counts what it is busy with."""
    busy = Busy(0.0)

    async def work(_: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(65536):
            busy.now += 1
            busy.peak = max(busy.peak, busy.now)
            await asyncio.sleep(0.03)
            busy.now -= 1
            writer.write(piece)
            await writer.drain()

    async def browse(guard: Guard, site: Site) -> None:
        _, _, reader, writer = await connect(guard, name_of(site))
        for _ in range(3):
            writer.write(BIG)
            assert await reader.readexactly(len(BIG)) == BIG
        writer.close()

    async with Pipe(work) as site, paced(SitePace(limit=2), site) as guard:
        async with asyncio.timeout(20):
            await asyncio.gather(*(browse(guard, site) for _ in range(8)))
    assert busy.peak == 2


# What a site asks for


async def test_a_site_that_asked_for_a_pause_gets_no_request_from_anybody() -> None:
    pace = SitePace()
    async with (
        Site(refusal("429 Too Many Requests", "Retry-After: 60")) as site,
        Site(HELLO) as other,
        paced(pace, site, other) as guard,
    ):
        first = await fetch(guard, site.url)
        again = await fetch(guard, site.url, job="another")
        elsewhere = await fetch(guard, other.url)
        left = await pace.pause_left(name_of(site))
    assert (first.status, first.denial) == (429, None)
    assert (again.status, again.denial) == (503, Denial.PAUSED)
    assert elsewhere.status == 200
    assert site.connections == 1
    assert 58 < left <= 60
    [pause] = pace.tally(JOB).pauses.values()
    assert (pause.site, pause.asked_seconds) == (name_of(site), 60.0)


async def test_a_short_pause_is_waited_out() -> None:
    answers = iter([refusal("503 Service Unavailable", "Retry-After: 1"), HELLO])

    async def respond(
        head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await next(answers)(head, reader, writer)

    pace = SitePace()
    async with Site(respond) as site, paced(pace, site, max_seconds=0.9) as guard:
        await fetch(guard, site.url)
        start = time.monotonic()
        assert (await fetch(guard, site.url)).status == 200
        took = time.monotonic() - start
    assert 0.8 < took < 2.5
    assert pace.waited(JOB) > 0.8


async def test_no_pause_is_longer_than_a_quarter_of_an_hour() -> None:
    pace = SitePace()
    await pace.heard(JOB, "a:80", 429, {"retry-after": "86400"})
    assert 899 < await pace.pause_left("a:80") <= 900
    # Nor does a record that a wrong clock wrote bind anybody for longer.
    await pace.slots.pause("a:80", time.time() + 1e9)
    assert await pace.pause_left("a:80") == 900


# How the pace falls and recovers


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr("crawler.pace.time.monotonic", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def places(pace: SitePace) -> int:
    return pace.site("a:80").line.places


async def test_refusals_halve_the_slots_and_double_the_delay(clock: Clock) -> None:
    pace = SitePace(limit=12)
    seen = []
    for _ in range(8):
        clock.now += 2
        await pace.heard(JOB, "a:80", 429, {})
        # What was under way at the same time says the same once more.
        await pace.heard(JOB, "a:80", 503, {})
        seen.append((places(pace), pace.site("a:80").spacing))
    assert [slots for slots, _ in seen] == [6, 3, 1, 1, 1, 1, 1, 1]
    spacings = [spacing for _, spacing in seen]
    assert spacings[:3] == [FIRST_SPACING, 2 * FIRST_SPACING, 4 * FIRST_SPACING]
    assert spacings[-1] == MOST_SPACING


async def test_a_site_recovers_slowly_and_wholly(clock: Clock) -> None:
    pace = SitePace(limit=12)
    await pace.heard(JOB, "a:80", 429, {})
    assert pace.site("a:80").spacing
    site = pace.site("a:80")
    answers = 0
    while site.spacing or places(pace) < 12:
        clock.now += 1
        site.answered(0.05)
        site.went_well()
        answers += 1
        assert answers < 100
    assert answers >= 6 * RECOVER_SECONDS - 1


async def test_answers_that_begin_late_take_slots_away(clock: Clock) -> None:
    pace = SitePace(limit=12)
    site = pace.site("a:80")
    for _ in range(20):
        site.answered(0.1)
    for _ in range(60):
        clock.now += 1
        site.answered(SLOW_SECONDS + 2)
    assert places(pace) == 1


@pytest.mark.parametrize(
    ("usual", "now_and_then"),
    [(0.01, 0.5), (0.05, 1.9), (1.5, 1.9), (3.0, 4.0)],
    ids=["fast", "one slow script", "slow", "slow at all times"],
)
async def test_a_site_that_is_as_always_keeps_all_its_slots(
    clock: Clock, usual: float, now_and_then: float
) -> None:
    pace = SitePace(limit=12)
    for turn in range(300):
        clock.now += 0.1
        pace.site("a:80").answered(now_and_then if turn % 4 == 3 else usual)
    assert places(pace) == 12


async def test_a_healthy_site_waits_for_nothing() -> None:
    pace = SitePace()
    fastest = 1.0
    for _ in range(20):
        start = time.perf_counter()
        for _ in range(100):
            (await pace.acquire(JOB, "a:80"))()
        fastest = min(fastest, (time.perf_counter() - start) / 100)
    # Measured: 4 microseconds.
    assert fastest < 100e-6


# Time-outs that are patient


async def test_a_time_out_does_not_run_while_we_hold_something_up() -> None:
    held = iter([0.0])

    async def work(seconds: float | None, sleeps: float = 5.0) -> float:
        start = time.monotonic()
        async with patient(seconds, lambda: next(held, 0.3)):
            await asyncio.sleep(sleeps)
        return time.monotonic() - start

    start = time.monotonic()
    with pytest.raises(TimeoutError):
        await work(0.1)
    assert 0.35 < time.monotonic() - start < 2
    with pytest.raises(TimeoutError):
        await work(0.05)
    assert await work(None, 0.01) < 1
    assert await work(0.5, 0.01) < 0.4


async def test_one_address_out_of_service_is_no_strain_of_its_site() -> None:
    pace = SitePace(limit=8)
    for _ in range(WELL_ANSWERS):
        await pace.heard(JOB, "a:80", 200, {})
    await pace.heard(JOB, "a:80", 503, {})
    assert (pace.site("a:80").line.places, pace.site("a:80").next_delay()) == (8, 0.0)
    await pace.heard(JOB, "a:80", 503, {})
    assert pace.site("a:80").line.places == 4
    for _ in range(WELL_ANSWERS):
        await pace.heard(JOB, "b:80", 200, {})
    await pace.heard(JOB, "b:80", 429, {})
    assert pace.site("b:80").line.places == 4
