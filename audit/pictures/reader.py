"""The reader of pictures: a child process under limits, and a cache before it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Self

from audit.confined import ConfinedProcess
from audit.pictures.cache import ReadingCache
from audit.pictures.limits import DEFAULT, PictureLimits
from audit.pictures.records import Reading, Sort
from audit.pictures.wire import Request, receive, request_line
from models.vocabulary import NotScreened

#: Raised when the same picture would be read otherwise by our own doing.
VERSION = 1
#: Seconds a fresh process has to import its libraries and load the models.
START_SECONDS = 60.0
#: One thread: several readers and the browsers share the processors.
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OMP_THREAD_LIMIT"), "1")
#: Reasons that another try may change: they say how busy the machine was.
_PASSING = frozenset({NotScreened.TIMEOUT})


def reader_version() -> str:
    """Names what reads: our own version and those of the libraries whose models decide."""
    parts = (f"{name} {version(name)}" for name in ("rapidocr", "zxing-cpp", "pillow", "av"))
    return f"{VERSION}; {'; '.join(parts)}"


class PictureReader:
    """Reads pictures and films; not for several threads.

    Args:
        cache: The folder of what was read before; None keeps nothing.
        limits: What one picture or film may cost.
    """

    def __init__(self, cache: Path | None = None, limits: PictureLimits = DEFAULT) -> None:
        self._limits = limits
        self._cache = ReadingCache(cache) if cache is not None else None
        self.version = reader_version()
        #: How many pictures the child was asked to read.
        self.reads = 0
        arguments = [json.dumps(asdict(limits))]
        self._process = ConfinedProcess(
            "audit.pictures.child", arguments, START_SECONDS, _ONE_THREAD
        )

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

    def known(self, data: bytes, sort: Sort = Sort.PICTURE) -> Reading | None:
        """What was read of these bytes before; None when they must be read first."""
        return self._cache.get(self._key(data, sort)) if self._cache is not None else None

    def read(self, data: bytes, sort: Sort = Sort.PICTURE) -> Reading:
        """Read a picture or film; what goes wrong, in it or the child, is the reading's reason."""
        most = self._limits.film_bytes if sort is Sort.FILM else self._limits.picture_bytes
        if len(data) > most:
            return Reading(reason=NotScreened.TOO_LARGE)
        return self.known(data, sort) or self._asked(data, sort)

    def _asked(self, data: bytes, sort: Sort) -> Reading:
        self.reads += 1
        head = request_line(Request(sort, len(data)))
        answer = self._process.ask(head, data, receive, self._limits.seconds)
        reading = Reading(reason=answer) if isinstance(answer, NotScreened) else answer
        if reading.reason is NotScreened.TOO_LARGE:
            self._process.collect()
        if self._cache is not None and reading.reason not in _PASSING:
            self._cache.put(self._key(data, sort), reading)
        return reading

    def _key(self, data: bytes, sort: Sort) -> str:
        limits = json.dumps(asdict(self._limits), sort_keys=True)
        what = "\0".join((hashlib.sha256(data).hexdigest(), sort, self.version, limits))
        return hashlib.sha256(what.encode()).hexdigest()
