"""The cap that a plain fetch cuts itself off at, and what a referer tells of a page."""

from __future__ import annotations

import pytest

from crawler.cutting import LEAST, Cap, told_length
from crawler.fetching import referer_for


def test_all_of_a_body_up_to_the_cap_is_wanted_and_one_byte_more_is_not() -> None:
    cap = Cap(1000, 60)
    seen = [(cap.take(count), cap.stopped) for count in (999, 1, 1)]
    assert seen == [(True, None), (True, None), (False, "length")]
    assert cap.anew().take(1000)


def test_a_slow_body_is_cut_by_time_once_enough_of_it_came(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr("crawler.cutting.time.monotonic", lambda: now[0])
    cap = Cap(10 * LEAST, 60)
    # However long it waited for its turn.
    now[0] += 500
    assert cap.take(LEAST - 1)
    now[0] += 55
    assert not cap.take(1)
    assert cap.stopped == "time"
    little = Cap(10 * LEAST, 60)
    assert little.take(10)
    now[0] += 55
    assert little.take(10), "too little to say anything: it may time out"


@pytest.mark.parametrize(
    ("status", "headers", "length"),
    [
        (200, {"content-length": "12"}, 12),
        (200, {}, None),
        (206, {"content-range": "bytes 0-9/12", "content-length": "10"}, 12),
        (206, {"content-range": "bytes 0-9/*", "content-length": "10"}, None),
        (206, {}, None),
        (200, {"content-length": "12, 12"}, None),
    ],
)
def test_the_length_of_the_whole(status: int, headers: dict[str, str], length: int | None) -> None:
    assert told_length(status, headers) == length


@pytest.mark.parametrize(
    ("page", "url", "referer"),
    [
        ("http://a.example/s/1?x=2#top", "http://a.example/f.pdf", "http://a.example/s/1?x=2"),
        ("http://a.example/s/1", "http://cdn.example/f.pdf", "http://a.example/"),
        ("http://a.example/s/1", "http://a.example:81/f.pdf", "http://a.example/"),
        ("http://a.example/s/1", "https://a.example/f.pdf", "http://a.example/"),
        ("https://a.example/s/1", "http://a.example/f.pdf", None),
        ("about:blank", "http://a.example/f.pdf", None),
    ],
)
def test_a_referer_tells_what_a_browsers_would(page: str, url: str, referer: str | None) -> None:
    assert referer_for(page, url) == referer
