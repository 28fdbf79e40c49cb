"""Prints a page of our own to a PDF with the browser that set-up installed; nothing is fetched."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import sync_playwright

from crawler.browser import find_browser, launch_options

#: Margins that leave room for a seal and for filing.
_MARGIN = {"top": "18mm", "bottom": "18mm", "left": "20mm", "right": "18mm"}
#: Number and count of pages, below.
_FOOT = (
    '<div style="width:100%;text-align:center;font-size:8px">'
    '<span class="pageNumber"></span> / <span class="totalPages"></span></div>'
)


def print_page(browser: Path | None, html: str) -> bytes:
    """The PDF (A4) of a page that needs nothing but itself.

    Args:
        browser: The executable from the configuration; None has one looked for.
        html: The whole page, with its style and pictures in it.

    Raises:
        BrowserNotFound: there is no browser.
    """
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(**launch_options(find_browser(browser)))
        try:
            # What the page quotes was written by others: no scripts, and no way out.
            context = running.new_context(java_script_enabled=False, offline=True)
            page = context.new_page()
            page.set_content(html)
            return page.pdf(
                format="A4",
                margin=_MARGIN,  # type: ignore[arg-type]
                print_background=True,
                display_header_footer=True,
                header_template="<span></span>",
                footer_template=_FOOT,
            )
        finally:
            running.close()
