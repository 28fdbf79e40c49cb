"""One space under review: its evidence, its screenshots, and the decision form."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, Field
from sqlmodel import Session
from starlette.exceptions import HTTPException

from audit.opinions import NotYoursError
from audit.review import DecisionError
from models.review_tables import ReviewCase
from models.tables import Campaign, Finding, Space
from models.vocabulary import Action, OpenedThing, Permission, PictureLook
from rules.reasons import load_reasons
from service.case import Case, load_case
from service.changes import earlier_snapshot
from service.deciding import ConflictError, Ruling, take
from service.drafts import forget_draft, notes_of
from service.errors import UserError
from service.history import pasts
from service.openings import has_open
from service.preferences import picture_look
from service.replay import ReplaySite
from service.scope import Scope, visible_space
from service.veil import Veil, is_private
from service.web.access import needs
from service.web.attached import Opened, places_of
from service.web.evidence import Attached, AttachedPlace, Leaf, make_evidence
from service.web.pages.evidence import draft_subject, veil_of
from service.web.rendering import case_address
from service.web.visit import CampaignNamed, Visit, VisitNeeded, not_found, unprocessable
from service.web.work import work_of

router = APIRouter()


class CaseQuery(BaseModel):
    """What the address of a case page says beside the space."""

    page: int = Field(0, ge=0, description="Number of the page or file shown, from 0.")


@router.get("/campaigns/{campaign}/spaces/{space}", dependencies=needs(Permission.SPACES_READ))
def case(
    visit: VisitNeeded,
    campaign: CampaignNamed,
    space: str,
    query: Annotated[CaseQuery, Query()],
) -> HTMLResponse:
    """One space under review."""
    try:
        found = load_case(visit.session, visit.desk, campaign, space, visit.scope)
    except UserError as error:
        raise not_found(f"没有编号为 {space} 的空间,或不在您的范围内") from error
    rows = [each.row for each in found.findings]
    veil = veil_of(visit, found.nomination.space_id, rows)
    attached = _attached(visit, found, veil)
    evidence = make_evidence(found, visit.desk.snapshots, query.page, veil, attached)
    decides, at = visit.who.may(Permission.CASES_DECIDE), visit.desk.clock()
    work = work_of(visit.session, found, visit.who.user_id, at) if decides else None
    values = {
        "campaign": campaign,
        "case": found,
        "evidence": evidence,
        "veil": veil,
        "replay": _replay_address(visit.request, found, evidence.leaf),
        "may_decide": work is not None and not work.own_unit,
        "work": work,
        **_surroundings(visit, found),
    }
    return visit.page("cases/case.html", values)


def _attached(visit: Visit, found: Case, veil: Veil) -> Attached | None:
    """How attachments of the case are opened at the places of findings."""
    snapshot = found.snapshot
    if snapshot is None:
        return None
    files = f"{case_address(found.campaign.code, found.nomination.code)}/files"

    def places(leaf: Leaf) -> tuple[AttachedPlace, ...]:
        key = leaf.resource.id if leaf.resource else None
        opened = Opened(visit.attachments, snapshot.wacz, veil, f"{files}/{key}")
        return places_of(opened, leaf)

    return places


def _surroundings(visit: Visit, found: Case) -> dict[str, object]:
    """What the page shows beside the evidence: history, the visitor's own notes and wishes."""
    user, space = visit.who.user_id, found.nomination.space_id
    fingerprints = [each.row.fingerprint for each in found.findings]
    return {
        "pasts": pasts(visit.session, space, fingerprints, visit.scope),
        "drafts": notes_of(visit.session, user_id=user, space_id=space),
        "look": picture_look(visit.session, user),
        "looks": tuple(PictureLook),
        "may_open": visit.who.may(Permission.PERSONAL_DATA_OPEN),
        "private": any(is_private(each.row) for each in found.findings),
        "replay_open": has_open(
            visit.session,
            OpenedThing.REPLAY,
            user_id=user,
            space_id=space,
            now=visit.desk.clock(),
        ),
        "earlier": earlier_snapshot(visit.session, space, found.snapshot),
    }


def _replay_address(request: Request, found: Case, leaf: Leaf | None) -> str | None:
    """Where the page that is shown is replayed; None where it cannot be."""
    site: ReplaySite | None = request.app.state.settings.replay
    page = leaf.page if leaf else None
    if site is None or found.snapshot is None or page is None or not page.captured:
        return None
    digest = found.snapshot.digest.removeprefix("sha256:")
    moment = page.attempts[-1].started_at if page.attempts else found.snapshot.taken_at
    url = page.final_url or page.url
    return site.address(request.url.hostname or "", digest, url, moment)


class DecisionForm(BaseModel):
    """What the decision form sends; without a finding it is on the space as a whole."""

    finding: str = ""
    action: Action
    reason: str = Field(max_length=100)
    note: str = Field("", max_length=2000)
    page: int = Field(0, ge=0)
    #: The version of the case that the page showed; None: an older page, or a program.
    version: int | None = Field(None, ge=0)


@router.post(
    "/campaigns/{campaign}/spaces/{space}/decisions", dependencies=needs(Permission.CASES_DECIDE)
)
def decision(
    visit: VisitNeeded,
    campaign: CampaignNamed,
    space: str,
    form: Annotated[DecisionForm, Form()],
) -> Response:
    """Take a decision, and go back to the card it was taken on."""
    about = _subject(visit.session, visit.scope, campaign, space, form.finding)
    ruling = Ruling(form.action, form.reason, form.note, visit.who.name, form.version)
    try:
        take(visit.session, visit.desk, campaign, about, ruling)
    except ConflictError as error:
        return _conflict(visit, campaign, about, form, error)
    except NotYoursError as error:
        visit.session.rollback()
        raise HTTPException(HTTPStatus.FORBIDDEN, _NOT_YOURS) from error
    except (DecisionError, UserError) as error:
        visit.session.rollback()
        raise unprocessable(f"未能保存:{error}") from error
    subject = draft_subject(
        about.space_id if isinstance(about, Finding) else about.id or 0, form.finding
    )
    forget_draft(visit.session, visit.who.user_id, subject)
    place = f"f-{form.finding}" if form.finding else "verdict"
    return visit.done(f"{case_address(campaign.code, space)}?page={form.page}#{place}")


_NOT_YOURS = (
    "这一决定须由另一人作出:本单位推荐的空间、您已作过意见的线索、已超过撤销时限或须终审的,"
    "您不能处理。没有保存任何更改"
)


def _conflict(
    visit: Visit,
    campaign: Campaign,
    about: Finding | Space,
    form: DecisionForm,
    error: ConflictError,
) -> HTMLResponse:
    """Both decisions side by side, with the note that was typed."""
    space_id = about.space_id if isinstance(about, Finding) else about.id
    case = visit.session.get(ReviewCase, space_id)
    reasons = load_reasons()
    values = {
        "campaign": campaign,
        "space": visit.request.path_params["space"],
        "conflict": error,
        "form": form,
        "version": case.version if case else 0,
        "reason_of": lambda code: reasons[code].label if code in reasons else code,
    }
    return visit.page("cases/conflict.html", values, HTTPStatus.CONFLICT)


def _subject(
    current: Session, scope: Scope, campaign: Campaign, code: str, finding_id: str
) -> Finding | Space:
    """The finding, or without one the space, that a decision is about."""
    space = visible_space(current, scope, campaign, code)
    if space is not None and not finding_id:
        return space
    finding = current.get(Finding, finding_id)
    if space is None or finding is None or finding.space_id != space.id:
        raise not_found("没有这条线索,可能已重新筛查;请刷新页面")
    return finding
