"""What the case page loads and does beside deciding: pictures, files, openings, drafts, differences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Form, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import BaseModel, Field
from sqlmodel import col, select

from audit.drawing import Order
from models.tables import Campaign, Finding, Resource, Screening, Snapshot, Space
from models.vocabulary import FlashLevel, OpenedThing, Part, Permission, PictureLook, ResourceKind
from service.changes import Change, differences, earlier_snapshot, newest_snapshot
from service.drafts import keep_draft
from service.errors import UserError
from service.openings import OPEN_FOR, Wish, open_hidden, opened_fingerprints
from service.preferences import picture_look, set_picture_look
from service.scope import visible_snapshot, visible_space
from service.veil import Veil, veil_over
from service.web.access import needs
from service.web.attached import on_page, order_for
from service.web.evidence import findings_on, strip_sizes
from service.web.rendering import case_address
from service.web.shading import Rectangle, shaded
from service.web.visit import CampaignNamed, Visit, VisitNeeded, not_found, unprocessable

#: A picture is kept for a moment only: a new screening or an opening changes what is covered on it.
BRIEFLY = "private, max-age=120"
NOT_AT_ALL = "no-store"
#: No file of a space is ever shown by a browser as what it claims to be.
OPAQUE = "application/octet-stream"

router = APIRouter()


@router.get("/snapshots/{snapshot}/pages/{number}.jpg", dependencies=needs(Permission.SPACES_READ))
def screenshot(visit: VisitNeeded, snapshot: str, number: int, strip: int = 0) -> Response:
    """A strip of the screenshot of a page, personal data painted over until it was opened."""
    row = visible_snapshot(visit.session, visit.scope, snapshot)
    manifest = visit.desk.snapshots.manifest(row.wacz) if row else None
    if row is None or manifest is None or not 0 <= number < len(manifest.pages) or strip < 0:
        raise not_found("没有这张截图")
    page = manifest.pages[number]
    jpeg = visit.desk.snapshots.screenshot(row.wacz, page.url, strip)
    if jpeg is None:
        raise not_found("没有这张截图")
    found = findings_on(page, _private_findings(visit, row))
    veil = veil_of(visit, row.space_id, found)
    hidden = [_rectangle(box) for each in found if veil.covers(each) for box in each.boxes or ()]
    if hidden:
        sizes = strip_sizes(visit.desk.snapshots, row.wacz, page.url, strip)
        jpeg = shaded(jpeg, hidden, sum(height for _, height in sizes))
    return _jpeg(jpeg, veil)


def _jpeg(jpeg: bytes, veil: Veil) -> Response:
    kept = NOT_AT_ALL if veil.opened else BRIEFLY
    return Response(jpeg, media_type="image/jpeg", headers={"Cache-Control": kept})


def _rectangle(box: list[float]) -> Rectangle:
    x, y, width, height = box
    return x, y, width, height


def _private_findings(visit: Visit, snapshot: Snapshot) -> list[Finding]:
    """What any screening of the snapshot found that is personal data."""
    query = (
        select(Finding)
        .join(Screening, col(Screening.id) == col(Finding.screening_id))
        .where(Screening.snapshot_id == snapshot.id)
    )
    return list(visit.session.exec(query))


def veil_of(visit: Visit, space_id: int, findings: list[Finding]) -> Veil:
    """The veil that lies over a space for the visitor now."""
    if not visit.who.may(Permission.PERSONAL_DATA_OPEN):
        return veil_over(findings)
    opened = opened_fingerprints(
        visit.session, user_id=visit.who.user_id, space_id=space_id, now=visit.desk.clock()
    )
    return veil_over(findings, opened)


@dataclass(frozen=True, slots=True)
class _File:
    """A file of a space that may be seen, and the snapshot that holds it."""

    space_id: int
    resource: Resource
    snapshot: Snapshot


def _file(visit: Visit, campaign: Campaign, code: str, key: int) -> _File:
    space = _space(visit, campaign, code)
    resource = visit.session.get(Resource, key)
    snapshot = visit.session.get(Snapshot, resource.snapshot_id) if resource else None
    if resource is None or snapshot is None or snapshot.space_id != space.id:
        raise not_found("没有这个附件")
    return _File(snapshot.space_id, resource, snapshot)


def _space(visit: Visit, campaign: Campaign, code: str) -> Space:
    space = visible_space(visit.session, visit.scope, campaign, code)
    if space is None:
        raise not_found(f"没有编号为 {code} 的空间,或不在您的范围内")
    return space


@router.get(
    "/campaigns/{campaign}/spaces/{space}/files/{resource}/pages/{page}.jpg",
    dependencies=needs(Permission.SPACES_READ),
)
def file_page(
    visit: VisitNeeded, campaign: CampaignNamed, space: str, resource: int, page: int
) -> Response:
    """A page of an attachment, drawn anew by us; personal data painted over until it was opened."""
    file = _file(visit, campaign, space, resource)
    found = [
        each
        for each in _newest_findings(visit, file.snapshot)
        if each.url == file.resource.url and on_page(each, file.resource, page)
    ]
    veil = veil_of(visit, file.space_id, found)
    order = order_for(file.resource, page, found, veil)
    attachments = visit.attachments
    drawing = order and attachments.drawing(file.snapshot.wacz, file.resource.url, order)
    if not drawing:
        raise not_found("这一页不能显示")
    return _jpeg(drawing.jpeg, veil)


def _newest_findings(visit: Visit, snapshot: Snapshot) -> list[Finding]:
    query = (
        select(Screening.id)
        .where(Screening.snapshot_id == snapshot.id)
        .order_by(col(Screening.screened_at).desc(), col(Screening.id).desc())
    )
    newest = visit.session.exec(query).first()
    return list(visit.session.exec(select(Finding).where(Finding.screening_id == newest)))


@router.get(
    "/campaigns/{campaign}/spaces/{space}/findings/{finding}/picture.jpg",
    dependencies=needs(Permission.SPACES_READ),
)
def finding_picture(
    visit: VisitNeeded, campaign: CampaignNamed, space: str, finding: str
) -> Response:
    """The picture that a finding is about, drawn anew by us."""
    row = _finding(visit, _space(visit, campaign, space), finding)
    screening = visit.session.get_one(Screening, row.screening_id)
    snapshot = visit.session.get_one(Snapshot, screening.snapshot_id)
    veil = veil_of(visit, row.space_id, [row])
    if row.part is not Part.IMAGE or veil.covers(row):
        raise not_found("这张图片不能显示")
    drawing = visit.attachments.drawing(snapshot.wacz, row.url, Order(ResourceKind.IMAGE))
    if drawing is None:
        raise not_found("这张图片不能显示")
    return _jpeg(drawing.jpeg, veil)


def _finding(visit: Visit, space: Space, key: str) -> Finding:
    row = visit.session.get(Finding, key)
    if row is None or row.space_id != space.id:
        raise not_found("没有这条线索,可能已重新筛查;请刷新页面")
    return row


@router.get(
    "/campaigns/{campaign}/spaces/{space}/changes", dependencies=needs(Permission.SPACES_READ)
)
def changes(visit: VisitNeeded, campaign: CampaignNamed, space: str) -> HTMLResponse:
    """What differs between the newest snapshot and the one that was decided on before."""
    row = _space(visit, campaign, space)
    newest = newest_snapshot(visit.session, row.id or 0)
    earlier = earlier_snapshot(visit.session, row.id or 0, newest)
    found = visit.session.exec(select(Finding).where(Finding.space_id == row.id)).all()
    veil = veil_of(visit, row.id or 0, list(found))
    compared = None
    if newest is not None and earlier is not None:
        compared = differences(visit.session, visit.desk.snapshots, earlier, newest, veil)
    values = {
        "campaign": campaign,
        "space": space,
        "changes": compared,
        "changed": [each for each in compared.pages if each.change is not Change.SAME]
        if compared
        else [],
        "veil": veil,
        "look": picture_look(visit.session, visit.who.user_id),
    }
    return visit.page("cases/changes.html", values)


class OpeningForm(BaseModel):
    """What the form sends that opens what is hidden: a finding's words, or without one the replay."""

    finding: str = Field("", max_length=100)
    why: str = Field("", max_length=200)
    page: int = Field(0, ge=0)


