"""Which addresses a crawl may reach: the policy of the egress guard, as data and pure functions.

The rule is one sentence: a request may go out when *every* address its host resolves to is
public and its port is allowed, or when the operator wrote an allow rule that covers it.

Python's own ``is_global`` is not enough: it differs between versions, and in 3.11 it calls
multicast, NAT64, 6to4, IPv4-compatible and site-local addresses global. So the refused networks
stand here as a table (IANA special-purpose registries for IPv4 and IPv6, RFC 6890 and successors),
and ``is_global`` only refuses on top of it.

Errors:
    AllowError: an allow rule that cannot be read; configuration is refused, nothing starts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_network,
)
from types import MappingProxyType

from models.vocabulary import Outcome, Term

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


class Denial(Term):
    """Why the guard did not carry an exchange to its end."""

    SCHEME = "scheme", "协议不允许"
    PORT = "port", "端口不允许"
    PRIVATE_ADDRESS = "private_address", "指向非公网地址"
    UNRESOLVABLE = "unresolvable", "域名无法解析"
    BAD_REQUEST = "bad_request", "请求格式不合规"
    CREDENTIALS = "credentials", "缺少或错误的任务凭据"
    BYTES_CAP = "bytes_cap", "超过大小上限"
    TIME_CAP = "time_cap", "超过时间上限"
    CONNECT_FAILED = "connect_failed", "连接失败"
    UPSTREAM_FAILED = "upstream_failed", "对方中断或应答不合规"
    PAUSED = "paused", "网站要求暂停访问"

    @property
    def outcome(self) -> Outcome:
        """What an attempt that ended this way says; always one that *cannot tell*."""
        return DENIAL_OUTCOME[self]


DENIAL_OUTCOME: Mapping[Denial, Outcome] = MappingProxyType(
    {
        Denial.SCHEME: Outcome.GUARD_DENIED,
        Denial.PORT: Outcome.GUARD_DENIED,
        Denial.PRIVATE_ADDRESS: Outcome.GUARD_DENIED,
        Denial.UNRESOLVABLE: Outcome.DNS,
        Denial.BAD_REQUEST: Outcome.GUARD_DENIED,
        Denial.CREDENTIALS: Outcome.GUARD_DENIED,
        Denial.BYTES_CAP: Outcome.TOO_LARGE,
        Denial.TIME_CAP: Outcome.TIMEOUT,
        Denial.CONNECT_FAILED: Outcome.CONNECT,
        Denial.UPSTREAM_FAILED: Outcome.NO_RESPONSE,
        Denial.PAUSED: Outcome.RATE_LIMITED,
    }
)


class AllowError(ValueError):
    """An allow rule cannot be read; the message names the entry and says how to write it."""


@dataclass(frozen=True, slots=True)
class AllowRule:
    """One exception to "public addresses only", always for a single port.

    Attributes:
        where: A host name in lower case, which trusts whatever that name resolves to, or a
            network, which covers every name that resolves into it.
        port: The TCP port it opens, also when the policy's own ports lack it.
    """

    where: str | Network
    port: int

    def covers(self, host: str, port: int, address: Address) -> bool:
        """Whether this rule lets ``host:port`` go to ``address``."""
        if port != self.port:
            return False
        if isinstance(self.where, str):
            return canonical_host(host) == self.where
        return address in self.where


@dataclass(frozen=True, slots=True)
class EgressPolicy:
    """What may leave, and how much of it.

    A tunnel (https, WebSocket) carries many responses that the guard cannot tell apart, so it has
    caps of its own. All sizes are bytes, all times seconds; the defaults are judgement: a lesson
    video is seldom over 64 MiB, and a school's server seldom slower than 0.5 MiB/s.

    Attributes:
        allow: Exceptions for addresses that are not public.
        ports: Ports open on every public address.
        max_response_bytes: Body of one plain http response.
        max_request_bytes: Body of one plain http request, or all bytes up one tunnel.
        max_seconds: One plain http exchange, from resolving to the last byte.
        connect_timeout: Resolving, and again connecting.
        max_tunnel_bytes: All bytes down one tunnel.
        max_tunnel_seconds: Life of one tunnel; a browser opens another without being asked.
    """

    allow: tuple[AllowRule, ...] = ()
    ports: frozenset[int] = frozenset({80, 443})
    max_response_bytes: int = 64 * 1024 * 1024
    max_request_bytes: int = 8 * 1024 * 1024
    max_seconds: float = 120.0
    connect_timeout: float = 10.0
    max_tunnel_bytes: int = 512 * 1024 * 1024
    max_tunnel_seconds: float = 600.0


_NOT_PUBLIC_V4: tuple[IPv4Network, ...] = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private use
        "100.64.0.0/10",  # carrier-grade NAT; also a cloud's metadata service
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # a cloud's platform service on an otherwise public address
        "169.254.0.0/16",  # link-local, metadata services
        "172.16.0.0/12",  # private use
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays, withdrawn
        "192.168.0.0/16",  # private use
        "198.18.0.0/15",  # benchmarking
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
    )
)
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_NOT_PUBLIC_V6: tuple[IPv6Network, ...] = tuple(
    IPv6Network(text)
    for text in (
        "2001::/23",  # protocol assignments: Teredo, ORCHID, benchmarking
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4, withdrawn: no web server needs it, and it wraps any IPv4 address
        "3fff::/20",  # documentation
    )
)
_NAT64 = IPv6Network("64:ff9b::/96")
#: The upper half of an ISATAP interface identifier (RFC 5214, 6.1): an IPv4 address follows.
_ISATAP = frozenset({0x0000_5EFE, 0x0200_5EFE})


def is_public(address: Address) -> bool:
    """Whether an address is one that anybody on the Internet reaches.

    IPv4-mapped and NAT64 (64:ff9b::/96) addresses are judged by the IPv4 address inside, because a
    resolver may hand them out for an ordinary site. 6to4, Teredo, IPv4-compatible and local-use
    NAT64 addresses are refused whatever they wrap, and so are ISATAP ones and anything with a zone.
    """
    if isinstance(address, IPv4Address):
        return address.is_global and not any(address in network for network in _NOT_PUBLIC_V4)
    if address.scope_id is not None:
        return False
    inner = _wrapped_v4(address)
    if inner is not None:
        return is_public(inner)
    return (
        address in _GLOBAL_UNICAST
        and address.is_global
        and int(address) >> 32 & 0xFFFF_FFFF not in _ISATAP
        and not any(address in network for network in _NOT_PUBLIC_V6)
    )


def _wrapped_v4(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that a mapped or NAT64 address stands for."""
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return None


