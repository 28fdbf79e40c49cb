"""One's own account: password, and the browsers that are signed in."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Form
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import BaseModel, Field

from models.account_tables import Credential, WebSession
from models.tables import User
from models.vocabulary import Permission
from service.errors import AccountError
from service.logins import change_password
from service.passwords import LONGEST, SHORTEST
from service.sessions import end_session, open_sessions
from service.web.access import PASSWORD_PATH, needs
from service.web.visit import Visit, VisitNeeded, not_found

router = APIRouter(dependencies=[])


@router.get("/account", dependencies=needs(Permission.ACCOUNT))
def account(visit: VisitNeeded) -> HTMLResponse:
    """The visitor's own account."""
    who = visit.who
    at = visit.desk.clock()
    rows = open_sessions(visit.session, who.user_id, at, visit.settings.limits)
    has_password = visit.session.get(Credential, who.user_id) is not None
    values = {"sessions": rows, "has_password": has_password, "limits": visit.settings.limits}
    return visit.page("account/account.html", values)


@router.get(PASSWORD_PATH, dependencies=needs(Permission.ACCOUNT))
def password_page(visit: VisitNeeded) -> HTMLResponse:
    """The form to change one's password."""
    return _form(visit)


def _form(visit: Visit, error: str = "", field: str = "") -> HTMLResponse:
    status = HTTPStatus.UNPROCESSABLE_ENTITY if error else HTTPStatus.OK
    values = {"error": error, "field": field, "shortest": SHORTEST}
    return visit.page("account/password.html", values, status)


class PasswordForm(BaseModel):
    """What the form to change the password sends."""

    old: str = Field("", max_length=LONGEST)
    new: str = Field("", max_length=LONGEST)
    again: str = Field("", max_length=LONGEST)


@router.post(PASSWORD_PATH, dependencies=needs(Permission.ACCOUNT))
def password(visit: VisitNeeded, form: Annotated[PasswordForm, Form()]) -> Response:
    """Change one's password; all other sessions end."""
    if form.new != form.again:
        return _form(visit, "两次输入的新密码不一致", "again")
    user = visit.session.get_one(User, visit.who.user_id)
    try:
        change_password(
            visit.session,
            user,
            form.old,
            form.new,
            at=visit.desk.clock(),
            but=visit.who.session_id,
        )
    except AccountError as error:
        field = "old" if "现在的密码不对" in error.message else "new"
        return _form(visit, f"{error.message},{error.hint}", field)
    return visit.done("/account", "密码已修改,其他设备上的登录已全部退出")


@router.post("/account/sessions/{session}/end", dependencies=needs(Permission.ACCOUNT))
def end(visit: VisitNeeded, session: str) -> RedirectResponse:
    """End one of one's own sessions."""
    row = visit.session.get(WebSession, session)
    if row is None or row.user_id != visit.who.user_id:
        raise not_found("没有这个登录")
    end_session(visit.session, row, visit.desk.clock())
    return visit.done("/account", "已退出该设备上的登录")
