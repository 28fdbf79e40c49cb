"""Sends webhook messages that are due: signed, to a checked and pinned address, again with back-off.

Only public addresses and what ``SPACEAUDIT_EGRESS_ALLOW`` names are reached; a name is resolved once and
the connection goes to the address that was judged. Redirects are not followed.
"""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx
from sqlalchemy import Engine
from sqlmodel import Session, col, select
from standardwebhooks.webhooks import Webhook

from crawler.addresses import EgressPolicy, check
from models.database import session, take_writer_lock
from models.outbox_tables import WebhookDelivery, WebhookEndpoint
from models.vocabulary import DeliveryState
from service.webhooks import enqueue, set_disabled

#: Waits between tries, as Standard Webhooks advises; after the last the message is a dead letter.
BACK_OFF = tuple(
    timedelta(seconds=each) for each in (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
)
#: A receiver has so many seconds to answer (Standard Webhooks: 15 to 30).
ANSWER_SECONDS = 20.0
#: For so long a message that is being sent is nobody else's to send.
CLAIMED = timedelta(minutes=2)
#: Messages taken at once.
AT_ONCE = 20
MAX_ERROR = 300


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of one try; ``status`` None: no answer."""

    status: int | None
    error: str = ""

    @property
    def arrived(self) -> bool:
        """Whether the receiver took it."""
        return self.status is not None and self.status // 100 == HTTPStatus.OK // 100


@dataclass(frozen=True, slots=True)
class _Message:
    id: str
    url: str
    secrets: tuple[str, ...]
    body: str


class _RefusedError(Exception):
    """The address may not be reached, or cannot be."""


def deliver(
    engine: Engine, now: datetime, policy: EgressPolicy, seconds: float = ANSWER_SECONDS
) -> dict[DeliveryState, int]:
    """Send everything that is due at ``now`` once; gives how many came to which state.

    Signatures carry the real time, which receivers check.
    """
    with session(engine) as current:
        enqueue(current, now)
    counted: dict[DeliveryState, int] = {}
    while claimed := _claim(engine, now):
        for message in claimed:
            outcome = send(message, policy, seconds)
            with session(engine) as current:
                state = _note(current, message.id, outcome, now)
            counted[state] = counted.get(state, 0) + 1
    return counted


def _claim(engine: Engine, now: datetime) -> list[_Message]:
    """Take messages that are due; another sender at the same moment takes others."""
    with session(engine) as current:
        take_writer_lock(current)
        query = (
            select(WebhookDelivery, WebhookEndpoint)
            .join(WebhookEndpoint, col(WebhookEndpoint.id) == col(WebhookDelivery.endpoint_id))
            .where(
                col(WebhookDelivery.state).in_((DeliveryState.WAITING, DeliveryState.RETRYING)),
                col(WebhookDelivery.next_at) <= now,
                col(WebhookEndpoint.disabled_at).is_(None),
            )
            .order_by(col(WebhookDelivery.next_at), col(WebhookDelivery.serial))
            .limit(AT_ONCE)
        )
        found = []
        for row, to in current.exec(query):
            row.next_at = now + CLAIMED
            current.add(row)
            body = json.dumps(row.payload, ensure_ascii=False, separators=(",", ":"))
            found.append(_Message(row.id, to.url, tuple(to.secrets), body))
        return found


def _note(current: Session, key: str, outcome: Sent, now: datetime) -> DeliveryState:
    row = current.get_one(WebhookDelivery, key)
    row.attempts += 1
    row.last_status, row.last_error = outcome.status, outcome.error[:MAX_ERROR]
    if outcome.arrived:
        row.state, row.next_at, row.delivered_at = DeliveryState.DELIVERED, None, now
    elif row.attempts > len(BACK_OFF):
        row.state, row.next_at = DeliveryState.DEAD, None
    else:
        row.state, row.next_at = DeliveryState.RETRYING, now + BACK_OFF[row.attempts - 1]
    if outcome.status == HTTPStatus.GONE:
        # The receiver's way of saying that it wants no more.
        why = "对方答复 410:不再接收"
        set_disabled(current, row.endpoint_id, why, at=now, actor="webhooks")
        row.state, row.next_at = DeliveryState.DEAD, None
    current.add(row)
    return row.state


def send(message: _Message, policy: EgressPolicy, seconds: float) -> Sent:
    """One try."""
    try:
        request = _request(message, policy)
        with (
            httpx.Client(trust_env=False, follow_redirects=False, timeout=seconds) as client,
            # What the receiver says beside the status is not read.
            client.stream(**request) as answer,
        ):
            return Sent(answer.status_code, "" if answer.is_success else answer.reason_phrase)
    except _RefusedError as error:
        return Sent(None, str(error))
    except httpx.TimeoutException:
        return Sent(None, f"{seconds:g} 秒内没有应答")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return Sent(None, str(error) or type(error).__name__)


def _request(message: _Message, policy: EgressPolicy) -> dict[str, Any]:
    parts = urlsplit(message.url)
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    address = _judged(host, port, policy)
    literal = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    return {
        "method": "POST",
        "url": urlunsplit((parts.scheme, literal, parts.path or "/", parts.query, "")),
        "content": message.body.encode(),
        "headers": {**_signed(message), "Host": parts.netloc, "Content-Type": "application/json"},
        "extensions": {"sni_hostname": host},
    }


def _judged(host: str, port: int, policy: EgressPolicy) -> str:
    """The address to connect to.

    Raises:
        _RefusedError: the name has none, or one that may not be reached.
    """
    try:
        answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise _RefusedError("域名无法解析") from error
    addresses = [ip_address(str(each[4][0])) for each in answers]
    denial = check(host, port, addresses, policy)
    if denial is not None:
        raise _RefusedError(denial.label)
    return str(min(addresses, key=lambda address: address.version))


def _signed(message: _Message) -> dict[str, str]:
    at = datetime.now(UTC)
    signatures = [
        Webhook(each).sign(msg_id=message.id, timestamp=at, data=message.body)
        for each in message.secrets
    ]
    return {
        "webhook-id": message.id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(signatures),
    }