def check(
    host: str, port: int, addresses: Sequence[Address], policy: EgressPolicy
) -> Denial | None:
    """Judge one destination after its host was resolved.

    Args:
        host: The name or literal that was asked for.
        port: The TCP port asked for.
        addresses: Every answer of the resolver; one bad answer refuses them all.
        policy: What is allowed.

    Returns:
        ``None`` when the request may go to any of the addresses, else why not.
    """
    if not addresses:
        return Denial.UNRESOLVABLE
    for address in addresses:
        if any(rule.covers(host, port, address) for rule in policy.allow):
            continue
        if not is_public(address):
            return Denial.PRIVATE_ADDRESS
        if port not in policy.ports:
            return Denial.PORT
    return None


def canonical_host(host: str) -> str:
    """A host name as rules compare it: lower case, without brackets or the root's dot."""
    return host.strip("[]").lower().removesuffix(".")


_ENTRY = re.compile(r"(?:\[(?P<v6>[^\]]+)\]|(?P<other>[^\[\]:]+)):(?P<port>[0-9]{1,5})")
_NAME = re.compile(r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9])?)*")
_NUMERIC_END = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)")


def parse_allow(text: str) -> tuple[AllowRule, ...]:
    """Read the operator's allow rules.

    Args:
        text: Comma-separated ``host:port``, ``address:port`` or ``network:port``; IPv6 in
            brackets, as in ``[fd00::/8]:443``. Empty text gives no rules.

    Raises:
        AllowError: An entry is none of these.
    """
    return tuple(_parse_entry(entry.strip()) for entry in text.split(",") if entry.strip())


def _parse_entry(entry: str) -> AllowRule:
    match = _ENTRY.fullmatch(entry)
    if match is None:
        raise _unreadable(entry, "it is not host:port, network:port or [IPv6]:port")
    port = int(match["port"])
    if not 1 <= port <= 65535:
        raise _unreadable(entry, "the port is not between 1 and 65535")
    if match["v6"] is not None:
        network = _parse_network(entry, match["v6"])
        if network.version != 6:
            raise _unreadable(entry, "brackets are for IPv6 only")
        return AllowRule(network, port)
    where = canonical_host(match["other"])
    if "/" in where or _NUMERIC_END.fullmatch(where):
        return AllowRule(_parse_network(entry, where), port)
    if not _NAME.fullmatch(where):
        raise _unreadable(entry, "the host name has characters that names cannot have")
    return AllowRule(where, port)


def _parse_network(entry: str, text: str) -> Network:
    """A network in its one usual form; ``0x7f.1`` and bits beyond the prefix are refused."""
    if "%" in text:
        raise _unreadable(entry, "an address with a zone cannot be allowed")
    try:
        return ip_network(text)
    except ValueError as error:
        raise _unreadable(entry, str(error)) from error


def _unreadable(entry: str, why: str) -> AllowError:
    return AllowError(
        f"The egress allow rule {entry!r} cannot be read: {why}. "
        "Write host:port, 10.0.0.0/8:443 or [::1]:80, separated by commas."
    )
