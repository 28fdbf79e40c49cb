"""Webhooks for administrators: where programs are told of new verdicts, and what did not arrive."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Form
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import BaseModel, Field
from sqlmodel import col, select

from models.outbox_tables import WebhookDelivery, WebhookEndpoint
from models.tables import Region
from models.vocabulary import FeedEvent, Permission
from service.web.access import needs
from service.web.visit import Visit, VisitNeeded, not_found
from service.webhooks import (
    START_EVENT,
    WebhookError,
    add_endpoint,
    add_test,
    resend,
    set_disabled,
)

WEBHOOKS = "/admin/webhooks"
#: Deliveries shown, the newest first.
SHOWN = 100
ALL_COUNTIES = ""

router = APIRouter()


class EndpointForm(BaseModel):
    """What the form for a new endpoint sends."""

    url: str = Field("", max_length=1000)
    events: list[FeedEvent] = Field(default_factory=list)
    county: str = Field(ALL_COUNTIES, max_length=100)


class StateForm(BaseModel):
    """What the button beside an endpoint sends."""

    disabled: bool


@router.get(WEBHOOKS, dependencies=needs(Permission.INTEGRATIONS_MANAGE))
def webhooks_page(visit: VisitNeeded) -> HTMLResponse:
    """All endpoints, the newest deliveries, and the form for a new endpoint."""
    return _page(visit)


def _page(visit: Visit, form: EndpointForm | None = None, error: str = "") -> HTMLResponse:
    counties = dict(visit.session.exec(select(Region.id, Region.name)).all())
    ends = select(WebhookEndpoint).order_by(col(WebhookEndpoint.created_at).desc())
    sent = (
        select(WebhookDelivery, WebhookEndpoint.url)
        .join(WebhookEndpoint, col(WebhookEndpoint.id) == col(WebhookDelivery.endpoint_id))
        .where(WebhookDelivery.event != START_EVENT)
        .order_by(col(WebhookDelivery.created_at).desc(), col(WebhookDelivery.serial).desc())
        .limit(SHOWN)
    )
    values = {
        "endpoints": visit.session.exec(ends).all(),
        "deliveries": visit.session.exec(sent).all(),
        "counties": counties,
        "county_options": [(ALL_COUNTIES, "全市"), *((n, n) for n in sorted(counties.values()))],
        "event_options": [(each, each.label) for each in FeedEvent],
        "event_labels": {each.value: each.label for each in FeedEvent},
        "form": form or EndpointForm(),
        "error": error,
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if error else HTTPStatus.OK
    return visit.page("admin/webhooks.html", values, status)


@router.post(WEBHOOKS, dependencies=needs(Permission.INTEGRATIONS_MANAGE))
def add(visit: VisitNeeded, form: Annotated[EndpointForm, Form()]) -> Response:
    """Make an endpoint; its secret is shown once, in the answer."""
    region = None
    if form.county:
        region = visit.session.exec(select(Region.id).where(Region.name == form.county)).first()
        if region is None:
            return _page(visit, form, "没有这个县区")
    try:
        row, secret = add_endpoint(
            visit.session,
            form.url.strip(),
            at=visit.desk.clock(),
            actor=visit.who.name,
            events=form.events,
            region_id=region,
        )
    except (WebhookError, ValueError):
        visit.session.rollback()
        return _page(visit, form, "请填写 http 或 https 开头、不带用户名的网址")
    values = {"url": row.url, "key": row.id, "secret": secret}
    visit.session.commit()
    return visit.page("admin/new_webhook.html", values)


@router.post(f"{WEBHOOKS}/{{key}}/state", dependencies=needs(Permission.INTEGRATIONS_MANAGE))
def state(visit: VisitNeeded, key: str, form: Annotated[StateForm, Form()]) -> RedirectResponse:
    """Disable an endpoint, or enable it again: it is then told of all that it missed."""
    why = f"由 {visit.who.name} 停用" if form.disabled else ""
    at = visit.desk.clock()
    try:
        row = set_disabled(visit.session, key, why, at=at, actor=visit.who.name)
    except WebhookError as error:
        raise not_found("没有这个推送地址") from error
    return visit.done(WEBHOOKS, f"已{'停用' if form.disabled else '启用'} {row.url}")


@router.post(f"{WEBHOOKS}/{{key}}/test", dependencies=needs(Permission.INTEGRATIONS_MANAGE))
def test(visit: VisitNeeded, key: str) -> RedirectResponse:
    """Put a test message in line."""
    try:
        add_test(visit.session, key, visit.desk.clock())
    except WebhookError as error:
        raise not_found("没有这个推送地址") from error
    return visit.done(WEBHOOKS, "测试消息已排队,下次发送时送出")


@router.post(
    f"{WEBHOOKS}/deliveries/{{key}}/resend", dependencies=needs(Permission.INTEGRATIONS_MANAGE)
)
def send_again(visit: VisitNeeded, key: str) -> RedirectResponse:
    """Put a message in line again."""
    try:
        resend(visit.session, key, visit.desk.clock())
    except WebhookError as error:
        raise not_found("没有这条推送") from error
    return visit.done(WEBHOOKS, "已重新排队,下次发送时送出")
