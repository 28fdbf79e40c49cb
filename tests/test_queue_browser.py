"""A case from the queue in a real browser: taken, decided by keyboard, undone, escalated, reviewed twice."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import Page, expect, sync_playwright
from sqlmodel import select

from crawler.browser import Browser, launch_options
from models.database import migrate, open_engine, session
from models.tables import Campaign, Decision, Finding, Space
from models.vocabulary import Action, Dimension, Role, Severity
from service.web.app import create_app
from tests.factories import CAMPAIGN, Made, add_campaign, make_desk
from tests.serving import served
from tests.signing_in import PASSWORD, add_account

pytestmark = pytest.mark.browser

ONE, TWO = "甲县审核员", "甲县复核员"
QUEUE = f"/campaigns/{CAMPAIGN}/queue"


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Made]:
    engine = open_engine(f"sqlite:///{tmp_path / 'test.db'}")
    migrate(engine)
    made = make_desk(engine)
    add_campaign(made, spaces=8)
    with session(engine) as current:
        model = current.get_one(Finding, "fd_sc1_0").model_dump()
        political = {"dimension": Dimension.POLITICAL, "severity": Severity.SERIOUS}
        current.add(Finding(**model | {"id": "fd_two", "fingerprint": "f_two"} | political))
        current.flush()
        campaign = current.exec(select(Campaign)).one()
        for space_id in current.exec(select(Space.id)).all():
            made.desk.issue(current, campaign, space_id or 0, "machine")
    add_account(made, ONE, Role.COUNTY_AUDITOR, "甲县")
    add_account(made, TWO, Role.COUNTY_AUDITOR, "甲县")
    yield made
    engine.dispose()


@pytest.fixture
def chromium(browser_executable: Browser) -> Iterator[Chromium]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(**launch_options(browser_executable))
        yield browser
        browser.close()


def signed_in(browser: Chromium, address: str, name: str) -> Page:
    page = browser.new_context(base_url=address).new_page()
    page.goto(QUEUE)
    page.get_by_label("用户名").fill(name)
    page.get_by_label("密码").fill(PASSWORD)
    page.get_by_role("button", name="登录").click()
    expect(page.get_by_role("heading", name="审核队列")).to_be_visible()
    page.wait_for_load_state()
    return page


def decide(page: Page, card: str, key: str) -> None:
    """Choose the card by j, decide by one key, save by Enter."""
    page.wait_for_load_state()
    for step in "jjjkkk":
        page.keyboard.press(step)
        if page.locator(f"#{card}").evaluate("each => each === document.activeElement"):
            break
    expect(page.locator(f"#{card}")).to_be_focused()
    page.keyboard.press(key)
    with page.expect_navigation():
        page.keyboard.press("Enter")


def test_a_case_by_keyboard_with_undo_second_review_and_conflict(
    made: Made, chromium: Chromium
) -> None:
    with served(create_app(made.desk)) as address:
        one = signed_in(chromium, address, ONE)
        one.keyboard.press("?")
        expect(one.locator("#keys")).to_be_visible()
        one.keyboard.press("Escape")
        expect(one.locator("#keys")).to_be_hidden()
        one.keyboard.press("Enter")
        expect(one).to_have_url(re.compile("/spaces/s002$"))
        expect(one.locator("[data-seconds-left]")).to_have_text(re.compile("剩余 (30|29):"))
        two = signed_in(chromium, address, TWO)
        two.goto(f"/campaigns/{CAMPAIGN}/spaces/s002")
        expect(two.locator(".work")).to_contain_text(f"{ONE} 正在审核")

        decide(one, "f-fd_sc1_0", "d")
        expect(one.locator("#f-fd_sc1_0 .chip").first).to_have_text("已排除")
        one.wait_for_load_state()
        with one.expect_navigation():
            one.keyboard.press("u")
        expect(one.locator("#f-fd_sc1_0 .chip").first).to_have_text("待处理")
        decide(one, "f-fd_sc1_0", "d")
        decide(one, "f-fd_two", "d")
        expect(one.locator("#f-fd_two .two-people")).to_contain_text("等待二审")
        expect(one.locator("#f-fd_two .decide")).to_have_count(0)

        # The second's page is from before: the note is kept, and the first's word not shown.
        card = two.locator("#f-fd_two")
        two.keyboard.press("j")
        card.locator(".decide[data-action=dismiss] summary").click()
        card.locator(".decide[data-action=dismiss] textarea").fill("引用原文,示例")
        card.get_by_role("button", name="排除并保存").click()
        expect(two.get_by_role("heading", level=1)).to_contain_text(ONE)
        expect(two.locator("#in-note")).to_have_value("引用原文,示例")
        expect(two.locator("main")).to_contain_text("您作决定前看不到其内容")
        two.get_by_role("button", name="看过后仍按我的决定提交").click()
        expect(card.locator(".chip").first).to_have_text("已排除")
    with session(made.desk.engine) as current:
        rows = current.exec(select(Decision)).all()
        two_people = [each for each in rows if each.finding_id == "fd_two"]
        assert [each.action for each in two_people] == [Action.DISMISS]
        assert two_people[0].note == "引用原文,示例"


def test_a_case_is_escalated_by_keyboard(made: Made, chromium: Chromium) -> None:
    with served(create_app(made.desk)) as address:
        page = signed_in(chromium, address, ONE)
        page.keyboard.press("Enter")
        expect(page.locator("[data-seconds-left]")).to_be_visible()
        page.wait_for_load_state()
        page.keyboard.press("e")
        page.keyboard.type("拿不准")
        page.get_by_role("button", name="上报市级").click()
        expect(page.get_by_role("status").first).to_contain_text("上报市级")
        # It is the city's now: the county is not given it again.
        page.goto(QUEUE)
        page.wait_for_load_state()
        with page.expect_navigation():
            page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="审核队列")).to_be_visible()
