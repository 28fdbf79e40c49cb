"""The egress guard: the only way out for a crawl's browser and its plain fetches.

A forward proxy on loopback. For every request it resolves the host once, judges every answer by
the policy, and connects to an address it judged, so that a redirect, a popup, a WebSocket, a
service worker or a second DNS answer cannot lead a crawl into the operator's own network. TLS stays
end to end: what https carries is counted, not read.

Each job has credentials of its own; what the guard did for it is kept as events until the job is
forgotten. A browser is pointed here with Playwright's ``proxy=`` option, never with a raw
``--proxy-server`` flag, which Chromium bypasses for loopback and link-local addresses.

Errors:
    RefusedError: an exchange the guard ends; the client gets a status and ``DENIED_HEADER``.
    ClientGoneError: our own client broke off; recorded, nobody is told.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import hashlib
import hmac
import re
import secrets
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from crawler.addresses import Address, Denial, EgressPolicy
from crawler.guard_denial import (
    DENIED_HEADER,
    ClientGoneError,
    RefusedError,
    denial_of,
)
from crawler.guard_http import RequestHead, parse_request
from crawler.guard_relay import (
    Client,
    ClientReader,
    Tally,
    break_off,
    deny,
    exchange,
    tunnel,
)
from crawler.guard_route import Resolver, open_route, resolve_by_system
from crawler.guard_wire import READ_BYTES, MessageError, header_in, read_head
from crawler.passage import FREE, Pace, Passage

__all__ = ["DENIED_HEADER", "Guard", "GuardEvent", "Resolver", "denial_of"]

#: How long an idle connection of our own client is kept, in seconds.
_CLIENT_IDLE_SECONDS = 300.0
#: Events kept of one job, the newest; a page that loops must not fill our memory.
_MAX_EVENTS = 20_000
_BACKLOG = 512
#: What may be on its way to a client that cuts itself off, beyond the cap: the guard must not reset
#: what the client has not read yet. Linux lets both socket buffers grow to 4 and 6 MiB.
CUT_SLACK = 16 * 1024 * 1024
_JOB = re.compile(r"[^\x00-\x1f\x7f:]{1,200}")


@dataclass(frozen=True, slots=True)
class GuardEvent:
    """What became of one exchange or tunnel.

    Attributes:
        job: Who asked; empty when the credentials were wrong.
        method: ``CONNECT`` for a tunnel.
        address: The address connected to, or the first answer judged; ``None`` before that.
        denial: Why the guard ended it; ``None`` when it ended by itself.
        error: Detail of the denial, or ``client_gone``.
        bytes_up: Body bytes to the site (all bytes, in a tunnel).
        bytes_down: Body bytes from the site (all bytes, in a tunnel).
        started: Seconds since the epoch.
        seconds: How long it took.
        url: The whole address; only plain http shows it.
    """

    job: str
    method: str
    host: str
    port: int
    address: str | None
    denial: Denial | None
    error: str | None
    bytes_up: int
    bytes_down: int
    started: float
    seconds: float
    url: str | None


@dataclass(slots=True)
class _Entry:
    """An event in the making."""

    job: str
    request: RequestHead | None
    tally: Tally
    address: Address | None = None
    started: float = field(default_factory=time.time)
    clock: float = field(default_factory=time.monotonic)

    def close(self, denial: Denial | None, error: str | None) -> GuardEvent:
        request = self.request
        return GuardEvent(
            job=self.job,
            method=request.method if request else "",
            host=request.host if request else "",
            port=request.port if request else 0,
            address=None if self.address is None else str(self.address),
            denial=denial,
            error=error or None,
            bytes_up=self.tally.up,
            bytes_down=self.tally.down,
            started=self.started,
            seconds=time.monotonic() - self.clock,
            url=request.url if request else None,
        )


class Guard:
    """A forward proxy that carries only what the policy allows.

    Args:
        policy: Destinations and caps.
        resolve: Instead of the system's resolver.
        on_event: Called with each event as it is recorded, on the guard's own loop.
        pace: Lets requests pass; the caps on time begin when it did. Without one all pass at once.
    """

    def __init__(
        self,
        policy: EgressPolicy,
        *,
        resolve: Resolver | None = None,
        on_event: Callable[[GuardEvent], None] | None = None,
        pace: Pace = FREE,
    ) -> None:
        self.policy = policy
        self._pace = pace
        self._resolve: Resolver = resolve or resolve_by_system
        self._on_event = on_event
        self._secret = secrets.token_bytes(32)
        self._events: dict[str, deque[GuardEvent]] = {}
        self._reached: dict[str, dict[tuple[str, int], list[str]]] = {}
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.address = ""

    async def start(self) -> None:
        """Listen on a free loopback port; ``address`` is set from then on."""
        loop = asyncio.get_running_loop()

        def protocol() -> asyncio.StreamReaderProtocol:
            reader = ClientReader(limit=READ_BYTES, loop=loop)
            return asyncio.StreamReaderProtocol(
                reader, lambda _, writer: self._accept(Client(reader, writer)), loop=loop
            )

        self._server = await loop.create_server(protocol, "127.0.0.1", 0, backlog=_BACKLOG)
        port = self._server.sockets[0].getsockname()[1]
        self.address = f"http://127.0.0.1:{port}"

    async def stop(self) -> None:
        """Stop listening and break off what is still being carried."""
        if self._server is None:
            return
        self._server.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._server.wait_closed()
        self._server = None

    def credentials(self, job: str, *, cuts: bool = False) -> tuple[str, str]:
        """User name and password for one job; valid for this guard's life only.

        Args:
            job: Whose requests they are.
            cuts: For a client that takes the beginning of a large body and cuts itself off: it is
                not refused what announces more than the cap. A page in the browser cannot know this
                password.

        Raises:
            ValueError: The job's name has a colon or control characters, or is empty.
        """
        if not _JOB.fullmatch(job):
            raise ValueError(f"a job's name cannot be {job!r}: no colon, no control characters")
        signed = f"{job}:cuts" if cuts else job
        return job, hmac.new(self._secret, signed.encode(), hashlib.sha256).hexdigest()

    def proxy_url(self, job: str, *, cuts: bool = False) -> str:
        """The guard's address with the job's credentials, for plain fetches."""
        user, password = self.credentials(job, cuts=cuts)
        return self.address.replace("://", f"://{quote(user, safe='')}:{password}@", 1)

    def events(self, job: str) -> list[GuardEvent]:
        """What was carried or refused for a job, oldest first; open tunnels are not in it yet."""
        return list(self._events.get(job, ()))

    def reached(self, job: str) -> Mapping[tuple[str, int], Sequence[str]]:
        """The addresses connected to for a job, by host and port; the last one is the newest."""
        return self._reached.get(job, {})

    def forget(self, job: str) -> None:
        """Drop a job's events."""
        self._events.pop(job, None)
        self._reached.pop(job, None)

    def _note_reached(self, entry: _Entry, host: str, port: int) -> None:
        addresses = self._reached.setdefault(entry.job, {}).setdefault((host, port), [])
        address = str(entry.address)
        if address not in addresses[-1:]:
            # Moved to the end when it was there before: a host that answers in turn stays short.
            addresses[:] = [*(each for each in addresses if each != address), address]

    def _record(self, event: GuardEvent) -> None:
        if event.job:
            self._events.setdefault(event.job, deque(maxlen=_MAX_EVENTS)).append(event)
        if self._on_event is not None:
            self._on_event(event)

    def _accept(self, client: Client) -> None:
        task = asyncio.create_task(self._serve(client))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, client: Client) -> None:
        """One connection of our own client, request after request."""
        try:
            while await self._serve_one(client):
                client.answered = False
        except (ClientGoneError, OSError):
            pass  # the client closed, or idled too long: close and be done
        except asyncio.CancelledError:
            break_off(client.writer)
            raise
        finally:
            client.writer.close()
            with contextlib.suppress(OSError):
                await client.writer.wait_closed()

    async def _serve_one(self, client: Client) -> bool:
        try:
            async with asyncio.timeout(_CLIENT_IDLE_SECONDS):
                lines = await read_head(client.reader)
        except MessageError as error:
            unreadable = RefusedError(Denial.BAD_REQUEST, str(error))
            return await self._refuse_early(client, None, "", unreadable)
        if not lines:
            return False
        authorization = header_in(lines, b"proxy-authorization")
        job, cuts = self._job_of(authorization)
        try:
            request = parse_request(lines)
        except RefusedError as refusal:
            return await self._refuse_early(client, None, job or "", refusal)
        if job is None:
            wrong = RefusedError(Denial.CREDENTIALS, "wrong" if authorization else "")
            return await self._refuse_early(client, request, "", wrong)
        return await self._carry(client, request, job, cuts=cuts)

    def _job_of(self, authorization: bytes) -> tuple[str | None, bool]:
        """The job whose credentials these are, and whether its client cuts itself off."""
        scheme, _, encoded = authorization.partition(b" ")
        if scheme.lower() != b"basic":
            return None, False
        try:
            job, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
            known = {cuts: self.credentials(job, cuts=cuts)[1] for cuts in (False, True)}
        except (binascii.Error, ValueError):
            return None, False
        for cuts, expected in known.items():
            if hmac.compare_digest(expected.encode(), password.encode()):
                return job, cuts
        return None, False

    async def _refuse_early(
        self, client: Client, request: RequestHead | None, job: str, refusal: RefusedError
    ) -> bool:
        """Refuse before a destination was looked at; the first challenge is no event."""
        if refusal.error:
            entry = _Entry(job, request, Tally(0, 0))
            self._record(entry.close(refusal.denial, refusal.error))
        return await deny(client, request, refusal.denial)

    async def _carry(
        self, client: Client, request: RequestHead, job: str, *, cuts: bool = False
    ) -> bool:
        """Carry one request and record what became of it.

        Returns:
            Whether the client's connection can take another.
        """
        entry = _Entry(job, request, self._tally(request, cuts=cuts))
        denial, error, reusable = None, "interrupted", False
        try:
            async with (
                self._pace.passage(job, request, client.reader) as passage,
                asyncio.timeout(self._max_seconds(request)),
            ):
                reusable = await self._forward(client, request, entry, passage)
            error = ""
        except RefusedError as refusal:
            denial, error = refusal.denial, refusal.error
        except TimeoutError:
            denial, error = Denial.TIME_CAP, ""
        except ClientGoneError:
            error = "client_gone"
        finally:
            self._record(entry.close(denial, error))
        if denial is None:
            return reusable
        return await deny(client, request, denial)

    def _tally(self, request: RequestHead, *, cuts: bool) -> Tally:
        policy = self.policy
        tunnelled = request.method == "CONNECT"
        down = policy.max_tunnel_bytes if tunnelled else policy.max_response_bytes
        if cuts and not tunnelled:
            down += CUT_SLACK
        return Tally(max_up=policy.max_request_bytes, max_down=down, announced_counts=not cuts)

    def _max_seconds(self, request: RequestHead) -> float:
        tunnelled = request.method == "CONNECT"
        return self.policy.max_tunnel_seconds if tunnelled else self.policy.max_seconds

    async def _forward(
        self, client: Client, request: RequestHead, entry: _Entry, passage: Passage
    ) -> bool:
        entry.clock = time.monotonic()
        upstream = passage.watch(
            await open_route(request.host, request.port, self.policy, self._resolve, entry)
        )
        self._note_reached(entry, request.host, request.port)
        try:
            if request.method == "CONNECT":
                await tunnel(client, upstream, entry.tally)
                reusable = False
            else:
                reusable = await exchange(client, request, upstream, entry.tally)
        except BaseException:
            break_off(upstream.writer)
            raise
        finally:
            upstream.writer.close()
            with contextlib.suppress(OSError):
                await upstream.writer.wait_closed()
        return reusable
