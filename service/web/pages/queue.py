"""The queue of a campaign: what waits for a person, and taking, holding and passing on a case."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Form, Query
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import BaseModel, Field
from sqlmodel import Session, col, select
from starlette.exceptions import HTTPException

from audit.opinions import NotYoursError, require_other_unit
from models.review_tables import ReviewCase
from models.tables import Campaign, Space, User
from models.vocabulary import CaseEventKind, CaseState, Dimension, FlashLevel, Permission, Severity
from service.leasing import (
    LeaseError,
    escalate,
    extend,
    give_back,
    hand_over,
    lease,
    locked_case,
)
from service.permissions import PERMISSIONS
from service.queue_list import QueueQuery, queue_page
from service.queueing import WEIGHTS, sync, take_next
from service.scope import scope_of, visible_campaigns, visible_space
from service.web.access import needs
from service.web.rendering import campaign_address, case_address
from service.web.visit import CampaignNamed, Visit, VisitNeeded, not_found

DECIDES = needs(Permission.CASES_DECIDE)

router = APIRouter()


@router.get("/queue", dependencies=DECIDES)
def any_queue(visit: VisitNeeded) -> RedirectResponse:
    """The queue of the newest campaign that the visitor may see."""
    found = visible_campaigns(visit.session, visit.scope)
    address = f"{campaign_address(found[0][0].code)}/queue" if found else "/"
    return RedirectResponse(address, HTTPStatus.SEE_OTHER)


@router.get("/campaigns/{campaign}/queue", dependencies=DECIDES)
def queue(
    visit: VisitNeeded, campaign: CampaignNamed, query: Annotated[QueueQuery, Query()]
) -> HTMLResponse:
    """What waits for a person."""
    at = visit.desk.clock()
    if sync(visit.session, campaign, at):
        visit.session.commit()
    shown = queue_page(visit.session, campaign, visit.scope, query, at)
    values = {
        "campaign": campaign,
        "shown": shown,
        "me": visit.who.user_id,
        "weights": WEIGHTS,
        "states": CaseState,
        "dimensions": Dimension,
        "severities": Severity,
    }
    return visit.page("queue/queue.html", values)


@router.post("/campaigns/{campaign}/queue/next", dependencies=DECIDES)
def take(
    visit: VisitNeeded, campaign: CampaignNamed, query: Annotated[QueueQuery, Query()]
) -> RedirectResponse:
    """Take the next case of those that the filters show."""
    at, user = visit.desk.clock(), _user(visit)
    sync(visit.session, campaign, at)
    space = take_next(visit.session, campaign, visit.scope, user, at, query.chosen(at))
    if space is None:
        here = f"{campaign_address(campaign.code)}/queue{query.address()}"
        return visit.done(here, "现在没有可领取的空间", FlashLevel.INFO)
    return visit.done(case_address(campaign.code, space.code))


def _user(visit: Visit) -> User:
    return visit.session.get_one(User, visit.who.user_id)


class StepForm(BaseModel):
    """What the buttons of a case send."""

    note: str = Field("", max_length=2000)
    to: str = Field("", max_length=100)


Step = Annotated[StepForm, Form()]
_CASE = "/campaigns/{campaign}/spaces/{space}/case"


@contextmanager
def _refusing(visit: Visit) -> Iterator[None]:
    try:
        yield
    except LeaseError as error:
        visit.session.rollback()
        raise HTTPException(HTTPStatus.CONFLICT, str(error)) from error
    except NotYoursError as error:
        visit.session.rollback()
        raise HTTPException(HTTPStatus.FORBIDDEN, "本单位推荐的空间须由其他单位审核") from error


def _case(visit: Visit, campaign: Campaign, space: Space) -> ReviewCase:
    at = visit.desk.clock()
    sync(visit.session, campaign, at)
    return locked_case(visit.session, space.id or 0, at)


def _space(visit: Visit, campaign: Campaign, code: str) -> Space:
    found = visible_space(visit.session, visit.scope, campaign, code)
    if found is None:
        raise not_found(f"没有编号为 {code} 的空间,或不在您的范围内")
    return found


@router.post(f"{_CASE}/take", dependencies=DECIDES)
def take_this(visit: VisitNeeded, campaign: CampaignNamed, space: str) -> Response:
    """Take this very case."""
    row = _space(visit, campaign, space)
    with _refusing(visit):
        require_other_unit(visit.session, _user(visit), row.id or 0)
        lease(visit.session, _case(visit, campaign, row), _user(visit), visit.desk.clock())
    return visit.done(case_address(campaign.code, space))


@router.post(f"{_CASE}/extend", dependencies=DECIDES)
def extend_it(visit: VisitNeeded, campaign: CampaignNamed, space: str) -> Response:
    """Hold it longer."""
    row = _space(visit, campaign, space)
    with _refusing(visit):
        extend(visit.session, _case(visit, campaign, row), _user(visit), visit.desk.clock())
    return visit.done(case_address(campaign.code, space), "已延长占用")


@router.post(f"{_CASE}/hand-over", dependencies=DECIDES)
def hand_on(visit: VisitNeeded, campaign: CampaignNamed, space: str, form: Step) -> Response:
    """Hand it over to a named colleague, who may see it and decide."""
    row = _space(visit, campaign, space)
    other = visit.session.exec(select(User).where(col(User.name) == form.to)).first()
    with _refusing(visit):
        if other is None or not _may_review(visit.session, campaign, space, other):
            raise LeaseError("没有这位同事,或该账号不能审核这个空间")
        require_other_unit(visit.session, other, row.id or 0)
        case = _case(visit, campaign, row)
        hand_over(visit.session, case, _user(visit), other, visit.desk.clock())
    return visit.done(f"{campaign_address(campaign.code)}/queue", f"已转交给 {form.to}")


def _may_review(session: Session, campaign: Campaign, space: str, other: User) -> bool:
    decides = Permission.CASES_DECIDE in PERMISSIONS[other.role]
    return decides and visible_space(session, scope_of(other), campaign, space) is not None


@router.post(f"{_CASE}/skip", dependencies=DECIDES)
def skip(visit: VisitNeeded, campaign: CampaignNamed, space: str, form: Step) -> Response:
    """Put it back for a while: it comes again later."""
    row, kind = _space(visit, campaign, space), CaseEventKind.SKIPPED
    with _refusing(visit):
        case = _case(visit, campaign, row)
        give_back(visit.session, case, _user(visit), visit.desk.clock(), kind, form.note.strip())
    return visit.done(f"{campaign_address(campaign.code)}/queue", f"已跳过 {space},一小时后再出现")


@router.post(f"{_CASE}/release", dependencies=DECIDES)
def release(visit: VisitNeeded, campaign: CampaignNamed, space: str) -> Response:
    """Put it back into the queue."""
    row = _space(visit, campaign, space)
    with _refusing(visit):
        give_back(visit.session, _case(visit, campaign, row), _user(visit), visit.desk.clock())
    return visit.done(f"{campaign_address(campaign.code)}/queue", f"已放回 {space}")


@router.post(f"{_CASE}/escalate", dependencies=DECIDES)
def escalate_it(visit: VisitNeeded, campaign: CampaignNamed, space: str, form: Step) -> Response:
    """Hand it up to the city's staff."""
    row, at = _space(visit, campaign, space), visit.desk.clock()
    with _refusing(visit):
        case = _case(visit, campaign, row)
        escalate(visit.session, case, _user(visit), at, form.note.strip())
    return visit.done(f"{campaign_address(campaign.code)}/queue", f"已将 {space} 上报市级")
