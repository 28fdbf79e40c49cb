"""From a host name to a connection: resolve once, judge every answer, connect to one of them."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import Protocol

from crawler.addresses import Address, Denial, EgressPolicy, check
from crawler.guard_denial import RefusedError
from crawler.guard_wire import READ_BYTES

#: From host and port to every address they resolve to; raises ``OSError`` when there is none.
Resolver = Callable[[str, int], Awaitable[Sequence[Address]]]

#: Answers tried of one host; more only prolong a failure.
_MAX_ADDRESSES = 4


@dataclass(frozen=True, slots=True)
class Upstream:
    """A connection to a checked address."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


class Routed(Protocol):
    """What wants to know the address judged or connected to, whatever comes of it."""

    address: Address | None


async def open_route(
    host: str, port: int, policy: EgressPolicy, resolve: Resolver, routed: Routed
) -> Upstream:
    """Connect to a host that the policy allows.

    The name is not looked up again after it was judged: the socket gets the judged address.

    Raises:
        RefusedError: Unresolvable, not allowed, or nobody answers there.
    """
    try:
        async with asyncio.timeout(policy.connect_timeout):
            addresses = await resolve(host, port)
    except (OSError, UnicodeError) as error:
        raise RefusedError(Denial.UNRESOLVABLE, _phrase(error)) from error
    routed.address = next(iter(addresses), None)
    denial = check(host, port, addresses, policy)
    if denial is not None:
        raise RefusedError(denial)
    return await _connect(addresses, port, policy.connect_timeout, routed)


async def _connect(
    addresses: Sequence[Address], port: int, seconds: float, routed: Routed
) -> Upstream:
    """Take the first address that answers, IPv4 before IPv6; they share the time there is."""
    candidates = sorted(set(addresses), key=lambda address: address.version)[:_MAX_ADDRESSES]
    failure = ""
    for address in candidates:
        routed.address = address
        try:
            async with asyncio.timeout(seconds / len(candidates)):
                streams = await asyncio.open_connection(_literal(address), port, limit=READ_BYTES)
        except OSError as error:
            failure = _phrase(error)
        else:
            return Upstream(*streams)
    raise RefusedError(Denial.CONNECT_FAILED, failure)


def _literal(address: Address) -> str:
    """An address as text for the socket; a mapped one as the IPv4 address it was judged by."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(address)


def _phrase(error: Exception) -> str:
    strerror = error.strerror if isinstance(error, OSError) else None
    return strerror or type(error).__name__


async def resolve_by_system(host: str, port: int) -> list[Address]:
    """Every address the system's resolver has for a host; numeric forms come out normal.

    Raises:
        OSError: There is none.
        UnicodeError: It cannot be a host name.
    """
    loop = asyncio.get_running_loop()
    answers = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [ip_address(str(answer[4][0])) for answer in answers]
