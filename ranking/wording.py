"""Numbers and times as officers read them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

CHINA = timezone(timedelta(hours=8))


def moment(at: datetime) -> str:
    """A time in China, to the minute."""
    return at.astimezone(CHINA).strftime("%Y-%m-%d %H:%M")


def number(value: float) -> str:
    """A number with two decimals at most."""
    return f"{value:.2f}".rstrip("0").rstrip(".")
