"""The piece table of an old Word document: characters by number, wherever they are stored."""

from __future__ import annotations

import struct
from bisect import bisect_right

from audit.extract.fib import Fib
from audit.extract.registry import Refused
from models.vocabulary import NotScreened

_PROPERTIES, _TABLE = 1, 2
_NARROW = 0x40000000


class Pieces:
    """The text of a document, put together from its pieces."""

    def __init__(self, main: bytes, table: bytes, fib: Fib) -> None:
        """Read the piece table.

        Raises:
            Refused: There is none, or it makes no sense.
        """
        self._main = main
        plc = _plc(fib.piece_table(table))
        pieces = (len(plc) - 4) // 12
        if pieces < 1:
            raise Refused(NotScreened.UNREADABLE, "no piece table")
        self._starts = struct.unpack_from(f"<{pieces + 1}I", plc)
        if any(a > b for a, b in zip(self._starts, self._starts[1:], strict=False)):
            raise Refused(NotScreened.UNREADABLE, "pieces out of order")
        at = 4 * (pieces + 1)
        self._places = [struct.unpack_from("<I", plc, at + 8 * n + 2)[0] for n in range(pieces)]

    def text(self, start: int, end: int) -> str:
        """The characters from one number to another."""
        found: list[str] = []
        index = max(0, bisect_right(self._starts, start) - 1)
        while start < end and index < len(self._places):
            stop = min(end, self._starts[index + 1])
            if stop > start:
                found.append(self._piece(index, start, stop))
                start = stop
            index += 1
        if start < end:
            raise Refused(NotScreened.UNREADABLE, "fewer characters than the header says")
        return "".join(found)

    def _piece(self, index: int, start: int, stop: int) -> str:
        at, width = self._where(index, start)
        raw = self._main[at : at + width * (stop - start)]
        if len(raw) < width * (stop - start):
            raise Refused(NotScreened.UNREADABLE, "text beyond the end of the file")
        # Unpaired halves of characters and the few bytes without a meaning come out as signs that
        # the check on nonsense counts.
        return raw.decode("utf-16-le" if width == 2 else "cp1252", "replace")

    def _where(self, index: int, character: int) -> tuple[int, int]:
        """The byte at which a character of a piece stands, and how many bytes it takes."""
        place = self._places[index]
        inside = character - self._starts[index]
        if place & _NARROW:
            return (place & (_NARROW - 1)) // 2 + inside, 1
        return (place & (_NARROW - 1)) + 2 * inside, 2

    def place(self, character: int) -> int:
        """The byte at which a character stands."""
        index = max(0, bisect_right(self._starts, character) - 1)
        return self._where(min(index, len(self._places) - 1), character)[0]


def _plc(clx: bytes) -> bytes:
    """The piece table behind the runs of properties that may stand before it."""
    at = 0
    while at + 5 <= len(clx):
        if clx[at] == _TABLE:
            size = struct.unpack_from("<I", clx, at + 1)[0]
            return clx[at + 5 : at + 5 + size]
        if clx[at] != _PROPERTIES:
            break
        at += 3 + struct.unpack_from("<H", clx, at + 1)[0]
    raise Refused(NotScreened.UNREADABLE, "no piece table")
