"""What a teacher sees and does by the signed link of a notice, without an account.

The link opens one notice and nothing else. The pages are not to be indexed or kept.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Form
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, Field
from starlette.responses import Response

from models.review_tables import Notice
from models.vocabulary import NotifiedEvent
from service.appeals import lodge
from service.mending import answer, opened
from service.notice_links import LinkState, Opened, open_link
from service.notice_view import paper_values, show_notice
from service.notices import NoticeError, things_of
from service.reminders import region_of, tell
from service.web.access import open_to_all
from service.web.rendering import render_alone
from service.web.visit import Visit, VisitNeeded, not_found

router = APIRouter()
NO_INDEX = {"X-Robots-Tag": "noindex, nofollow, noarchive"}


def link_address(visit: Visit, token: str) -> str:
    """The whole address of a link, as a teacher gets it."""
    base = visit.settings.public_url.rstrip("/") or str(visit.request.base_url).rstrip("/")
    return f"{base}/mend/{token}"


def _refused(visit: Visit, state: LinkState) -> Response:
    status = HTTPStatus.NOT_FOUND if state is LinkState.UNKNOWN else HTTPStatus.GONE
    page = visit.page("mend/link.html", {"state": state}, status)
    page.headers.update(NO_INDEX)
    return page


def _find(visit: Visit, token: str) -> Opened:
    return open_link(visit.session, visit.settings.sealer, token, visit.desk.clock())


def _page(visit: Visit, notice: Notice, token: str, problem: str = "") -> Response:
    shown = show_notice(visit.session, notice, visit.desk.clock())
    values = {"shown": shown, "token": token, "problem": problem}
    status = HTTPStatus.UNPROCESSABLE_ENTITY if problem else HTTPStatus.OK
    page = visit.page("mend/notice.html", values, status)
    page.headers.update(NO_INDEX)
    return page


@router.get("/mend/{token}", dependencies=open_to_all())
def read(visit: VisitNeeded, token: str) -> Response:
    """The notice behind a link; its opening is kept."""
    found = _find(visit, token)
    if found.notice is None:
        return _refused(visit, found.state)
    opened(visit.session, found.notice, visit.desk.clock())
    visit.session.commit()
    return _page(visit, found.notice, token)


@router.get("/mend/{token}/notice.pdf", dependencies=open_to_all())
def paper(visit: VisitNeeded, token: str) -> Response:
    """The notice as a PDF."""
    found = _find(visit, token)
    if found.notice is None:
        return _refused(visit, found.state)
    return pdf_of(visit, found.notice, link_address(visit, token))


def pdf_of(visit: Visit, notice: Notice, link: str | None) -> Response:
    """The PDF of a notice, printed now."""
    if visit.desk.print_pdf is None:
        raise not_found("本机不能生成 PDF,请用浏览器打印网页")
    shown = show_notice(visit.session, notice, visit.desk.clock())
    html = render_alone("mend/paper.html", paper_values(shown, link))
    headers = {
        **NO_INDEX,
        "Cache-Control": "no-store",
        "Content-Disposition": f'inline; filename="notice-{notice.number}.pdf"',
    }
    return Response(visit.desk.print_pdf(html), media_type="application/pdf", headers=headers)


class AnswerForm(BaseModel):
    """What the teacher says: items that are mended, and words to each item asked."""

    name: str = Field("", max_length=50)
    mended: list[int] = Field(default_factory=list, max_length=1000)
    asked: list[int] = Field(default_factory=list, max_length=1000)
    words: list[Annotated[str, Field(max_length=1000)]] = Field(
        default_factory=list, max_length=1000
    )


@router.post("/mend/{token}/answers", dependencies=open_to_all())
def answered(visit: VisitNeeded, token: str, form: Annotated[AnswerForm, Form()]) -> Response:
    """The teacher says what is mended."""
    said = dict(zip(form.asked, form.words, strict=False))
    words = {key: said.get(key, "").strip() or "已整改" for key in form.mended}
    found = _find(visit, token)
    notice = found.notice
    if notice is None:
        return _refused(visit, found.state)
    try:
        answer(visit.session, notice, form.name.strip(), words, visit.desk.clock())
    except NoticeError as error:
        visit.session.rollback()
        return _page(visit, notice, token, str(error))
    _tell(visit, notice, NotifiedEvent.NOTICE_ANSWERED, f"{notice.version}")
    visit.session.commit()
    return RedirectResponse(f"/mend/{token}", HTTPStatus.SEE_OTHER, headers=NO_INDEX)


class AppealForm(BaseModel):
    """An appeal against one item."""

    item: int
    name: str = Field("", max_length=50)
    grounds: str = Field("", max_length=2000)


@router.post("/mend/{token}/appeals", dependencies=open_to_all())
def appealed(visit: VisitNeeded, token: str, form: Annotated[AppealForm, Form()]) -> Response:
    """The teacher contests an item."""
    found = _find(visit, token)
    notice = found.notice
    if notice is None:
        return _refused(visit, found.state)
    things = things_of(visit.session, notice)
    item = next((each for each in things if each.id == form.item), None)
    if item is None:
        raise not_found("这份通知没有这一项")
    at = visit.desk.clock()
    try:
        made = lodge(visit.session, notice, item, form.name.strip(), form.grounds.strip(), at)
    except NoticeError as error:
        visit.session.rollback()
        return _page(visit, notice, token, str(error))
    _tell(visit, notice, NotifiedEvent.APPEAL_LODGED, made.id)
    visit.session.commit()
    return RedirectResponse(f"/mend/{token}", HTTPStatus.SEE_OTHER, headers=NO_INDEX)


def _tell(visit: Visit, notice: Notice, event: NotifiedEvent, mark: str) -> None:
    tell(
        visit.session,
        event,
        key=f"notice:{notice.id}:{event}:{mark}",
        title=f"整改通知第 {notice.number} 号:{event.label}",
        body="请在整改通知页面查看。",
        region_id=region_of(visit.session, notice.space_id),
        at=visit.desk.clock(),
    )
