"""The whole web service in one application: pages, their files, and the API under its prefix."""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus
from urllib.parse import urlencode

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp

from service.api import PREFIX, create_api
from service.attachments import Attachments
from service.desk import Desk
from service.problems import http_problem
from service.replay import ReplaySite
from service.web.access import (
    PASSWORD_PATH,
    LoginNeeded,
    PasswordNeeded,
    require_declared,
)
from service.web.pages import ROUTERS
from service.web.rendering import error_page
from service.web.security import Guarded
from service.web.settings import WebSettings


def create_app(
    desk: Desk,
    acting_as: str | None = None,
    replay: ReplaySite | None = None,
    settings: WebSettings | None = None,
) -> ASGIApp:
    """The service on one installation, behind its guard.

    Args:
        desk: What it reads from and decides on.
        acting_as: The user that visitors on this machine are signed in as (the demo).
        replay: Where snapshots are replayed; without one the pages say that they cannot be.
        settings: Everything else; the two before go over it.
    """
    chosen = settings or WebSettings()
    chosen = replace(
        chosen, acting_as=acting_as or chosen.acting_as, replay=replay or chosen.replay
    )
    return Guarded(build_app(desk, chosen), chosen.hosts, api_prefix=PREFIX)


def build_app(desk: Desk, settings: WebSettings) -> FastAPI:
    """The application without its guard.

    Raises:
        RuntimeError: a route does not say what it needs.
    """
    app = FastAPI(title="spaceaudit", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.desk = desk
    app.state.settings = settings
    app.state.attachments = Attachments(desk.snapshots)
    for router in ROUTERS:
        app.include_router(router)
    app.mount(PREFIX, create_api(desk))
    app.add_exception_handler(LoginNeeded, _login_needed)
    app.add_exception_handler(PasswordNeeded, _password_needed)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _unreadable)
    app.add_exception_handler(Exception, _crashed)
    require_declared(app)
    return app


def _login_needed(request: Request, _error: Exception) -> Response:
    """A page leads to the log-in and back; a form or a part of a page cannot, and says so."""
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    address = f"/login?{urlencode({'next': wanted})}"
    if request.method == "GET" and "hx-request" not in request.headers:
        return RedirectResponse(address, HTTPStatus.SEE_OTHER)
    page = error_page(request, HTTPStatus.UNAUTHORIZED, "登录已失效或已退出,没有保存任何更改")
    if "hx-request" in request.headers:
        page.headers["HX-Redirect"] = "/login"
    return page


def _password_needed(_request: Request, _error: Exception) -> RedirectResponse:
    return RedirectResponse(PASSWORD_PATH, HTTPStatus.SEE_OTHER)


def _refused(request: Request, error: Exception) -> Response:
    if request.url.path.startswith("/api/"):
        # Beside the API's prefix, as by an address with dots in it: still a program that asks.
        return http_problem(request, error)
    if not isinstance(error, HTTPException):
        raise TypeError from error
    known = error.detail if error.status_code != 404 or error.detail != "Not Found" else ""
    page = error_page(request, error.status_code, known or "没有这个页面")
    page.headers.update(error.headers or {})
    return page


def _unreadable(request: Request, _error: Exception) -> HTMLResponse:
    return error_page(request, 422, "地址或表单中的内容无法识别")


def _crashed(request: Request, _error: Exception) -> HTMLResponse:
    return error_page(request, 500, "服务出错了,原因已记入日志;没有保存任何更改")
