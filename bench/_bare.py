"""A bare Playwright loop over a list of pages: load, wait for the ready sign, take a screenshot."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from playwright.async_api import BrowserContext, async_playwright


async def _work(context: BrowserContext, urls: list[str], task: dict[str, Any]) -> None:
    while urls:
        url = urls.pop()
        page = await context.new_page()
        await page.goto(url)
        await page.wait_for_selector(task["ready"], state="attached")
        await page.screenshot(type="jpeg", quality=task["quality"], full_page=True)
        await page.close()


async def main(task: dict[str, Any]) -> None:
    """Go over the list, some pages at a time."""
    async with async_playwright() as driver:
        browser = await driver.chromium.launch(**task["launch"])
        context = await browser.new_context(**task["context"])
        urls = list(reversed(task["urls"]))
        await asyncio.gather(*(_work(context, urls, task) for _ in range(task["concurrency"])))
        await browser.close()


if __name__ == "__main__":
    asyncio.run(main(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))))
