"""Turns, budgets and identity: when a visit may ask, how much it may take, and who it says it is."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime
from pathlib import Path

import pytest

from crawler.budget import VisitBudget, size_words
from crawler.identity import is_contact, mail_of, user_agent
from crawler.manners import Manners
from crawler.pace import SitePace
from crawler.plain import Fetched
from crawler.quiet import QuietHours, parse_quiet_hours
from crawler.robots import robots_of
from crawler.siteslots import FileSlots
from crawler.task import Limits
from models.manifest import Politeness, SitePause
from service.wording import manners_text
from tests.snapshots import manifest

pytestmark = pytest.mark.anyio
URL = "http://a.example/s/1/"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def manners(
    pace: SitePace, quiet: QuietHours | None = None, begin: str | None = None
) -> tuple[Manners, list[str]]:
    told: list[str] = []
    moment = datetime.fromisoformat(begin) if begin else None
    return Manners(pace, quiet or QuietHours(), told.append, begin=moment), told


async def test_turns_wait_for_quiet_hours_to_end_and_it_is_told_once() -> None:
    kept, told = manners(
        SitePace(),
        parse_quiet_hours("07:30-12:00", "Asia/Shanghai"),
        "2022-10-10T11:59:59.500000+08:00",
    )
    start = time.monotonic()
    await asyncio.gather(*(kept.turn("job", URL) for _ in range(3)))
    assert 0.4 < time.monotonic() - start < 2
    assert told == ["安静时段,12:00 继续"]
    record = kept.record("job", Limits(quiet_hours="07:30-12:00"))
    # What overlaps counts once.
    assert 0.4 < record.quiet_seconds <= record.held_seconds < 1.0
    start = time.monotonic()
    await kept.turn("job", URL)
    assert time.monotonic() - start < 0.1


async def test_turns_wait_for_the_pause_that_another_visit_was_told(tmp_path: Path) -> None:
    pace = SitePace(FileSlots(tmp_path, 4), 4)
    kept, told = manners(pace)
    await pace.heard("first", "a.example:80", 503, {"retry-after": "1"})
    start = time.monotonic()
    await kept.turn("other", "http://b.example/")
    assert time.monotonic() - start < 0.2
    await kept.turn("other", URL)
    assert 0.8 < time.monotonic() - start < 2
    [pause] = kept.record("other", Limits()).pauses
    assert (pause.site, pause.asked_seconds) == ("a.example:80", None)
    assert kept.record("other", Limits()).held_seconds > 0.8
    assert told == []  # too short to be worth a word
    pace.slots.close()


async def test_encrypted_answers_are_heard_from_the_browser() -> None:
    pace = SitePace()
    kept, _ = manners(pace)
    kept.hear("job", "http://a.example/", 429, {"retry-after": "60"})
    kept.hear("job", "https://a.example/x.png", 429, {"retry-after": "60"})
    kept.hear("job", "data:text/plain,x", 429, {"retry-after": "60"})
    await asyncio.sleep(0.01)
    assert await pace.pause_left("a.example:80") <= 0
    assert await pace.pause_left("a.example:443") > 50


async def test_turns_at_a_site_are_kept_apart_over_all_visits() -> None:
    kept, _ = manners(SitePace())
    kept.space_out("job", URL, 30.0, 0.2)
    start = time.monotonic()
    await asyncio.gather(*(kept.turn(f"job-{number}", URL) for number in range(4)))
    assert 0.55 < time.monotonic() - start < 2
    record = kept.record("job", Limits())
    assert (record.asked_spacing, record.kept_spacing) == (30.0, 0.2)


@pytest.mark.parametrize(
    ("file", "seconds"),
    [
        ("User-agent: *\nCrawl-delay: 3", 3),
        ("User-agent: *\nCrawl-delay: 3\n\nUser-agent: spaceaudit\nCrawl-delay: 1.5", 1.5),
        ("User-agent: *\nRequest-rate: 10/1m", 6),
        ("User-agent: *\nRequest-rate: 1/2\nCrawl-delay: 1", 2),
        ("User-agent: *\nDisallow: /x", 0),
        ("User-agent: *\nCrawl-delay: soon", 0),
        ("User-agent: *\nCrawl-delay: -4", 0),
    ],
)
def test_what_robots_txt_asks_of_the_pace(file: str, seconds: float) -> None:
    assert robots_of(Fetched(URL, status=200, body=file.encode())).spacing == seconds


# Budgets


def test_only_time_at_work_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    held = [0.0]
    monkeypatch.setattr("crawler.budget.time.monotonic", lambda: now[0])
    budget = VisitBudget(Limits(visit_minutes=1), lambda: held[0], lambda: 0)
    with budget.at_work():
        now[0] += 50
    now[0] += 1000
    with budget.at_work():
        now[0] += 500
        held[0] += 495
        assert budget.spent() == ""
        now[0] += 6
        assert budget.spent() == "访问超过 1 分钟"
    assert budget.seconds == 61


def test_bytes_are_counted_over_the_whole_visit() -> None:
    size = [1024**2]
    budget = VisitBudget(Limits(max_visit_bytes=1024**2), lambda: 0.0, lambda: size[0])
    assert budget.spent() == ""
    size[0] += 1
    assert budget.spent() == "一次访问取回的内容超过 1 MiB"


@pytest.mark.parametrize(
    ("size", "words"),
    [(1, "1 B"), (1536, "1.5 KiB"), (1024**3, "1 GiB"), (5000 * 1024**4, "5000 TiB")],
)
def test_sizes_in_words(size: int, words: str) -> None:
    assert size_words(size) == words


# Identity


@pytest.mark.parametrize(
    ("contact", "fits", "mail"),
    [
        ("audit@edu.example", True, "audit@edu.example"),
        ("mailto:audit@edu.example", True, "audit@edu.example"),
        ("https://edu.example/audit?who=1", True, ""),
        ("edu.example", False, ""),
        ("教育局", False, ""),
        ("https://edu.example/(x)", False, ""),
        ("a@b.example\r\nX-Evil: 1", False, ""),
    ],
)
def test_a_contact_is_an_address(contact: str, fits: bool, mail: str) -> None:
    assert is_contact(contact) is fits
    assert mail_of(contact) == mail


def test_the_user_agent_names_product_version_and_contact() -> None:
    assert user_agent("https://edu.example/").endswith(" (+https://edu.example/)")
    assert " spaceaudit/" in user_agent()
    assert "+" not in user_agent()


# What officers are told


def test_officers_are_told_how_a_space_was_visited() -> None:
    pause = SitePause(
        site="a.example:80",
        until=datetime.fromisoformat("2022-10-10T12:00:05+08:00"),
        asked_seconds=4000,
    )
    kept = Politeness(
        asked_spacing=30,
        kept_spacing=10,
        pauses=(pause,),
        quiet_seconds=5400,
        quiet_hours="07:30-12:00",
        fewest=3,
    )
    said = manners_text(manifest(robots_authority="示例教育局〔2022〕1号", politeness=kept))
    assert said == [
        "robots.txt 不许机器人访问的地方,经书面同意后访问:示例教育局〔2022〕1号",
        "robots.txt 要求每次访问间隔 30 秒,实际间隔 10 秒",
        "网站 a.example:80 要求暂停访问,至 2022-10-10 12:00:05 未再访问",
        "因安静时段(07:30-12:00)暂停 90 分钟",
        "网站吃力时,同时请求数降到 3",
    ]
    assert manners_text(manifest()) == []
    assert manners_text(manifest(politeness=Politeness())) == []
