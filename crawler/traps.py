"""Addresses without end: calendars, growing paths, parameters that change with every look.

Pure functions over addresses, and a memory for one visit of how often a form of address came by.
What is held for a trap is not visited; the ledger says so, one row for each form.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

_TRACKING_WORDS = (
    "spm scm from _t _ t_ timestamp ts rnd rand random nocache fbclid gclid msclkid bd_vid hmsr hmpl "
    "hmcu hmkw hmci wxfrom isappinstalled share_source share_medium share_token share_from "
    "sessionid session_id sessid jsessionid phpsessid aspsessionid cfid cftoken"
)
#: Parameters that say where a visitor came from or who asks, and nothing of what is shown.
TRACKING = frozenset(_TRACKING_WORDS.split())
_TRACKING_START = ("utm_", "aspsessionid", "vd_")
_PATH_SESSION = re.compile(r";(jsessionid|phpsessid|sessionid)=[^/;?#]*", re.IGNORECASE)

#: Months of three school years: as far back as a list by dates is followed.
DATES_EACH = 36
#: The platforms of this field began after this year.
FIRST_YEAR = 1995
#: Orders and views of one list that are read: the first, and one more to see that they agree.
ORDERS_EACH = 2
#: Pages of one form with one and the same text, after which the form is given up.
SAME_TEXT = 6
LONGEST_ADDRESS = 1500
DEEPEST_PATH = 20
MOST_PARAMETERS = 12
#: Times that a part of a path, or one parameter, may stand there again.
REPEATS = 3

_ORDER = re.compile(
    r"^(sort|sort_?by|order|order_?by|dir|direction|asc|desc|style|layout|display|per_?page|page_?size|limit)$",
    re.IGNORECASE,
)
_DATE_NAME = re.compile(r"date|day|month|year|^ym$|^cal", re.IGNORECASE)
_DATE = re.compile(r"^(\d{4})(?:[-/.](\d{1,2})){1,2}$")
_DIGITS_DATE = re.compile(r"^(\d{4})(0[1-9]|1[0-2])?([0-3]\d)?$")
_DATE_IN_PATH = re.compile(r"/(\d{4})(?:[/-](?:0?[1-9]|1[0-2])){1}(?:[/-][0-3]?\d)?/?$")
_NUMBER = re.compile(r"\d+")
_RANDOM = re.compile(r"^(?=.*\d)(?=.*[a-z])[0-9a-z_-]{16,}$", re.IGNORECASE)


def without_tracking(url: str, kept: frozenset[str] = frozenset()) -> str:
    """The address as the page's identity: without what only tells visitors apart."""
    parts = urlsplit(url)
    path = _PATH_SESSION.sub("", parts.path)
    if parts.query:
        pairs = parse_qsl(parts.query, keep_blank_values=True)
        left = [pair for pair in pairs if pair[0] in kept or not _tracks(pair[0])]
        query = parts.query if len(left) == len(pairs) else urlencode(left)
    else:
        query = ""
    return urlunsplit((parts.scheme, parts.netloc, path, query, parts.fragment))


def _tracks(name: str) -> bool:
    name = name.lower()
    return name in TRACKING or name.startswith(_TRACKING_START)


def shape_of(url: str) -> str:
    """The form of an address: numbers and random names written alike, parameters by name."""
    parts = urlsplit(url)
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    query = "&".join(f"{name}={_value_shape(value)}" for name, value in sorted(pairs))
    path = "/".join(_segment_shape(segment) for segment in parts.path.split("/"))
    route = "/".join(_segment_shape(segment) for segment in parts.fragment.split("/"))
    return f"{parts.netloc}{path}" + (f"?{query}" if query else "") + (f"#{route}" if route else "")


def _segment_shape(segment: str) -> str:
    return "*" if _RANDOM.match(segment) else _NUMBER.sub("N", segment)


def _value_shape(value: str) -> str:
    """Words of a route are kept (``do=blog``), everything else is a value."""
    if re.fullmatch(r"[A-Za-z][A-Za-z/_.-]{0,30}", value):
        return value
    return "N" if value.isdigit() else "*"


