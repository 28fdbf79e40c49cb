"""The same with crawlee-python; runs in an environment of its own, where nothing of ours is."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from crawlee import ConcurrencySettings, Request  # type: ignore[import-not-found]
from crawlee.configuration import Configuration  # type: ignore[import-not-found]
from crawlee.crawlers import PlaywrightCrawler, PlaywrightCrawlingContext  # type: ignore[import-not-found]


async def main(task: dict[str, Any]) -> int:
    """Go over the list, some pages at a time; returns how many pages could not be read."""
    at_once = task["concurrency"]
    crawler = PlaywrightCrawler(
        configuration=Configuration(
            storage_dir=task["storage"], purge_on_start=True, log_level="WARNING"
        ),
        concurrency_settings=ConcurrencySettings(
            min_concurrency=at_once, desired_concurrency=at_once, max_concurrency=at_once
        ),
        max_request_retries=0,
        fingerprint_generator=None,
        browser_launch_options=task["launch"],
        browser_new_context_options=task["context"],
    )

    async def read(context: PlaywrightCrawlingContext) -> None:
        await context.page.wait_for_selector(task["ready"], state="attached")
        await context.page.screenshot(type="jpeg", quality=task["quality"], full_page=True)

    crawler.router.default_handler(read)
    # The same address may stand in the list more than once.
    requests = [
        Request.from_url(url, unique_key=f"{number} {url}")
        for number, url in enumerate(task["urls"])
    ]
    statistics = await crawler.run(requests)
    finished: int = statistics.requests_finished
    return len(task["urls"]) - finished


if __name__ == "__main__":
    sys.exit(asyncio.run(main(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))))
