"""The forms of one text that rules are held against: the folded one, and that one loosened."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rules.folding import Folded
from rules.loosening import dense_skips, loosen

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
    #: Where a phrase can matter to what only this reading shows; None is everywhere.
    windows: tuple[Span, ...] | None = None

    @classmethod
    def loose(cls, folded: Folded, longest: int) -> Reading | None:
        """The loosened reading, or None where nothing was put between the characters.

        A phrase matters if it holds a skip, cancels one that does, or is the anchor of a pattern
        that may; so most of a text need not be scanned again.
        """
        loosened = loosen(folded)
        if loosened is None:
            return None
        length = len(loosened.text)
        dense = [(at, at) for at in dense_skips(folded, loosened)]
        reach = windows_around(dense, length, _SKIP_REACH)
        around = windows_around(((at, at) for at in loosened.offsets.at), length, 2 * longest)
        anchored = windows_around(dense, length, _SKIP_REACH + ANCHOR_REACH + longest)
        return cls(
            loosened.text, loosened, tuple(reach), tuple(windows_around(around + anchored, length))
        )

    def folded_span(self, start: int, end: int) -> Span:
        """A span of this reading in the folded text."""
        return (start, end) if self.loosened is None else self.loosened.original(start, end)

    def adds(self, start: int, end: int) -> bool:
        """Whether only this reading shows the span whole: something inside it was skipped."""
        if self.loosened is None:
            return True
        first, last = self.loosened.original(start, end)
        return last - first != end - start


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
