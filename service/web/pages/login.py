"""Signing in, by password or at the bureau's provider, and signing out."""

from __future__ import annotations

import json
from http import HTTPStatus
from math import ceil
from typing import Annotated
from urllib.parse import urlencode, urlsplit

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import BaseModel, Field

from models.account_tables import WebSession
from models.audit_log import record
from models.tables import User
from models.vocabulary import LoginMethod, Permission
from service.logins import LoginRefused, sign_in
from service.oidc import OidcError, OidcProvider, arrive, depart, user_of
from service.passwords import LONGEST
from service.sessions import begin_session, end_session, end_sessions, token_digest
from service.users import acting_user
from service.web.access import FORM_COOKIE, SESSION_COOKIE, needs, open_to_all
from service.web.security import LOOPBACK_NAMES
from service.web.visit import Visit, VisitNeeded, not_found

#: Holds what is needed when the browser comes back from the provider.
OIDC_COOKIE = "spaceaudit_oidc"
OIDC_SECONDS = 600
OIDC_PATH = "/login/oidc"

router = APIRouter()


def local_path(wanted: str) -> str:
    """The wanted path if it is one of ours, else the start page: a log-in leads nowhere else."""
    place = urlsplit(wanted)
    ours = wanted.startswith("/") and not wanted.startswith("//") and not place.netloc
    plain = wanted.isprintable() and "\\" not in wanted
    return wanted if ours and plain and not place.path.startswith("/login") else "/"


class Next(BaseModel):
    """Where to go after signing in."""

    next: str = Field("/", max_length=2000)


@router.get("/login", dependencies=open_to_all())
def login_page(visit: VisitNeeded, query: Annotated[Next, Query()]) -> Response:
    """The log-in form. In the demo, on this machine, it signs in by itself."""
    if visit.visitor is not None:
        return RedirectResponse(local_path(query.next), HTTPStatus.SEE_OTHER)
    if visit.settings.acting_as is not None and _is_loopback(visit.request):
        user = acting_user(visit.session, visit.settings.acting_as)
        return _welcome(visit, user, LoginMethod.LOOPBACK, query.next)
    return _form(visit, query.next)


def _is_loopback(request: Request) -> bool:
    from_here = request.client is not None and request.client.host in LOOPBACK_NAMES
    return from_here and request.url.hostname in LOOPBACK_NAMES


def _form(
    visit: Visit, wanted: str, *, name: str = "", error: str = "", status: int = 200
) -> HTMLResponse:
    oidc = visit.settings.oidc
    values = {
        "name": name,
        "next": local_path(wanted),
        "error": error,
        "oidc": oidc.label if oidc else "",
        "oidc_address": f"{OIDC_PATH}?{urlencode({'next': local_path(wanted)})}",
    }
    return visit.page("account/login.html", values, status)


class LoginForm(Next):
    """What the log-in form sends."""

    name: str = Field("", max_length=200)
    password: str = Field("", max_length=LONGEST)


@router.post("/login", dependencies=open_to_all())
def login(visit: VisitNeeded, form: Annotated[LoginForm, Form()]) -> Response:
    """Sign in with a password."""
    try:
        user = sign_in(
            visit.session,
            form.name,
            form.password,
            address=visit.browser.address,
            at=visit.desk.clock(),
        )
    except LoginRefused as refused:
        return _refused(visit, form, refused)
    return _welcome(visit, user, LoginMethod.PASSWORD, form.next)


def _refused(visit: Visit, form: LoginForm, refused: LoginRefused) -> HTMLResponse:
    if refused.wait is None:
        said = "用户名或密码不对。连续输错多次后须等待一段时间再试"
        return _form(
            visit, form.next, name=form.name, error=said, status=HTTPStatus.UNPROCESSABLE_ENTITY
        )
    seconds = ceil(refused.wait.total_seconds())
    wait = f"{seconds} 秒" if seconds < 120 else f"{ceil(seconds / 60)} 分钟"
    said = f"登录失败次数过多,请在 {wait}后再试。忘记密码请找管理员重置"
    page = _form(visit, form.next, name=form.name, error=said, status=HTTPStatus.TOO_MANY_REQUESTS)
    page.headers["Retry-After"] = str(seconds)
    return page


def _welcome(visit: Visit, user: User, method: LoginMethod, wanted: str) -> RedirectResponse:
    """Start a session under a new token, whatever the browser had before, and go on."""
    at = visit.desk.clock()
    old = visit.request.cookies.get(SESSION_COOKIE)
    row = visit.session.get(WebSession, token_digest(old)) if old else None
    if row is not None:
        end_session(visit.session, row, at)
    token = begin_session(
        visit.session,
        user,
        method,
        at=at,
        limits=visit.settings.limits,
        browser=visit.browser,
    )
    record(
        visit.session,
        actor=user.name,
        action=f"login.{method.value}",
        at=at,
        subject=f"user:{user.id}",
    )
    answer = visit.done(local_path(wanted))
    answer.set_cookie(
        SESSION_COOKIE,
        token,
        max_age=int(visit.settings.limits.most.total_seconds()),
        httponly=True,
        samesite="lax",
        secure=visit.settings.secure,
    )
    answer.delete_cookie(FORM_COOKIE)
    return answer


