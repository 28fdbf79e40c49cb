"""逐级签署 of one space: who gave which word, when and on which snapshot; and giving one's own."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Form
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import BaseModel, Field
from sqlmodel import col, select

from audit.records import newest_snapshot
from audit.sign_offs import LEVELS, SignOffError, sign, standing
from models.review_tables import SignOff
from models.tables import User
from models.vocabulary import Permission
from rules.policy import load_policy
from service.scope import visible_space
from service.web.access import needs
from service.web.rendering import case_address
from service.web.visit import CampaignNamed, VisitNeeded, not_found, unprocessable

router = APIRouter()


@router.get(
    "/campaigns/{campaign}/spaces/{space}/sign-offs", dependencies=needs(Permission.SIGN_OFF)
)
def listing(visit: VisitNeeded, campaign: CampaignNamed, space: str) -> HTMLResponse:
    """Every level's standing, and all that was ever signed."""
    row = visible_space(visit.session, visit.scope, campaign, space)
    if row is None:
        raise not_found("没有这个空间,或不在您的范围内")
    snapshot = newest_snapshot(visit.session, row.id or 0)
    query = select(SignOff).where(SignOff.space_id == row.id).order_by(col(SignOff.at).desc())
    values = {
        "campaign": campaign,
        "space": row,
        "snapshot": snapshot,
        "standing": standing(visit.session, row.id or 0, snapshot),
        "required": load_policy(campaign.policy).required_sign_offs,
        "words": visit.session.exec(query).all(),
        "mine": LEVELS.get(visit.who.role),
    }
    return visit.page("mend/sign_offs.html", values)


class SignForm(BaseModel):
    """To give one's word, or to take it back."""

    word: Literal["sign", "withdraw"]
    note: str = Field("", max_length=500)


@router.post(
    "/campaigns/{campaign}/spaces/{space}/sign-offs", dependencies=needs(Permission.SIGN_OFF)
)
def give(
    visit: VisitNeeded, campaign: CampaignNamed, space: str, form: Annotated[SignForm, Form()]
) -> RedirectResponse:
    """Append one's word, and judge the space anew."""
    row = visible_space(visit.session, visit.scope, campaign, space)
    if row is None or row.id is None:
        raise not_found("没有这个空间,或不在您的范围内")
    user = visit.session.get_one(User, visit.who.user_id)
    withdraw, note, at = form.word == "withdraw", form.note.strip(), visit.desk.clock()
    try:
        sign(visit.session, user, row.id, withdraw=withdraw, note=note, at=at)
    except SignOffError as error:
        visit.session.rollback()
        raise unprocessable(str(error)) from error
    visit.session.flush()
    visit.desk.issue(visit.session, campaign, row.id, visit.who.name)
    address = f"{case_address(campaign.code, space)}/sign-offs"
    return visit.done(address, "已撤回签署" if withdraw else "已签署")
