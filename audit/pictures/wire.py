"""What passes between the reader and its child: a JSON line and the picture's bytes; a JSON line."""

from __future__ import annotations

from typing import IO

from pydantic import TypeAdapter
from pydantic.dataclasses import dataclass

from audit.pictures.records import Reading, Sort

#: More than 600 lines of 200 characters for each of twelve stills take as JSON.
_ANSWER_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class Request:
    """The line before the bytes."""

    sort: Sort
    length: int


_REQUEST = TypeAdapter(Request)
_READING = TypeAdapter(Reading)


def request_line(request: Request) -> bytes:
    """A request as one line."""
    return _REQUEST.dump_json(request) + b"\n"


def read_request(line: bytes) -> Request:
    """The request of a line; raises ValueError on anything else."""
    return _REQUEST.validate_json(line)


def reading_line(reading: Reading) -> bytes:
    """A reading as one line."""
    return _READING.dump_json(reading) + b"\n"


def parse_reading(line: bytes) -> Reading:
    """The reading of a line; raises ValueError on anything else."""
    return _READING.validate_json(line)


def receive(stream: IO[bytes]) -> Reading:
    """Read a reading from the child; raises ValueError on anything else."""
    return parse_reading(stream.readline(_ANSWER_BYTES))