@router.post("/logout", dependencies=needs(Permission.ACCOUNT))
def logout(visit: VisitNeeded) -> RedirectResponse:
    """End this session."""
    row = visit.session.get_one(WebSession, visit.who.session_id)
    end_session(visit.session, row, visit.desk.clock())
    return _farewell(visit)


@router.post("/logout/everywhere", dependencies=needs(Permission.ACCOUNT))
def logout_everywhere(visit: VisitNeeded) -> RedirectResponse:
    """End all sessions of the visitor, this one too."""
    at = visit.desk.clock()
    number = end_sessions(visit.session, visit.who.user_id, at)
    record(
        visit.session,
        actor=visit.who.name,
        action="logout.everywhere",
        at=at,
        subject=f"user:{visit.who.user_id}",
        details={"sessions": number},
    )
    return _farewell(visit)


def _farewell(visit: Visit) -> RedirectResponse:
    answer = visit.done("/logged-out")
    answer.delete_cookie(SESSION_COOKIE)
    # What the browser keeps of us goes: the machine may be shared.
    answer.headers["Clear-Site-Data"] = '"cache", "storage"'
    return answer


@router.get("/logged-out", dependencies=open_to_all())
def logged_out(visit: VisitNeeded) -> HTMLResponse:
    """Says that the session has ended."""
    return visit.page("account/logged_out.html")


def _provider(visit: Visit) -> OidcProvider:
    if visit.settings.oidc is None:
        raise not_found("没有配置统一身份认证")
    return visit.settings.oidc


def _back(visit: Visit) -> str:
    """Our address that the provider sends the browser back to."""
    base = visit.settings.public_url.rstrip("/") or str(visit.request.base_url).rstrip("/")
    return f"{base}{OIDC_PATH}/return"


@router.get(OIDC_PATH, dependencies=open_to_all())
def oidc_login(visit: VisitNeeded, query: Annotated[Next, Query()]) -> Response:
    """Go to the provider."""
    try:
        departure = depart(_provider(visit), _back(visit))
    except OidcError as error:
        return _form(visit, query.next, error=str(error), status=HTTPStatus.BAD_GATEWAY)
    kept = [departure.state, departure.nonce, departure.verifier, local_path(query.next)]
    answer = RedirectResponse(departure.address, HTTPStatus.SEE_OTHER)
    answer.set_cookie(
        OIDC_COOKIE,
        json.dumps([*kept, visit.settings.sealer.seal("oidc", *kept)]).encode().hex(),
        max_age=OIDC_SECONDS,
        path=OIDC_PATH,
        httponly=True,
        samesite="lax",
        secure=visit.settings.secure,
    )
    return answer


class Arrival(BaseModel):
    """What the provider sends the browser back with."""

    code: str = Field("", max_length=4000)
    state: str = Field("", max_length=4000)
    error: str = Field("", max_length=400)


@router.get(f"{OIDC_PATH}/return", dependencies=open_to_all())
def oidc_return(visit: VisitNeeded, query: Annotated[Arrival, Query()]) -> Response:
    """Come back from the provider."""
    provider = _provider(visit)
    kept = _kept(visit)
    if kept is None or not query.code or query.state != kept[0]:
        said = "没有从统一身份认证平台登录成功,请重试"
        return _form(visit, "/", error=said, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    _, nonce, verifier, wanted = kept
    at = visit.desk.clock()
    try:
        claims = arrive(provider, _back(visit), query.code, nonce=nonce, verifier=verifier, at=at)
    except OidcError as error:
        return _form(visit, wanted, error=str(error), status=HTTPStatus.BAD_GATEWAY)
    user = user_of(visit.session, provider, claims, at)
    if user is None:
        said = "身份已确认,但本系统没有您的账号或账号已停用,请联系管理员"
        return _form(visit, wanted, error=said, status=HTTPStatus.FORBIDDEN)
    answer = _welcome(visit, user, LoginMethod.OIDC, wanted)
    answer.delete_cookie(OIDC_COOKIE, path=OIDC_PATH)
    return answer


def _kept(visit: Visit) -> list[str] | None:
    """State, nonce, verifier and next path, as we sealed them; None when they are not ours."""
    try:
        *kept, seal = json.loads(bytes.fromhex(visit.request.cookies.get(OIDC_COOKIE, "")))
        sealed = visit.settings.sealer.holds(seal, "oidc", *kept)
    except (ValueError, TypeError, AttributeError):
        return None
    return kept if sealed and len(kept) == 4 else None
