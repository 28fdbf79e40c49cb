"""The pages: campaigns, a campaign's spaces, one space under review, and the decision form."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import BaseModel, Field
from sqlmodel import Session, col, func, select
from starlette.exceptions import HTTPException

from audit.review import DecisionError
from models.database import session
from models.tables import Campaign, Finding, Snapshot, Space
from models.vocabulary import Action
from service.campaigns import find_campaign
from service.case import Case, load_case
from service.deciding import Ruling, take
from service.desk import Desk
from service.errors import UserError
from service.facts import space_by_code
from service.feed import log_before
from service.overview import campaign_overview
from service.replay import ReplaySite
from service.web.evidence import Leaf, make_evidence
from service.web.listing import ListQuery, make_listing
from service.web.rendering import case_address, render

#: Verdicts shown on the feed page.
FEED_ROWS = 200
#: A snapshot never changes, so neither do its screenshots.
FOREVER = "private, max-age=31536000, immutable"
READ_ONLY = "当前为只读:请用 spaceaudit serve --as 用户名 启动"

router = APIRouter()


def _desk(request: Request) -> Desk:
    desk: Desk = request.app.state.desk
    return desk


DeskNeeded = Annotated[Desk, Depends(_desk)]


def _session(desk: DeskNeeded) -> Iterator[Session]:
    with session(desk.engine) as current:
        yield current


SessionNeeded = Annotated[Session, Depends(_session)]


@dataclass(frozen=True, slots=True)
class Visit:
    """One request, with the desk it is answered from and its unit of work."""

    request: Request
    desk: Desk
    session: Session


def _visit(request: Request, desk: DeskNeeded, current: SessionNeeded) -> Visit:
    return Visit(request, desk, current)


VisitNeeded = Annotated[Visit, Depends(_visit)]


def _campaign(current: SessionNeeded, campaign: str) -> Campaign:
    try:
        return find_campaign(current, campaign)
    except UserError as error:
        raise HTTPException(HTTPStatus.NOT_FOUND, f"没有名为 {campaign} 的活动") from error


CampaignNamed = Annotated[Campaign, Depends(_campaign)]


@router.get("/")
def start(visit: VisitNeeded) -> HTMLResponse:
    """Every campaign with the number of its spaces."""
    query = (
        select(Campaign, func.count(col(Space.id)))
        .outerjoin(Space, col(Space.campaign_id) == col(Campaign.id))
        .group_by(col(Campaign.id))
        .order_by(col(Campaign.created_at).desc())
    )
    return render(visit.request, "start.html", {"campaigns": visit.session.exec(query).all()})


@router.get("/campaigns/{campaign}")
def spaces(
    visit: VisitNeeded, campaign: CampaignNamed, query: Annotated[ListQuery, Query()]
) -> HTMLResponse:
    """The spaces of a campaign."""
    listing = make_listing(campaign_overview(visit.session, visit.desk, campaign), query)
    return render(visit.request, "spaces.html", {"campaign": campaign, "listing": listing})


@router.get("/campaigns/{campaign}/feed")
def feed(visit: VisitNeeded, campaign: CampaignNamed) -> HTMLResponse:
    """The newest verdicts as the feed carries them."""
    items = log_before(visit.session, campaign, FEED_ROWS)
    return render(visit.request, "feed.html", {"campaign": campaign, "items": items})


class CaseQuery(BaseModel):
    """What the address of a case page says beside the space."""

    page: int = Field(0, ge=0, description="Number of the page or file shown, from 0.")


@router.get("/campaigns/{campaign}/spaces/{space}")
def case(
    visit: VisitNeeded,
    campaign: CampaignNamed,
    space: str,
    query: Annotated[CaseQuery, Query()],
) -> HTMLResponse:
    """One space under review."""
    try:
        found = load_case(visit.session, visit.desk, campaign, space)
    except UserError as error:
        raise HTTPException(HTTPStatus.NOT_FOUND, f"没有编号为 {space} 的空间") from error
    evidence = make_evidence(found, visit.desk.snapshots, query.page)
    replay = _replay_address(visit.request, found, evidence.leaf)
    values = {"campaign": campaign, "case": found, "evidence": evidence, "replay": replay}
    return render(visit.request, "case.html", values)


def _replay_address(request: Request, found: Case, leaf: Leaf | None) -> str | None:
    """Where the page that is shown is replayed; None where it cannot be."""
    site: ReplaySite | None = request.app.state.replay
    page = leaf.page if leaf else None
    if site is None or found.snapshot is None or page is None or not page.captured:
        return None
    digest = found.snapshot.digest.removeprefix("sha256:")
    moment = page.attempts[-1].started_at if page.attempts else found.snapshot.taken_at
    url = page.final_url or page.url
    return site.address(request.url.hostname or "", digest, url, moment)


@router.get("/snapshots/{snapshot}/pages/{number}.jpg")
def screenshot(visit: VisitNeeded, snapshot: str, number: int, strip: int = 0) -> Response:
    """A strip of the screenshot of a page of a snapshot, by the page's number."""
    row = visit.session.get(Snapshot, snapshot)
    manifest = visit.desk.snapshots.manifest(row.wacz) if row else None
    if row is None or manifest is None or not 0 <= number < len(manifest.pages):
        raise HTTPException(HTTPStatus.NOT_FOUND, "没有这张截图")
    jpeg = visit.desk.snapshots.screenshot(row.wacz, manifest.pages[number].url, strip)
    if jpeg is None:
        raise HTTPException(HTTPStatus.NOT_FOUND, "没有这张截图")
    return Response(jpeg, media_type="image/jpeg", headers={"Cache-Control": FOREVER})


class DecisionForm(BaseModel):
    """What the decision form sends; without a finding it is on the space as a whole."""

    finding: str = ""
    action: Action
    reason: str = Field(max_length=100)
    note: str = Field("", max_length=2000)
    page: int = Field(0, ge=0)


@router.post("/campaigns/{campaign}/spaces/{space}/decisions")
def decision(
    visit: VisitNeeded,
    campaign: CampaignNamed,
    space: str,
    form: Annotated[DecisionForm, Form()],
) -> RedirectResponse:
    """Take a decision, and go back to the card it was taken on."""
    by = visit.request.app.state.acting_as
    if by is None:
        raise HTTPException(HTTPStatus.FORBIDDEN, READ_ONLY)
    about = _subject(visit.session, campaign, space, form.finding)
    ruling = Ruling(action=form.action, reason=form.reason, note=form.note, by=by)
    try:
        take(visit.session, visit.desk, campaign, about, ruling)
        # Committed before the answer, so that the page that follows shows it.
        visit.session.commit()
    except (DecisionError, UserError) as error:
        visit.session.rollback()
        raise HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, f"未能保存:{error}") from error
    place = f"f-{form.finding}" if form.finding else "verdict"
    address = f"{case_address(campaign.code, space)}?page={form.page}#{place}"
    return RedirectResponse(address, HTTPStatus.SEE_OTHER)


def _subject(current: Session, campaign: Campaign, code: str, finding_id: str) -> Finding | Space:
    """The finding, or without one the space, that a decision is about."""
    space = space_by_code(current, campaign, code)
    if space is not None and not finding_id:
        return space
    finding = current.get(Finding, finding_id)
    if space is None or finding is None or finding.space_id != space.id:
        raise HTTPException(HTTPStatus.NOT_FOUND, "没有这条线索,可能已重新筛查;请刷新页面")
    return finding
