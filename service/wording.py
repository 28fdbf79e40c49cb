"""How values are put before officers: local times, sizes, and personal numbers half hidden."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

from models.manifest import Manifest

#: The officers' time. An offset, since a bare system may lack the time-zone data base.
CHINA = timezone(timedelta(hours=8))

#: The numbers of the ministry's notice of 2017, as people write them (in full width too): identity
#: and bank-card numbers, mobile numbers with or without the country before them.
_PERSONAL_NUMBER = re.compile(
    r"(?<!\d)(?:[1-9]\d{5}[ -]?(?:19|20)\d{2}[ -]?\d{4}[ -]?\d{3}[\dXxＸｘ]"
    r"|[3-6９9]\d{3}(?:[ -]?\d{4}){3}(?:[ -]?\d{1,3})?|(?:\+?86[ -]?)?[1１][3-9３-９]\d(?:[ -]?\d{4}){2})(?!\d)"
)
#: What is personal by the word before it: date of birth, address, school-roll number, the rest.
_PERSONAL_BY_LABEL = re.compile(
    r"(?:出生(?:日期|年月日?|时间)|生日|家庭(?:住址|地址)|家庭详细地址|现?住址|居住地址|学籍(?:辅)?号|身份证(?:件)?号?码?"
    r"|护照号?码?|身份证后[四六八46八]位)\s*[:：|是为]\s*(?P<said>[^\s。；;|,，]{4,40})"
)
#: A mobile number spelt out or with something put between its digits.
_SPELT_DIGIT = "0-9零〇一二三四五六七八九壹贰叁肆伍陆柒捌玖幺"
_SPELT_NUMBER = re.compile(
    rf"(?<![{_SPELT_DIGIT}])[1一壹幺][.*·_ -]?[3-9三四五六七八九叁肆伍陆柒捌玖](?:[.*·_ -]?[{_SPELT_DIGIT}]){{9}}(?![{_SPELT_DIGIT}])"
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
    """The text with the ends of personal data hidden; as long as before, so that spans hold.

    Hidden are the five kinds of the ministry's notice of 2017 (identity, bank-card and phone
    numbers; dates of birth and addresses where a word says so), and numbers on the school roll.
    """
    for pattern in (_PERSONAL_NUMBER, _SPELT_NUMBER):
        text = pattern.sub(lambda found: _hidden(found.group()), text)
    return _PERSONAL_BY_LABEL.sub(_labelled, text)


def _labelled(found: re.Match[str]) -> str:
    start = found.start("said") - found.start()
    whole = found.group()
    return whole[:start] + _hidden(whole[start:])


def _hidden(found: str) -> str:
    return found[:_SHOWN_OF_NUMBER] + "*" * (len(found) - _SHOWN_OF_NUMBER)
