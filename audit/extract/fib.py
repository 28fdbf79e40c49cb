"""The header of an old Word document: which stream holds the tables, and where each part ends."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from audit.extract.registry import Refused
from models.vocabulary import NotScreened

_MAGIC = 0xA5EC
#: Before Word 97 the header was another.
_WORD_97 = 0x00C1
_ENCRYPTED, _TABLE_1 = 0x0100, 0x0200
#: Where the counts of characters stand among the long numbers, in the order of the text. What is
#: between headers and comments is of macros and shows nowhere.
_COUNTS = (
    ("", 3), ("脚注", 4), ("页眉", 5), (None, 6), ("批注", 7), ("尾注", 8), ("文本框", 9),
    ("页眉页脚·文本框", 10),
)  # fmt: skip
#: Pairs of offset and length in the table stream, by number ([MS-DOC] 2.5.6).
_STORIES, _PARAGRAPHS, _PIECES, _DRAWINGS = 11, 13, 33, 50


class Fib:
    """What is read of the file information block."""

    def __init__(self, main: bytes) -> None:
        """Read the header.

        Raises:
            Refused: It is encrypted, older than Word 97, or none.
        """
        if len(main) < 64 or struct.unpack_from("<H", main)[0] != _MAGIC:
            raise Refused(NotScreened.UNREADABLE, "no header of a Word document")
        version, flags = struct.unpack_from("<H", main, 2)[0], struct.unpack_from("<H", main, 10)[0]
        if flags & _ENCRYPTED:
            raise Refused(NotScreened.ENCRYPTED, "an encrypted document")
        if version < _WORD_97:
            raise Refused(NotScreened.UNSUPPORTED, f"a document of version {version:#x}")
        self.table_name = "1Table" if flags & _TABLE_1 else "0Table"
        words = struct.unpack_from("<H", main, 32)[0]
        longs_at = 34 + 2 * words + 2
        longs = struct.unpack_from("<H", main, longs_at - 2)[0]
        self._longs = struct.unpack_from(f"<{longs}i", main, longs_at)
        pairs_at = longs_at + 4 * longs + 2
        pairs = struct.unpack_from("<H", main, pairs_at - 2)[0]
        self._pairs = struct.unpack_from(f"<{2 * pairs}I", main, pairs_at)

    def parts(self) -> Iterator[tuple[str, int, int]]:
        """Each part with words, and the characters from and to which it reaches."""
        start = 0
        for name, index in _COUNTS:
            size = self._longs[index] if index < len(self._longs) else 0
            if size < 0:
                raise Refused(NotScreened.UNREADABLE, "a part of less than nothing")
            if name is not None:
                yield name, start, start + size
            start += size

    def _table(self, table: bytes, number: int) -> bytes:
        if 2 * number + 1 >= len(self._pairs):
            return b""
        offset, length = self._pairs[2 * number : 2 * number + 2]
        return table[offset : offset + length]

    def piece_table(self, table: bytes) -> bytes:
        """The structure that holds the piece table."""
        return self._table(table, _PIECES)

    def paragraph_table(self, table: bytes) -> bytes:
        """Where the pages with the properties of paragraphs are."""
        return self._table(table, _PARAGRAPHS)

    def drawings(self, table: bytes) -> bytes:
        """The drawings of the document."""
        return self._table(table, _DRAWINGS)

    def story_ends(self, table: bytes) -> list[int]:
        """Where each header or footer ends, in characters from the first one's start."""
        data = self._table(table, _STORIES)
        return list(struct.unpack(f"<{len(data) // 4}I", data[: len(data) // 4 * 4]))[1:]
