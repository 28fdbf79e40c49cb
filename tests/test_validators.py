"""Checks of numbers and dates: what stands, and its near misses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.events import misdated
from rules.licences import (
    credit_code,
    icp_number,
    malformed_map_approval,
    map_approval,
    school_licence,
)
from rules.quantities import implausible_quantity, parse_number, wrong_conversion
from rules.validators import (
    VALIDATORS,
    bank_card,
    identity_number,
    impossible_date,
    impossible_time,
    land_phone,
    mobile_phone,
    old_identity_number,
    qq_number,
    service_phone,
    spelt_mobile,
    wechat_id,
)


@pytest.mark.parametrize(
    ("value", "stands"),
    [
        ("350502201003071236", True),
        ("35050219850412002x", True),
        ("350502 20100307 1236", True),
        ("350502201003071235", False),  # check digit
        ("350502201013071236", False),  # 13th month
        ("350502201002301230", False),  # 30 February
        ("990502201003071236", False),  # no such region
        ("350002201003071239", False),  # a province without a city
        ("35050220100307123", False),  # 17 digits
        ("35050220100307123x6", False),
        ("", False),
    ],
)
def test_identity_number(value: str, stands: bool) -> None:
    assert identity_number(value) is stands


@given(st.sampled_from("0123456789x"), st.integers(0, 17))
def test_one_changed_character_breaks_an_identity_number(character: str, at: int) -> None:
    number = "350502201003071236"
    changed = number[:at] + character + number[at + 1 :]
    assert identity_number(changed) is (changed == number)


@pytest.mark.parametrize(
    ("value", "stands"),
    [
        ("13859712345", True),
        ("+86 138 5971 2345", True),
        ("138-5971-2345", True),
        ("12859712345", False),
        ("1385971234", False),
        ("138597123456", False),
        ("13800138000", False),  # an operator's number, in every manual
    ],
)
def test_mobile_phone(value: str, stands: bool) -> None:
    assert mobile_phone(value) is stands


@pytest.mark.parametrize(
    ("value", "stands"),
    [
        ("6222020200112233446", True),
        ("4111 1111 1111 1111", True),
        ("6222020200112233447", False),  # Luhn
        ("1111111111111117", False),  # no issuer
        ("378282246310005", True),  # fifteen digits
        ("3782822463100050", False),  # of an issuer that has fifteen
        ("411111111111111100", False),  # an issuer of sixteen, eighteen digits
        ("5105105105105100", True),
        ("5605105105105104", False),
        ("622202020011", False),
    ],
)
def test_bank_card(value: str, stands: bool) -> None:
    assert bank_card(value) is stands


@pytest.mark.parametrize(
    ("value", "stands"),
    [
        ("12345", True),
        ("98765432101", True),
        ("01234", False),
        ("1234", False),
        ("12a45", False),
        ("11111", False),
    ],
)
def test_qq_number(value: str, stands: bool) -> None:
    assert qq_number(value) is stands


@pytest.mark.parametrize(
    ("value", "stands"),
    [
        ("abc_12", True),
        ("13859712345", True),
        ("1abcdef", False),
        ("abcde", False),
        ("微信", False),
    ],
)
def test_wechat_id(value: str, stands: bool) -> None:
    assert wechat_id(value) is stands


@pytest.mark.parametrize(
    ("value", "stands"),
    [
        ("350502850412002", True),
        ("350502851312002", False),  # 13th month
        ("990502850412002", False),  # no such region
        ("35050285041200", False),
        ("350502201003071236", False),
    ],
)
def test_old_identity_number(value: str, stands: bool) -> None:
    assert old_identity_number(value) is stands


@pytest.mark.parametrize(
    ("value", "stands"),
    [
        ("0595-22123456", True),
        ("(010)66096114", True),
        ("86 595 2212 3456", True),
        ("010-1234567", False),  # too short for Beijing
        ("0595-12212345", False),  # no number begins with 1
        ("22123456", False),  # without an area code
        ("13859712345", False),
        ("0000-1234567", False),
        ("2022-2212345", False),
    ],
)
def test_land_phone(value: str, stands: bool) -> None:
    assert land_phone(value) is stands


@pytest.mark.parametrize(
    ("value", "stands"),
    [("400-820-8820", True), ("8008208820", True), ("400820882", False), ("5008208820", False)],
)
def test_service_phone(value: str, stands: bool) -> None:
    assert service_phone(value) is stands


@pytest.mark.parametrize(
    ("value", "stands"),
    [
        ("91350100m000100y43", True),
        ("91350100M000100Y43".lower(), True),
        ("91350100m000100y44", False),  # check character
        ("91350100i000100y43", False),  # no letter I in a code
        ("99350100m000100y43", False),  # no such kind
        ("91990100m000100y43", False),  # no such province
        ("91350100m000100y4", False),
        ("350502201003071236", False),  # an identity number is none
    ],
)
def test_credit_code(value: str, stands: bool) -> None:
    assert credit_code(value) is stands


@pytest.mark.parametrize(
    ("value", "stands"),
    [
        ("闽icp备12345678号", True),
        ("闽icp备12345678号-1", True),
        ("京icp证030173号", True),
        ("京icp 备 2021012345 号", True),
        ("福icp备12345678号", False),  # no province is called so
        ("闽icp备1234号", False),
        ("icp备12345678号", False),
    ],
)
def test_icp_number(value: str, stands: bool) -> None:
    assert icp_number(value) is stands


@pytest.mark.parametrize(
    ("value", "stands"),
    [
        ("教民135050230000018号", True),
        ("教民 135050230000018", True),
        ("教民199050230000018号", False),  # no such province
        ("教民13505023000001号", False),
        ("135050230000018", False),
    ],
)
def test_school_licence(value: str, stands: bool) -> None:
    assert school_licence(value) is stands


@pytest.mark.parametrize(
    ("value", "malformed"),
    [
        ("gs(2019)1822号", False),
        ("gs京(2022)0123号", False),
        ("闽s〔2021〕99号", False),
        ("京审字(2020)第001号", False),
        ("gs1822", True),
        ("2019年1822号", True),
        ("gs(19)1822号", True),
    ],
)
def test_map_approval(value: str, malformed: bool) -> None:
    assert malformed_map_approval(value) is malformed
    assert map_approval(value) is not malformed


@pytest.mark.parametrize(
    ("value", "impossible"),
    [
        ("2月30日", True),
        ("2021年2月29日", True),
        ("2020年2月29日", False),
        ("2月29日", False),
        ("13月5日", True),
        ("4月31日", True),
        ("12月31日", False),
        ("3月0日", True),
        ("某月某日", False),
    ],
)
def test_impossible_date(value: str, impossible: bool) -> None:
    assert impossible_date(value) is impossible


@pytest.mark.parametrize(
    ("value", "impossible"),
    [
        ("25:70", True),
        ("14:75", True),
        ("24:00", False),
        ("24:01", True),
        ("0:00", False),
        ("8", False),
    ],
)
def test_impossible_time(value: str, impossible: bool) -> None:
    assert impossible_time(value) is impossible


@pytest.mark.parametrize(
    ("value", "implausible"),
    [
        ("人体正常体温在73°c", True),
        ("人体正常体温在37°c", False),
        ("一个鸡蛋重50千克", True),
        ("一个鸡蛋重50克", False),
        ("一个鸡蛋重50升", False),  # no unit that an egg is weighed in
        ("标准大气压下水的沸点是1000°c", True),
        ("水的沸点是98°c", False),
        ("珠穆朗玛峰海拔8848.86千米", True),
        ("我国陆地面积约960万平方千米", False),
        ("我国陆地面积约960平方千米", True),
        ("我国有五十五个民族", False),
        ("我国有57个民族", True),
        ("人步行的速度约为每小时500千米", True),
        ("人步行的速度约为每小时5千米", False),
        ("100°c时结冰", True),
        ("0°c时结冰", False),
        ("长江上有3千米的大桥", False),  # not said of its length
        ("桌上有3千克", False),
        ("", False),
    ],
)
def test_implausible_quantity(value: str, implausible: bool) -> None:
    assert implausible_quantity(value) is implausible


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("73", 73),
        ("3.5", 3.5),
        ("960万", 9_600_000),
        ("14亿", 1_400_000_000),
        ("三百六十五", 365),
        ("十二", 12),
        ("两千", 2000),
        ("一万零五", 10_005),
        ("零下30", -30),
        ("-5", -5),
        ("半", None),
    ],
)
def test_a_number_is_read_as_written(text: str, number: float | None) -> None:
    assert parse_number(text) == number


@pytest.mark.parametrize(
    ("value", "wrong"),
    [
        ("1千米=100米", True),
        ("1千米=1000米", False),
        ("1小时=100分", True),
        ("1小时=60分", False),
        ("1元=100分", False),  # 分 of money, not of time
        ("一公斤等于3斤", True),
        ("1千克=3米", False),  # of two measures: not a conversion
        ("1米是多少厘米", False),
    ],
)
def test_wrong_conversion(value: str, wrong: bool) -> None:
    assert wrong_conversion(value) is wrong


@pytest.mark.parametrize(
    ("value", "wrong"),
    [
        ("中华人民共和国成立于1948年", True),
        ("中华人民共和国成立于1949年", False),
        ("1941年,第一次鸦片战争", True),
        ("第一次鸦片战争爆发于1840年", False),
        ("第一次鸦片战争结束于1842年", False),
        ("某事发生于1948年", False),
    ],
)
def test_misdated(value: str, wrong: bool) -> None:
    assert misdated(value) is wrong


@pytest.mark.parametrize(
    ("value", "spelt"),
    [
        ("一三八五九七一二三四五", True),
        ("1-3-8-5-9-7-1-2-3-4-5", True),
        ("幺三八五九七一二三四五", True),
        ("13859712345", False),  # plain digits are another rule's
        ("138-5971-2345", False),
        ("一二三四五六七八九零一", False),
    ],
)
def test_spelt_mobile(value: str, spelt: bool) -> None:
    assert spelt_mobile(value) is spelt


@given(st.sampled_from(sorted(VALIDATORS)), st.text(max_size=40))
def test_no_text_breaks_a_validator(name: str, value: str) -> None:
    assert VALIDATORS[name](value) in (True, False)
