"""The case page in a real browser: a whole decision by keyboard, under the page's own policy."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Page, expect, sync_playwright
from sqlmodel import col, select

from crawler.browser import Browser, launch_options
from models.database import migrate, open_engine, session
from models.tables import Campaign, Decision
from models.vocabulary import Action, Role
from service.web.app import create_app
from tests.factories import AUDITOR, CAMPAIGN, NOW, Made, add_campaign, make_desk
from tests.serving import served
from tests.signing_in import PASSWORD, add_account

pytestmark = pytest.mark.browser


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Made]:
    engine = open_engine(f"sqlite:///{tmp_path / 'test.db'}")
    migrate(engine)
    made = make_desk(engine)
    add_campaign(made, spaces=8)
    yield made
    engine.dispose()


@pytest.fixture
def page(made: Made, browser_executable: Browser) -> Iterator[Page]:
    """A page at the first space; whatever the console complains of fails the test."""
    complaints: list[str] = []
    with served(create_app(made.desk, AUDITOR)) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(**launch_options(browser_executable))
        page = browser.new_page(base_url=address, viewport={"width": 1440, "height": 900})
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"/campaigns/{CAMPAIGN}/spaces/s001")
        yield page
        browser.close()
    assert complaints == []


def taken(made: Made) -> list[tuple[str | None, Action, str]]:
    with session(made.desk.engine) as current:
        rows = current.exec(select(Decision).order_by(col(Decision.decided_at))).all()
        return [(row.finding_id, row.action, row.reason) for row in rows]


def test_a_finding_is_confirmed_and_undone_by_keyboard(made: Made, page: Page) -> None:
    page.keyboard.press("j")
    first = page.locator("#f-fd_sc0_0")
    expect(first).to_be_focused()
    expect(page.locator(".shot a.current")).to_have_attribute("href", "#f-fd_sc0_0")
    page.keyboard.press("a")
    page.keyboard.press("3")
    page.keyboard.press("Enter")
    expect(first.locator(".chip").first).to_have_text("已确认")
    assert taken(made) == [("fd_sc0_0", Action.CONFIRM, "commercial")]
    # The card that was decided on is the current one again.
    expect(first).to_be_focused()
    page.keyboard.press("u")
    expect(first.locator(".chip").first).to_have_text("待处理")
    page.keyboard.press("j")
    expect(page.locator("#f-fd_sc0_1")).to_be_focused()


def test_the_next_finding_on_another_page_opens_that_page(page: Page) -> None:
    for _ in range(3):
        page.keyboard.press("j")
    # The third is in a file, the fourth on the second page.
    expect(page.locator(".leaves [aria-current]")).to_contain_text("第三单元课件.pptx")
    expect(page.locator("#f-fd_sc0_4")).to_be_focused()
    page.keyboard.press("j")
    expect(page.locator(".leaves [aria-current]")).to_contain_text("教学随笔")
    expect(page.locator("#f-fd_sc0_2")).to_be_focused()
    page.wait_for_load_state()
    page.keyboard.press("k")
    expect(page.locator("#f-fd_sc0_4")).to_be_focused()


def test_letters_in_a_note_are_no_commands(made: Made, page: Page) -> None:
    page.keyboard.press("j")
    page.keyboard.press("d")
    note = page.locator("#f-fd_sc0_0 .decide[data-action=dismiss] textarea")
    note.fill("")
    note.press_sequentially("aduj 12")
    expect(note).to_have_value("aduj 12")
    page.keyboard.press("Escape")
    expect(note).to_be_hidden()
    assert taken(made) == []


def test_boxes_lie_on_the_words_at_any_width(page: Page) -> None:
    for width in (1440, 800):
        page.set_viewport_size({"width": width, "height": 900})
        image = page.locator(".shot img").bounding_box()
        box = page.locator(".shot rect").first.bounding_box()
        assert image is not None
        assert box is not None
        scale = image["width"] / 960
        # The sentence is the fourth block: its line begins 290 pixels down the picture.
        assert (box["y"] - image["y"]) / scale == pytest.approx(290 - 3, abs=3)
        assert (box["x"] - image["x"]) / scale > 40


def test_picture_and_text_take_turns_and_a_mark_leads_to_its_card(page: Page) -> None:
    mark = page.locator("mark#m-fd_sc0_1")
    expect(mark).to_be_hidden()
    page.keyboard.press("v")
    expect(mark).to_be_visible()
    expect(page.locator(".shot")).to_be_hidden()
    mark.click()
    expect(page.locator("#f-fd_sc0_1")).to_be_focused()
    page.reload()
    expect(mark).to_be_visible()


def test_without_scripts_a_decision_is_still_taken(made: Made, browser_executable: Browser) -> None:
    with served(create_app(made.desk, AUDITOR)) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(**launch_options(browser_executable))
        page = browser.new_page(base_url=address, java_script_enabled=False)
        page.goto(f"/campaigns/{CAMPAIGN}/spaces/s001")
        card = page.locator("#f-fd_sc0_0")
        card.get_by_text("排除", exact=False).first.click()
        card.get_by_role("button", name="排除并保存").click()
        expect(card.locator(".chip").first).to_have_text("已排除")
        browser.close()
    assert taken(made) == [("fd_sc0_0", Action.DISMISS, "teaching")]


AXE = Path(__file__).parent.parent / ".cache" / "axe" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21aa", "best-practice"]
ADMINISTRATOR = "管理员示例"


def serious(page: Page) -> list[str]:
    """What axe finds on the page that keeps somebody from using it."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("rules => axe.run({ runOnly: rules })", RULES)["violations"]
    return [
        f"{page.url} {each['id']}: {each['nodes'][0]['html'][:200]}"
        for each in found
        if each["impact"] in ("serious", "critical")
    ]


