"""The whole web service in one application: pages, their files, and the API under its prefix."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from service.api import PREFIX, create_api
from service.desk import Desk
from service.replay import ReplaySite
from service.web.pages import router
from service.web.rendering import error_page
from service.web.security import Guarded

STATIC = Path(__file__).parent / "static"


def create_app(
    desk: Desk, acting_as: str | None = None, replay: ReplaySite | None = None
) -> ASGIApp:
    """The service on one installation.

    Args:
        desk: What it reads from and decides on.
        acting_as: Name of the user who decides on the pages; without one they are read only.
        replay: Where snapshots are replayed; without one the pages say that they cannot be.
    """
    app = FastAPI(title="spaceaudit", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.desk = desk
    app.state.acting_as = acting_as
    app.state.replay = replay
    app.include_router(router)
    app.mount(PREFIX, create_api(desk))
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _unreadable)
    app.add_exception_handler(Exception, _crashed)
    return Guarded(app)


def _refused(request: Request, error: Exception) -> HTMLResponse:
    if not isinstance(error, HTTPException):
        raise TypeError from error
    known = error.detail if error.status_code != 404 or error.detail != "Not Found" else ""
    return error_page(request, error.status_code, known or "没有这个页面")


def _unreadable(request: Request, _error: Exception) -> HTMLResponse:
    return error_page(request, 422, "地址或表单中的内容无法识别")


def _crashed(request: Request, _error: Exception) -> HTMLResponse:
    return error_page(request, 500, "服务出错了,原因已记入日志;没有保存任何更改")