class Traps:
    """What one visit knows of forms of addresses."""

    def __init__(self, today: datetime | None = None) -> None:
        """Begin; dates are held against ``today``."""
        self._last_year = (today or datetime.now(UTC)).year + 1
        self._dates: dict[str, set[str]] = defaultdict(set)
        self._orders: dict[str, set[str]] = defaultdict(set)
        self._texts: Counter[tuple[str, str]] = Counter()
        self._given_up: set[str] = set()

    def why(self, url: str) -> str | None:
        """Why an address is held for a trap; None when it is not."""
        return endless(url) or self._calendar(url) or self._ordering(url) or self.given_up(url)

    def read(self, url: str, text: str) -> None:
        """Remember what a page of this form showed; ``text`` stands for it, or is its digest."""
        shape = shape_of(url)
        self._texts[shape, text] += 1
        if self._texts[shape, text] >= SAME_TEXT:
            self._given_up.add(shape)

    def given_up(self, url: str) -> str | None:
        """Why pages of this form are no longer read."""
        if shape_of(url) in self._given_up:
            return f"内容重复:同类地址已有 {SAME_TEXT} 页内容完全相同"
        return None

    def _calendar(self, url: str) -> str | None:
        date = date_in(url)
        if date is None:
            return None
        if not FIRST_YEAR <= int(date[:4]) <= self._last_year:
            return "日历:日期太远,只会是空白页"
        known = self._dates[shape_of(url)]
        if len(known) >= DATES_EACH and date not in known:
            return f"日历:同类日期地址超过 {DATES_EACH} 个"
        known.add(date)
        return None

    def _ordering(self, url: str) -> str | None:
        parts = urlsplit(url)
        pairs = parse_qsl(parts.query, keep_blank_values=True)
        rest = [pair for pair in pairs if not _ORDER.match(pair[0])]
        if len(rest) == len(pairs):
            return None
        known = self._orders[f"{parts.netloc}{parts.path}?{sorted(rest)}"]
        order = str(sorted(set(pairs) - set(rest)))
        if len(known) >= ORDERS_EACH and order not in known:
            return "排序参数:同一列表的其他排序或显示方式"
        known.add(order)
        return None


def endless(url: str) -> str | None:
    """Why an address by itself looks as if there were ever more like it."""
    parts = urlsplit(url)
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    names = Counter(name for name, _ in pairs)
    segments = [s for s in f"{parts.path}/{parts.fragment}".split("/") if s]
    if len(url) > LONGEST_ADDRESS:
        return f"地址过长:超过 {LONGEST_ADDRESS} 个字符"
    if len(segments) > DEEPEST_PATH or _repeats(segments):
        return "路径不断加长:同样的目录反复出现"
    if len(pairs) > MOST_PARAMETERS or max(names.values(), default=0) >= REPEATS:
        return "参数不断增加"
    return None


def _repeats(segments: list[str]) -> bool:
    """Whether a run of path segments stands there several times, one right after the other."""
    for length in range(1, len(segments) // REPEATS + 1):
        for start in range(len(segments) - length * REPEATS + 1):
            run = segments[start : start + length]
            if segments[start : start + length * REPEATS] == run * REPEATS:
                return True
    return False


def date_in(url: str) -> str | None:
    """The date that an address of a calendar is for, its year first; None when it is for none."""
    parts = urlsplit(url)
    for text in (parts.path, parts.fragment.partition("?")[0]):
        if match := _DATE_IN_PATH.search(text):
            return match[0].strip("/")
    pairs = dict(parse_qsl(parts.query, keep_blank_values=True))
    for name, value in pairs.items():
        if _DATE.match(value):
            return value
        if _DATE_NAME.search(name) and _DIGITS_DATE.match(value):
            if "year" in name.lower():
                return "-".join((value, *(v for n, v in pairs.items() if "month" in n.lower())))
            return value
    return None
