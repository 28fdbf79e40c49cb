"""The administrator's notifications: channels, what waits, and what was given up."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Form
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import BaseModel, Field
from sqlmodel import col, select

from models.outbox_tables import Notification, NotificationChannel
from models.tables import Region
from models.vocabulary import DeliveryState, FlashLevel, NotifiedEvent, Permission
from service.notifying import (
    ChannelError,
    ChannelWish,
    Outgoing,
    add_channel,
    disable_channel,
    resend,
    shown_address,
)
from service.web.access import needs
from service.web.visit import Visit, VisitNeeded, not_found

router = APIRouter()

CHANNELS = "/admin/notifications"
#: Messages shown, the newest first.
SHOWN = 200


class ChannelForm(BaseModel):
    """What the form for a new channel sends."""

    name: str = Field("", max_length=100)
    address: str = Field("", max_length=500)
    events: list[NotifiedEvent] = Field(default_factory=list)
    county: str = Field("", max_length=100)


@router.get(CHANNELS, dependencies=needs(Permission.INTEGRATIONS_MANAGE))
def channels_page(visit: VisitNeeded) -> HTMLResponse:
    """The channels, and the outbox."""
    return _page(visit)


def _page(visit: Visit, form: ChannelForm | None = None, error: str = "") -> HTMLResponse:
    current = visit.session
    rows = current.exec(select(NotificationChannel).order_by(col(NotificationChannel.created_at)))
    regions = {each.id: each.name for each in current.exec(select(Region)).all()}
    query = (
        select(Notification, NotificationChannel.name)
        .join(NotificationChannel)
        .order_by(col(Notification.created_at).desc())
        .limit(SHOWN)
    )
    values = {
        "channels": [
            (row, shown_address(row.address), regions.get(row.region_id, "全市")) for row in rows
        ],
        "messages": current.exec(query).all(),
        "dead": DeliveryState.DEAD,
        "counties": [("", "全市"), *((name, name) for name in sorted(regions.values()))],
        "events": [(each, each.label) for each in NotifiedEvent],
        "labels": {each.value: each.label for each in NotifiedEvent},
        "form": form or ChannelForm(),
        "error": error,
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if error else HTTPStatus.OK
    return visit.page("dash/channels.html", values, status)


@router.post(CHANNELS, dependencies=needs(Permission.INTEGRATIONS_MANAGE))
def add(visit: VisitNeeded, form: Annotated[ChannelForm, Form()]) -> Response:
    """Add a channel; an address inside a network is refused unless the operator allows it."""
    region = visit.session.exec(select(Region.id).where(Region.name == form.county)).first()
    if form.county and region is None:
        return _page(visit, form, "没有这个县区")
    wish = ChannelWish(form.name, form.address, form.events, region)
    outgoing = Outgoing(visit.settings.egress_allow)
    at = visit.desk.clock()
    try:
        row = add_channel(visit.session, wish, outgoing, at=at, actor=visit.who.name)
    except ChannelError as error:
        return _page(visit, form, str(error))
    return visit.done(CHANNELS, f"已添加渠道 {row.name}")


@router.post(f"{CHANNELS}/{{channel}}/stop", dependencies=needs(Permission.INTEGRATIONS_MANAGE))
def stop(visit: VisitNeeded, channel: str) -> RedirectResponse:
    """Stop a channel; what waits for it is cancelled."""
    if not disable_channel(visit.session, channel, at=visit.desk.clock(), actor=visit.who.name):
        raise not_found("没有这个渠道")
    return visit.done(CHANNELS, "已停用,待发送的消息已取消")


@router.post(f"{CHANNELS}/{{message}}/resend", dependencies=needs(Permission.INTEGRATIONS_MANAGE))
def send_again(visit: VisitNeeded, message: str) -> RedirectResponse:
    """Put a message that was given up back into the outbox."""
    if not resend(visit.session, message, at=visit.desk.clock(), actor=visit.who.name):
        return visit.done(CHANNELS, "这条消息不在“已停止”之列", FlashLevel.WARNING)
    return visit.done(CHANNELS, "已放回待发送")