def sign_in(page: Page, name: str) -> None:
    page.get_by_label("用户名").fill(name)
    page.get_by_label("密码").fill(PASSWORD)
    page.get_by_role("button", name="登录").click()


@pytest.fixture
def served_desk(made: Made) -> Iterator[str]:
    add_account(made, ADMINISTRATOR, Role.ADMINISTRATOR)
    add_account(made, "甲县审核员", Role.COUNTY_AUDITOR, "甲县")
    with served(create_app(made.desk)) as address:
        yield address


def test_a_day_from_log_in_to_log_out(
    made: Made, served_desk: str, browser_executable: Browser
) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(**launch_options(browser_executable))
        page = browser.new_page(base_url=served_desk)
        page.goto(f"/campaigns/{CAMPAIGN}")
        sign_in(page, "甲县审核员")
        # Straight to where one wanted to go, and of one's own county only.
        expect(page.locator("table.grid tbody tr")).to_have_count(2)
        expect(page.locator(".main-nav a")).to_have_text(["推荐活动", "审核队列"])
        page.get_by_role("link", name="s001").click()
        expect(page).to_have_url(re.compile("/spaces/s001"))
        page.wait_for_load_state()
        page.keyboard.press("j")
        expect(page.locator("#f-fd_sc0_0")).to_be_focused()
        page.keyboard.press("d")
        page.keyboard.press("Enter")
        expect(page.locator("#f-fd_sc0_0 .chip").first).to_have_text("已排除")
        page.locator(".who-menu summary").click()
        page.get_by_role("button", name="退出登录").click()
        expect(page.get_by_role("heading", name="已退出登录")).to_be_visible()
        page.go_back()
        page.reload()
        expect(page.get_by_role("heading", name="登录")).to_be_visible()
        browser.close()
    assert taken(made) == [("fd_sc0_0", Action.DISMISS, "teaching")]


@pytest.mark.parametrize(("width", "theme"), [(1440, "light"), (1440, "dark"), (390, "light")])
def test_no_page_keeps_anybody_out_and_none_is_wider_than_the_screen(
    made: Made,
    served_desk: str,
    browser_executable: Browser,
    width: int,
    theme: Literal["light", "dark"],
) -> None:
    if not AXE.is_file():
        pytest.skip("axe-core is not there: `make setup` installs it where npm is")
    with session(made.desk.engine) as current:
        current.add(Campaign(code="empty", profile="generic", policy="default", created_at=NOW))
    list_page = f"/campaigns/{CAMPAIGN}"
    paths = ["/", list_page, f"{list_page}/spaces/s001", f"{list_page}/feed", "/campaigns/empty"]
    for each in (list_page, "/campaigns/empty"):
        paths += [f"{each}/dashboard", f"{each}/quality"]
    paths += ["/audit", "/admin/notifications"]
    paths += ["/account", "/account/password", "/admin/users", "/admin/tokens", "/campaigns/none"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(**launch_options(browser_executable))
        page = browser.new_page(
            base_url=served_desk,
            viewport={"width": width, "height": 900},
            color_scheme=theme,
        )
        page.goto("/login")
        found = serious(page)
        sign_in(page, ADMINISTRATOR)
        expect(page.locator(".who-menu")).to_be_visible()
        assert page.locator("html").get_attribute("data-bs-theme") == theme
        for path in paths:
            page.goto(path)
            found += serious(page)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        browser.close()
    assert found == []
