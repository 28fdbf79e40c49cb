"""The forms of one text that rules are held against: the folded one, and that one loosened."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from rules.folding import Folded
from rules.loosening import dense_skips, loosen
from rules.offsets import Positions

#: How far from its anchor a pattern may match, in folded characters.
ANCHOR_REACH = 80
#: How far from what was skipped a pattern is tried on loosened text.
_SKIP_REACH = 40

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Reading:
    """One of the two forms, with where in it it is worth looking."""

    text: str
    loosened: Folded | None = None
    #: Where a pattern is worth trying; None is everywhere.
    reach: tuple[Span, ...] | None = None
    #: Where a phrase can be that only this reading shows, or an anchor; None is everywhere.
    windows: tuple[Span, ...] | None = None
    #: Where a phrase can be that cancels one of those.
    wide: tuple[Span, ...] | None = None

    @classmethod
    def loose(cls, folded: Folded, longest: int) -> Reading | None:
        """The loosened reading, or None where nothing was put between the characters.

        A phrase matters if it holds a skip, cancels one that does, or is the anchor of a pattern
        that may; so much of a text need not be scanned again.
        """
        loosened = loosen(folded)
        if loosened is None:
            return None
        length = len(loosened.text)
        dense = dense_skips(folded, loosened)
        reach = _windows_at(dense, length, _SKIP_REACH)
        skips = np.array(loosened.offsets.at)
        narrow, wide = (_windows_at(skips, length, times * longest) for times in (1, 2))
        anchored = _windows_at(dense, length, _SKIP_REACH + ANCHOR_REACH + longest)
        windows, wide = (windows_around(some + anchored, length) for some in (narrow, wide))
        return cls(loosened.text, loosened, tuple(reach), tuple(windows), tuple(wide))

    def folded_span(self, start: int, end: int) -> Span:
        """A span of this reading in the folded text."""
        return (start, end) if self.loosened is None else self.loosened.original(start, end)

    def adds(self, start: int, end: int) -> bool:
        """Whether only this reading shows the span whole: something inside it was skipped."""
        if self.loosened is None:
            return True
        first, last = self.loosened.original(start, end)
        return last - first != end - start


def _windows_at(at: Positions, length: int, reach: int) -> list[Span]:
    """What lies within reach of some positions, joined where it overlaps."""
    if not at.size:
        return []
    parted = (at[1:] - at[:-1] > 2 * reach).nonzero()[0]
    first = np.maximum(at[np.concatenate(([0], parted + 1))] - reach, 0).tolist()
    last = np.minimum(at[np.concatenate((parted, [at.size - 1]))] + reach, length).tolist()
    return list(zip(first, last, strict=True))


def windows_around(spans: Iterable[Span], length: int, reach: int = 0) -> list[Span]:
    """What lies within reach of some spans, joined where it overlaps."""
    windows: list[Span] = []
    for start, end in sorted(spans):
        first, last = max(0, start - reach), min(length, end + reach)
        if windows and first <= windows[-1][1]:
            windows[-1] = (windows[-1][0], max(last, windows[-1][1]))
        else:
            windows.append((first, last))
    return windows


def shared_windows(some: Sequence[Span], others: Sequence[Span]) -> list[Span]:
    """What two lists of windows have in common."""
    return [(max(a, c), min(b, d)) for a, b in some for c, d in others if max(a, c) < min(b, d)]
