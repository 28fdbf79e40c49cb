"""What passes between the worker and its child: one JSON line each way, with bytes after it.

After a request's line come the file's bytes; after a response's line those of the embedded
pictures, one after the other. No pickle: the child reads hostile files, so its answers are data
to be checked, not code.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import IO

from pydantic import TypeAdapter
from pydantic.dataclasses import dataclass

from audit.extract.limits import Limits
from audit.extract.records import EmbeddedPicture, Extraction
from models.vocabulary import ResourceKind

#: Times the text limit an answer may be long: JSON escapes, locators, UTF-8.
_ANSWER_FACTOR = 16


@dataclass(frozen=True, slots=True)
class Request:
    """The line before a file's bytes."""

    name: str
    kind: ResourceKind
    length: int


@dataclass(frozen=True, slots=True)
class Response:
    """What the child found, and what it would have logged."""

    extraction: Extraction
    log: tuple[str, ...]
    #: The child ran short of memory and ends itself after this answer.
    spent: bool = False
    #: The lengths of the pictures' bytes that follow the line, in their order.
    lengths: tuple[int, ...] = ()


_REQUEST = TypeAdapter(Request)
_RESPONSE = TypeAdapter(Response)


def request_line(request: Request) -> bytes:
    """A request as one line."""
    return _REQUEST.dump_json(request) + b"\n"


def read_request(line: bytes) -> Request:
    """The request of a line; raises ValueError on anything else."""
    return _REQUEST.validate_json(line)


def write_response(stream: IO[bytes], response: Response) -> None:
    """Write a response: its line, then the bytes of its pictures."""
    pictures = response.extraction.pictures
    bare = tuple(replace(picture, data=b"") for picture in pictures)
    lengths = tuple(len(picture.data) for picture in pictures)
    line = replace(response, extraction=_holding(response, bare), lengths=lengths)
    stream.write(_RESPONSE.dump_json(line) + b"\n")
    for picture in pictures:
        stream.write(picture.data)


def read_response(stream: IO[bytes], limits: Limits) -> Response:
    """Read a response; raises ValueError on anything that is none, or longer than agreed."""
    response = _RESPONSE.validate_json(stream.readline(limits.characters * _ANSWER_FACTOR))
    pictures = response.extraction.pictures
    if len(response.lengths) != len(pictures) or sum(response.lengths) > limits.pictures_bytes:
        raise ValueError("the answer's pictures are not as announced")
    whole = _filled(pictures, response.lengths, stream)
    return replace(response, extraction=_holding(response, whole))


def _filled(
    pictures: Iterable[EmbeddedPicture], lengths: Iterable[int], stream: IO[bytes]
) -> Iterator[EmbeddedPicture]:
    for picture, length in zip(pictures, lengths, strict=True):
        if length < 0:
            raise ValueError("a picture of negative length")
        data = stream.read(length)
        if len(data) < length:
            raise ValueError("the answer ended early")
        yield replace(picture, data=data)


def _holding(response: Response, pictures: Iterable[EmbeddedPicture]) -> Extraction:
    return replace(response.extraction, pictures=tuple(pictures))
