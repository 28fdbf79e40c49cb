"""Numbers that offices issue: regions, credit codes, site and school licences, map approvals.

Each takes the folded text that a pattern captured, as in :mod:`rules.validators`.
"""

from __future__ import annotations

import re

#: First two digits of a region code (GB/T 2260): the provinces, and the residence permits' 81-83.
_PROVINCES = re.compile(r"1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71|8[1-3]")
#: How the provinces are called in one character, as number plates and site licences begin.
_PROVINCE_NAMES = "京津冀晋蒙辽吉黑沪苏浙皖闽赣鲁豫鄂湘粤桂琼渝川蜀黔贵滇云藏陕秦甘陇青宁新"

#: GB 32100: the characters of a credit code by their value, and the weights of the first 17.
_CREDIT_CHARACTERS = "0123456789abcdefghjklmnpqrtuwxy"
_CREDIT_WEIGHTS = tuple(3**place % 31 for place in range(17))
#: Who registers (编制, 外交, 司法, 文化, 民政, 旅游, 宗教, 工会, 工商, 军队, 农业, 其他) and as what.
_CREDIT_FORM = re.compile(r"[1-9any][1-59]\d{6}[0-9a-hj-npqrtuwxy]{9}[0-9a-hj-npqrtuwxy]")

#: 闽ICP备12345678号-1, 京ICP证030173号.
_ICP = re.compile(
    rf"[{_PROVINCE_NAMES}]icp(?:备(?:\d{{8}}|\d{{10}})|证b?\d?-?\d{{6,8}})号?(?:-\d{{1,3}})?"
)
#: 教民135050230000018号: kind of school, region, level, serial number.
_SCHOOL = re.compile(r"教民(?P<kind>[1-6])(?P<region>\d{6})(?P<rest>\d{8})号?")
#: 审图号 as issued: GS(2019)1234号, GS京(2022)0123号, 闽S(2021)99号, 京审字(2020)第001号.
_MAP_APPROVAL = re.compile(
    r"(?:gs[\u4e00-\u9fff]{0,2}|[\u4e00-\u9fff]{1,2}s|[\u4e00-\u9fff]{1,3}审字)"
    r"[(\[〔【](?:19|20)\d\d[)\]〕】]第?\d{1,5}号?"
)


def _written(value: str) -> str:
    return re.sub(r"\s", "", value)


def is_region(code: str) -> bool:
    """Whether six digits can be a region code that people are registered under: a province and a city.

    The county may be 00: cities without counties (东莞 441900) register under it.
    """
    return _PROVINCES.match(code) is not None and code[2:4] != "00"


def credit_code(value: str) -> bool:
    """A 统一社会信用代码 of 18 characters: who registers, region and check character hold."""
    code = re.sub(r"[\s-]", "", value)
    if not _CREDIT_FORM.fullmatch(code) or not (
        code[2:8] == "100000" or _PROVINCES.match(code[2:])
    ):
        return False
    total = sum(
        _CREDIT_CHARACTERS.index(c) * weight
        for c, weight in zip(code, _CREDIT_WEIGHTS, strict=False)
    )
    return _CREDIT_CHARACTERS[(31 - total % 31) % 31] == code[17]


def icp_number(value: str) -> bool:
    """A site's record or licence number: 闽ICP备12345678号-1."""
    return _ICP.fullmatch(_written(value)) is not None


def school_licence(value: str) -> bool:
    """The number of a private school's or training centre's 办学许可证."""
    match = _SCHOOL.fullmatch(_written(value))
    return match is not None and _PROVINCES.match(match["region"]) is not None


def map_approval(value: str) -> bool:
    """A 审图号 of an issued form."""
    return _MAP_APPROVAL.match(_written(value)) is not None


def malformed_map_approval(value: str) -> bool:
    """A 审图号 that is not of an issued form."""
    return not map_approval(value)
