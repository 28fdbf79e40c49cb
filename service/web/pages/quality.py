"""How good the review is: samples of machine-clean spaces, and how far reviewers agree."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import BaseModel, Field
from sqlmodel import select

from audit.estimates import SMALL_SAMPLE
from models.review_tables import SampleDraw, SampleItem
from models.tables import Campaign, User
from models.vocabulary import FlashLevel, Permission, SampleOutcome
from rules.families import families
from service.sampling import (
    DrawWish,
    Look,
    SamplingError,
    draw_sample,
    estimate,
    items_of,
    keep_outcome,
    machine_clean,
    reviewers_agreement,
    visible_draws,
)
from service.web.access import needs
from service.web.rendering import campaign_address
from service.web.visit import CampaignNamed, Visit, VisitNeeded, not_found

router = APIRouter()


class DrawForm(BaseModel):
    """What the form for a drawing sends."""

    size: int = Field(30, ge=1, le=1000)
    seed: str = Field("", max_length=60)


class LookForm(BaseModel):
    """What the form for one sampled space sends."""

    outcome: SampleOutcome = SampleOutcome.WAITING
    missed: list[str] = Field(default_factory=list)
    note: str = Field("", max_length=1000)


@router.get("/campaigns/{campaign}/quality", dependencies=needs(Permission.SAMPLES_REVIEW))
def quality(visit: VisitNeeded, campaign: CampaignNamed) -> HTMLResponse:
    """The drawings of a campaign, what they say, and how far reviewers agree."""
    draws = [
        estimate(draw, [row.item for row in items_of(visit.session, draw)])
        for draw in visible_draws(visit.session, campaign, visit.scope)
    ]
    values = {
        "campaign": campaign,
        "draws": draws,
        "population": len(machine_clean(visit.session, visit.desk, campaign, visit.scope)),
        "agreement": reviewers_agreement(visit.session, campaign, visit.scope),
        "small": SMALL_SAMPLE,
    }
    return visit.page("dash/quality.html", values)


@router.post("/campaigns/{campaign}/samples", dependencies=needs(Permission.SAMPLES_REVIEW))
def draw(
    visit: VisitNeeded, campaign: CampaignNamed, form: Annotated[DrawForm, Form()]
) -> RedirectResponse:
    """Draw a sample from the machine-clean spaces of the visitor's scope."""
    wish, address = DrawWish(form.size, form.seed), campaign_address(campaign.code)
    try:
        made = draw_sample(
            visit.session, visit.desk, campaign, visit.scope, visit.who.user_id, wish
        )
    except SamplingError as error:
        return visit.done(f"{address}/quality", str(error), FlashLevel.DANGER)
    return visit.done(f"{address}/samples/{made.id}", f"已随机抽取 {made.size} 个空间")


def _draw(visit: Visit, campaign: Campaign, key: str) -> SampleDraw:
    for each in visible_draws(visit.session, campaign, visit.scope):
        if each.id == key:
            return each
    raise not_found("没有这次抽查,或不在您的范围内")


@router.get("/campaigns/{campaign}/samples/{draw}", dependencies=needs(Permission.SAMPLES_REVIEW))
def sample_page(visit: VisitNeeded, campaign: CampaignNamed, draw: str) -> HTMLResponse:
    """The spaces of one drawing; of those not looked at, what others found elsewhere is not shown."""
    found = _draw(visit, campaign, draw)
    rows = items_of(visit.session, found)
    values = {
        "campaign": campaign,
        "draw": found,
        "rows": rows,
        "estimate": estimate(found, [row.item for row in rows]),
        "families": [(each, family.label) for each, family in families().items()],
        "outcomes": [each for each in SampleOutcome if each is not SampleOutcome.WAITING],
        "waiting": SampleOutcome.WAITING,
    }
    return visit.page("dash/sample.html", values)


@router.post(
    "/campaigns/{campaign}/samples/{draw}/{item}", dependencies=needs(Permission.SAMPLES_REVIEW)
)
def outcome(
    visit: VisitNeeded,
    campaign: CampaignNamed,
    draw: str,
    item: int,
    form: Annotated[LookForm, Form()],
) -> Response:
    """Record what a person found on one sampled space."""
    found = _draw(visit, campaign, draw)
    query = select(SampleItem).where(SampleItem.id == item, SampleItem.draw_id == found.id)
    row = visit.session.exec(query).first()
    if row is None:
        raise not_found("这次抽查里没有这个空间")
    look = Look(form.outcome, [each for each in form.missed if each in families()], form.note)
    address = f"{campaign_address(campaign.code)}/samples/{found.id}"
    user = visit.session.get_one(User, visit.who.user_id)
    try:
        keep_outcome(visit.session, row, user, look, visit.desk.clock())
    except SamplingError as error:
        return visit.done(address, str(error), FlashLevel.DANGER)
    return visit.done(address, "抽查结果已保存")
