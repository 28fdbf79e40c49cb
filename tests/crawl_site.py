"""A small platform on loopback for crawl tests: every answer byte for byte, and a crawl over it."""

from __future__ import annotations

import asyncio
import gzip
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path

from crawler.run import Progress, receipts, run
from crawler.store import SnapshotReader, SnapshotStore
from crawler.task import CrawlOrder, Limits, Receipt, SpaceTask
from models.manifest import Manifest
from tests.guard_site import Answer, Site, replies

#: A profile for these spaces: ``/s/NAME/`` with pages ``/s/NAME/p/…``; ``{canary}`` is a path.
PROFILE = r"""
id: crawl-test
version: "1"
title: 抓取试验
space_pattern: '^(?P<space>/s/[^/?#]+)'
pages:
  - {{kind: home, pattern: '^/s/[^/]+/$'}}
  - {{kind: article, pattern: '^/s/[^/]+/p/[^/]+$'}}
ignore: ['^/login']
resource_patterns: ['^/f/']
declared: {{selector: .who, values: {{所有人可见: public, 登录可见: login}}}}
markers:
  - {{outcome: bot_wall, text: 安全验证, max_text: 400}}
  - {{outcome: refusal_page, text: 没有权限查看, max_text: 400}}
  - {{outcome: hidden_page, text: 处于隐藏状态, max_text: 400}}
  - {{outcome: soft_not_found, text: 空间不存在, max_text: 400}}
  - {{outcome: password_prompt, selector: .password-form}}
volatile_selectors: [.counter]
volatile_keys: [visits]
canary_path: {canary}
"""


#: When everything on the platform was last changed.
MODIFIED = "Thu, 01 Sep 2022 08:00:00 GMT"


def answer(
    body: str | bytes = b"",
    status: int = 200,
    kind: str = "text/html; charset=utf-8",
    **headers: str,
) -> Answer:
    """A site's whole answer; header names are written with underscores."""
    return replies(message(body, status, kind, **headers))


def message(
    body: str | bytes = b"",
    status: int = 200,
    kind: str = "text/html; charset=utf-8",
    **headers: str,
) -> bytes:
    """An answer as bytes."""
    raw = body.encode() if isinstance(body, str) else body
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = "Unheard Of"
    lines = [f"HTTP/1.1 {status} {phrase}", f"Content-Type: {kind}", f"Content-Length: {len(raw)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + raw


def moved(to: str) -> Answer:
    """A redirect."""
    return answer(b"", 302, Location=to)


def zipped(body: bytes, kind: str) -> Answer:
    """A body sent gzipped."""
    return answer(gzip.compress(body), kind=kind, Content_Encoding="gzip")


def chunked(body: bytes, kind: str) -> Answer:
    """A body sent in chunks of seven bytes."""
    pieces = [body[start : start + 7] for start in range(0, len(body), 7)]
    framed = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n"
    return replies(head.encode() + framed + b"0\r\n\r\n")


def in_turn(*answers: Answer) -> Answer:
    """These answers one after the other, the last for ever."""
    asked = Counter[str]()

    async def respond(
        head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        asked["times"] += 1
        await answers[min(asked["times"], len(answers)) - 1](head, reader, writer)

    return respond


def by_client(browser: Answer, plain: Answer) -> Answer:
    """One answer for the browser, another for a plain fetch."""

    async def respond(
        head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        rendered = b"upgrade-insecure-requests" in head.lower()
        await (browser if rendered else plain)(head, reader, writer)

    return respond


def by_head(choose: Callable[[bytes], Answer]) -> Answer:
    """An answer that depends on the request's head."""

    async def respond(
        head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await choose(head)(head, reader, writer)

    return respond


def tagged(body: str | bytes, tag: str, kind: str = "text/html; charset=utf-8") -> Answer:
    """An answer with an entity tag; "not modified" for who has it."""
    whole = answer(body, kind=kind, ETag=tag)
    unmodified = replies(f"HTTP/1.1 304 Not Modified\r\nETag: {tag}\r\n\r\n".encode())
    return by_head(lambda head: unmodified if f"If-None-Match: {tag}".encode() in head else whole)


def dated(body: str | bytes, kind: str = "text/html; charset=utf-8") -> Answer:
    """An answer with the date of its last change."""
    whole = answer(body, kind=kind, Last_Modified=MODIFIED)
    unmodified = replies(b"HTTP/1.1 304 Not Modified\r\n\r\n")
    asks = f"If-Modified-Since: {MODIFIED}".encode()
    return by_head(lambda head: unmodified if asks in head else whole)


@dataclass(frozen=True, slots=True)
class Paths:
    """Answers by path and query; what is not in the table is a 404."""

    table: Mapping[str, Answer]
    missing: Answer = field(default_factory=lambda: answer("404 Not Found", 404))

    async def __call__(
        self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        path = head.split(b" ")[1].decode()
        await self.table.get(path, self.missing)(head, reader, writer)


@contextmanager
def listening(*sites: Site) -> Iterator[None]:
    """Run these sites on a loop of their own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    stack = AsyncExitStack()

    async def start() -> None:
        for site in sites:
            await stack.enter_async_context(site)

    asyncio.run_coroutine_threadsafe(start(), loop).result(10)
    try:
        yield
    finally:
        asyncio.run_coroutine_threadsafe(stack.aclose(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


def asked_paths(site: Site) -> list[str]:
    """What was asked for, in order."""
    return [head.split(b" ")[1].decode() for head in site.heads]


@dataclass(frozen=True, slots=True)
class Crawled:
    """What a crawl left."""

    order: CrawlOrder
    failed: int
    events: Sequence[Progress]
    manifests: Mapping[str, Manifest]
    receipts: Mapping[str, Receipt]

    def wacz(self, space: str) -> Path:
        """The stored snapshot of a space."""
        return Path(self.order.store) / self.receipts[space].wacz


def order_for(folder: Path, spaces: Mapping[str, str], allow: str, **values: object) -> CrawlOrder:
    """An order for spaces by name, with small limits; ``values`` are fields of the order."""
    profile = folder / "profile.yaml"
    if not profile.exists():
        profile.write_text(PROFILE.format(canary="/healthz"), encoding="utf-8")
    made = {
        "crawl_id": "crawl-1",
        "campaign": "试验",
        "profile": str(profile),
        "spaces": [SpaceTask(space=name, url=url) for name, url in spaces.items()],
        "limits": LIMITS,
        "egress_allow": allow,
        "store": str(folder / "store"),
        "directory": folder / "crawl",
        "key": folder / "key.pem",
    }
    return CrawlOrder.model_validate(made | values)


#: Small, and yet a page that is there takes a quarter of it on a machine with two busy cores.
LIMITS = Limits(
    attempt_gap_seconds=0.2,
    max_attempts=2,
    page_seconds=8,
    fetch_seconds=4,
    max_pages=6,
    visit_minutes=2,
    concurrency=6,
)


def crawl(order: CrawlOrder) -> Crawled:
    """Carry out an order in a process of its own and read what it left."""
    events: list[Progress] = []
    failed = run(order, events.append)
    store = SnapshotStore(order.store)
    manifests: dict[str, Manifest] = {}
    done = {receipt.space: receipt for receipt in receipts(order)}
    for space, receipt in done.items():
        with store.local(receipt.wacz) as path, SnapshotReader(path) as reader:
            manifests[space] = reader.manifest
    return Crawled(order, failed, events, manifests, done)
