"""The replay origin: ReplayWeb.page's two scripts, snapshots by their digest, and one page.

What a hostile page had in it runs here again, so this is another origin than the desk's, under
another host name too (``service.replay.ReplaySite``): cookies know no ports. Nothing here sets or reads a
cookie, changes anything, or lists anything. A snapshot is shown to whoever has a ticket for it
(``service.replay.Tickets``), which the desk puts into the address of who may see the case.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import (
    FileResponse,
    HTMLResponse,
    PlainTextResponse,
    Response,
)
from starlette.routing import Route
from starlette.types import ASGIApp

from crawler.store import SnapshotStore, snapshot_name
from models.manifest import EarlierSnapshot
from service.replay import Replayer, Tickets
from service.web.replay.ranges import snapshot_bytes
from service.web.replay.resolved import UNREADABLE
from service.web.replay.shelf import Shelf, view_name
from service.web.security import Guarded

_SHA256 = re.compile("[0-9a-f]{64}")
_STATE = re.compile("[0-9a-f]{16}")
_HERE = Path(__file__).parent
# They stand in the page itself, under their hashes, so that no further path is served.
_STYLE = (_HERE / "view.css").read_text(encoding="utf-8")
_SCRIPT = (_HERE / "view.js").read_text(encoding="utf-8")


def _source(content: str) -> str:
    """What a policy calls an inline style or script by."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"


#: For everything here: no network but this origin, no frame of it elsewhere.
_OWN = "default-src 'none'; connect-src 'self'; base-uri 'none'; form-action 'none'"
HEADERS = {
    "Content-Security-Policy": f"{_OWN}; frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
PAGE_POLICY = (
    f"{_OWN}; script-src 'self' {_source(_SCRIPT)}; style-src {_source(_STYLE)}; "
    "img-src 'self' data:; frame-src 'self'; worker-src 'self'; frame-ancestors 'none'"
)
#: The service worker's own: whatever it fetches, it fetches from here.
WORKER_POLICY = f"{_OWN}; script-src 'self' 'wasm-unsafe-eval'"

_templates = Environment(loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined)


def create_replay_app(store: SnapshotStore, replayer: Replayer, tickets: Tickets | None) -> ASGIApp:
    """Serve the snapshots of a store to ReplayWeb.page.

    Args:
        store: Where the snapshots are.
        replayer: The program that shows them.
        tickets: Whose tickets are taken; None shows a snapshot to whoever knows its digest.
    """
    root = "/t/{ticket}" if tickets else ""
    app = Starlette(
        routes=[
            Route(f"{root}/view/{{digest}}", _view),
            Route(f"{root}/snapshots/{{digest}}.wacz", _snapshot),
            Route(f"{root}/resolved/{{digest}}.{{state}}.wacz", _resolved),
            Route("/replay/ui.js", _interface),
            Route("/replay/sw.js", _worker),
        ],
        exception_handlers={HTTPException: _refused},
    )
    app.state.store = store
    app.state.shelf = Shelf(store)
    app.state.replayer = replayer
    app.state.tickets = tickets
    return Guarded(app, headers=HEADERS)


def _view(request: Request) -> HTMLResponse:
    """The page that replays one page of a snapshot: ``?url=`` its address, ``?ts=`` its moment."""
    digest = _digest(request)
    name = _present(request, digest)
    url, moment = request.query_params.get("url", ""), request.query_params.get("ts", "")
    if urlsplit(url).scheme not in ("http", "https") or not (moment.isdecimal() or not moment):
        raise HTTPException(HTTPStatus.NOT_FOUND)
    replayer: Replayer = request.app.state.replayer
    store: SnapshotStore = request.app.state.store
    earlier = _earlier(store, name)
    ticket = request.path_params.get("ticket")
    root = f"/t/{ticket}" if ticket else ""
    made = f"resolved/{view_name(store, name, earlier)}" if earlier else f"snapshots/{digest}.wacz"
    page = _templates.get_template("view.html").render(
        digest=digest,
        source=f"{root}/{made}",
        resolved=bool(earlier),
        incomplete=not all(store.exists(each.wacz) for each in earlier),
        url=url,
        ts=moment,
        style=_STYLE,
        script=_SCRIPT,
        version=replayer.version,
    )
    headers = {"Content-Security-Policy": PAGE_POLICY, "Cache-Control": "no-store"}
    return HTMLResponse(page, headers=headers)


def _snapshot(request: Request) -> Response:
    """A snapshot's bytes, as they were signed."""
    name = _present(request, _digest(request))
    return snapshot_bytes(request, request.app.state.store, name)


def _resolved(request: Request) -> Response:
    """A later snapshot made whole with what it refers to in earlier ones; of another there is none."""
    name = _present(request, _digest(request))
    store, shelf = request.app.state.store, request.app.state.shelf
    view = f"{request.path_params['digest']}.{request.path_params['state']}.wacz"
    if not _STATE.fullmatch(request.path_params["state"]):
        raise HTTPException(HTTPStatus.NOT_FOUND)
    if view not in shelf and view != view_name(store, name, _earlier(store, name)):
        raise HTTPException(HTTPStatus.NOT_FOUND)
    try:
        return snapshot_bytes(request, shelf, view)
    except UNREADABLE as error:
        detail = f"回放视图做不出来:{error}"
        raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, detail) from error


def _earlier(store: SnapshotStore, name: str) -> Sequence[EarlierSnapshot]:
    try:
        with store.reader(name) as reader:
            return reader.manifest.earlier
    except UNREADABLE:
        # What is broken is replayed as far as it goes; ``spaceaudit verify`` names it.
        return ()


def _interface(request: Request) -> FileResponse:
    """ReplayWeb.page's pages."""
    return _script(request, "ui.js", {})


def _worker(request: Request) -> FileResponse:
    """ReplayWeb.page's service worker, which answers for everything below ``/replay/``."""
    return _script(request, "sw.js", {"Content-Security-Policy": WORKER_POLICY})


def _script(request: Request, name: str, headers: dict[str, str]) -> FileResponse:
    replayer: Replayer = request.app.state.replayer
    return FileResponse(replayer.folder / name, media_type="text/javascript", headers=headers)


def _digest(request: Request) -> str:
    digest: str = request.path_params["digest"]
    tickets: Tickets | None = request.app.state.tickets
    shown = tickets is None or tickets.holds(request.path_params["ticket"], digest)
    if not shown or not _SHA256.fullmatch(digest):
        raise HTTPException(HTTPStatus.NOT_FOUND)
    return digest


def _present(request: Request, digest: str) -> str:
    """The name of a snapshot in the store."""
    name = snapshot_name(digest)
    store: SnapshotStore = request.app.state.store
    try:
        if store.exists(name):
            return name
    except OSError as error:
        raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, f"快照库读不出来:{error}") from error
    raise HTTPException(HTTPStatus.NOT_FOUND)


async def _refused(_request: Request, error: Exception) -> PlainTextResponse:
    if not isinstance(error, HTTPException):
        raise TypeError from error
    said = "没有这个快照或页面" if error.status_code == HTTPStatus.NOT_FOUND else error.detail
    return PlainTextResponse(said, error.status_code, headers=error.headers)
