"""The process in which files are opened: run by ``ExtractionWorker``, under limits of its own.

It answers requests on standard input until that ends. It may write no file, and it is killed by
the kernel when it takes more memory or processor time than one file is allowed.
"""

from __future__ import annotations

import json
import logging
import sys
from io import BufferedWriter

from audit.confinement import confine, start_clock, stop_clock, streams
from audit.extract import extract
from audit.extract.limits import Limits
from audit.extract.records import Extraction
from audit.extract.registry import load
from audit.extract.wire import Response, read_request, write_response
from models.vocabulary import NotScreened


class _Notes(logging.Handler):
    """Keeps what is logged while one file is read, for the parent to log."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage()[:500])

    def taken(self) -> tuple[str, ...]:
        lines, self.lines = tuple(self.lines[:100]), []
        return lines


def main() -> None:
    """Answer requests until standard input ends. Arguments: the limits, then modules to load."""
    limits = Limits(**json.loads(sys.argv[1]))
    requests, responses = streams()
    notes = _Notes()
    logging.basicConfig(level=logging.INFO, handlers=[notes])
    load(sys.argv[2:])
    confine(limits.memory_bytes)
    while line := requests.readline():
        request = read_request(line)
        start_clock(limits.seconds, limits.cpu_seconds)
        data = requests.read(request.length)
        extraction = extract(data, request.kind, request.name, limits)
        del data
        _answer(responses, extraction, notes)


def _answer(responses: BufferedWriter, extraction: Extraction, notes: _Notes) -> None:
    spent = any(gap.reason is NotScreened.TOO_LARGE for gap in extraction.gaps)
    write_response(responses, Response(extraction, notes.taken(), spent))
    responses.flush()
    stop_clock()
    if spent:
        sys.exit()


if __name__ == "__main__":
    main()
