"""The campaigns, and the spaces of one."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response
from fastapi.responses import HTMLResponse

from models.vocabulary import Permission
from service.overview import campaign_overview
from service.scope import visible_campaigns
from service.web.access import needs, open_to_all
from service.web.listing import ListQuery, make_listing
from service.web.settings import WebSettings
from service.web.visit import CampaignNamed, VisitNeeded, not_found

#: The address of a file changes with its content.
FOREVER = "public, max-age=31536000, immutable"

router = APIRouter()


@router.get("/", dependencies=needs(Permission.ACCOUNT))
def start(visit: VisitNeeded) -> HTMLResponse:
    """Every campaign with the number of its spaces."""
    found = visible_campaigns(visit.session, visit.scope)
    return visit.page("campaigns/list.html", {"campaigns": found})


@router.get("/campaigns/{campaign}", dependencies=needs(Permission.SPACES_READ))
def spaces(
    visit: VisitNeeded, campaign: CampaignNamed, query: Annotated[ListQuery, Query()]
) -> HTMLResponse:
    """The spaces of a campaign."""
    rows = campaign_overview(visit.session, visit.desk, campaign, visit.scope)
    values = {"campaign": campaign, "listing": make_listing(rows, query)}
    return visit.page("campaigns/spaces.html", values)


@router.get("/assets/{digest}/{name}", dependencies=open_to_all())
def asset(visit: VisitNeeded, digest: str, name: str) -> Response:
    """A file that pages load."""
    settings: WebSettings = visit.settings
    found = settings.assets.find(digest, name)
    if found is None:
        raise not_found("没有这个文件")
    return Response(found.content, media_type=found.media_type, headers={"Cache-Control": FOREVER})
