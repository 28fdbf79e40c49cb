"""Heads of HTTP/1.1 messages as the egress guard reads them and writes them anew.

Nothing of a head is forwarded as received: names and values are parsed, checked and written again,
so that what the guard judged is what the other side reads (RFC 9112 §11, RFC 9110 §7.6).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from crawler.addresses import Denial, canonical_host
from crawler.guard_denial import DENIED_HEADER, RefusedError
from crawler.guard_wire import NO_BODY, Body, Headers, MessageError, render

_UNTIL_CLOSE = Body(length=None)


@dataclass(frozen=True, slots=True)
class RequestHead:
    """A proxy request, checked: ``CONNECT host:port``, or a method on an absolute http address.

    Attributes:
        host: Lower case, without brackets.
        authority: Host and port as the request named them, for the ``Host`` header.
        path: Path and query for the server; empty for CONNECT.
        url: The whole address without fragment; ``None`` for CONNECT.
    """

    method: str
    host: str
    port: int
    authority: str
    path: str
    url: str | None
    headers: Headers
    body: Body

    @property
    def expects_continue(self) -> bool:
        """Whether the client holds its body back until it is told to go on."""
        return any(b"100-continue" in value.lower() for value in values(self.headers, b"expect"))

    @property
    def closes(self) -> bool:
        """Whether the client asked to close the connection after this request."""
        asked = [*values(self.headers, b"connection"), *values(self.headers, b"proxy-connection")]
        return b"close" in _tokens(asked)


@dataclass(frozen=True, slots=True)
class ResponseHead:
    """A site's answer: status, reason phrase, headers as received."""

    status: int
    reason: bytes
    headers: Headers


_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_REQUEST_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([!-~]+) HTTP/1\.([01])")
_ABSOLUTE = re.compile(rb"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)([^#]*)(?:#.*)?")
_AUTHORITY = re.compile(rb"(?:\[([0-9A-Fa-f:.]{2,45})\]|([A-Za-z0-9._-]{1,253}))(?::([0-9]{1,5}))?")
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-9][0-9]{2})(?: (.*))?")
_LENGTH = re.compile(rb"[0-9]{1,18}")
_HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authentication-info",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"upgrade",
    }
)
#: Written anew from what was parsed, so that two readings of a message cannot differ.
_REWRITTEN = frozenset({b"content-length", b"transfer-encoding", b"host"})


def parse_request(lines: list[bytes]) -> RequestHead:
    """Check a proxy request's head.

    Raises:
        RefusedError: ``bad_request`` for a malformed or ambiguous head, ``scheme`` for an address
            that is not plain http (https comes by CONNECT).
    """
    match = _REQUEST_LINE.fullmatch(lines[0])
    if match is None:
        raise RefusedError(Denial.BAD_REQUEST, "malformed request line")
    method, target, minor = match[1].decode(), match[2], match[3]
    try:
        headers = _parse_headers(lines[1:], strict=True)
        body = _framing(headers, absent=NO_BODY)
    except MessageError as error:
        raise RefusedError(Denial.BAD_REQUEST, str(error)) from error
    if method == "CONNECT":
        host, port, authority = _parse_authority(target, default_port=None)
        return RequestHead(method, host, port, authority, "", None, headers, NO_BODY)
    if minor != b"1" or body.until_close:
        raise RefusedError(Denial.BAD_REQUEST, "not HTTP/1.1, or a body without an end")
    if b"websocket" in _tokens(values(headers, b"upgrade")):
        raise RefusedError(Denial.BAD_REQUEST, "a WebSocket must come by CONNECT")
    host, port, authority, path = _parse_absolute(target)
    url = f"http://{authority}{path}"
    return RequestHead(method, host, port, authority, path, url, headers, body)


def _parse_absolute(target: bytes) -> tuple[str, int, str, str]:
    match = _ABSOLUTE.fullmatch(target)
    if match is None:
        raise RefusedError(Denial.BAD_REQUEST, "the target is not an absolute address")
    if match[1].lower() != b"http":
        raise RefusedError(Denial.SCHEME, "only http is carried without CONNECT")
    path = match[3].decode()
    if not path.startswith("/"):
        path = "/" + path
    return (*_parse_authority(match[2], default_port=80), path)


def _parse_authority(authority: bytes, default_port: int | None) -> tuple[str, int, str]:
    """Host, port and both as written; user names, zones and percent signs are refused."""
    match = _AUTHORITY.fullmatch(authority)
    if match is None or (match[3] is None and default_port is None):
        raise RefusedError(Denial.BAD_REQUEST, "malformed host or port")
    port = int(match[3]) if match[3] else default_port
    if port is None or not 1 <= port <= 65535:
        raise RefusedError(Denial.BAD_REQUEST, "port out of range")
    return canonical_host((match[1] or match[2]).decode()), port, authority.decode()