@router.post(
    "/campaigns/{campaign}/spaces/{space}/openings",
    dependencies=needs(Permission.PERSONAL_DATA_OPEN),
)
def opening(
    visit: VisitNeeded,
    campaign: CampaignNamed,
    space: str,
    form: Annotated[OpeningForm, Form()],
) -> RedirectResponse:
    """Open what is hidden for the visitor, for a while; it is logged before anything is shown."""
    row = _space(visit, campaign, space)
    minutes = int(OPEN_FOR.total_seconds() // 60)
    address = f"{case_address(campaign.code, space)}?page={form.page}"
    if not form.finding:
        _open(visit, row.id or 0, Wish(OpenedThing.REPLAY, form.why))
        text = f"可以回放了,{minutes} 分钟内有效;回放里的个人信息没有遮挡,此次查看已记入日志"
        return visit.done(address, text, FlashLevel.INFO)
    found = _finding(visit, row, form.finding)
    wish = Wish(OpenedThing.PERSONAL_DATA, form.why, finding_id=found.id, what=found.url)
    _open(visit, found.space_id, wish)
    text = f"已显示这条线索的个人信息原文,{minutes} 分钟后重新遮挡;此次查看已记入日志"
    return visit.done(f"{address}#f-{found.id}", text, FlashLevel.INFO)


def _open(visit: Visit, space_id: int, wish: Wish) -> None:
    try:
        open_hidden(
            visit.session,
            wish,
            space_id=space_id,
            user_id=visit.who.user_id,
            actor=visit.who.name,
            at=visit.desk.clock(),
        )
    except UserError as error:
        raise unprocessable(f"{error.message}。{error.hint}") from error


class FileForm(BaseModel):
    """What the form sends that downloads an attachment as it is."""

    why: str = Field("", max_length=200)


@router.post(
    "/campaigns/{campaign}/spaces/{space}/files/{resource}",
    dependencies=needs(Permission.PERSONAL_DATA_OPEN),
)
def download(
    visit: VisitNeeded,
    campaign: CampaignNamed,
    space: str,
    resource: int,
    form: Annotated[FileForm, Form()],
) -> Response:
    """The file as it came, to be saved and never shown; nothing in it is hidden, so it is logged."""
    file = _file(visit, campaign, space, resource)
    body = visit.attachments.body(file.snapshot.wacz, file.resource.url)
    if body is None:
        raise not_found("快照里没有保存这个附件")
    wish = Wish(OpenedThing.FILE, form.why, snapshot_id=file.snapshot.id, what=file.resource.url)
    _open(visit, file.space_id, wish)
    visit.session.commit()
    headers = {
        "Content-Disposition": disposition(file.resource.name, f"attachment-{resource}"),
        "Cache-Control": NOT_AT_ALL,
        "Content-Security-Policy": "sandbox; default-src 'none'",
    }
    return Response(body, media_type=OPAQUE, headers=headers)


#: Ways of telling a system to run what it saved; the name given gets another end.
_HARMLESS_END = ".bin"
_RUNNABLE = frozenset(
    [
        "exe",
        "scr",
        "com",
        "bat",
        "cmd",
        "ps1",
        "vbs",
        "vbe",
        "js",
        "jse",
        "wsf",
        "hta",
        "lnk",
        "url",
        "msi",
        "jar",
        "reg",
        "sh",
        "html",
        "htm",
        "svg",
        "xhtml",
    ]
)


def disposition(name: str, otherwise: str) -> str:
    """The header by which a file is saved under a name that a hostile space chose (RFC 6266).

    What would be a path, a control character or an override of the writing direction is left out, and
    what a system would run or a browser would show on a double click ends in ``.bin``.
    """
    plain = "".join(each for each in name if each.isprintable() and each not in '/\\:*?"<>|')
    plain = plain.strip(" .")[-120:] or otherwise
    if plain.rpartition(".")[2].casefold() in _RUNNABLE:
        plain += _HARMLESS_END
    return f"attachment; filename=\"{otherwise}\"; filename*=UTF-8''{quote(plain, safe='')}"


class LookForm(BaseModel):
    """What the form sends that says how pictures are shown."""

    look: PictureLook
    page: int = Field(0, ge=0)


@router.post(
    "/campaigns/{campaign}/spaces/{space}/pictures", dependencies=needs(Permission.SPACES_READ)
)
def picture_preference(
    visit: VisitNeeded, campaign: CampaignNamed, space: str, form: Annotated[LookForm, Form()]
) -> RedirectResponse:
    """Keep how the visitor wants pictures to look, on every case from now on."""
    _space(visit, campaign, space)
    set_picture_look(visit.session, visit.who.user_id, form.look)
    return visit.done(f"{case_address(campaign.code, space)}?page={form.page}")


class DraftForm(BaseModel):
    """What the page sends by itself while somebody writes a note; "" is a note on the whole space."""

    finding: str = Field("", max_length=100)
    text: str = Field("", max_length=2000)


@router.post(
    "/campaigns/{campaign}/spaces/{space}/drafts", dependencies=needs(Permission.CASES_DECIDE)
)
def draft(
    visit: VisitNeeded, campaign: CampaignNamed, space: str, form: Annotated[DraftForm, Form()]
) -> Response:
    """Keep a note that is not saved yet, for its writer alone."""
    row = _space(visit, campaign, space)
    if form.finding:
        _finding(visit, row, form.finding)
    keep_draft(
        visit.session,
        user_id=visit.who.user_id,
        space_id=row.id or 0,
        subject=draft_subject(row.id or 0, form.finding),
        text=form.text,
        at=visit.desk.clock(),
    )
    visit.session.commit()
    return Response(status_code=204)


def draft_subject(space_id: int, finding: str) -> str:
    """What a draft is about: a finding, or the space as a whole."""
    return f"finding:{finding}" if finding else f"space:{space_id}"
