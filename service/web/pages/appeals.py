"""Appeals: those that wait and those that were heard, and the hearing of one."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import BaseModel, Field

from audit.review import DecisionError
from models.review_tables import Notice
from models.tables import Campaign, Space, User
from models.vocabulary import Permission
from service.appeals import (
    campaign_appeals,
    deciders,
    dismissing_reasons,
    hear,
    item_of,
    visible_appeal,
)
from service.notices import NoticeError
from service.web.access import needs
from service.web.rendering import campaign_address
from service.web.visit import CampaignNamed, VisitNeeded, not_found, unprocessable

router = APIRouter()


@router.get("/campaigns/{campaign}/appeals", dependencies=needs(Permission.APPEALS_HEAR))
def listing(visit: VisitNeeded, campaign: CampaignNamed) -> HTMLResponse:
    """The appeals, those that wait first."""
    current = visit.session
    rows = [
        {
            "appeal": appeal,
            "item": item_of(current, appeal),
            "notice": current.get_one(Notice, appeal.notice_id),
            "code": current.get_one(Space, appeal.space_id).code,
            "own": visit.who.user_id in deciders(current, appeal),
            "heard_by": current.get_one(User, appeal.heard_by_id).name
            if appeal.heard_by_id
            else "",
        }
        for appeal in campaign_appeals(current, campaign, visit.scope)
    ]
    values = {"campaign": campaign, "rows": rows, "reasons": dismissing_reasons()}
    return visit.page("mend/appeals.html", values)


class HearingForm(BaseModel):
    """How an appeal ends, and why."""

    uphold: bool
    reason: str = Field("", max_length=100)
    note: str = Field("", max_length=2000)


@router.post("/appeals/{appeal}", dependencies=needs(Permission.APPEALS_HEAR))
def hearing(
    visit: VisitNeeded, appeal: str, form: Annotated[HearingForm, Form()]
) -> RedirectResponse:
    """Uphold or overturn."""
    current = visit.session
    found = visible_appeal(current, visit.scope, appeal)
    if found is None:
        raise not_found("没有这项申诉,或不在您的范围内")
    user = current.get_one(User, visit.who.user_id)
    reason, note = form.reason, form.note.strip()
    try:
        hear(current, visit.desk, found, user, uphold=form.uphold, reason=reason, note=note)
    except (NoticeError, DecisionError) as error:
        current.rollback()
        raise unprocessable(str(error)) from error
    notice = current.get_one(Notice, found.notice_id)
    code = current.get_one(Campaign, notice.campaign_id).code
    return visit.done(f"{campaign_address(code)}/appeals", f"申诉已审结:{found.state.label}")
