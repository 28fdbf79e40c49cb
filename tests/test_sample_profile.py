"""The sample platform's site profile, against the platform's own addresses and in a real browser."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

import pytest
from playwright.async_api import Page, async_playwright

from crawler.access import Observation, judge_page
from crawler.browser import Browser, launch_options
from crawler.reading import read_page
from crawler.readings import PageReading
from crawler.traffic import Traffic
from models.vocabulary import Outcome, PageKind, Visibility
from rules.profile import load_profile
from sample.truth import TRUTH
from tests.sample_site import serving

PROFILE = load_profile("sample")
BASE = "http://127.0.0.1:8765"


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/space/s001", PageKind.HOME),
        ("/space/s001/", PageKind.HOME),
        ("/space/s001/articles", PageKind.LIST),
        ("/space/s001/article/2", PageKind.ARTICLE),
        ("/space/s001/resources", PageKind.LIST),
        ("/space/s001/resources?page=2", PageKind.LIST),
        ("/space/s001/resource/7", PageKind.RESOURCE),
        ("/space/s001/album", PageKind.ALBUM),
        ("/space/s001/board", PageKind.BOARD),
        ("/space/s001/diary", None),
        ("/login?next=/space/s001", None),
        ("/api/space/s001", None),
        ("/", None),
    ],
)
def test_pages_are_told_by_their_address(path: str, kind: PageKind | None) -> None:
    assert PROFILE.page_kind(BASE + path) is kind


@pytest.mark.parametrize(
    ("path", "expected"),
    [("/files/s001/a.pdf", True), ("/files/s001/", False), ("/media/s001/a.png", False), ("/x/files/a/b", False)],
)  # fmt: skip
def test_resources_are_told_by_their_address(path: str, expected: bool) -> None:
    assert PROFILE.is_resource(BASE + path) is expected


def test_all_files_of_the_truth_are_resources_and_all_closed_pages_are_pages() -> None:
    for space in json.loads(TRUTH.read_text(encoding="utf-8"))["spaces"]:
        assert all(
            PROFILE.is_resource(BASE + one["path"]) for one in space["resources"] if "path" in one
        )
        assert all(PROFILE.page_kind(BASE + page["path"]) for page in space["pages"])


@pytest.mark.parametrize(
    ("url", "covered"),
    [(BASE, True), ("http://localhost:99/x", True), ("http://127.0.0.1.example:80/", False), ("https://x.example/", False)],
)  # fmt: skip
def test_hosts(url: str, covered: bool) -> None:
    assert PROFILE.covers(url) is covered


def test_every_label_of_the_vocabulary_is_understood() -> None:
    assert PROFILE.declared is not None
    assert {Visibility.PUBLIC, Visibility.LOGIN, Visibility.HIDDEN} <= set(
        PROFILE.declared.values.values()
    )


@pytest.fixture
def live() -> Iterator[str]:
    with serving(slow_seconds=0.2) as base:
        yield base


OUTCOMES = [
    ("/space/s001", Outcome.OK),
    ("/space/s015", Outcome.LOGIN_REDIRECT),
    ("/space/s016", Outcome.PASSWORD_PROMPT),
    ("/space/s017", Outcome.REFUSAL_PAGE),
    ("/space/s018", Outcome.HIDDEN_PAGE),
    ("/space/s019", Outcome.SOFT_NOT_FOUND),
    ("/space/s020", Outcome.SOFT_NOT_FOUND),
    ("/space/s021", Outcome.BOT_WALL),
    ("/space/s022", Outcome.SERVER_ERROR),
    ("/space/s014/article/8", Outcome.LOGIN_WALL),
    ("/space/s013/resource/2", Outcome.FORBIDDEN),
    ("/space/s013/album", Outcome.PASSWORD_PROMPT),
    # Pages that speak of passwords, refusals and logins without being any.
    ("/space/s012/article/3", Outcome.OK),
    ("/space/s009/resource/6", Outcome.OK),
    ("/space/s009/resource/1", Outcome.OK),
]


@pytest.mark.browser
def test_what_a_browser_sees_is_judged_by_the_profile(
    live: str, browser_executable: Browser
) -> None:
    async def visit() -> None:
        async with async_playwright() as driver:
            running = await driver.chromium.launch(**launch_options(browser_executable))
            pages = [await running.new_page() for _ in OUTCOMES]
            seen = await asyncio.gather(
                *(
                    observe(page, live + path)
                    for page, (path, _) in zip(pages, OUTCOMES, strict=True)
                )
            )
            await running.close()
        judged = [judge_page(one, PROFILE).outcome for one in seen]
        expected = [outcome for _, outcome in OUTCOMES]
        assert judged == expected, list(zip(OUTCOMES, judged, strict=True))

    asyncio.run(visit())


async def observe(page: Page, url: str) -> Observation:
    traffic = Traffic(page)
    answer = await page.goto(url)
    assert answer is not None
    reading = await read_page(page, PROFILE, traffic)
    await page.close()
    return Observation(
        requested=url,
        final_url=reading.url,
        status=answer.status,
        headers=answer.headers,
        text=reading.text,
        images=len(reading.images),
        shown=reading.shown,
        password_field=reading.password_field,
    )


@pytest.mark.browser
def test_a_browser_reads_what_scripts_bring(live: str, browser_executable: Browser) -> None:
    async def read(page: Page, path: str) -> PageReading:
        traffic = Traffic(page)
        await page.goto(live + path)
        return await read_page(page, PROFILE, traffic)

    async def visit() -> None:
        async with async_playwright() as driver:
            running = await driver.chromium.launch(**launch_options(browser_executable))
            page = await running.new_page()
            board = await read(page, "/space/s005/board")
            assert "在家刷单兼职" in board.text  # the last message, three scrolls down
            assert not board.more_below
            links = await read(page, "/space/s012/article/2")
            assert [link.url for link in links.links if link.hidden] == [
                "http://pujing.example/reg"
            ]
            paid = await read(page, "/space/s009/resource/5")
            assert (paid.price, paid.declared) == ("需要 5 积分", Visibility.PUBLIC.label)
            volatile = " ".join(block.text for block in paid.blocks if block.volatile)
            assert "总访问量" in volatile
            assert "猜你喜欢" in volatile
            await running.close()

    asyncio.run(visit())
