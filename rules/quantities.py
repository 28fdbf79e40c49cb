"""Whether a stated quantity can be true: things, measures and units against a table.

The table (``quantities.yaml``) holds wide ranges; only what lies outside one is a slip. A number
with a unit that the thing is not measured in is left alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from typing import NamedTuple, Self

import yaml
from pydantic import Field, model_validator

from rules.folding import fold
from rules.record import Record

#: How a single unit is written before what it makes: 1千米=1000米.
_ONE = ("1", "1 ", "一", "100", "1000")

#: How far a quantity may miss its range before it counts: figures are rounded.
_TOLERANCE = 1e-3

_DIGITS = {c: n for n, c in enumerate("零一二三四五六七八九")} | {"两": 2, "〇": 0}
_TENS = {"十": 10, "百": 100, "千": 1000}
_MYRIADS = {"万": 10**4, "亿": 10**8}
#: 3.5, 960万, 三百六十五; a sign only where no range or sum can be meant.
NUMBER = r"(?:(?:零下|(?<![\d\w)])-)?(?:\d+(?:\.\d+)?[百千]?[万亿]{0,2}|[零〇一二两三四五六七八九十百千万亿]+))"
#: 每小时 before a length makes a speed.
_PER = re.compile(r"每(?P<unit>小时|分钟?|秒)")
_PER_SECONDS = {"小": 3600.0, "分": 60.0, "秒": 1.0}


class Thing(Record):
    """What some things can measure, in the base unit of the measure."""

    of: tuple[str, ...] = Field(min_length=1)
    measure: str
    low: float
    high: float
    #: Words of which one has to stand in the statement; empty: none.
    say: tuple[str, ...] = ()
    #: The only units that count, for counts of this and that; empty: all of the measure.
    unit: tuple[str, ...] = ()


class _Table(Record):
    units: Mapping[str, Mapping[str, float]]
    things: tuple[Thing, ...]
    single: tuple[Thing, ...]

    @model_validator(mode="after")
    def _measures_are_known(self) -> Self:
        unknown = {thing.measure for thing in (*self.things, *self.single)} - set(self.units)
        if unknown:
            raise ValueError(f"unknown measures: {', '.join(sorted(unknown))}")
        return self

    def all(self) -> Iterator[Thing]:
        return iter((*self.things, *self.single))


class _Stated(NamedTuple):
    """A number and the unit after it, as written."""

    number: float
    unit: str
    before: str


@cache
def _table() -> _Table:
    text = (resources.files(__package__) / "quantities.yaml").read_text(encoding="utf-8")
    return _Table.model_validate(yaml.safe_load(fold(text).text))


def quantity_table() -> Mapping[str, object]:
    """The whole table, for the digest of what is held against a text."""
    return _table().model_dump(mode="json")


def word_lists() -> Mapping[str, tuple[str, ...]]:
    """The table's words, as lists that patterns name."""
    table = _table()
    units = [unit for measure in table.units.values() for unit in measure]
    units += [unit for thing in table.all() for unit in thing.unit]
    return {
        "measured": _words(table.things),
        "single": _words(table.single),
        "unit": tuple(dict.fromkeys(units)),
        "one-unit": tuple(dict.fromkeys(one + unit for unit in units for one in _ONE)),
    }


def _words(things: tuple[Thing, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word for thing in things for word in thing.of))


def parse_number(text: str) -> float | None:
    """Read a number written with digits, with 万 and 亿, or in Chinese; None when it is none."""
    sign = -1.0 if text.startswith(("-", "零下")) else 1.0
    plain = text.removeprefix("零下").removeprefix("-")
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([百千]?)([万亿]*)", plain)
    if match is None:
        number = _chinese_number(plain)
        return None if number is None else sign * number
    number = float(match[1]) * _TENS.get(match[2], 1)
    for myriad in match[3]:
        number *= _MYRIADS[myriad]
    return sign * number


def _chinese_number(text: str) -> float | None:
    total, section, digit = 0.0, 0.0, 0.0
    for character in text:
        if character in _DIGITS:
            digit = _DIGITS[character]
        elif character in _TENS:
            section += (digit or 1) * _TENS[character]
            digit = 0
        elif character in _MYRIADS:
            total = (total + section + digit or 1) * _MYRIADS[character]
            section = digit = 0
        else:
            return None
    return total + section + digit if text else None


@cache
def _ending() -> re.Pattern[str]:
    units = sorted(word_lists()["unit"], key=len, reverse=True)
    return re.compile(rf"(?P<number>{NUMBER})\s*(?P<unit>{'|'.join(map(re.escape, units))})$")


def _stated(value: str) -> _Stated | None:
    match = _ending().search(value)
    if match is None:
        return None
    number = parse_number(match["number"])
    return None if number is None else _Stated(number, match["unit"], value[: match.start()])


def _amounts(stated: _Stated) -> dict[str, float]:
    """What was stated, in the base unit of each measure that has the unit."""
    units = _table().units
    amounts = {
        measure: stated.number * known[stated.unit]
        for measure, known in units.items()
        if stated.unit in known
    }
    per = _PER.search(stated.before)
    if per is not None and "length" in amounts:
        amounts["speed"] = amounts.pop("length") / _PER_SECONDS[per["unit"][0]]
    return amounts


def _counted(thing: Thing, stated: _Stated) -> float | None:
    """What was stated as a count of the thing, where the thing has counting units of its own."""
    if stated.unit not in thing.unit:
        return None
    factor = _table().units["count"].get(stated.unit[0], 1.0)
    return stated.number * factor


def _named(statement: str) -> list[Thing]:
    """The things with the longest name that the statement begins with, else holds."""
    best = 0
    named: list[Thing] = []
    for thing in _table().all():
        length = max((len(word) for word in thing.of if word in statement), default=0)
        if length > best:
            best, named = length, []
        if length == best and length:
            named.append(thing)
    return named


def implausible_quantity(value: str) -> bool:
    """A thing, and a number with a unit after it, that cannot belong together."""
    stated = _stated(value) or _stated(_turned(value))
    if stated is None:
        return False
    verdicts = [
        _out_of_range(amount, thing)
        for thing in _named(stated.before)
        if not thing.say or any(word in stated.before for word in thing.say)
        if (amount := _amount(thing, stated)) is not None
    ]
    return bool(verdicts) and all(verdicts)


def _turned(value: str) -> str:
    """``100°c时结冰`` as ``结冰100°c``: the number first, then what it is said of."""
    match = re.match(rf"({NUMBER}\s*(?:°c|摄氏度|度))\D*?([\u4e00-\u9fff]{{2,3}})$", value)
    return match[2] + match[1] if match else value


def _amount(thing: Thing, stated: _Stated) -> float | None:
    if thing.unit:
        return _counted(thing, stated)
    return _amounts(stated).get(thing.measure)


def _out_of_range(amount: float, thing: Thing) -> bool:
    return not (
        thing.low - abs(thing.low) * _TOLERANCE
        <= amount
        <= thing.high + abs(thing.high) * _TOLERANCE
    )


def wrong_conversion(value: str) -> bool:
    """``1千米=100米``: a unit stated as the wrong number of another of the same measure."""
    first, _, second = re.sub(r"等于|是|有|=", "=", value, count=1).partition("=")
    one, other = _stated(first.strip()), _stated(second.strip())
    if one is None or other is None or one.before or other.before:
        return False
    left, right = _amounts(one), _amounts(other)
    shared = left.keys() & right.keys() - {"count", "temperature", "angle"}
    return bool(shared) and not any(
        abs(left[measure] - right[measure]) <= 0.01 * abs(left[measure]) for measure in shared
    )
