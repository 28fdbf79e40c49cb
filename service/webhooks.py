"""Webhooks: programs are told that the feed has moved; the feed itself stays the truth.

A message says which serial is new, of which space, with which state: ids and codes only. Deliveries are
made from the feed's own log by its serials, so that nothing is lost when a process dies in between.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Sequence
from datetime import datetime
from urllib.parse import urlsplit

from sqlmodel import Session, col, func, select

from models.audit_log import record
from models.database import take_writer_lock
from models.outbox_tables import WebhookDelivery, WebhookEndpoint
from models.tables import Space, Verdict
from models.vocabulary import DeliveryState, FeedEvent
from service.errors import UserError
from service.scope import EVERYTHING, Scope

#: Bytes of a signing secret; the standard asks for 24 to 64.
SECRET_BYTES = 32
#: The event of a message that tells of nothing.
TEST_EVENT = "webhook.test"
#: Marks where in the feed an endpoint begins.
START_EVENT = "webhook.added"
#: Deliveries made in one go.
BATCH = 500
PAYLOAD_VERSION = 1


class WebhookError(UserError):
    """An endpoint cannot be made or changed as asked."""


def add_endpoint(  # noqa: PLR0913  (an endpoint is where, what and whose; an event is who and when)
    session: Session,
    url: str,
    *,
    at: datetime,
    actor: str,
    events: Sequence[FeedEvent] = (),
    region_id: int | None = None,
) -> tuple[WebhookEndpoint, str]:
    """Make an endpoint; gives it and its secret. It is told of what comes after now.

    Raises:
        WebhookError: the address is no https or http address without a password.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        raise WebhookError("the address is not a plain http or https address", "give another")
    take_writer_lock(session)
    secret = new_secret()
    row = WebhookEndpoint(
        id=f"we_{secrets.token_hex(6)}",
        url=url,
        secrets=[secret],
        events=[each.value for each in events],
        region_id=region_id,
        created_by=actor,
        created_at=at,
    )
    session.add(row)
    session.flush()
    newest = session.exec(select(func.max(Verdict.serial))).one() or 0
    _add(session, row, START_EVENT, {}, DeliveryState.CANCELLED, at, serial=newest)
    details = {"host": parts.hostname, "events": row.events}
    subject = f"webhook:{row.id}"
    record(session, actor=actor, action="webhook.added", at=at, subject=subject, details=details)
    return row, secret


def new_secret() -> str:
    """A signing secret as Standard Webhooks writes it."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def set_disabled(
    session: Session, key: str, why: str, *, at: datetime, actor: str
) -> WebhookEndpoint:
    """Disable an endpoint (``why``), or enable it again ("").

    Raises:
        WebhookError: there is no such endpoint.
    """
    row = endpoint(session, key)
    row.disabled_at = at if why else None
    row.disabled_why = why
    session.add(row)
    action = "webhook.disabled" if why else "webhook.enabled"
    record(session, actor=actor, action=action, at=at, subject=f"webhook:{key}")
    return row


def endpoint(session: Session, key: str) -> WebhookEndpoint:
    """The endpoint with this id.

    Raises:
        WebhookError: there is none.
    """
    row = session.get(WebhookEndpoint, key)
    if row is None:
        raise WebhookError(f"there is no webhook {key}", "see the page of webhooks")
    return row


def add_test(session: Session, key: str, at: datetime) -> WebhookDelivery:
    """A message that tells of nothing, to see whether the endpoint answers."""
    row = endpoint(session, key)
    payload = {"type": TEST_EVENT, "version": PAYLOAD_VERSION, "data": {}}
    return _add(session, row, TEST_EVENT, payload, DeliveryState.WAITING, at)


def resend(session: Session, key: str, at: datetime) -> WebhookDelivery:
    """Send a message again, its tries counted anew; the receiver knows it by its id.

    Raises:
        WebhookError: there is no such message.
    """
    row = session.get(WebhookDelivery, key)
    if row is None or row.event == START_EVENT:
        raise WebhookError(f"there is no delivery {key}", "see the page of webhooks")
    row.state, row.attempts, row.next_at, row.delivered_at = DeliveryState.WAITING, 0, at, None
    session.add(row)
    return row


def enqueue(session: Session, at: datetime) -> int:
    """Make the messages of what the feed has brought since; gives how many."""
    take_writer_lock(session)
    live = select(WebhookEndpoint).where(col(WebhookEndpoint.disabled_at).is_(None))
    return sum(_enqueue_for(session, each, at) for each in session.exec(live).all())


def _enqueue_for(session: Session, row: WebhookEndpoint, at: datetime) -> int:
    newest = select(func.max(WebhookDelivery.serial)).where(WebhookDelivery.endpoint_id == row.id)
    after = session.exec(newest).one() or 0
    scope = EVERYTHING if row.region_id is None else Scope(region_id=row.region_id)
    query = (
        select(Verdict, Space.code)
        .join(Space, col(Space.id) == col(Verdict.space_id))
        .where(col(Verdict.serial) > after, scope.covers(col(Verdict.space_id)))
        .order_by(col(Verdict.serial))
        .limit(BATCH)
    )
    if row.events:
        query = query.where(col(Verdict.event).in_([FeedEvent.of(each) for each in row.events]))
    found = session.exec(query).all()
    for verdict, code in found:
        payload = _payload(verdict, code)
        state = DeliveryState.WAITING
        _add(session, row, verdict.event, payload, state, at, serial=verdict.serial)
    return len(found)


def _payload(verdict: Verdict, space: str) -> dict[str, object]:
    return {
        "type": verdict.event.value,
        "version": PAYLOAD_VERSION,
        "timestamp": verdict.decided_at.isoformat(),
        "data": {
            "serial": verdict.serial,
            "space": space,
            "verdict_id": verdict.id,
            "state": verdict.state.value,
        },
    }


def _add(  # noqa: PLR0913, PLR0917  (a delivery is to whom, what and when)
    session: Session,
    to: WebhookEndpoint,
    event: str,
    payload: dict[str, object],
    state: DeliveryState,
    at: datetime,
    serial: int | None = None,
) -> WebhookDelivery:
    row = WebhookDelivery(
        id=f"msg_{secrets.token_hex(12)}",
        endpoint_id=to.id,
        event=event,
        serial=serial,
        payload=payload,
        state=state,
        next_at=at if state is DeliveryState.WAITING else None,
        created_at=at,
    )
    session.add(row)
    return row
