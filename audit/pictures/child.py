"""The process in which pictures are opened: run by ``PictureReader``, under limits of its own.

It writes no file and opens no connection: the first is the kernel's word, the second an audit hook's
that no library can take back.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator

from PIL import Image

from audit.confinement import confine, start_clock, stop_clock, streams
from audit.extract.registry import Refused
from audit.pictures.codes import read_codes
from audit.pictures.film import film_stills
from audit.pictures.limits import PictureLimits
from audit.pictures.ocr import LineReader
from audit.pictures.records import Reading, Sort, View
from audit.pictures.stills import stills
from audit.pictures.wire import read_request, reading_line
from models.vocabulary import NotScreened


def main() -> None:
    """Answer requests until standard input ends. Argument: the limits."""
    limits = PictureLimits(**json.loads(sys.argv[1]))
    requests, responses = streams()
    sys.addaudithook(_offline)
    Image.MAX_IMAGE_PIXELS = None  # our own limit, which lets large JPEG files be scaled
    lines = LineReader()
    confine(limits.memory_bytes)
    while line := requests.readline():
        request = read_request(line)
        start_clock(limits.seconds, limits.cpu_seconds)
        reading = _read(requests.read(request.length), request.sort, lines, limits)
        responses.write(reading_line(reading))
        responses.flush()
        stop_clock()
        if reading.reason is NotScreened.TOO_LARGE:
            sys.exit()


def _offline(event: str, _arguments: tuple[object, ...]) -> None:
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
        raise PermissionError("pictures are read offline")


def _read(data: bytes, sort: Sort, lines: LineReader, limits: PictureLimits) -> Reading:
    try:
        return Reading(tuple(_views(data, sort, lines, limits)))
    except Refused as refusal:
        return Reading(reason=refusal.reason)
    except MemoryError:
        return Reading(reason=NotScreened.TOO_LARGE)
    except Exception:  # noqa: BLE001 -- a hostile file makes a decoder raise anything
        return Reading(reason=NotScreened.UNREADABLE)


def _views(data: bytes, sort: Sort, lines: LineReader, limits: PictureLimits) -> Iterator[View]:
    source = film_stills if sort is Sort.FILM else stills
    for place, still in source(data, limits):
        yield View(
            place,
            still.width,
            still.height,
            tuple(lines.read(still)[: limits.lines]),
            tuple(read_codes(still, limits.codes)),
        )


if __name__ == "__main__":
    main()
