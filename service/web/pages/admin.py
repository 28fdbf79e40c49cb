"""The administrator's pages: accounts, and the tokens of programs."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Form
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import BaseModel, Field
from sqlmodel import col, select

from models.tables import Region, User
from models.vocabulary import FlashLevel, Permission, Role, TokenScope
from service.errors import AccountError
from service.logins import give_one_time_password
from service.sessions import end_sessions
from service.tokens import TokenWish, add_token, revoke_token, tokens
from service.users import (
    COUNTY_ROLES,
    SCHOOL_ROLES,
    TEACHER_ROLES,
    accounts,
    add_user,
    disable_user,
    enable_user,
)
from service.web.access import needs
from service.web.visit import Visit, VisitNeeded, not_found

USERS, TOKENS = "/admin/users", "/admin/tokens"

router = APIRouter()


class UserForm(BaseModel):
    """What the form for a new account sends."""

    name: str = Field("", max_length=100)
    role: Role = Role.COUNTY_AUDITOR
    county: str = Field("", max_length=100)
    school: str = Field("", max_length=100)
    teacher: str = Field("", max_length=100)


@router.get(USERS, dependencies=needs(Permission.USERS_MANAGE))
def users_page(visit: VisitNeeded) -> HTMLResponse:
    """All accounts, and the form for a new one."""
    return _users(visit)


def _users(visit: Visit, form: UserForm | None = None, error: str = "") -> HTMLResponse:
    values = {
        "accounts": accounts(visit.session),
        "counties": _counties(visit),
        "role_options": [(each.value, each.label) for each in Role],
        "form": form or UserForm(),
        "error": error,
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if error else HTTPStatus.OK
    return visit.page("admin/users.html", values, status)


def _counties(visit: Visit) -> list[str]:
    return list(visit.session.exec(select(Region.name).order_by(col(Region.name))))


@router.post(USERS, dependencies=needs(Permission.USERS_MANAGE))
def add(visit: VisitNeeded, form: Annotated[UserForm, Form()]) -> Response:
    """Add an account; its one-time password is shown once, in the answer."""
    at, by = visit.desk.clock(), visit.who.name
    # A form sends all its fields: those that the role has no use for are left out.
    try:
        add_user(
            visit.session,
            form.name,
            form.role,
            form.county if form.role in COUNTY_ROLES else None,
            school=form.school if form.role in SCHOOL_ROLES else None,
            teacher=form.teacher if form.role in TEACHER_ROLES else None,
            at=at,
            actor=by,
        )
        visit.session.flush()
        password = give_one_time_password(visit.session, form.name.strip(), at=at, actor=by)
    except AccountError as error:
        visit.session.rollback()
        return _users(visit, form, _in_chinese(error, form))
    visit.session.commit()
    return _told_once(visit, form.name.strip(), password)


def _in_chinese(error: AccountError, form: UserForm) -> str:
    """The command line's sentence, as the page says it."""
    if not form.name.strip():
        return "请填写用户名"
    missing = {"county": "县区", "school": "学校", "teacher": "教师姓名"}
    for word, label in missing.items():
        if f"needs a {word}" in error.message:
            return f"“{form.role.label}”须填写{label}"
    return f"用户名“{form.name}”已被使用,请换一个"


def _told_once(visit: Visit, name: str, password: str) -> HTMLResponse:
    return visit.page("admin/one_time.html", {"name": name, "password": password})


class StateForm(BaseModel):
    """What the buttons beside an account send."""

    disabled: bool


def _user(visit: Visit, key: int) -> User:
    user = visit.session.get(User, key)
    if user is None:
        raise not_found("没有这个账号")
    return user


@router.post(f"{USERS}/{{user}}/state", dependencies=needs(Permission.USERS_MANAGE))
def state(visit: VisitNeeded, user: int, form: Annotated[StateForm, Form()]) -> RedirectResponse:
    """Disable an account and end its sessions, or enable it again."""
    row, at = _user(visit, user), visit.desk.clock()
    if not form.disabled:
        enable_user(visit.session, row.name, at=at, actor=visit.who.name)
        return visit.done(USERS, f"已启用 {row.name}")
    if row.id == visit.who.user_id:
        return visit.done(USERS, "不能停用自己的账号", FlashLevel.DANGER)
    try:
        disable_user(visit.session, row.name, at=at, actor=visit.who.name)
    except AccountError:
        return visit.done(USERS, "这是最后一个管理员,不能停用", FlashLevel.DANGER)
    end_sessions(visit.session, row.id or 0, at)
    return visit.done(USERS, f"已停用 {row.name},其登录已全部退出")


@router.post(f"{USERS}/{{user}}/password", dependencies=needs(Permission.USERS_MANAGE))
def new_password(visit: VisitNeeded, user: int) -> HTMLResponse:
    """Give an account a new one-time password, shown once, in the answer."""
    row = _user(visit, user)
    at = visit.desk.clock()
    password = give_one_time_password(visit.session, row.name, at=at, actor=visit.who.name)
    name = row.name
    visit.session.commit()
    return _told_once(visit, name, password)


class TokenForm(BaseModel):
    """What the form for a new token sends; ``days`` 0: it does not expire."""

    name: str = Field("", max_length=100)
    scopes: list[TokenScope] = Field(default_factory=list)
    county: str = Field("", max_length=100)
    user: str = Field("", max_length=100)
    days: int = Field(365, ge=0, le=3650)


@router.get(TOKENS, dependencies=needs(Permission.TOKENS_MANAGE))
def tokens_page(visit: VisitNeeded) -> HTMLResponse:
    """All tokens, and the form for a new one."""
    return _tokens(visit)


def _tokens(visit: Visit, form: TokenForm | None = None, error: str = "") -> HTMLResponse:
    values = {
        "tokens": tokens(visit.session),
        "county_options": [("", "全市"), *((each, each) for each in _counties(visit))],
        "scope_options": [(each, f"{each.label}({each.value})") for each in TokenScope],
        "form": form or TokenForm(),
        "error": error,
        "now": visit.desk.clock(),
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if error else HTTPStatus.OK
    return visit.page("admin/tokens.html", values, status)


@router.post(TOKENS, dependencies=needs(Permission.TOKENS_MANAGE))
def add_a_token(visit: VisitNeeded, form: Annotated[TokenForm, Form()]) -> Response:
    """Make a token; its secret is shown once, in the answer."""
    wish = TokenWish(
        name=form.name,
        scopes=form.scopes,
        county=form.county or None,
        user=form.user or None,
        days=form.days or None,
    )
    at = visit.desk.clock()
    try:
        key, secret = add_token(visit.session, wish, at=at, actor=visit.who.name)
    except AccountError:
        visit.session.rollback()
        said = "请填写名称并至少选一项权限;“作出审核决定”须同时写明以谁的名义,且该账号可用"
        return _tokens(visit, form, said)
    visit.session.commit()
    return visit.page("admin/new_token.html", {"key": key, "name": form.name, "secret": secret})


@router.post(f"{TOKENS}/{{token}}/revoke", dependencies=needs(Permission.TOKENS_MANAGE))
def revoke(visit: VisitNeeded, token: str) -> RedirectResponse:
    """Revoke a token."""
    try:
        row = revoke_token(visit.session, token, at=visit.desk.clock(), actor=visit.who.name)
    except AccountError as error:
        raise not_found("没有这个令牌") from error
    return visit.done(TOKENS, f"已撤销令牌 {row.name}")
