"""Puts the certificates of a time-stamp answer into the order that DER asks for.

OpenSSL, and so many an authority, writes them as they come; the reader that we verify with takes only
what is sorted (X.690, 11.6). No signature covers their order and no length changes with it, so sorting
them in place gives the same answer as it should have been written.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

_LONG = 0x80
_SEQUENCE = 0x30
_FIRST_TAGGED = 0xA0


@dataclass(frozen=True, slots=True)
class _Element:
    """One value: its tag, and where it, its content and what follows it begin."""

    tag: int
    start: int
    content: int
    end: int


def with_sorted_certificates(answer: bytes) -> bytes:
    """The answer with its certificates in order; what cannot be read stays as it is."""
    try:
        place = _certificates(answer)
        whole = sorted(answer[each.start : each.end] for each in _within(answer, place))
    except (IndexError, ValueError):
        return answer
    return answer[: place.content] + b"".join(whole) + answer[place.end :]


def _certificates(answer: bytes) -> _Element:
    """The set of certificates: TimeStampResp, token, content [0], SignedData, certificates [0].

    Raises:
        ValueError: there is none.
    """
    response = _tagged(answer, _Element(0, 0, 0, len(answer)), _SEQUENCE)
    # A status, and then the token, where there is one.
    token = list(_within(answer, response))[1]
    for tag in (_FIRST_TAGGED, _SEQUENCE, _FIRST_TAGGED):
        token = _tagged(answer, token, tag)
    return token


def _tagged(data: bytes, parent: _Element, tag: int) -> _Element:
    found = next((each for each in _within(data, parent) if each.tag == tag), None)
    if found is None:
        raise ValueError(f"no element tagged {tag:#x}")
    return found


def _within(data: bytes, parent: _Element) -> Iterator[_Element]:
    at = parent.content
    while at < parent.end:
        length, content = data[at + 1], at + 2
        if length & _LONG:
            content += length & ~_LONG
            length = int.from_bytes(data[at + 2 : content], "big")
        if content + length > parent.end:
            raise ValueError("an element ends beyond the one that it is in")
        yield _Element(data[at], at, content, content + length)
        at = content + length
