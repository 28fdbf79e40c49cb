"""Quiet hours: times of day at which sites are left alone, such as school hours.

Written as ``07:30-12:00,14:00-17:30``, in the time of a named zone; ``22:00-06:00`` goes over
midnight, and ``24:00`` is midnight at the end of a day. Moments are compared in UTC, so that an hour
that a zone repeats or leaves out shifts nothing else.

Errors:
    QuietHoursError: the text or the zone cannot be read; configuration is refused, nothing starts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_SPAN = re.compile(r"([01]?\d|2[0-4])[::]([0-5]\d)\s*[-–—~]\s*([01]?\d|2[0-4])[::]([0-5]\d)")
_DAY = 24 * 60
#: Zones without summer time that are known although a bare system lacks the time-zone data base.
_KNOWN = {"Asia/Shanghai": timezone(timedelta(hours=8)), "UTC": UTC}


class QuietHoursError(ValueError):
    """Quiet hours that cannot be read; the message names the part and says how to write it."""


@dataclass(frozen=True, slots=True)
class QuietHours:
    """Times of day, in minutes from midnight, ``[start, end)``; an end before its start is the next day's."""

    spans: tuple[tuple[int, int], ...] = ()
    zone: tzinfo | None = None

    def until(self, now: datetime) -> datetime | None:
        """When the quiet time that ``now`` falls into ends, in UTC; None when it falls into none.

        Args:
            now: A moment with its zone.
        """
        if self.zone is None or not self.spans:
            return None
        moment = now.astimezone(UTC)
        today = now.astimezone(self.zone).date()
        periods = sorted(self._around(today))
        end: datetime | None = None
        # In order of their starts, so that one that begins before another has ended goes on from it.
        for start, stop in periods:
            if start <= (end or moment) < stop:
                end = stop
        return end

    def local(self, moment: datetime) -> str:
        """The time of day of a moment where the quiet hours apply."""
        return moment.astimezone(self.zone).strftime("%H:%M")

    def _around(self, today: date) -> Iterator[tuple[datetime, datetime]]:
        for offset in range(-1, 3):
            day = today + timedelta(days=offset)
            for start, stop in self.spans:
                over = _DAY if stop <= start else 0
                yield self._moment(day, start), self._moment(day, stop + over)

    def _moment(self, day: date, minutes: int) -> datetime:
        days, rest = divmod(minutes, _DAY)
        local = datetime(day.year, day.month, day.day, rest // 60, rest % 60, tzinfo=self.zone)
        return (local + timedelta(days=days)).astimezone(UTC)


def parse_quiet_hours(text: str, zone: str) -> QuietHours:
    """Read quiet hours; an empty text means none.

    Raises:
        QuietHoursError: A part is no span of time, the zone is unknown, or no hour is left.
    """
    parts = [part.strip() for part in re.split(r"[,,;;]", text) if part.strip()]
    hours = QuietHours(tuple(_span(part) for part in parts), time_zone(zone))
    if hours.spans and _covered(hours.spans) >= _DAY:
        raise QuietHoursError(f"{text!r} leaves no time of day to visit anything")
    return hours


def time_zone(name: str) -> tzinfo:
    """A zone by its name.

    Raises:
        QuietHoursError: There is none of this name.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        if name in _KNOWN:
            return _KNOWN[name]
        raise QuietHoursError(
            f"there is no time zone {name!r}; write one like Asia/Shanghai"
        ) from error


def _span(part: str) -> tuple[int, int]:
    match = _SPAN.fullmatch(part)
    if match is None:
        raise QuietHoursError(f"{part!r} is no span of time; write 07:30-12:00")
    hours = [int(group) for group in match.groups()]
    start, stop = hours[0] * 60 + hours[1], hours[2] * 60 + hours[3]
    if start >= _DAY or stop > _DAY:
        raise QuietHoursError(f"{part!r} has a time after 24:00")
    if start == stop:
        raise QuietHoursError(f"{part!r} begins when it ends")
    return start, stop


def _covered(spans: tuple[tuple[int, int], ...]) -> int:
    """Minutes of a day that are quiet."""
    quiet: set[int] = set()
    for start, stop in spans:
        end = stop if stop > start else stop + _DAY
        quiet.update(minute % _DAY for minute in range(start, end))
    return len(quiet)
