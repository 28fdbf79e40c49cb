"""Who asks, and whether they may: every route declares what it needs, or the service does not start.

A page's route says ``dependencies=needs(Permission.X)``, a public one ``dependencies=open_to_all()``, a
route of the API ``dependencies=needs_token(TokenScope.X)`` (``service.api_access``). ``undeclared`` names
the routes that do not. What may be *seen* is the visitor's ``scope`` (``service.scope``), which every
query takes.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request
from fastapi.params import Depends as DependsParameter
from fastapi.routing import APIRoute
from sqlmodel import Session
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Mount

from models.account_tables import WebSession
from models.database import session
from models.tables import User
from models.vocabulary import FlashLevel, LoginMethod, Permission, Role
from service.api_access import TokenRequirement
from service.desk import Desk
from service.logins import must_change
from service.permissions import PERMISSIONS
from service.scope import Scope, scope_of
from service.sessions import find_session, take_flashes
from service.web.settings import WebSettings

SESSION_COOKIE = "spaceaudit_session"
#: Ties the forms of somebody who is not signed in to their browser.
FORM_COOKIE = "spaceaudit_form"
CSRF_FIELD = "csrf"
CSRF_HEADER = "x-csrf-token"
#: Where somebody with a one-time password may go: to change it, and out.
PASSWORD_PATH = "/account/password"  # noqa: S105  (an address)
LOGOUT_PATH = "/logout"

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody who is signed in, with what they may do and see. Plain values: they outlive the session.

    Attributes:
        session_id: Key of the ``WebSession``.
        must_change: The password is a one-time one, and is changed first.
    """

    user_id: int
    name: str
    role: Role
    session_id: str
    method: LoginMethod
    permissions: frozenset[Permission]
    scope: Scope
    must_change: bool = False

    def may(self, permission: Permission) -> bool:
        """Whether the role holds a permission."""
        return permission in self.permissions


class LoginNeeded(Exception):  # noqa: N818  (reads as what it says)
    """Nobody is signed in: a page leads to the log-in, anything else is answered 401."""


class PasswordNeeded(Exception):  # noqa: N818  (reads as what it says)
    """The visitor's password is a one-time one, and is changed first."""


def desk_of_request(request: Request) -> Desk:
    """The desk that the application stands on."""
    desk: Desk = request.app.state.desk
    return desk


def settings_of(request: Request) -> WebSettings:
    """The settings of the application."""
    settings: WebSettings = request.app.state.settings
    return settings


DeskNeeded = Annotated[Desk, Depends(desk_of_request)]
SettingsNeeded = Annotated[WebSettings, Depends(settings_of)]


def _unit_of_work(desk: DeskNeeded) -> Iterator[Session]:
    with session(desk.engine) as current:
        yield current


SessionNeeded = Annotated[Session, Depends(_unit_of_work)]


def _visitor(
    request: Request, desk: DeskNeeded, settings: SettingsNeeded, current: SessionNeeded
) -> Visitor | None:
    """Who is signed in; kept with the request, for the layout."""
    token = request.cookies.get(SESSION_COOKIE)
    found = find_session(current, token, desk.clock(), settings.limits) if token else None
    if found is None:
        return None
    visitor = _as_visitor(current, *found)
    request.state.flashes = _flashes(request, found[0])
    # Written at once, so that no lock is held while the page is made.
    if current.dirty:
        current.commit()
    request.state.visitor = visitor
    return visitor


def _as_visitor(current: Session, row: WebSession, user: User) -> Visitor:
    return Visitor(
        user_id=user.id or 0,
        name=user.name,
        role=user.role,
        session_id=row.id,
        method=row.method,
        permissions=PERMISSIONS[user.role],
        scope=scope_of(user),
        must_change=row.method is LoginMethod.PASSWORD and must_change(current, user),
    )


def _flashes(request: Request, row: WebSession) -> list[tuple[FlashLevel, str]]:
    """The messages that wait, for a page; a picture or a part of a page leaves them waiting."""
    whole_page = request.headers.get("sec-fetch-dest", "document") == "document"
    if request.method != "GET" or not whole_page or "hx-request" in request.headers:
        return []
    return take_flashes(row)


