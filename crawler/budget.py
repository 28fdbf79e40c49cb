"""What one visit may take of time and bytes; what it cuts off goes to the ledger, said in words."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from crawler.task import Limits

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


class VisitBudget:
    """Minutes at work and bytes brought home.

    Time counts only while the visit is at work: not while it waits for its turn among others, for its
    next round, for quiet hours to end, or for a site that asked to be left alone.
    """

    def __init__(
        self, limits: Limits, held: Callable[[], float], fetched: Callable[[], int]
    ) -> None:
        """Hold a visit to ``limits``.

        Args:
            limits: The visit's limits.
            held: For how long it has been held back, in seconds.
            fetched: How many bytes it brought home.
        """
        self._limits = limits
        self._held = held
        self._fetched = fetched
        self._worked = 0.0
        self._since: float | None = None
        self._held_before = 0.0

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Count the time within."""
        self._since, self._held_before = time.monotonic(), self._held()
        try:
            yield
        finally:
            self._worked = self.seconds
            self._since = None

    @property
    def seconds(self) -> float:
        """At work so far."""
        if self._since is None:
            return self._worked
        held = self._held() - self._held_before
        return self._worked + max(0.0, time.monotonic() - self._since - held)

    def spent(self) -> str:
        """Which part of the budget is used up, in words for the ledger; empty when none is."""
        if self.seconds > self._limits.visit_minutes * 60:
            return f"访问超过 {self._limits.visit_minutes:g} 分钟"
        if self._fetched() > self._limits.max_visit_bytes:
            return f"一次访问取回的内容超过 {size_words(self._limits.max_visit_bytes)}"
        return ""


def size_words(size: int) -> str:
    """A number of bytes in the largest unit that keeps it over one."""
    value, unit = float(size), 0
    while value >= 1024 and unit < len(_UNITS) - 1:
        value, unit = value / 1024, unit + 1
    return f"{value:.4g} {_UNITS[unit]}"
