"""Where a changed text came from: the map from its characters back to those of its source."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Positions = npt.NDArray[np.int64]


def _empty() -> array[int]:
    return array("q")


@dataclass(frozen=True, slots=True)
class OffsetMap:
    """Where a shortened or lengthened text differs from its source; all else runs in step.

    Entry *k* says: source characters ``source[k]`` to ``source[k] + taken[k]`` became ``made[k]``
    characters at ``at[k]``. Entries are in order.
    """

    at: array[int] = field(default_factory=_empty)
    made: array[int] = field(default_factory=_empty)
    source: array[int] = field(default_factory=_empty)
    taken: array[int] = field(default_factory=_empty)

    @classmethod
    def of(cls, changes: Iterable[tuple[int, int, int]]) -> OffsetMap:
        """Make a map from ``(source position, characters taken, characters made)``, in order."""
        table = np.array(list(changes), dtype=np.int64).reshape(-1, 3)
        return cls.from_arrays(table[:, 0], table[:, 1], table[:, 2])

    @classmethod
    def from_arrays(cls, source: Positions, taken: Positions, made: Positions) -> OffsetMap:
        """The same from arrays."""
        shift = np.cumsum(made - taken)
        at = source + shift - (made - taken)
        return cls(*(array("q", column.tobytes()) for column in (at, made, source, taken)))

    def __bool__(self) -> bool:
        return bool(self.at)

    def character(self, position: int) -> tuple[int, int]:
        """The source span of one character of the changed text."""
        index = bisect_right(self.at, position) - 1
        if index < 0:
            return position, position + 1
        inside = position - self.at[index] - self.made[index]
        end = self.source[index] + self.taken[index]
        if inside < 0:
            return self.source[index], end
        return end + inside, end + inside + 1

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The source span of a span; an empty span maps to an empty one before its character."""
        first = self.character(start)[0]
        return (first, first) if end <= start else (first, self.character(end - 1)[1])
