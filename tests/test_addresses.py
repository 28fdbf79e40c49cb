"""The egress policy's tables: what is public, what a rule covers, what is refused and why."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest

from crawler.addresses import (
    DENIAL_OUTCOME,
    AllowError,
    AllowRule,
    Denial,
    EgressPolicy,
    check,
    is_public,
    parse_allow,
)
from models.vocabulary import Access

PUBLIC = [
    "8.8.8.8",
    "1.1.1.1",
    "100.63.255.255",  # one below carrier-grade NAT
    "100.128.0.0",  # one above it
    "126.255.255.255",
    "128.0.0.1",
    "168.63.129.15",
    "172.15.255.255",
    "172.32.0.0",
    "192.0.1.0",
    "192.88.98.255",
    "192.167.255.255",
    "198.17.255.255",
    "198.20.0.0",
    "223.255.255.255",
    "2400:3200::1",
    "2606:4700:4700::1111",
    "2001:200::1",  # first after the protocol assignments
    "2003::1",  # beside 6to4
    "::ffff:8.8.8.8",
    "64:ff9b::8.8.8.8",
    "2400:3200::5eff:808:808",  # beside ISATAP
]

NOT_PUBLIC = [
    "0.0.0.0",
    "0.255.255.255",
    "10.0.0.1",
    "100.64.0.1",
    "100.100.100.200",  # a cloud's metadata service
    "169.254.169.253",
    "169.254.170.2",
    "fd20:ce::254",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.8",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",  # IPv4-compatible
    "::8.8.8.8",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:224.0.0.1",
    "::ffff:0:8.8.8.8",  # IPv4-translated (SIIT)
    "64:ff9b::127.0.0.1",
    "64:ff9b::10.0.0.1",
    "64:ff9b::169.254.169.254",
    "64:ff9b:1::1",
    "64:ff9b:1::8.8.8.8",
    "100::1",
    "100:0:0:1::1",
    "2001::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",  # Teredo
    "2001:2::1",
    "2001:20::1",
    "2001:db8::1",
    "2002:7f00:1::",  # 6to4 of 127.0.0.1
    "2002:a00:1::1",
    "2002:808:808::1",
    "3fff::1",
    "4000::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "2606:4700:4700::1111%1",
    "fec0::1",
    "ff02::1",
    "ff0e::1",  # multicast of global scope
    "2400:3200::5efe:10.0.0.1",  # ISATAP
    "2400:3200::200:5efe:127.0.0.1",
    "2400:3200::5efe:8.8.8.8",
    "fe80::5efe:10.0.0.1",
    "2001:1::1",
    "2001:4:112::1",
    "2001:30::1",
    "::ffff:100.64.0.1",
    "::ffff:192.0.0.192",
    "64:ff9b::100.100.100.200",
    "64:ff9b::224.0.0.1",
    "2002:a9fe:a9fe::1",  # 6to4 of a metadata service
]


@pytest.mark.parametrize("text", PUBLIC)
def test_public(text: str) -> None:
    assert is_public(ip_address(text))


@pytest.mark.parametrize("text", NOT_PUBLIC)
def test_not_public(text: str) -> None:
    assert not is_public(ip_address(text))


CHECKS = [
    # host, port, answers, allow, expected
    ("a.example", 80, ["8.8.8.8"], "", None),
    ("a.example", 443, ["8.8.8.8", "2400:3200::1"], "", None),
    ("a.example", 443, [], "", Denial.UNRESOLVABLE),
    ("a.example", 22, ["8.8.8.8"], "", Denial.PORT),
    ("a.example", 80, ["127.0.0.1"], "", Denial.PRIVATE_ADDRESS),
    ("a.example", 22, ["127.0.0.1"], "", Denial.PRIVATE_ADDRESS),
    ("a.example", 80, ["8.8.8.8", "10.0.0.1"], "", Denial.PRIVATE_ADDRESS),
    ("a.example", 80, ["10.0.0.1", "8.8.8.8"], "", Denial.PRIVATE_ADDRESS),
    ("a.example", 80, ["8.8.8.8", "::1"], "", Denial.PRIVATE_ADDRESS),
    ("a.example", 8765, ["127.0.0.1"], "127.0.0.1:8765", None),
    ("a.example", 8766, ["127.0.0.1"], "127.0.0.1:8765", Denial.PRIVATE_ADDRESS),
    ("a.example", 8765, ["127.0.0.2"], "127.0.0.1:8765", Denial.PRIVATE_ADDRESS),
    ("a.example", 8765, ["127.0.0.1", "10.0.0.1"], "127.0.0.1:8765", Denial.PRIVATE_ADDRESS),
    ("a.example", 8765, ["127.0.0.1", "8.8.8.8"], "127.0.0.1:8765", Denial.PORT),
    ("a.example", 443, ["10.2.3.4"], "10.0.0.0/8:443", None),
    ("a.example", 443, ["10.2.3.4", "8.8.8.8"], "10.0.0.0/8:443", None),
    ("a.example", 443, ["11.0.0.1"], "10.0.0.0/8:443", None),
    ("a.example", 80, ["10.2.3.4"], "10.0.0.0/8:443", Denial.PRIVATE_ADDRESS),
    ("a.example", 80, ["::ffff:127.0.0.1"], "127.0.0.1:80", Denial.PRIVATE_ADDRESS),
    ("::1", 80, ["::1"], "[::1]:80", None),
    ("a.example", 80, ["fd00::7"], "[fd00::/8]:80", None),
    ("a.example", 8080, ["10.0.0.1", "127.0.0.1"], "a.example:8080", None),
    ("A.Example.", 8080, ["10.0.0.1"], "a.example:8080", None),
    ("b.a.example", 8080, ["10.0.0.1"], "a.example:8080", Denial.PRIVATE_ADDRESS),
    ("a.example.evil.example", 8080, ["10.0.0.1"], "a.example:8080", Denial.PRIVATE_ADDRESS),
    ("a.example", 8080, ["8.8.8.8"], "a.example:8080", None),
]


@pytest.mark.parametrize(("host", "port", "answers", "allow", "expected"), CHECKS)
def test_check(
    host: str, port: int, answers: list[str], allow: str, expected: Denial | None
) -> None:
    policy = EgressPolicy(allow=parse_allow(allow))
    assert check(host, port, [ip_address(text) for text in answers], policy) is expected


def test_parse_allow_reads_every_form() -> None:
    assert parse_allow("127.0.0.1:8765, 10.0.0.0/8:443,[::1]:80,Host.Example.:8080,") == (
        AllowRule(ip_network("127.0.0.1/32"), 8765),
        AllowRule(ip_network("10.0.0.0/8"), 443),
        AllowRule(ip_network("::1/128"), 80),
        AllowRule("host.example", 8080),
    )
    assert parse_allow(" , ") == ()


@pytest.mark.parametrize(
    "entry",
    [
        "127.0.0.1",
        "host.example",
        "host.example:",
        ":80",
        "host.example:0",
        "host.example:65536",
        "host.example:http",
        "host example:80",
        "*.example:80",
        "*:80",
        "10.0.0.1/8:80",
        "10.0.0.0/33:80",
        "999.0.0.1:80",
        "127.1:80",
        "2130706433:80",
        "0x7f.0x1:80",
        "::1:80",
        "[::1]",
        "[10.0.0.1]:80",
        "[fe80::1%eth0]:80",
        "user@host.example:80",
        "http://host.example:80",
    ],
)
def test_parse_allow_names_the_bad_entry(entry: str) -> None:
    with pytest.raises(AllowError) as caught:
        parse_allow(f"127.0.0.1:1,{entry}")
    assert repr(entry) in str(caught.value)
    assert "Write host:port" in str(caught.value)


def test_a_denial_is_never_held_against_the_teacher() -> None:
    assert set(DENIAL_OUTCOME) == set(Denial)
    assert {denial.outcome.visibility.access for denial in Denial} == {Access.CANNOT_TELL}
