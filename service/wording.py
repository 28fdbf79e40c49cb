"""How values are put before officers: local times, sizes, and personal numbers half hidden."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

from models.manifest import Manifest

#: The officers' time. An offset, since a bare system may lack the time-zone data base.
CHINA = timezone(timedelta(hours=8))

#: Identity-card numbers and mobile numbers, as people write them.
_PERSONAL_NUMBER = re.compile(
    r"(?<![0-9])(?:[1-9][0-9]{16}[0-9Xx]|1[3-9][0-9](?:[ -]?[0-9]{4}){2})(?![0-9])"
)
#: Leading characters of a personal number that stay readable: enough to find it on the page.
_SHOWN_OF_NUMBER = 4


def local_time(moment: datetime | None, *, seconds: bool = False) -> str:
    """A moment in the officers' time, "" for none."""
    if moment is None:
        return ""
    return moment.astimezone(CHINA).strftime("%Y-%m-%d %H:%M:%S" if seconds else "%Y-%m-%d %H:%M")


def size_text(size: int | None) -> str:
    """A file size for people, "" when it is not known."""
    if size is None:
        return ""
    if size < 1024:
        return f"{size} B"
    amount, unit = (size / 1024, "KB") if size < 1024 * 1024 else (size / 1024 / 1024, "MB")
    return f"{amount:.1f} {unit}"


def manners_text(manifest: Manifest) -> list[str]:
    """By what right and how sparingly a space was visited, a sentence each."""
    said = []
    if manifest.robots_authority:
        said.append(f"robots.txt 不许机器人访问的地方,经书面同意后访问:{manifest.robots_authority}")
    kept = manifest.politeness
    if kept is None:
        return said
    if kept.asked_spacing:
        said.append(
            f"robots.txt 要求每次访问间隔 {kept.asked_spacing:g} 秒,实际间隔 {kept.kept_spacing or 0:g} 秒"
        )
    said += [
        f"网站 {pause.site} 要求暂停访问,至 {local_time(pause.until, seconds=True)} 未再访问"
        for pause in kept.pauses
    ]
    if kept.quiet_seconds:
        said.append(f"因安静时段({kept.quiet_hours})暂停 {kept.quiet_seconds / 60:.0f} 分钟")
    if kept.fewest is not None:
        said.append(f"网站吃力时,同时请求数降到 {kept.fewest}")
    return said


def masked(text: str) -> str:
    """The text with the ends of personal numbers hidden; as long as before, so that spans hold."""
    return _PERSONAL_NUMBER.sub(_hidden, text)


def _hidden(number: re.Match[str]) -> str:
    found = number.group()
    return found[:_SHOWN_OF_NUMBER] + "*" * (len(found) - _SHOWN_OF_NUMBER)