VisitorFound = Annotated[Visitor | None, Depends(_visitor)]


def visitor_of(request: Request) -> Visitor | None:
    """Who is signed in, as far as this request has been looked at."""
    visitor: Visitor | None = getattr(request.state, "visitor", None)
    return visitor


def csrf_token(request: Request) -> str:
    """What every form of this browser carries: sealed to its session or, before that, its form cookie."""
    visitor = visitor_of(request)
    owner = f"session:{visitor.session_id}" if visitor else f"form:{form_nonce(request)}"
    return settings_of(request).sealer.seal("csrf", owner)


def form_nonce(request: Request) -> str:
    """The form cookie's value; one is made where the browser has none, and sent with the page."""
    nonce = request.cookies.get(FORM_COOKIE) or getattr(request.state, "nonce", None)
    if not nonce:
        nonce = secrets.token_urlsafe(16)
        request.state.nonce = nonce
    return str(nonce)


class Requirement:
    """What a route of the pages needs; ``permission`` None lets everybody in."""

    def __init__(self, permission: Permission | None) -> None:
        self.permission = permission

    async def __call__(self, request: Request, visitor: VisitorFound) -> None:
        """Let the request pass, or say why not."""
        if self.permission is not None:
            _check_permission(self.permission, request, visitor)
        if request.method not in _SAFE_METHODS:
            await _check_form(request)


def _check_permission(permission: Permission, request: Request, visitor: Visitor | None) -> None:
    if visitor is None:
        raise LoginNeeded
    if visitor.must_change and request.url.path not in (PASSWORD_PATH, LOGOUT_PATH):
        raise PasswordNeeded
    if not visitor.may(permission):
        detail = f"您的角色({visitor.role.label})没有“{permission.label}”的权限"
        raise HTTPException(HTTPStatus.FORBIDDEN, detail)


async def _check_form(request: Request) -> None:
    given = request.headers.get(CSRF_HEADER)
    if given is None:
        value = (await request.form()).get(CSRF_FIELD)
        given = value if isinstance(value, str) else ""
    if not secrets.compare_digest(given.encode(), csrf_token(request).encode()):
        detail = "这个表单已失效,没有保存。请返回并刷新页面后重新提交"
        raise HTTPException(HTTPStatus.FORBIDDEN, detail)


def needs(permission: Permission) -> list[Any]:
    """For ``dependencies=``: the route is for signed-in users whose role holds the permission."""
    return [Depends(Requirement(permission))]


def open_to_all() -> list[Any]:
    """For ``dependencies=``: everybody may ask. Its forms are checked like all others."""
    return [Depends(Requirement(None))]


def requirement_of(route: BaseRoute) -> Requirement | TokenRequirement | None:
    """What a route declares; None: nothing."""
    dependencies: list[DependsParameter] = getattr(route, "dependencies", [])
    for each in dependencies:
        if isinstance(each.dependency, Requirement | TokenRequirement):
            return each.dependency
    return None


def all_routes(routes: list[BaseRoute]) -> Iterator[tuple[str, BaseRoute]]:
    """Every route with its whole path, those of included routers and mounted applications too."""
    for route in routes:
        included = getattr(route, "original_router", None)
        if isinstance(route, Mount) and isinstance(route.app, FastAPI):
            for path, inner in all_routes(route.app.routes):
                yield f"{route.path}{path}", inner
        elif included is not None:
            yield from all_routes(included.routes)
        else:
            yield getattr(route, "path", repr(route)), route


def undeclared(app: FastAPI) -> list[str]:
    """The paths of routes that do not say what they need; any other kind of route counts as one."""
    return [
        path
        for path, route in all_routes(app.routes)
        if not isinstance(route, APIRoute) or requirement_of(route) is None
    ]


def require_declared(app: FastAPI) -> None:
    """Refuse an application with a route that anybody could reach by oversight.

    Raises:
        RuntimeError: a route does not say what it needs.
    """
    missing = undeclared(app)
    if missing:
        raise RuntimeError(f"routes that declare no permission: {', '.join(missing)}")
