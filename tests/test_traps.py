"""Addresses without end, tracking parameters, and what a list says of its own length."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from crawler.ledger import ROWS_EACH, Ledger
from crawler.paging import list_of, pages_stated
from crawler.traps import DATES_EACH, SAME_TEXT, Traps, date_in, shape_of, without_tracking

HOST = "http://p.example"
TODAY = datetime(2022, 10, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("address", "same"),
    [
        ("/a?utm_source=wx&id=3", "/a?id=3"),
        ("/a?from=timeline&isappinstalled=0", "/a"),
        ("/a?_t=1663&spm=a.b.c&page=2", "/a?page=2"),
        ("/a;jsessionid=AB12?x=1", "/a?x=1"),
        ("/a?PHPSESSID=abc", "/a"),
        ("/a?sid=12", "/a?sid=12"),
        ("/a?form=1&time=2", "/a?form=1&time=2"),
        ("/a?id=%2F", "/a?id=%2F"),
        ("/a#/b", "/a#/b"),
    ],
)
def test_what_only_tells_visitors_apart(address: str, same: str) -> None:
    assert without_tracking(HOST + address) == HOST + same


def test_what_the_profile_speaks_of_is_kept() -> None:
    assert without_tracking(f"{HOST}/a?from=3", frozenset({"from"})).endswith("?from=3")


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("/cal?month=2031-05", "日历"),
        ("/cal?month=1970-01", "日历"),
        ("/cal?year=2031&month=5", "日历"),
        ("/2031/05/", "日历"),
        ("/cal?month=2022-05", None),
        ("/2022/09/", None),
        ("/2022/09/classroom/", None),
        ("/article?id=20310501", None),
        ("/a/b/a/b/a/b/", "路径不断加长"),
        ("/blog/blog/blog/", "路径不断加长"),
        ("/a/b/a/b/", None),
        ("/space/1/1/2", None),
        ("/" + "x/" * 3 + "/".join(str(n) for n in range(20)), "路径不断加长"),
        ("/#/a/b/a/b/a/b", "路径不断加长"),
        ("/a?x=1&x=2&x=3", "参数不断增加"),
        ("/a?" + "&".join(f"p{n}=1" for n in range(13)), "参数不断增加"),
        ("/a?q=" + "x" * 1600, "地址过长"),
        ("/article/123", None),
    ],
)
def test_traps(address: str, why: str | None) -> None:
    found = Traps(TODAY).why(HOST + address)
    assert found is None if why is None else found and found.startswith(why)


def test_a_calendar_is_followed_so_far_and_no_farther() -> None:
    traps = Traps(TODAY)
    months = [
        f"{HOST}/cal?m={year}-{month:02}" for year in range(2015, 2022) for month in range(1, 13)
    ]
    taken = [url for url in months if traps.why(url) is None]
    assert len(taken) == DATES_EACH
    assert traps.why(taken[0]) is None


def test_a_lists_orders_are_not_all_read() -> None:
    traps = Traps(TODAY)
    found = [traps.why(f"{HOST}/list?page=1&sort={n}") for n in ("new", "hot", "name", "size")]
    assert found[:2] == [None, None]
    assert all(why and why.startswith("排序") for why in found[2:])
    assert traps.why(f"{HOST}/list?page=2&sort=new") is None


def test_pages_of_one_form_that_all_say_the_same() -> None:
    traps = Traps(TODAY)
    for number in range(SAME_TEXT - 1):
        traps.read(f"{HOST}/day/{number}", "没有内容")
        traps.read(f"{HOST}/article/{number}", f"文章{number}")
    assert traps.why(f"{HOST}/day/99") is None
    traps.read(f"{HOST}/day/98", "没有内容")
    assert (traps.why(f"{HOST}/day/99") or "").startswith("内容重复")
    assert traps.why(f"{HOST}/article/99") is None


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("/article/1", "/article/22", True),
        ("/a?id=1&do=blog", "/a?do=blog&id=2", True),
        ("/a?id=1&do=blog", "/a?do=album&id=2", False),
        ("/article/1", "/album/1", False),
        ("/t/5f2b8c9d0e1f2a3b", "/t/a1b2c3d4e5f60718", True),
        ("/#/a/1", "/#/a/2", True),
    ],
)
def test_forms_of_addresses(one: str, other: str, alike: bool) -> None:
    assert (shape_of(HOST + one) == shape_of(HOST + other)) is alike


@pytest.mark.parametrize(
    ("address", "date"),
    [("/x?d=2022-09-01", "2022-09-01"), ("/x?day=20220901", "20220901"), ("/x?id=20220901", None),
     ("/2022/9", "2022/9"), ("/2022/99", None), ("/x?year=2022&month=9", "2022-9")],
)  # fmt: skip
def test_dates_in_addresses(address: str, date: str | None) -> None:
    assert date_in(HOST + address) == date


# --- What a list says of itself


@pytest.mark.parametrize(
    ("text", "pages"),
    [
        ("共 12 页", 12),
        ("首页 上一页 1 2 3 … 12 下一页 尾页 共12页", 12),
        ("第 1/12 页", 12),
        ("共 115 条记录 每页 10 条 第1页/共12页", 12),
        ("Page 1 of 7", 7),
        ("共 1 页,到第 页 确定", 1),
        ("全书共 120 页,我们读了三天", None),
        ("我的教案共 12 页", None),
        ("第 3 页", None),
        ("3/12", None),
        ("共 12 篇", None),
    ],
)
def test_pages_a_list_states(text: str, pages: int | None) -> None:
    assert pages_stated(["别的字", text]) == pages


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("/list?page=2&sid=1", "/list?sid=1", True),
        ("/a/page/2/", "/a/", True),
        ("/list_2.html", "/list.html", True),
        ("/list?pageNo=3", "/list?pageNo=4", True),
        ("/list?sid=1", "/list?sid=2", False),
        ("/article/1", "/article/2", False),
    ],
)
def test_pages_of_one_list(one: str, other: str, same: bool) -> None:
    assert (list_of(HOST + one) == list_of(HOST + other)) is same


# --- The ledger


def test_many_of_one_kind_are_counted_and_not_listed() -> None:
    ledger = Ledger()
    for number in range(10_000):
        ledger.note(f"{HOST}/day/{number}", HOST, "日历", "day/N", single=True)
        ledger.note(f"{HOST}/a/{number}", HOST, "页面超过 80 页", "a/N")
    rows = list(ledger.rows())
    assert len(rows) == 1 + ROWS_EACH
    assert rows[0].detail == "日历(同类地址另有 9999 个)"
    assert rows[-1].detail == f"页面超过 80 页(同类地址另有 {10_000 - ROWS_EACH} 个)"
