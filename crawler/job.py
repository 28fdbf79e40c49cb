"""A crawl process: ``python -m crawler.job ORDER.json``.

Scrapy's reactor cannot be started twice, so every crawl is a process of its own. It tells what
happens as JSON lines on standard output, logs to ``crawl.log`` in the order's directory, and ends
0 when all spaces were visited, 1 when a visit failed, 3 when the environment lacks something.
"""

from __future__ import annotations

import gc
import json
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from scrapy.crawler import AsyncCrawlerProcess

from crawler.browser import Browser, BrowserError, find_browser, launch_options
from crawler.identity import user_agent
from crawler.memory import share, start_watch
from crawler.patience import MOST_PATIENCE
from crawler.signing import SigningKeyError, load_signer
from crawler.spider import SpaceSpider
from crawler.store import SnapshotStore, StoreError
from crawler.task import CrawlOrder

#: Until a process whose work is done, but whose browser does not close, is ended, in seconds.
CLOSING_SECONDS = 30.0
#: New objects until the collector looks for cycles among them; Python's own 700 suits small programs.
COLLECT_FROM = 20_000


def settings(order: CrawlOrder, browser: Browser, identity: str) -> dict[str, Any]:
    """Scrapy's settings for an order: its unsafe defaults off, our two ways out on."""
    limits = order.limits
    handler = "crawler.handler.EvidenceHandler"
    return {
        "TWISTED_REACTOR": "twisted.internet.asyncioreactor.AsyncioSelectorReactor",
        "DOWNLOAD_HANDLERS": {
            "http": handler,
            "https": handler,
            "file": None,
            "data": None,
            "ftp": None,
            "s3": None,
        },
        "DOWNLOADER_MIDDLEWARES": {"crawler.handler.GuardMiddleware": 740},
        "ITEM_PIPELINES": {"crawler.spider.SealPipeline": 100},
        "USER_AGENT": identity,
        "PLAYWRIGHT_PROCESS_REQUEST_HEADERS": None,
        "PLAYWRIGHT_LAUNCH_OPTIONS": dict(launch_options(browser)),
        # Turns are the limit; this one must not hold a page back while a tab is about to be closed.
        "PLAYWRIGHT_MAX_PAGES_PER_CONTEXT": 16 * limits.concurrency,
        # A page's and a fetch's time are kept by our own time-outs, which do not run while a request
        # waits for a slot; these only catch what those would miss.
        "PLAYWRIGHT_DEFAULT_NAVIGATION_TIMEOUT": (limits.page_seconds + MOST_PATIENCE) * 1000,
        "DOWNLOAD_TIMEOUT": limits.fetch_seconds + MOST_PATIENCE,
        "CONCURRENT_REQUESTS": 4 * limits.concurrency,
        # Plain fetches only: a site's limit over everything is held in the guard (crawler.pace).
        "CONCURRENT_REQUESTS_PER_DOMAIN": max(limits.site_concurrency, limits.concurrency),
        "DOWNLOAD_MAXSIZE": limits.max_file_bytes,
        "DOWNLOAD_WARNSIZE": 0,
        "DOWNLOAD_VERIFY_CERTIFICATES": True,
        "COOKIES_ENABLED": False,
        "REDIRECT_ENABLED": False,
        "RETRY_ENABLED": False,
        "HTTPCACHE_ENABLED": False,
        "ROBOTSTXT_OBEY": False,
        # It takes a page's rendering for the site's latency; crawler.pace does it in the guard.
        "AUTOTHROTTLE_ENABLED": False,
        "TELNETCONSOLE_ENABLED": False,
        "REMOTE_CONTROL_ENABLED": False,
        "LOG_FILE": str(order.directory / "crawl.log"),
        "LOG_LEVEL": "INFO",
    }


def tell(event: str, details: dict[str, str]) -> None:
    """Tell the parent process what happened, as one line of JSON."""
    print(json.dumps({"event": event, **details}, ensure_ascii=False), flush=True)  # noqa: T201


def crawl(order: CrawlOrder) -> int:
    """Carry out an order; returns the process's exit code."""
    order.receipts.mkdir(parents=True, exist_ok=True)
    # What cannot work is found out before a browser starts.
    browser = find_browser(order.browser)
    load_signer(order.key)
    SnapshotStore(order.store)
    identity = user_agent(order.contact)
    failed: list[str] = []

    def tell_and_count(event: str, details: dict[str, str]) -> None:
        if event == "failed":
            failed.append(details["space"])
        tell(event, details)

    start_watch(share(order.limits.concurrency))

    def over() -> None:
        _end_in_any_case(lambda: 1 if failed else 0)

    # Told to log everything, it asks the browser once more for the headers of every answer.
    logging.getLogger("scrapy-playwright").setLevel(logging.INFO)
    process = AsyncCrawlerProcess(settings(order, browser, identity))
    _collect_seldom()
    process.crawl(SpaceSpider, order=order, user_agent=identity, tell=tell_and_count, over=over)
    process.start()
    logging.getLogger(__name__).info("visits failed: %s", failed)
    return 1 if failed else 0


def _collect_seldom() -> None:
    """Leave what is loaded for good out of every collection, and collect less often.

    A visit makes many short-lived objects and few cycles: by default the collector walks all
    modules again and again for nothing (about 4 % of a crawl's CPU time).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_FROM)


def _end_in_any_case(code: Callable[[], int]) -> None:
    """All snapshots are in the store: a browser that does not close must not hold up the command."""
    timer = threading.Timer(CLOSING_SECONDS, lambda: os._exit(code()))
    timer.daemon = True
    timer.start()


def _end_with_parent() -> None:
    """End this process and its browser when the parent is gone: nobody else would."""
    # Not through sys.stdin: its lock would be held by this thread when the interpreter ends.
    while os.read(0, 1024):
        pass
    os.killpg(0, signal.SIGKILL)


def main(arguments: list[str]) -> int:
    """Read the order and carry it out."""
    order = CrawlOrder.model_validate_json(Path(arguments[0]).read_text(encoding="utf-8"))
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        return crawl(order)
    except (BrowserError, SigningKeyError, StoreError) as error:
        sys.stderr.write(f"{error}\n")
        return 3


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