def parse_response(lines: list[bytes]) -> ResponseHead:
    """Read a site's head, as lenient as browsers are: lines that are no header are dropped.

    Raises:
        MessageError: The first line is not an HTTP/1 status line.
    """
    match = _STATUS_LINE.fullmatch(lines[0]) if lines else None
    if match is None:
        raise MessageError("the answer is not HTTP/1")
    reason = match[2] or b""
    if b"\r" in reason or b"\0" in reason:
        reason = b""
    return ResponseHead(int(match[1]), reason, _parse_headers(lines[1:], strict=False))


def _parse_headers(lines: Iterable[bytes], *, strict: bool) -> Headers:
    headers: Headers = []
    for line in lines:
        if line[:1] in b" \t" and headers and not strict:
            name, value = headers.pop()
            line = b"%b: %b %b" % (name, value, line.strip(b" \t"))  # noqa: PLW2901 unfolded
        name, colon, value = line.partition(b":")
        if not strict:
            name = name.rstrip(b" \t")
        if colon and _TOKEN.fullmatch(name) and b"\r" not in value and b"\0" not in value:
            headers.append((name, value.strip(b" \t")))
        elif strict:
            raise MessageError("malformed header")
    return headers


def values(headers: Headers, name: bytes) -> list[bytes]:
    """The values of one header (``name`` in lower case), in order."""
    return [value for key, value in headers if key.lower() == name]


def _tokens(lists: Iterable[bytes]) -> list[bytes]:
    """The members of comma-separated lists, in lower case."""
    return [token.strip(b" \t").lower() for text in lists for token in text.split(b",")]


def _framing(headers: Headers, absent: Body) -> Body:
    """How the body is delimited; ``absent`` when no header says.

    Raises:
        MessageError: The headers contradict each other, or name a coding that has no end.
    """
    codings = [token for token in _tokens(values(headers, b"transfer-encoding")) if token]
    lengths = set(_tokens(values(headers, b"content-length")))
    if codings and codings != [b"identity"]:
        if codings != [b"chunked"] or (absent is NO_BODY and lengths):
            raise MessageError("unsupported or ambiguous transfer coding")
        return Body(length=None, chunked=True)
    if not lengths:
        return absent
    length = lengths.pop()
    if lengths or not _LENGTH.fullmatch(length):
        raise MessageError("contradicting or malformed content length")
    return Body(length=int(length))


def response_body(method: str, head: ResponseHead) -> Body:
    """How the body of the answer to ``method`` is delimited (RFC 9112 §6.3).

    Raises:
        MessageError: The headers contradict each other.
    """
    if method == "HEAD" or head.status < 200 or head.status in {204, 304}:
        return NO_BODY
    return _framing(head.headers, absent=_UNTIL_CLOSE)


def _end_to_end(headers: Headers) -> Headers:
    """What may pass a proxy, without what is written anew and without our own mark."""
    named = set(_tokens(values(headers, b"connection")))
    dropped = _HOP_BY_HOP | _REWRITTEN | {DENIED_HEADER.encode()} | named
    return [(name, value) for name, value in headers if name.lower() not in dropped]


def _framing_headers(body: Body) -> Headers:
    if body.chunked or body.until_close:
        return [(b"Transfer-Encoding", b"chunked")]
    return [(b"Content-Length", b"%d" % body.length)] if body.length is not None else []


def render_request(request: RequestHead) -> bytes:
    """The request for the site itself: origin form, our ``Host``, one exchange a connection."""
    headers = [(b"Host", request.authority.encode()), *_end_to_end(request.headers)]
    if not request.body.is_empty or values(request.headers, b"content-length"):
        headers += _framing_headers(request.body)
    headers.append((b"Connection", b"close"))
    return render(f"{request.method} {request.path} HTTP/1.1".encode(), headers)


def render_response(head: ResponseHead, body: Body, *, close: bool) -> bytes:
    """The site's answer for the client.

    A body that only the connection's end delimits is sent on in chunks, so that the client can
    tell a whole body from one cut short.
    """
    headers = _end_to_end(head.headers)
    if not body.is_empty:
        headers += _framing_headers(body)
    elif length := values(head.headers, b"content-length"):
        headers.append((b"Content-Length", length[0]))
    if close:
        headers.append((b"Connection", b"close"))
    return render(b"HTTP/1.1 %d %b" % (head.status, head.reason), headers)
