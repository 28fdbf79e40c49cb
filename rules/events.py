"""Whether a dated event is dated rightly: events and their years, against a table."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib import resources

import yaml

from rules.folding import fold


@cache
def event_years() -> Mapping[str, range]:
    """By event, folded, the years in which it began, went on and ended."""
    text = (resources.files(__package__) / "events.yaml").read_text(encoding="utf-8")
    table: Mapping[str, list[int]] = yaml.safe_load(text)
    return {fold(event).text: range(min(y), max(y) + 1) for event, y in table.items()}


def misdated(value: str) -> bool:
    """An event of the table with a year of four digits that is none of its years."""
    events = [event for event in event_years() if event in value]
    year = re.search(r"(?<!\d)\d{4}(?!\d)", value)
    if not events or year is None:
        return False
    return int(year.group()) not in event_years()[max(events, key=len)]
