"""The case page in a real browser: boxes and cards, attachments, opening, differences, phone width."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright
from sqlmodel import select

from crawler.browser import Browser, launch_options
from models.database import migrate, open_engine, session
from models.review_tables import Draft, Opening
from models.tables import Finding
from models.vocabulary import ResourceKind
from service.web.app import create_app
from tests.factories import AUDITOR, Made, add_campaign, make_desk
from tests.serving import served
from tests.test_case_page import CASE, PHONE, PRIVATE, add_second_visit, attach
from tests.test_extract_text import make_pdf
from tests.test_web_browser import AXE, serious

pytestmark = pytest.mark.browser

HOSTILE = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Made]:
    engine = open_engine(f"sqlite:///{tmp_path / 'test.db'}")
    migrate(engine)
    made = make_desk(engine)
    add_campaign(made, spaces=3)
    attach(made, ResourceKind.PDF, make_pdf((f"{PHONE} 家长电话", "教学内容")), "第1页", PHONE)
    yield made
    engine.dispose()


@contextmanager
def page_of(made: Made, browser_executable: Browser, width: int = 1440) -> Iterator[Page]:
    """A page on the desk; whatever the console complains of fails the test."""
    complaints: list[str] = []
    with served(create_app(made.desk, AUDITOR)) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(**launch_options(browser_executable))
        page = browser.new_page(base_url=address, viewport={"width": width, "height": 900})
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(CASE)
        yield page
        browser.close()
    assert complaints == []


def test_box_and_card_lead_to_each_other_and_a_file_opens_at_its_place(
    made: Made, browser_executable: Browser
) -> None:
    with page_of(made, browser_executable) as page:
        page.locator(".shot a[data-finding=fd_sc0_0]").click()
        expect(page.locator("#f-fd_sc0_0")).to_be_focused()
        page.locator("#f-fd_sc0_1 h3").click()
        expect(page.locator(".shot a.current")).to_have_attribute("data-finding", PRIVATE)
        page.locator("#f-fd_file h3").click()
        expect(page.locator(".drawn img")).to_be_visible()
        assert page.locator(".drawn img").evaluate("img => img.decode().then(() => 1)") == 1
        page.locator(".drawn a").click()
        expect(page.locator("#f-fd_file")).to_be_focused()


def test_personal_data_is_opened_with_a_reason_on_the_page(
    made: Made, browser_executable: Browser
) -> None:
    with page_of(made, browser_executable) as page:
        card = page.locator(f"#f-{PRIVATE}")
        expect(card).not_to_contain_text(PHONE)
        card.get_by_text("查看个人信息原文").click()
        card.get_by_label("为什么要看").fill("核对是否为家长电话")
        card.get_by_role("button", name="查看并记入日志").click()
        expect(card).to_contain_text(PHONE)
        expect(page.locator(".flashes")).to_contain_text("已记入日志")
    with session(made.desk.engine) as current:
        assert current.exec(select(Opening.why)).all() == ["核对是否为家长电话"]


def test_a_note_survives_leaving_the_page(made: Made, browser_executable: Browser) -> None:
    with page_of(made, browser_executable) as page:
        page.keyboard.press("j")
        page.keyboard.press("d")
        note = page.locator("#f-fd_sc0_0 .decide[data-action=dismiss] textarea")
        note.fill("先看附件")
        expect(note).to_have_attribute("data-kept", "yes")
        page.goto(CASE)
        expect(note).to_have_value("先看附件")
    with session(made.desk.engine) as current:
        assert len(current.exec(select(Draft)).all()) == 1


def test_blurred_pictures_are_seen_one_at_a_time(made: Made, browser_executable: Browser) -> None:
    with page_of(made, browser_executable) as page:
        page.get_by_label("空间里的图片").select_option("blur")
        page.get_by_role("button", name="保存", exact=True).click()
        picture = page.locator(".shot img").first
        expect(picture).to_have_css("filter", "blur(16px) grayscale(0.4)")
        page.locator(".shot").click(position={"x": 5, "y": 100})
        expect(picture).to_have_css("filter", "none")


def test_on_a_phone_one_pane_is_seen_and_a_box_leads_to_the_other(
    made: Made, browser_executable: Browser
) -> None:
    with page_of(made, browser_executable, 390) as page:
        expect(page.locator(".side")).to_be_hidden()
        page.locator(".shot a[data-finding=fd_sc0_0]").click()
        expect(page.locator("#f-fd_sc0_0")).to_be_visible()
        expect(page.locator(".evidence")).to_be_hidden()
        page.get_by_text("证据", exact=True).click()
        expect(page.locator(".shot")).to_be_visible()


def test_what_a_space_wrote_never_acts(made: Made, browser_executable: Browser) -> None:
    with session(made.desk.engine) as current:
        old = current.get_one(Finding, "fd_sc0_0").model_dump()
        words = {"text": HOSTILE, "context": HOSTILE, "explanation": HOSTILE, "locator": HOSTILE}
        current.add(Finding(**(old | words | {"id": "fd_bad", "fingerprint": "bad"})))
    for key, manifest in list(made.snapshots.manifests.items()):
        pages = tuple(page.model_copy(update={"title": HOSTILE}) for page in manifest.pages)
        made.snapshots.manifests[key] = manifest.model_copy(update={"pages": pages})
    add_second_visit(made)
    with page_of(made, browser_executable) as page:
        for path in (CASE, f"{CASE}?page=1", f"{CASE}/changes"):
            page.goto(path)
            assert "owned" not in page.title()
            assert page.locator("img[src=x]").count() == 0


@pytest.mark.parametrize("width", [1440, 390])
def test_axe_finds_nothing_serious(made: Made, browser_executable: Browser, width: int) -> None:
    if not AXE.is_file():
        pytest.skip("axe-core is not there: `make setup` installs it where npm is")
    add_second_visit(made)
    found: list[str] = []
    with page_of(made, browser_executable, width) as page:
        for path in (CASE, f"{CASE}?page=1", f"{CASE}#f-{PRIVATE}", f"{CASE}/changes"):
            page.goto(path)
            found += serious(page)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path
    assert found == []
