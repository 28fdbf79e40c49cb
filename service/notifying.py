"""Notifications by mail, 企业微信 and 钉钉: kept in an outbox with what they tell of, sent afterwards by Apprise.

A channel's address is written by an administrator and could name a machine inside: every destination is
resolved and judged by the same check as the crawler's, and only services named here may be used.
"""

from __future__ import annotations

import ipaddress
import logging
import socket
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import apprise
from apprise.plugins.custom_json import NotifyJSON
from apprise.plugins.dingtalk import NotifyDingTalk
from apprise.plugins.email import NotifyEmail
from apprise.plugins.wecombot import NotifyWeComBot
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, func, select

from crawler.addresses import AllowRule, EgressPolicy, check
from models.audit_log import record
from models.outbox_tables import Notification, NotificationChannel
from models.review_tables import ReviewCase
from models.tables import Campaign, Nomination, Region, School, Teacher
from models.vocabulary import SETTLED_CASES, DeliveryState, NotifiedEvent
from service.wording import local_time

#: Services that a channel may be of, and the word for it: those that counties use, and a plain JSON post.
SERVICES = {
    "mailto": "邮件",
    "mailtos": "邮件",
    "wecombot": "企业微信",
    "dingtalk": "钉钉",
    "json": "JSON",
    "jsons": "JSON",
}
_PLUGINS: Mapping[str, type[apprise.NotifyBase]] = {
    "mailto": NotifyEmail,
    "mailtos": NotifyEmail,
    "wecombot": NotifyWeComBot,
    "dingtalk": NotifyDingTalk,
    "json": NotifyJSON,
    "jsons": NotifyJSON,
}
#: Where a service goes whose address does not say so.
_FIXED = {"wecombot": "qyapi.weixin.qq.com", "dingtalk": "oapi.dingtalk.com"}
_PORTS = {"mailto": 25, "mailtos": 587, "json": 80}
_HTTPS = 443
#: Ports of mail beside the web's.
_ALLOWED_PORTS = frozenset({25, 80, 443, 465, 587})
#: Waits between attempts: a service that is down for a working day is still reached.
BACK_OFF = tuple(timedelta(minutes=each) for each in (1, 5, 30, 120, 480))
#: A reminder goes out from so many days before the deadline.
REMINDED_DAYS = 3
#: Messages sent by one run; the rest waits for the next.
A_RUN = 200

log = logging.getLogger(__name__)

Resolve = Callable[[str, int], Sequence[str]]


class ChannelError(ValueError):
    """A channel's address cannot be used; the message is for officers and holds no secret."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What sending needs of the installation: exceptions for inside addresses, and a resolver."""

    allow: tuple[AllowRule, ...] = ()
    resolve: Resolve | None = None


