"""What a list says of its own length, and which addresses are pages of one list.

Pure functions over text and addresses.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

#: A pager's own line is short; a sentence that mentions pages of a book is not held for one.
LONGEST_PAGER = 160
#: More than this many pages is a number of something else.
MOST_PAGES = 9999

_STATED = re.compile(
    r"共\s*(?P<a>\d{1,4})\s*页|\d{1,4}\s*/\s*(?P<b>\d{1,4})\s*页|page\s*\d+\s*of\s*(?P<c>\d{1,4})",
    re.IGNORECASE,
)
#: All that else stands in a pager's line.
_PAGER_WORDS = re.compile(
    r"第\s*\d+|[上下前后]一?页|首页|尾页|末页|当前|共\s*\d+\s*[条篇项个张份本次]?|每页(显示)?|条记录|记录|总计|总共|"
    r"跳转?到?|转到|到|第|页码?|[条篇项个张份]|确定|GO|prev(ious)?|next|first|last|of|page|\d+|"
    r"[\s/|,,、::;;.。…·‹›«»<>()()\[\]【】→←❯❮-]",
    re.IGNORECASE,
)
#: Parameters that say which page of a list an address is.
_PAGE_PARAMETER = re.compile(
    r"^(p|pg|pn|pi|pno|pagi?n?a?|page[-_]?(no|num|number|index|idx|id)?|(cur|current|now)[-_]?page"
    r"|paged|page[-_]?current|start|offset|skip)$",
    re.IGNORECASE,
)
_PAGE_IN_PATH = re.compile(
    r"(/page/\d+/?|[-_]\d+(?=\.s?html?$))$|[-_]\d+(?=\.s?html?$)", re.IGNORECASE
)


def pages_stated(texts: Iterable[str]) -> int | None:
    """How many pages the list on a page has by its own pager's word; None where it does not say."""
    found = [stated for text in texts if (stated := _stated(text)) is not None]
    return max(found, default=None)


def _stated(text: str) -> int | None:
    if len(text) > LONGEST_PAGER or not (match := _STATED.search(text)):
        return None
    rest = text[: match.start()] + text[match.end() :]
    if _PAGER_WORDS.sub("", rest):
        return None
    number = int(next(group for group in match.groups() if group))
    return number if 0 < number <= MOST_PAGES else None


def list_of(url: str) -> str:
    """An address without what says which page of its list it is."""
    parts = urlsplit(url)
    query = [(n, v) for n, v in parse_qsl(parts.query, True) if not _PAGE_PARAMETER.match(n)]
    path = _PAGE_IN_PATH.sub("", parts.path).removesuffix(".html").removesuffix(".htm")
    return urlunsplit(
        (parts.scheme, parts.netloc, path.rstrip("/") or "/", urlencode(query), parts.fragment)
    )
