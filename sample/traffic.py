"""Counts what the platform was asked for, so that tests can see how a crawler behaves."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from typing import Any

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: Requests kept; older ones are forgotten.
KEPT = 20_000


class TrafficLog:
    """ASGI middleware that keeps a log of requests and the peak of requests at once, by host."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._requests: deque[Mapping[str, Any]] = deque(maxlen=KEPT)
        self._open: Counter[str] = Counter()
        self._peak: Counter[str] = Counter()

    def report(self) -> dict[str, Any]:
        """The requests so far and the peaks."""
        return {"requests": list(self._requests), "peak": dict(self._peak)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Note the request, and let the app answer it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        entry: dict[str, Any] = {
            "method": scope["method"],
            "path": scope["path"],
            "query": scope["query_string"].decode("ascii", "replace"),
            "host": host,
            "user_agent": headers.get("user-agent", ""),
            "cookie": "cookie" in headers,
        }

        async def note(message: Message) -> None:
            if message["type"] == "http.response.start":
                entry["status"] = message["status"]
            await send(message)

        self._requests.append(entry)
        self._open[host] += 1
        self._peak[host] = max(self._peak[host], self._open[host])
        try:
            await self._app(scope, receive, note)
        finally:
            self._open[host] -= 1