def resolved(host: str, port: int) -> list[str]:
    """The addresses of a host, as the system knows them."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return sorted({str(each[4][0]) for each in found})


def plugin_of(address: str) -> apprise.NotifyBase:
    """The service behind an address; redirects are not followed, since nobody has checked where to.

    Raises:
        ChannelError: it is none that we send to.
    """
    service = address.partition("://")[0].lower()
    if service not in SERVICES:
        raise ChannelError(f"只能使用 {'、'.join(sorted(set(SERVICES.values())))} 的地址")
    # Not by Apprise's registry: that loads every service there is, and would send to any of them.
    plugin = _PLUGINS[service]
    parts = plugin.parse_url(address) or {}
    try:
        found = plugin(**parts, asset=apprise.AppriseAsset(http_redirects=False))
    except TypeError as error:
        raise ChannelError("地址写法不对,请对照说明检查") from error
    found.redirects = False
    return found


def shown_address(address: str) -> str:
    """The address without its secrets, for pages."""
    try:
        shown = plugin_of(address).url(privacy=True)  # type: ignore[no-untyped-call]
        return str(shown).partition("?")[0]
    except ChannelError:
        return "(无法识别)"


def require_allowed(address: str, outgoing: Outgoing) -> apprise.NotifyBase:
    """The service behind an address, if it may be gone to.

    Raises:
        ChannelError: it lies inside a network, does not resolve, or is at a port that is not allowed.
    """
    plugin = plugin_of(address)
    service = address.partition("://")[0].lower()
    host = _FIXED.get(service) or getattr(plugin, "smtp_host", "") or plugin.host
    port = _HTTPS if service in _FIXED else plugin.port or _PORTS.get(service, _HTTPS)
    resolve = outgoing.resolve or resolved
    try:
        found = [ipaddress.ip_address(each) for each in resolve(host, port)]
    except (OSError, ValueError) as error:
        raise ChannelError(f"{host} 的地址查不到") from error
    denial = check(host, port, found, EgressPolicy(allow=outgoing.allow, ports=_ALLOWED_PORTS))
    if denial is not None:
        raise ChannelError(f"{host}:{port} 不允许访问:{denial.label}")
    return plugin


@dataclass(frozen=True, slots=True)
class ChannelWish:
    """A channel to add; no events: all."""

    name: str
    address: str
    events: Sequence[NotifiedEvent] = ()
    region_id: int | None = None


def add_channel(
    session: Session, wish: ChannelWish, outgoing: Outgoing, *, at: datetime, actor: str
) -> NotificationChannel:
    """Add a channel.

    Raises:
        ChannelError: it has no name, or its address cannot be used.
    """
    if not wish.name.strip():
        raise ChannelError("请填写名称")
    require_allowed(wish.address.strip(), outgoing)
    row = NotificationChannel(
        id=f"nc_{uuid.uuid4().hex[:12]}",
        name=wish.name.strip(),
        address=wish.address.strip(),
        events=[each.value for each in wish.events],
        region_id=wish.region_id,
        created_by=actor,
        created_at=at,
    )
    session.add(row)
    subject = f"notificationchannel:{row.id}"
    record(session, actor=actor, action="channel.added", at=at, subject=subject)
    return row


def disable_channel(session: Session, key: str, *, at: datetime, actor: str) -> bool:
    """Stop a channel; what waits for it is cancelled. False: there is none."""
    row = session.get(NotificationChannel, key)
    if row is None:
        return False
    row.disabled_at = row.disabled_at or at
    session.add(row)
    waiting = (DeliveryState.WAITING, DeliveryState.RETRYING)
    own = (Notification.channel_id == key, col(Notification.state).in_(waiting))
    for each in session.exec(select(Notification).where(*own)):
        each.state, each.next_at = DeliveryState.CANCELLED, None
        session.add(each)
    subject = f"notificationchannel:{key}"
    record(session, actor=actor, action="channel.disabled", at=at, subject=subject)
    return True


@dataclass(frozen=True, slots=True)
class Message:
    """What to tell; the same ``key`` goes to a channel once. No region: about all counties."""

    event: NotifiedEvent
    key: str
    title: str
    body: str
    region_id: int | None = None


def notify(session: Session, message: Message, at: datetime) -> int:
    """Put a message into the outbox of every channel that wants it; gives how many.

    A channel of one county hears of that county only.
    """
    added = 0
    for channel in session.exec(
        select(NotificationChannel).where(col(NotificationChannel.disabled_at).is_(None))
    ).all():
        wanted = not channel.events or message.event.value in channel.events
        theirs = channel.region_id is None or channel.region_id == message.region_id
        known = select(Notification.id).where(
            Notification.channel_id == channel.id, Notification.key == message.key
        )
        if not wanted or not theirs or session.exec(known).first():
            continue
        session.add(
            Notification(
                id=f"nt_{uuid.uuid4().hex[:12]}",
                channel_id=channel.id,
                event=message.event,
                key=message.key,
                title=message.title,
                body=message.body,
                state=DeliveryState.WAITING,
                next_at=at,
                created_at=at,
            )
        )
        added += 1
    session.flush()
    return added


def remind(session: Session, at: datetime) -> int:
    """Tell each county once a day of cases that are due soon, and of those that are overdue."""
    older = aliased(Nomination)
    newest = (
        select(func.max(older.revision))
        .where(older.space_id == ReviewCase.space_id)
        .correlate(ReviewCase)
        .scalar_subquery()
    )
    query = (
        select(Campaign.code, Region.id, Region.name, ReviewCase.due_at)
        .select_from(ReviewCase)
        .join(Campaign, col(Campaign.id) == col(ReviewCase.campaign_id))
        .join(Nomination, col(Nomination.space_id) == col(ReviewCase.space_id))
        .join(Teacher, col(Teacher.id) == col(Nomination.teacher_id))
        .join(School, col(School.id) == col(Teacher.school_id))
        .join(Region, col(Region.id) == col(School.region_id))
        .where(
            col(Nomination.revision) == newest,
            col(ReviewCase.state).not_in(SETTLED_CASES),
            col(ReviewCase.due_at) < at + timedelta(days=REMINDED_DAYS),
        )
    )
    numbers: dict[tuple[str, int, str, NotifiedEvent], int] = {}
    for code, region, name, due in session.exec(query):
        event = NotifiedEvent.OVERDUE if due and due < at else NotifiedEvent.DEADLINE
        key = (code, region or 0, name, event)
        numbers[key] = numbers.get(key, 0) + 1
    day = local_time(at)[:10]
    return sum(
        notify(
            session,
            Message(
                event=event,
                key=f"{event.value}:{code}:{region}:{day}",
                title=f"{name}:{number} 件{event.label}",
                body=f"活动 {code}:{name}有 {number} 件审核{_due_words(event)},请及时办理。",
                region_id=region,
            ),
            at,
        )
        for (code, region, name, event), number in numbers.items()
    )


def _due_words(event: NotifiedEvent) -> str:
    if event is NotifiedEvent.OVERDUE:
        return "已经逾期"
    return f"将在 {REMINDED_DAYS} 天内到期"


@dataclass(frozen=True, slots=True)
class Sent:
    """What one run of sending did."""

    delivered: int = 0
    retrying: int = 0
    dead: int = 0


def send_due(session: Session, outgoing: Outgoing, at: datetime) -> Sent:
    """Send what is due; each message is committed by itself, so a killed run sends at most one twice."""
    due = (
        select(Notification.id)
        .where(
            col(Notification.state).in_((DeliveryState.WAITING, DeliveryState.RETRYING)),
            col(Notification.next_at) <= at,
        )
        .order_by(col(Notification.next_at))
        .limit(A_RUN)
    )
    states = []
    for key in session.exec(due).all():
        row = session.get_one(Notification, key)
        channel = session.get_one(NotificationChannel, row.channel_id)
        _settle(row, _send(channel.address, row, outgoing), at)
        states.append(row.state)
        session.add(row)
        session.commit()
    return Sent(
        states.count(DeliveryState.DELIVERED),
        states.count(DeliveryState.RETRYING),
        states.count(DeliveryState.DEAD),
    )


def _send(address: str, row: Notification, outgoing: Outgoing) -> str:
    """Send one message; gives what went wrong, "" for nothing. It never names the address."""
    try:
        plugin = require_allowed(address, outgoing)
    except ChannelError as error:
        return str(error)
    try:
        return "" if plugin.notify(body=row.body, title=row.title) else "对方没有接受"
    except Exception as error:  # noqa: BLE001  (a plugin of another project: any fault is a failed attempt)
        log.warning("a notification could not be sent: %s", type(error).__name__)
        return f"发送出错({type(error).__name__})"


def _settle(row: Notification, problem: str, at: datetime) -> None:
    row.attempts += 1
    row.last_error = problem
    if not problem:
        row.state, row.sent_at, row.next_at = DeliveryState.DELIVERED, at, None
    elif row.attempts > len(BACK_OFF):
        row.state, row.next_at = DeliveryState.DEAD, None
    else:
        row.state, row.next_at = DeliveryState.RETRYING, at + BACK_OFF[row.attempts - 1]


def resend(session: Session, key: str, *, at: datetime, actor: str) -> bool:
    """Put a dead message back into the outbox; False: there is none."""
    row = session.get(Notification, key)
    if row is None or row.state is not DeliveryState.DEAD:
        return False
    row.state, row.attempts, row.next_at = DeliveryState.WAITING, 0, at
    session.add(row)
    record(session, actor=actor, action="notification.resent", at=at, subject=f"notification:{key}")
    return True
