"""What the first record of a WARC file says of the visit: who, with what, under which rules."""

from __future__ import annotations

import platform
from importlib.metadata import version

from crawler.browsing import LOCALE, TIMEZONE, VIEWPORT
from crawler.task import CrawlOrder, SpaceTask

CONFORMS_TO = "http://iipc.github.io/warc-specifications/specifications/warc-format/warc-1.1/"
#: How bodies are kept, for a reader who wonders at the headers.
BODIES = (
    "bodies are stored decoded; headers of the transfer are kept as x-orig-*; browser exchanges "
    "are written as HTTP/1.1 whatever the protocol was"
)


def warc_info(
    task: SpaceTask, order: CrawlOrder, snapshot_id: str, user_agent: str
) -> dict[str, str]:
    """The fields of ``warcinfo``, in the vocabulary of the WARC standard where it has a word."""
    software = {name: version(name) for name in ("scrapy", "playwright", "warcio")}
    used = " ".join(f"{name}/{number}" for name, number in software.items())
    authority = order.robots_authority
    fields = {
        "software": f"spaceaudit/{version('spaceaudit')} {used} python/{platform.python_version()}",
        "format": "WARC File Format 1.1",
        "conformsTo": CONFORMS_TO,
        "isPartOf": snapshot_id,
        "description": f"{order.campaign} {task.space} {task.url}; {BODIES}",
        "operator": order.contact,
        "http-header-user-agent": user_agent,
        "robots": f"ignored by written authority: {authority}" if authority else "obey",
        "viewport": f"{VIEWPORT['width']}x{VIEWPORT['height']}",
        "locale": LOCALE,
        "timezone": TIMEZONE,
    }
    return {name: " ".join(value.split()) for name, value in fields.items() if value}
