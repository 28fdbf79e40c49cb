"""Notices to mend for officers: the list, writing one, and what is done with it."""

from __future__ import annotations

from datetime import datetime, time
from typing import Annotated

from fastapi import APIRouter, Form
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import BaseModel, Field
from starlette.responses import Response

from audit.review import DecisionError
from models.review_tables import Notice
from models.tables import Campaign, User
from models.vocabulary import NoticeEventKind, NoticeState, Permission, Term, VerdictState
from rules.policy import load_policy
from service.case import Case, load_case
from service.errors import UserError
from service.facts import campaign_facts
from service.mending import close, recheck, reopen, withdraw
from service.notice_items import items_of
from service.notice_links import link_of, renew_link
from service.notice_view import show_notice
from service.notices import (
    SETTLED,
    Actor,
    NoticeError,
    append,
    issue_notice,
    listed_notices,
    open_notice,
    visible_notice,
)
from service.web.access import needs
from service.web.pages.mend import link_address, pdf_of
from service.web.rendering import campaign_address
from service.web.visit import CampaignNamed, Visit, VisitNeeded, not_found, unprocessable
from service.wording import CHINA

router = APIRouter()


@router.get("/campaigns/{campaign}/notices", dependencies=needs(Permission.NOTICES_SEND))
def listing(visit: VisitNeeded, campaign: CampaignNamed, state: str = "") -> HTMLResponse:
    """The notices by state, the overdue first; and rejected spaces that have none open."""
    rows = listed_notices(visit.session, campaign, visit.desk.clock(), visit.scope)
    under_way = {each.code for each in rows if each.notice.state not in SETTLED}
    facts = campaign_facts(visit.session, campaign, visit.scope)
    waiting = [
        each.nomination
        for each in facts
        if each.verdict
        and each.verdict.state is VerdictState.REJECTED
        and each.nomination.code not in under_way
    ]
    names = {each.nomination.code: each.nomination for each in facts}
    states = [each for each in NoticeState if any(row.notice.state is each for row in rows)]
    shown = [row for row in rows if not state or row.notice.state.value == state]
    values = {
        "campaign": campaign,
        "rows": shown,
        "total": len(rows),
        "overdue": sum(row.overdue for row in rows),
        "names": names,
        "states": states,
        "chosen": state,
        "waiting": waiting,
    }
    return visit.page("mend/list.html", values)


def _case(visit: Visit, campaign: Campaign, space: str) -> Case:
    try:
        return load_case(visit.session, visit.desk, campaign, space, visit.scope)
    except UserError as error:
        raise not_found("没有这个空间,或不在您的范围内") from error


@router.get(
    "/campaigns/{campaign}/spaces/{space}/notice", dependencies=needs(Permission.NOTICES_SEND)
)
def preview(visit: VisitNeeded, campaign: CampaignNamed, space: str) -> HTMLResponse:
    """What a notice would ask, before it is sent."""
    case = _case(visit, campaign, space)
    items = items_of(case, load_policy(campaign.policy))
    existing = open_notice(visit.session, case.nomination.space_id)
    values = {"campaign": campaign, "case": case, "items": items, "existing": existing}
    return visit.page("mend/new.html", values)


class SendForm(BaseModel):
    """A deadline (a day) and a word to the teacher, both optional."""

    due: str = Field("", max_length=10)
    note: str = Field("", max_length=2000)


@router.post(
    "/campaigns/{campaign}/spaces/{space}/notice", dependencies=needs(Permission.NOTICES_SEND)
)
def send(
    visit: VisitNeeded, campaign: CampaignNamed, space: str, form: Annotated[SendForm, Form()]
) -> RedirectResponse:
    """Write a notice and make its link."""
    case, at = _case(visit, campaign, space), visit.desk.clock()
    try:
        due = _day_end(form.due) if form.due else None
        notice = issue_notice(
            visit.session, case, _me(visit), due_at=due, note=form.note.strip(), at=at
        )
    except NoticeError as error:
        visit.session.rollback()
        raise unprocessable(str(error)) from error
    renew_link(visit.settings.sealer, notice, at)
    address = notice_address(notice)
    return visit.done(address, "通知已生成,请把链接或 PDF 交给教师")


