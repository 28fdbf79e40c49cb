"""One space's share of the reader's time: past it only what was read before is given."""

from __future__ import annotations

import logging
import time

from audit.pictures.reader import PictureReader
from audit.pictures.records import Reading, Sort
from models.vocabulary import NotScreened

_log = logging.getLogger(__name__)

#: Seconds a space's pictures may take in one screening. At 0.3 to 3 s a picture (measured) this is
#: some hundred pictures; a screening later goes on where this one stopped.
SPACE_SECONDS = 600.0
#: Pictures between two lines of the log.
_TELL_EVERY = 20


class Sitting:
    """Reads pictures until the time is used up; not kept from one screening to the next."""

    def __init__(self, reader: PictureReader, seconds: float = SPACE_SECONDS) -> None:
        self._reader = reader
        self._left = seconds
        self._read = 0
        #: How many pictures were left for another time.
        self.left_over = 0

    def read(self, data: bytes, sort: Sort = Sort.PICTURE) -> Reading:
        """Read one picture; past the time it is left over with the reason BUDGET."""
        known = self._reader.known(data, sort)
        if known is not None:
            return known
        if self._left <= 0:
            self.left_over += 1
            return Reading(reason=NotScreened.BUDGET)
        started = time.monotonic()
        reading = self._reader.read(data, sort)
        self._left -= time.monotonic() - started
        self._read += 1
        if self._read % _TELL_EVERY == 0:
            _log.info("%d pictures read, %.0f s left for this space", self._read, self._left)
        return reading
