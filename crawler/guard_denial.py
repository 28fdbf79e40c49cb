"""How the egress guard says no: its two errors, its own answers, and how a crawler reads them.

Errors:
    RefusedError: the guard ends the exchange for the reason it carries; the client is told.
    ClientGoneError: our own client broke off; nobody is left to tell.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType

from crawler.addresses import Denial
from crawler.guard_wire import Headers, render

#: On the guard's own answers, with the denial as value; never let through from a site.
DENIED_HEADER = "x-spaceaudit-denied"


class RefusedError(Exception):
    """The guard ends this exchange.

    Attributes:
        denial: Why, in the closed vocabulary.
        error: One phrase of detail for the log, never sent to a site.
    """

    def __init__(self, denial: Denial, error: str = "") -> None:
        super().__init__(denial, error)
        self.denial = denial
        self.error = error


class ClientGoneError(Exception):
    """Our own client closed or broke its connection before the exchange was over."""


DENIAL_STATUS: Mapping[Denial, HTTPStatus] = MappingProxyType(
    {
        Denial.SCHEME: HTTPStatus.FORBIDDEN,
        Denial.PORT: HTTPStatus.FORBIDDEN,
        Denial.PRIVATE_ADDRESS: HTTPStatus.FORBIDDEN,
        Denial.UNRESOLVABLE: HTTPStatus.BAD_GATEWAY,
        Denial.BAD_REQUEST: HTTPStatus.BAD_REQUEST,
        Denial.CREDENTIALS: HTTPStatus.PROXY_AUTHENTICATION_REQUIRED,
        Denial.BYTES_CAP: HTTPStatus.BAD_GATEWAY,
        Denial.TIME_CAP: HTTPStatus.GATEWAY_TIMEOUT,
        Denial.CONNECT_FAILED: HTTPStatus.BAD_GATEWAY,
        Denial.UPSTREAM_FAILED: HTTPStatus.BAD_GATEWAY,
        Denial.PAUSED: HTTPStatus.SERVICE_UNAVAILABLE,
    }
)


def render_denial(denial: Denial, *, method: str, close: bool) -> bytes:
    """The guard's own answer, head and body."""
    status = DENIAL_STATUS[denial]
    text = f"Not carried by the egress guard: {denial}\n".encode()
    headers: Headers = [
        (DENIED_HEADER.encode(), denial.encode()),
        (b"Content-Type", b"text/plain; charset=utf-8"),
        (b"Cache-Control", b"no-store"),
        (b"Content-Length", b"%d" % len(text)),
    ]
    if denial is Denial.CREDENTIALS:
        headers.append((b"Proxy-Authenticate", b'Basic realm="spaceaudit", charset="UTF-8"'))
    if close:
        headers.append((b"Connection", b"close"))
    head = render(f"HTTP/1.1 {status.value} {status.phrase}".encode(), headers)
    return head if method == "HEAD" else head + text


def denial_of(url: str, headers: Mapping[str, str]) -> Denial | None:
    """The guard's denial in a response the crawler received, ``None`` when a site answered.

    Only plain http addresses are believed: on https the guard sees no response, so a mark there is
    forged by the site, and a refused tunnel shows as a connection error (see ``Guard.events``).

    Args:
        url: The address the response is for.
        headers: Its headers, names in lower case.
    """
    if not url.lower().startswith("http://"):
        return None
    value = headers.get(DENIED_HEADER)
    return next((denial for denial in Denial if denial == value), None)
