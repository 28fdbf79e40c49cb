"""What a page keeps behind tabs, pagers and buttons, in a real browser on a real site."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from playwright.async_api import BrowserContext, async_playwright

from crawler import reading, states, traffic
from crawler.browser import Browser, launch_options
from crawler.reading import read_page
from crawler.readings import PageReading
from crawler.traffic import Traffic
from rules.profile import Profile, load_profile
from tests.serving import served
from tests.states_site import MORE, states_site

pytestmark = pytest.mark.browser

GENERIC = load_profile("generic")


@dataclass
class Reader:
    """Reads pages of the site in one browser."""

    runner: asyncio.Runner
    context: BrowserContext
    address: str
    harm: list[str] = field(default_factory=list)

    def read(self, path: str, profile: Profile = GENERIC, seconds: float = 20) -> PageReading:
        return self.runner.run(self._read(path, profile, seconds))

    async def _read(self, path: str, profile: Profile, seconds: float) -> PageReading:
        page = await self.context.new_page()
        try:
            traffic = Traffic(page)
            await page.goto(self.address + path)
            return await read_page(page, profile, traffic, state_seconds=seconds)
        finally:
            await page.close()

    def links(self, found: PageReading) -> set[str]:
        return {link.url.removeprefix(self.address) for link in found.links}


@pytest.fixture(scope="module")
def reader(browser_executable: Browser) -> Iterator[Reader]:
    harm: list[str] = []
    with (
        served(states_site(harm)) as address,
        asyncio.Runner() as runner,
        pytest.MonkeyPatch.context() as patched,
    ):
        patched.setattr(traffic, "QUIET_SECONDS", 0.1)
        patched.setattr(reading, "SCROLL_PAUSE", 0.05)
        playwright = runner.run(async_playwright().start())
        browser = runner.run(playwright.chromium.launch(**launch_options(browser_executable)))
        context = runner.run(browser.new_context(viewport={"width": 1280, "height": 900}))
        yield Reader(runner, context, address, harm)
        runner.run(browser.close())
        runner.run(playwright.stop())


# --- Pagers without addresses


@pytest.mark.parametrize("kind", ["button", "script", "span", "arrow", "numbers"])
def test_a_list_turned_by_a_script_is_read_to_its_end(kind: str, reader: Reader) -> None:
    found = reader.read(f"/pager/{kind}")
    rows = {f"文章{n}" for n in (10, 11, 20, 21, 30, 31)}
    assert rows <= {block.text for block in found.blocks}
    assert {f"/article/{n}" for n in (10, 11, 20, 21, 30, 31)} <= reader.links(found)
    assert found.states == ["第 2 页", "第 3 页"]
    assert (found.pages_read, found.pages_stated, found.left_unread) == (3, 3, [])
    third = next(block for block in found.blocks if block.text == "文章31")
    assert third.state == "第 3 页"
    assert third.locator.startswith("第 3 页 › ")
    assert third.lines
    assert found.dom is not None
    assert "文章10" in found.dom


def test_a_list_that_is_not_turned_to_its_end_says_how_far_it_was_read(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(states, "STATES", 1)
    found = reader.read("/pager/button")
    assert (found.pages_read, found.pages_stated) == (2, 3)
    assert found.left_unread == ["列表没有翻完,读到第 2 页"]
    assert "文章20" in found.text


def test_no_time_for_states_costs_the_states_only(reader: Reader) -> None:
    found = reader.read("/pager/button", seconds=0)
    assert "文章10" in found.text
    assert found.left_unread == ["列表没有翻完,读到第 1 页"]
    found = reader.read("/tabs/aria", seconds=0)
    assert found.left_unread == ["页内标签没有读完,未读:教案、联系"]


def test_a_list_with_addresses_is_not_turned_but_its_length_is_noted(reader: Reader) -> None:
    found = reader.read("/pager/links")
    assert found.states == []
    assert found.pages_stated == 4
    assert "/pager/links?page=2" in reader.links(found)


@pytest.mark.parametrize("path", ["/pager/none", "/pager/dead", "/plain"])
def test_a_page_without_other_states(path: str, reader: Reader) -> None:
    found = reader.read(path)
    assert (found.states, found.pages_stated, found.left_unread) == ([], None, [])


def test_a_pager_the_profile_names(reader: Reader) -> None:
    profile = GENERIC.model_copy(
        update={"discover_controls": False, "next_page_selectors": (".next",)}
    )
    assert reader.read("/pager/script", profile).pages_read == 3
    unnamed = GENERIC.model_copy(update={"discover_controls": False})
    assert reader.read("/pager/script", unnamed).pages_read == 1


# --- Tabs and folded parts


@pytest.mark.parametrize("kind", ["aria", "pressed", "bootstrap", "classes"])
def test_what_tabs_hide_is_read_when_they_are_pressed(kind: str, reader: Reader) -> None:
    found = reader.read(f"/tabs/{kind}")
    block = next(block for block in found.blocks if block.text == "教案:背影")
    assert block.state == "页内标签“教案”"
    assert block.lines
    assert next(b for b in found.blocks if b.text.startswith("简介:")).state == ""
    if kind != "bootstrap":
        assert "联系:家长群" in found.text
        assert "/files/lesson.docx" in {
            link.url.removeprefix(reader.address) for link in found.links if not link.hidden
        }


def test_tabs_the_profile_names(reader: Reader) -> None:
    assert reader.read("/tabs/named").states == []
    profile = GENERIC.model_copy(update={"tab_selectors": (".flip",)})
    assert reader.read("/tabs/named", profile).states == ["页内标签“教案”", "页内标签“联系”"]


def test_more_tabs_than_the_budget_are_named(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(states, "STATES", 3)
    found = reader.read("/tabs/many")
    assert found.states == ["页内标签“签0”", "页内标签“签1”", "页内标签“签2”"]
    assert found.left_unread[0].startswith("页内标签没有读完,未读:签3、签4")


def test_a_tab_that_leads_away_is_a_link(reader: Reader) -> None:
    found = reader.read("/tabs/away")
    assert "别人的页" not in found.text
    assert "第二面" in found.text
    assert "/elsewhere" in reader.links(found)
    found = reader.read("/tabs/route")
    assert "首页" in found.text
    assert "/tabs/other" in reader.links(found)
    assert found.url == reader.address + "/tabs/route"
    assert "另一页" not in found.text


def test_folded_parts_are_opened(reader: Reader) -> None:
    found = reader.read("/fold/details")
    assert {"单元内容", "更深", "甲文", "乙文"} <= {block.text for block in found.blocks}
    assert found.states == []
    accordion = reader.read("/fold/accordion")
    assert {"第一折", "第二折"} <= {block.text for block in accordion.blocks}


# --- Load more


@pytest.mark.parametrize("number", range(len(MORE)))
def test_load_more_is_found_by_its_words(number: int, reader: Reader) -> None:
    found = reader.read(f"/more/{number}")
    assert "条1 条2 条3" in found.text
    assert not found.more_below


def test_what_does_harm_is_never_pressed(reader: Reader) -> None:
    reader.harm.clear()
    found = reader.read("/harm")
    assert "正文" in found.text
    assert reader.harm == []


def test_a_press_that_leads_away_is_held_back_and_told_as_a_link(reader: Reader) -> None:
    reader.harm.clear()
    found = reader.read("/away")
    assert {"正文", "首页"} <= {block.text for block in found.blocks}
    assert {"/elsewhere?from=more", "/popup", "/routed"} <= reader.links(found)
    assert "别人的页" not in found.text
    assert found.url == reader.address + "/away"
    assert reader.harm == []


def test_shadow_trees_within_shadow_trees(reader: Reader) -> None:
    found = reader.read("/nested")
    assert {"最里面", "插槽里"} <= {block.text for block in found.blocks}
    assert any("又一条" in block.text for block in found.blocks)
    assert "/deep" in reader.links(found)


def test_an_ordinary_page_costs_no_further_question(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    ask = states.ask

    async def noted(*args: object, **more: object) -> dict[str, object]:
        asked.append(str(args[2]))
        return await ask(*args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(reading, "ask", noted)
    monkeypatch.setattr(states, "ask", noted)
    started = time.monotonic()
    reader.read("/plain")
    assert set(asked) == {"unfold"}
    assert time.monotonic() - started < 10
