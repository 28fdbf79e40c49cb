"""整改 in a real browser: the notice at phone width without an account, the answer, re-check, closing."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pypdfium2
import pytest
from playwright.sync_api import Page, ViewportSize, expect, sync_playwright

from crawler.browser import Browser, launch_options
from models.database import migrate, open_engine
from models.vocabulary import Role, VerdictState, Visibility
from service.printing import print_page
from service.web.app import create_app
from tests.factories import Made, add_campaign, make_desk
from tests.serving import served
from tests.signing_in import add_account
from tests.test_mend import NUMBER, C, confirm_all, verdict, with_visits
from tests.test_web_browser import serious, sign_in

pytestmark = pytest.mark.browser
PHONE = ViewportSize(width=390, height=844)
DESK = ViewportSize(width=1440, height=900)


@pytest.fixture
def made(tmp_path: Path, browser_executable: Browser) -> Iterator[Made]:
    engine = open_engine(f"sqlite:///{tmp_path / 'test.db'}")
    migrate(engine)
    made = make_desk(engine)
    add_campaign(made, spaces=4)
    add_account(made, "甲县一审", Role.COUNTY_AUDITOR, "甲县")
    made = with_visits(made, {"findings": False, "gap": False, "visibility": Visibility.PUBLIC})
    printing = partial(print_page, browser_executable.path)
    yield dataclasses.replace(made, desk=dataclasses.replace(made.desk, print_pdf=printing))
    engine.dispose()


def looked_at(page: Page, name: str) -> None:
    """Sound for screen readers, no wider than the screen; a picture where one is asked for."""
    assert serious(page) == []
    wide = page.evaluate("document.documentElement.scrollWidth > innerWidth")
    assert not wide, f"{name} is wider than the screen"
    if folder := os.environ.get("SPACEAUDIT_TEST_PICTURES"):
        page.screenshot(path=f"{folder}/{name}.png", full_page=True)


def test_from_notice_to_closing(made: Made, browser_executable: Browser) -> None:
    confirm_all(made)
    with served(create_app(made.desk)) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(**launch_options(browser_executable))
        officer = browser.new_page(base_url=address, viewport=DESK)
        officer.goto(f"{C}/notices")
        sign_in(officer, "甲县一审")
        looked_at(officer, "list-empty")
        officer.get_by_role("link", name="s002").click()
        looked_at(officer, "new")
        officer.get_by_role("button", name="生成通知和链接").click()
        looked_at(officer, "sent")
        link = officer.locator(".copy-text").inner_text()
        # Somebody else's browser: no account, a telephone.
        teacher = browser.new_context(viewport=PHONE).new_page()
        teacher.goto(link)
        expect(teacher.get_by_role("heading", level=1)).to_contain_text("整改通知 第 1 号")
        assert NUMBER not in teacher.content()
        looked_at(teacher, "teacher")
        paper = pypdfium2.PdfDocument(teacher.request.get(f"{link}/notice.pdf").body())
        printed = paper[0].get_textpage().get_text_bounded()
        assert "整改要求" in printed
        assert NUMBER not in printed
        teacher.get_by_label("第 1 项已整改").check()
        teacher.get_by_label("怎样改的").fill("已删除电话")
        teacher.get_by_label("您的姓名").fill("林老师")
        teacher.get_by_role("button", name="提交答复").click()
        expect(teacher.locator("main")).to_contain_text("已答复")
        officer.reload()
        officer.get_by_role("button", name="复查").click()
        expect(officer.locator("main")).to_contain_text("已整改")
        looked_at(officer, "rechecked")
        officer.get_by_role("button", name="办结").click()
        expect(officer.locator("main")).to_contain_text("已办结")
        teacher.reload()
        expect(teacher.locator("main")).to_contain_text("不需要再答复")
        officer.goto(f"{C}/notices")
        looked_at(officer, "list")
        officer.set_viewport_size(PHONE)
        looked_at(officer, "list-390")
        officer.goto(f"{C}/spaces/s002/sign-offs")
        looked_at(officer, "sign-offs-390")
        browser.close()
    assert verdict(made).state is VerdictState.ELIGIBLE


def test_an_appeal_from_the_telephone_to_the_ranking(
    made: Made, browser_executable: Browser
) -> None:
    add_account(made, "甲县二审", Role.COUNTY_AUDITOR, "甲县")
    confirm_all(made)
    with served(create_app(made.desk)) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(**launch_options(browser_executable))
        officer = browser.new_page(base_url=address, viewport=DESK)
        officer.goto(f"{C}/spaces/s002/notice")
        sign_in(officer, "甲县一审")
        officer.get_by_role("button", name="生成通知和链接").click()
        teacher = browser.new_context(viewport=PHONE).new_page()
        teacher.goto(officer.locator(".copy-text").inner_text())
        teacher.get_by_label("理由").fill("这是学校的公开电话")
        teacher.get_by_label("申诉人姓名").fill("林老师")
        teacher.get_by_role("button", name="提出申诉").click()
        expect(teacher.locator("main")).to_contain_text("申诉:已提出")
        officer.goto(f"{C}/appeals")
        expect(officer.locator("main")).to_contain_text("须由另一人审理")
        other = browser.new_context(viewport=DESK, base_url=address).new_page()
        other.goto(f"{C}/appeals")
        sign_in(other, "甲县二审")
        looked_at(other, "appeals")
        other.get_by_label("撤销原判").check()
        other.get_by_label("审理理由").fill("公开电话,不属个人信息")
        other.get_by_role("button", name="审结").click()
        expect(other.locator("main")).to_contain_text("撤销原判")
        teacher.reload()
        expect(teacher.locator("main")).to_contain_text("公开电话,不属个人信息")
        browser.close()
    assert verdict(made).state is VerdictState.ELIGIBLE
