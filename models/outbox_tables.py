"""Tables of what goes out and comes in by program: webhooks, notifications, idempotency, progress.

What is to be sent is written in the same transaction as what it tells of, and sent afterwards, so nothing
is lost when the process dies between the two. ``models.tables`` gathers all tables.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, SQLModel

from models.columns import json_field, moment, term
from models.vocabulary import DeliveryState, NotifiedEvent

#: What a JSON column holds.
Json = Any


class WebhookEndpoint(SQLModel, table=True):
    """Where a program wants to be told that the feed has moved."""

    id: str = Field(primary_key=True)
    url: str
    #: Signing secrets (Standard Webhooks), the newest first: two while one is being replaced.
    secrets: Json = json_field()
    #: Values of ``FeedEvent``; empty: all.
    events: Json = json_field()
    #: The one county it is told of; None: all.
    region_id: int | None = Field(default=None, foreign_key="region.id")
    created_by: str
    created_at: datetime = moment()
    disabled_at: datetime | None = moment(nullable=True)
    disabled_why: str = ""


class WebhookDelivery(SQLModel, table=True):
    """One message to one endpoint: waiting, delivered, or given up (the dead letters)."""

    __table_args__ = (UniqueConstraint("endpoint_id", "serial"),)

    id: str = Field(primary_key=True)
    endpoint_id: str = Field(foreign_key="webhookendpoint.id", index=True)
    event: str
    #: The feed's serial that it tells of; None: a test message.
    serial: int | None = None
    payload: Json = json_field()
    state: DeliveryState = term(DeliveryState, index=True)
    attempts: int = 0
    next_at: datetime | None = moment(index=True, nullable=True)
    last_status: int | None = None
    last_error: str = ""
    created_at: datetime = moment()
    delivered_at: datetime | None = moment(nullable=True)


class NotificationChannel(SQLModel, table=True):
    """Where people are told: an Apprise address of a mailbox, a 企业微信 or 钉钉 group."""

    id: str = Field(primary_key=True)
    name: str
    #: Carries a secret: never shown, logged or exported.
    address: str
    #: Values of ``NotifiedEvent``; empty: all.
    events: Json = json_field()
    region_id: int | None = Field(default=None, foreign_key="region.id")
    created_by: str
    created_at: datetime = moment()
    disabled_at: datetime | None = moment(nullable=True)


class Notification(SQLModel, table=True):
    """One message to one channel. ``key`` makes the same reminder go out once."""

    __table_args__ = (UniqueConstraint("channel_id", "key"),)

    id: str = Field(primary_key=True)
    channel_id: str = Field(foreign_key="notificationchannel.id", index=True)
    event: NotifiedEvent = term(NotifiedEvent)
    key: str
    title: str
    body: str
    state: DeliveryState = term(DeliveryState, index=True)
    attempts: int = 0
    next_at: datetime | None = moment(index=True, nullable=True)
    last_error: str = ""
    created_at: datetime = moment()
    sent_at: datetime | None = moment(nullable=True)


class IdempotencyKey(SQLModel, table=True):
    """A request that must not be done twice, and how it was answered."""

    __table_args__ = (UniqueConstraint("owner", "key"),)

    id: int | None = Field(default=None, primary_key=True)
    #: The token (``token:ID``) or user (``user:ID``) that sent it.
    owner: str
    key: str
    method: str
    path: str
    #: SHA-256 of the body: the same key with another body is refused.
    body_digest: str
    #: None while it is being answered.
    status: int | None = None
    answer: Json = json_field()
    location: str = ""
    created_at: datetime = moment()
    expires_at: datetime = moment(index=True)


class Progress(SQLModel, table=True):
    """How far a running job is, for the live page."""

    #: The crawl's or job's id.
    job: str = Field(primary_key=True)
    campaign_id: int | None = Field(default=None, foreign_key="campaign.id", index=True)
    kind: str
    done: int = 0
    total: int = 0
    failed: int = 0
    text: str = ""
    started_at: datetime = moment()
    changed_at: datetime = moment()
    finished_at: datetime | None = moment(nullable=True)
