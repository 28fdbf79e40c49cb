"""What a pattern cannot say: checks of numbers and dates, as small pure functions.

Each takes the folded text that a rule's pattern captured (its group ``value``, else the whole
match) and answers whether the rule's hit stands. A rule names one by its key in
:data:`VALIDATORS`.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable, Mapping
from datetime import date
from types import MappingProxyType

from rules.events import misdated
from rules.quantities import implausible_quantity, wrong_conversion

Validator = Callable[[str], bool]

_SEPARATORS = re.compile(r"[\s\-_.·]")

#: First two digits of a region code (GB/T 2260): the provinces, and the residence permits' 81-83.
_PROVINCES = re.compile(r"1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71|8[1-3]")
_IDENTITY_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_IDENTITY_CHECKS = "10x98765432"  # GB 11643, by weighted sum modulo 11
_EARLIEST_BIRTH = 1900
_LATEST_BIRTH = 2099

#: Numbers that belong to nobody: an operator's service centre, shown in every manual.
_SAMPLE_NUMBERS = frozenset({"13800138000", "13900139000"})
_SPELT_DIGITS = str.maketrans(
    "零〇o一二三四五六七八九壹贰叁肆伍陆柒捌玖幺两", "00012345678912345678912"
)

#: Issuer prefixes: China UnionPay, Visa, Mastercard, and older domestic debit cards.
_CARD_PREFIX = re.compile(r"(?:62|60|4|5[1-5]|9[0-9])")

#: 审图号 as issued: GS(2019)1234号, GS京(2022)0123号, 闽S(2021)99号, 京审字(2020)第001号.
_MAP_APPROVAL = re.compile(
    r"(?:gs[\u4e00-\u9fff]{0,2}|[\u4e00-\u9fff]{1,2}s|[\u4e00-\u9fff]{1,3}审字)"
    r"[(\[〔【](?:19|20)\d\d[)\]〕】]第?\d{1,5}号?"
)


def _bare(value: str) -> str:
    return _SEPARATORS.sub("", value)


def _is_date(year: int, month: int, day: int) -> bool:
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True


def identity_number(value: str) -> bool:
    """An 18-character resident identity number: region, date of birth and check character hold."""
    number = _bare(value)
    if not re.fullmatch(r"\d{17}[\dx]", number, re.ASCII) or not _PROVINCES.match(number):
        return False
    year, month, day = int(number[6:10]), int(number[10:12]), int(number[12:14])
    if not _EARLIEST_BIRTH <= year <= _LATEST_BIRTH or not _is_date(year, month, day):
        return False
    total = sum(int(d) * w for d, w in zip(number, _IDENTITY_WEIGHTS, strict=False))
    return _IDENTITY_CHECKS[total % 11] == number[17]


def mobile_phone(value: str) -> bool:
    """A mainland mobile number of eleven digits, with or without 86 before it; no sample number."""
    number = re.sub(r"^\+?86", "", _bare(value))
    if number in _SAMPLE_NUMBERS:
        return False
    return re.fullmatch(r"1[3-9]\d{9}", number, re.ASCII) is not None


def spelt_mobile(value: str) -> bool:
    """A mobile number written in Chinese digits or with something between single digits."""
    plain = re.sub(r"[\s.*·\-—_]", "", value).translate(_SPELT_DIGITS)
    return mobile_phone(plain) and re.fullmatch(r"\d{11}|\d{3}[ -]\d{4}[ -]\d{4}", value) is None


def bank_card(value: str) -> bool:
    """A card number of 16 to 19 digits with a known prefix and a right Luhn check digit."""
    number = _bare(value)
    if not re.fullmatch(r"\d{16,19}", number, re.ASCII) or not _CARD_PREFIX.match(number):
        return False
    doubled = (int(d) * (1 + i % 2) for i, d in enumerate(reversed(number)))
    return sum(d - 9 if d > 9 else d for d in doubled) % 10 == 0


def qq_number(value: str) -> bool:
    """A QQ or QQ group number: five to eleven digits, the first not zero, not a calendar year."""
    number = _bare(value)
    return re.fullmatch(r"[1-9]\d{4,10}", number, re.ASCII) is not None


def wechat_id(value: str) -> bool:
    """A WeChat identifier: a letter and 5 to 19 more, or the phone or QQ number used as one."""
    name = value.strip()
    if re.fullmatch(r"[a-z][a-z0-9_-]{5,19}", name, re.ASCII):
        return True
    return mobile_phone(name) or qq_number(name)


def malformed_map_approval(value: str) -> bool:
    """A 审图号 that is not of an issued form."""
    return _MAP_APPROVAL.match(re.sub(r"\s", "", value)) is None


def impossible_date(value: str) -> bool:
    """A date that no calendar has: a 13th month, 30 February; 29 February of a common year."""
    numbers = [int(number) for number in re.findall(r"\d+", value)]
    if len(numbers) == 2:
        month, day = numbers
        year = 2000  # without a year, 29 February is possible
    elif len(numbers) == 3:
        year, month, day = numbers
    else:
        return False
    if not 1 <= month <= 12 or day < 1:
        return True
    return day > monthrange(min(max(year, 1), 9999), month)[1]


def impossible_time(value: str) -> bool:
    """A time of day that no clock shows; 24:00 is the end of a day."""
    numbers = [int(number) for number in re.findall(r"\d+", value)]
    if not numbers:
        return False
    hour, minute = [*numbers, 0][:2]
    return hour > 24 or minute > 59 or (hour == 24 and minute > 0)


VALIDATORS: Mapping[str, Validator] = MappingProxyType(
    {
        check.__name__: check
        for check in (
            identity_number,
            mobile_phone,
            bank_card,
            qq_number,
            wechat_id,
            malformed_map_approval,
            impossible_date,
            impossible_time,
            implausible_quantity,
            wrong_conversion,
            misdated,
            spelt_mobile,
        )
    }
)
