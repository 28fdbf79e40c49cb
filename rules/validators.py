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
from rules.licences import (
    credit_code,
    icp_number,
    is_region,
    malformed_map_approval,
    map_approval,
    school_licence,
)
from rules.quantities import implausible_quantity, wrong_conversion

Validator = Callable[[str], bool]

_SEPARATORS = re.compile(r"[\s\-_.·]")

_IDENTITY_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_IDENTITY_CHECKS = "10x98765432"  # GB 11643, by weighted sum modulo 11
_EARLIEST_BIRTH = 1900
_LATEST_BIRTH = 2099

#: Numbers that belong to nobody: an operator's service centre, shown in every manual.
_SAMPLE_NUMBERS = frozenset({"13800138000", "13900139000"})
_SPELT_DIGITS = str.maketrans(
    "零〇o一二三四五六七八九壹贰叁肆伍陆柒捌玖幺两", "00012345678912345678912"
)

#: Issuer prefixes with the lengths they are issued in (ISO/IEC 7812; the domestic ones of 9 and
#: 60 are older debit cards).
_CARDS: tuple[tuple[re.Pattern[str], frozenset[int]], ...] = tuple(
    (re.compile(prefix), frozenset(lengths))
    for prefix, lengths in (
        (r"62", range(16, 20)),  # China UnionPay
        (r"4", (16,)),  # Visa
        (r"5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720", (16,)),  # Mastercard
        (r"3[47]", (15,)),  # American Express
        (r"35[2-8]", (16,)),  # JCB
        (r"60|9[0-9]", range(16, 20)),
    )
)

#: Area codes with the lengths of the numbers behind them: ten cities of two digits, others of three.
_LAND = re.compile(r"(?:86)?(?:0?(?:10|2[0-57-9])[2-8]\d{7}|0?[3-9][1-9]\d[2-8]\d{6,7})")
#: What is called from everywhere, and belongs to a firm: no person's number.
_SERVICE = re.compile(r"(?:86)?[48]00\d{7}")


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
    if not re.fullmatch(r"\d{17}[\dx]", number, re.ASCII) or not is_region(number[:6]):
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


def old_identity_number(value: str) -> bool:
    """A 15-digit identity number, as issued till 1999: region and date of birth hold."""
    number = _bare(value)
    if not re.fullmatch(r"\d{15}", number, re.ASCII) or not is_region(number[:6]):
        return False
    return _is_date(_EARLIEST_BIRTH + int(number[6:8]), int(number[8:10]), int(number[10:12]))


def land_phone(value: str) -> bool:
    """A land line with its area code: 0595-2212 3456, (010)6609 6114; no service number."""
    number = re.sub(r"[+()]", "", _bare(value))
    return number.startswith(("0", "86")) and re.fullmatch(_LAND, number) is not None


def service_phone(value: str) -> bool:
    """A firm's number that is called from everywhere: 400 820 8820."""
    return re.fullmatch(_SERVICE, re.sub(r"[+()]", "", _bare(value))) is not None


def bank_card(value: str) -> bool:
    """A card number of an issuer's prefix, in a length it issues, with a right Luhn check digit."""
    number = _bare(value)
    if not re.fullmatch(r"\d{15,19}", number, re.ASCII):
        return False
    if not any(prefix.match(number) and len(number) in lengths for prefix, lengths in _CARDS):
        return False
    doubled = (int(d) * (1 + i % 2) for i, d in enumerate(reversed(number)))
    return sum(d - 9 if d > 9 else d for d in doubled) % 10 == 0


def qq_number(value: str) -> bool:
    """A QQ or QQ group number: five to eleven digits, the first not zero, not all the same."""
    number = _bare(value)
    return re.fullmatch(r"[1-9]\d{4,10}", number, re.ASCII) is not None and len(set(number)) > 1


def wechat_id(value: str) -> bool:
    """A WeChat identifier: a letter and 5 to 19 more, or the phone or QQ number used as one."""
    name = value.strip()
    if re.fullmatch(r"[a-z][a-z0-9_-]{5,19}", name, re.ASCII):
        return True
    return mobile_phone(name) or qq_number(name)


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
            old_identity_number,
            mobile_phone,
            land_phone,
            service_phone,
            bank_card,
            qq_number,
            wechat_id,
            credit_code,
            icp_number,
            school_licence,
            map_approval,
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
