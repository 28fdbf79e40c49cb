"""A snapshot's bytes over HTTP, whole or one range of them, from wherever they are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from http import HTTPStatus
from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

MEDIA_TYPE = "application/wacz+zip"
#: Bytes read at once.
PIECE = 1024 * 1024
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


class Source(Protocol):
    """What holds snapshots by name: the store, or the shelf of files made for replay."""

    def size(self, name: str, /) -> int:
        """How many bytes one has."""

    def read(self, name: str, start: int, end: int, /) -> bytes:
        """Its bytes from ``start`` up to ``end``."""


def snapshot_bytes(request: Request, source: Source, name: str) -> Response:
    """Answer a request for a snapshot, or a file made of one.

    One range is given as it was asked for, several or unreadable ones as the whole; a range beyond
    the end is refused (RFC 9110, 14.2).

    Raises:
        StoreError: there is none of that name.
    """
    size = source.size(name)
    headers = {"Accept-Ranges": "bytes", "ETag": f'"{name}"', "Cache-Control": "no-store"}
    wanted = asked_range(request.headers.get("range", ""), size)
    if wanted is not None and not wanted:
        headers["Content-Range"] = f"bytes */{size}"
        return Response(status_code=HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, headers=headers)
    part = wanted if wanted is not None else range(size)
    if wanted is not None:
        headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{size}"
    headers["Content-Length"] = str(len(part))
    return StreamingResponse(
        () if request.method == "HEAD" else _pieces(source, name, part),
        status_code=HTTPStatus.OK if wanted is None else HTTPStatus.PARTIAL_CONTENT,
        headers=headers,
        media_type=MEDIA_TYPE,
    )


def asked_range(header: str, size: int) -> range | None:
    """The bytes that a Range header asks for; None for the whole, empty for none that there are."""
    match = _RANGE.fullmatch(header.strip())
    if match is None or match.group() == "bytes=-":
        return None
    first, last = match.groups()
    if not first:
        return range(max(0, size - int(last)), size)
    start, end = int(first), int(last) if last else size - 1
    if end < start and last:
        return None
    return range(start, min(end, size - 1) + 1)


def _pieces(source: Source, name: str, part: range) -> Iterator[bytes]:
    for start in range(part.start, part.stop, PIECE):
        yield source.read(name, start, min(start + PIECE, part.stop))
