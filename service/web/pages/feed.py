"""The verdict feed as people read it."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from models.vocabulary import Permission
from service.feed import log_before
from service.web.access import needs
from service.web.visit import CampaignNamed, VisitNeeded

#: Verdicts shown.
FEED_ROWS = 200

router = APIRouter()


@router.get("/campaigns/{campaign}/feed", dependencies=needs(Permission.FEED_READ))
def feed(visit: VisitNeeded, campaign: CampaignNamed) -> HTMLResponse:
    """The newest verdicts as the feed carries them."""
    items = log_before(visit.session, campaign, FEED_ROWS, visit.scope)
    return visit.page("feed/feed.html", {"campaign": campaign, "items": items})
