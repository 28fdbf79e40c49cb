"""What every answer and every request must have, whichever page it is for.

The pages show what hostile spaces wrote: nothing of a captured page is ever served as a page, all
text is escaped, and the policy below lets no script, style or picture run but our own files.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CONTENT_SECURITY_POLICY = (
    # The kit's own drawings (arrows, ticks) are data: addresses within its style sheet.
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

HEADERS = MappingProxyType(
    {
        "Content-Security-Policy": CONTENT_SECURITY_POLICY,
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
    }
)

#: Names under which a server on the loopback address is reached.
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class Guarded:
    """Refuses requests by foreign names and foreign sites; puts the headers on every answer.

    A request for another host name is refused, so that a page elsewhere cannot reach us by pointing
    a name of its own at the loopback address. What changes something must come from our own pages,
    but for the API, which takes no cookies.
    """

    def __init__(
        self,
        app: ASGIApp,
        hosts: frozenset[str] = LOOPBACK_NAMES,
        headers: Mapping[str, str] = HEADERS,
        api_prefix: str | None = None,
    ) -> None:
        self._app = app
        self._api_prefix = api_prefix
        self._hosts = hosts
        self._headers = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI)."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def guarded_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        refusal = self._refusal(scope["method"], scope["path"], Headers(scope=scope))
        app = self._app if refusal is None else refusal
        await app(scope, receive, guarded_send)

    def _refusal(self, method: str, path: str, headers: Headers) -> PlainTextResponse | None:
        if _host_name(headers.get("host", "")) not in self._hosts:
            return PlainTextResponse(
                "此地址未开放。请用系统公布的地址访问。", HTTPStatus.BAD_REQUEST
            )
        # A program at the API shows a token, which no page elsewhere can make a browser send.
        by_token = self._api_prefix is not None and path.startswith(f"{self._api_prefix}/")
        if method not in _SAFE_METHODS and not by_token and not same_origin(headers):
            return PlainTextResponse(
                "此请求不是从本系统的页面发出的,已拒绝。请回到页面重试。", HTTPStatus.FORBIDDEN
            )
        return None


def same_origin(headers: Headers) -> bool:
    """Whether a request comes from a page of ours, as the browser says; unsaid is no."""
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = headers.get("origin")
    return origin is not None and urlsplit(origin).netloc == headers.get("host")


def _host_name(host: str) -> str | None:
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None
