"""Extraction in a process of its own, so that no file can hang, swell or crash the product.

What goes wrong with the process is a gap of the file with the reason that ``audit.confined``
names: TIMEOUT, TOO_LARGE or UNREADABLE.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from types import TracebackType
from typing import Self

from audit.confined import ConfinedProcess
from audit.extract.limits import DEFAULT, Limits
from audit.extract.records import Extraction, Gap
from audit.extract.wire import Request, read_response, request_line
from models.vocabulary import NotScreened, ResourceKind

_log = logging.getLogger(__name__)

#: Seconds a fresh process has to import its libraries, on top of the first file's own time.
START_SECONDS = 30.0


class ExtractionWorker:
    """A long-lived child process that reads one file after another; not for several threads.

    Args:
        limits: What one file may cost; the child gets the same.
        modules: Further modules with extractors to load in the child, after the built-in ones.
    """

    def __init__(self, limits: Limits = DEFAULT, modules: Sequence[str] = ()) -> None:
        self._limits = limits
        arguments = [json.dumps(asdict(limits)), *modules]
        self._process = ConfinedProcess("audit.extract.child", arguments, START_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the child."""
        self._process.close()

    def extract(self, data: bytes, kind: ResourceKind, name: str) -> Extraction:
        """Read one file; what goes wrong, in the file or the child, is a gap of the answer."""
        if len(data) > self._limits.file_bytes:
            return _unread(name, NotScreened.TOO_LARGE)
        head = request_line(Request(name, kind, len(data)))
        read = partial(read_response, limits=self._limits)
        response = self._process.ask(head, data, read, self._limits.seconds)
        if isinstance(response, NotScreened):
            return _unread(name, response)
        if response.spent:
            self._process.collect()
        for line in response.log:
            _log.info("%s: %s", name, line)
        return response.extraction


def _unread(name: str, reason: NotScreened) -> Extraction:
    return Extraction(gaps=(Gap(name, reason),))
