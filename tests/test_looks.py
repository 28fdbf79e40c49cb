"""When "not modified" is believed, and what of a page is asked for again."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from crawler.archive import Origin
from crawler.earlier import KnownAnswer, links_for_record
from crawler.looks import confirms
from crawler.readings import FoundLink
from crawler.revisit import can_be_asked
from crawler.store import Place
from models.pageinfo import AskedFor
from models.vocabulary import Fate
from tests.snapshots import URL, exchange

DIGEST = "sha1:A"
TAG = {"If-None-Match": '"1"'}


def known(headers: Mapping[str, str]) -> KnownAnswer:
    place = Place(URL, 0, 1, "200", "text/html", DIGEST, "2022-09-01T08:00:00Z")
    origin = Origin("c1-0001", URL, place.date, DIGEST)
    return KnownAnswer(200, {}, headers, DIGEST, place, origin)


@pytest.mark.parametrize(
    ("status", "headers", "sent", "believed", "why"),
    [
        (304, {"ETag": '"1"'}, TAG, True, "the same tag"),
        (304, {"ETag": 'W/"1"'}, TAG, True, "weaker, and the same"),
        (304, {}, TAG, True, "a server need not repeat it"),
        (304, {"ETag": '"2"'}, TAG, False, "of another answer"),
        (304, {"ETag": '"1"'}, {}, False, "nobody asked"),
        (200, {"ETag": '"1"'}, TAG, False, "the bytes came: they are compared"),
    ],
)
def test_not_modified_is_believed_of_the_answer_that_was_meant(
    status: int,
    headers: Mapping[str, str],
    sent: Mapping[str, str],
    believed: bool,
    why: str,
) -> None:
    got = exchange(URL, b"", status=status, response_headers=tuple(headers.items()))
    assert confirms(got, known({"etag": '"1"'}), sent) is believed, why


def asked(kind: str, method: str = "GET", status: int | None = 200, url: str = URL) -> AskedFor:
    fate = Fate.CAPTURED if status else Fate.FAILED
    return AskedFor(url=url, method=method, kind=kind, status=status, sha256="0" * 64, fate=fate)


@pytest.mark.parametrize(
    ("requests", "can", "why"),
    [
        ((asked("document"), asked("fetch"), asked("image")), True, ""),
        ((asked("document"), asked("image", status=404)), True, "a dead picture"),
        ((asked("document"), asked("fetch", "POST")), False, "it would do something on the site"),
        ((asked("document"), asked("ping", "POST")), True, "a count that nobody reads"),
        ((asked("document"), asked("fetch", status=None)), False, "it came to nothing then"),
        ((asked("document"), asked("media", status=None)), True, "a film, broken off"),
        ((asked("document"), asked("websocket", status=None)), False, "a stream"),
        ((asked("document"), asked("image", url="blob:http://p/1")), True, "made on the page"),
        ((asked("image"),), False, "no document"),
        ((), False, "nothing is known"),
    ],
)
def test_what_can_be_asked_for_again(requests: tuple[AskedFor, ...], can: bool, why: str) -> None:
    assert can_be_asked(requests) is can, why


def test_links_are_kept_without_what_is_usual() -> None:
    links = [
        FoundLink("http://p/1"),
        FoundLink("http://p/2", "课件", hidden=True, file=True, members=frozenset({"a.b", "a"})),
    ]
    assert links_for_record(links) == [
        {"url": "http://p/1"},
        {
            "url": "http://p/2",
            "text": "课件",
            "hidden": True,
            "file": True,
            "members": ["a", "a.b"],
        },
    ]