def _day_end(day: str) -> datetime:
    """The last second of a day, in China."""
    try:
        given = datetime.strptime(day, "%Y-%m-%d").date()  # noqa: DTZ007  (a day only)
    except ValueError as error:
        raise NoticeError("期限请写成 2022-09-30 这样的日期") from error
    return datetime.combine(given, time(23, 59, 59), CHINA)


def _me(visit: Visit) -> Actor:
    return Actor(visit.who.name, visit.who.user_id)


def notice_address(notice: Notice) -> str:
    """The address of a notice's page for officers."""
    return f"/notices/{notice.id}"


def _notice(visit: Visit, key: str) -> Notice:
    found = visible_notice(visit.session, visit.scope, key)
    if found is None:
        raise not_found("没有这份通知,或不在您的范围内")
    return found


@router.get("/notices/{notice}", dependencies=needs(Permission.NOTICES_SEND))
def one(visit: VisitNeeded, notice: str) -> HTMLResponse:
    """A notice with its link, items and steps."""
    found = _notice(visit, notice)
    shown = show_notice(visit.session, found, visit.desk.clock())
    token = link_of(visit.settings.sealer, found)
    values = {
        "shown": shown,
        "link": link_address(visit, token) if token else "",
        "back": campaign_address(shown.campaign.code),
        "can_recheck": visit.desk.revisit is not None,
        "can_print": visit.desk.print_pdf is not None,
    }
    return visit.page("mend/one.html", values)


@router.get("/notices/{notice}/notice.pdf", dependencies=needs(Permission.NOTICES_SEND))
def paper(visit: VisitNeeded, notice: str) -> Response:
    """A notice as a PDF with its link."""
    found = _notice(visit, notice)
    token = link_of(visit.settings.sealer, found)
    return pdf_of(visit, found, link_address(visit, token) if token else None)


class Step(Term):
    """What an officer does with a notice."""

    RECHECK = "recheck", "复查"
    CLOSE = "close", "办结"
    REOPEN = "reopen", "退回"
    REMIND = "remind", "催办"
    RENEW = "renew", "换发链接"
    REVOKE = "revoke", "停用链接"
    WITHDRAW = "withdraw", "撤回通知"


class StepForm(BaseModel):
    """One step, with a word and a day where it needs them."""

    step: Step
    note: str = Field("", max_length=2000)
    due: str = Field("", max_length=10)


@router.post("/notices/{notice}", dependencies=needs(Permission.NOTICES_SEND))
def step(visit: VisitNeeded, notice: str, form: Annotated[StepForm, Form()]) -> RedirectResponse:
    """Take a step, and show the notice again."""
    found = _notice(visit, notice)
    try:
        _take(visit, found, form)
    except (NoticeError, DecisionError) as error:
        visit.session.rollback()
        raise unprocessable(str(error)) from error
    return visit.done(notice_address(found), f"{form.step.label}:已记录")


def _take(visit: Visit, notice: Notice, form: StepForm) -> None:
    session, at, me, note = visit.session, visit.desk.clock(), _me(visit), form.note.strip()
    if form.step is Step.RECHECK:
        recheck(session, visit.desk, notice, me)
    elif form.step is Step.CLOSE:
        close(session, visit.desk, notice, session.get_one(User, visit.who.user_id), note)
    elif form.step is Step.REOPEN:
        reopen(session, notice, me, due_at=_day_end(form.due), note=note, at=at)
        renew_link(visit.settings.sealer, notice, at)
    elif form.step is Step.WITHDRAW:
        withdraw(session, notice, me, note, at)
    elif form.step is Step.REMIND:
        append(session, notice, NoticeEventKind.REMINDED, me, at=at, text=note)
    elif form.step is Step.RENEW:
        renew_link(visit.settings.sealer, notice, at)
        append(session, notice, NoticeEventKind.LINK_RENEWED, me, at=at)
    else:
        notice.link_digest = None
        append(session, notice, NoticeEventKind.LINK_REVOKED, me, at=at)
    session.add(notice)
