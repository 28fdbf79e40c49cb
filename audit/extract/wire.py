"""What passes between the worker and its child: one JSON line each way, and the file's bytes.

No pickle: the child reads hostile files, so its answers are data to be checked, not code.
"""

from __future__ import annotations

from pydantic import TypeAdapter
from pydantic.dataclasses import dataclass

from audit.extract.records import Extraction
from models.vocabulary import ResourceKind


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


_REQUEST = TypeAdapter(Request)
_RESPONSE = TypeAdapter(Response)


def request_line(request: Request) -> bytes:
    """A request as one line."""
    return _REQUEST.dump_json(request) + b"\n"


def read_request(line: bytes) -> Request:
    """The request of a line; raises ValueError on anything else."""
    return _REQUEST.validate_json(line)


def response_line(response: Response) -> bytes:
    """A response as one line."""
    return _RESPONSE.dump_json(response) + b"\n"


def read_response(line: bytes) -> Response:
    """The response of a line; raises ValueError on anything else."""
    return _RESPONSE.validate_json(line)
