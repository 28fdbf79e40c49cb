"""The sample platform as an ASGI app: HTML shells that fetch their content from a JSON API."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import (
    FileResponse,
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
)
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from models.vocabulary import Visibility
from sample import gates, views
from sample.catalog import load_catalog
from sample.filespecs import Audio, Video
from sample.records import Behaviour, Gate, Space
from sample.traffic import TrafficLog

STATIC = Path(__file__).with_name("static")
SHELL = (STATIC / "shell.html").read_text(encoding="utf-8")

#: Visits that a flaky space answers 503 before it recovers.
FLAKY_FAILURES = 2
#: What a slow space takes for each answer of its API, in seconds.
SLOW_SECONDS = 2.0

#: Where the space that leads off to a private address redirects.
PRIVATE_URL = "http://127.0.0.1:8799/internal"

GONE = Gate(visibility=Visibility.MISSING)
Played = Audio | Video
View = Callable[[Space, Request], dict[str, Any]]

COLUMNS: Mapping[str, View] = {
    "home": lambda space, _: views.home(space),
    "articles": lambda space, _: views.articles(space),
    "resources": lambda space, request: views.resources(space, _number(request, "page", 1)),
    "album": lambda space, _: views.album(space),
    "board": lambda space, request: views.board(space, _number(request, "after", 0)),
}
ITEMS: Mapping[str, View] = {
    "article": lambda space, request: views.article(space, request.path_params["number"]),
    "resource": lambda space, request: views.resource(space, request.path_params["number"]),
}
ITEM_COLUMNS = {"article": "articles", "resource": "resources"}


class Platform:
    """The platform's state since its start: counters, and what flaky spaces still owe."""

    def __init__(self, files: Path, private_url: str, slow_seconds: float) -> None:
        self._files = files
        self._private_url = private_url
        self._slow_seconds = slow_seconds
        self._spaces = {space.id: space for space in load_catalog()}
        self._former = {
            space.former_path: space for space in self._spaces.values() if space.former_path
        }
        self._failures: Counter[str] = Counter()
        self._visits: Counter[str] = Counter()

    async def page(self, request: Request) -> Response:
        """A page of a space: the shell, or a refusal."""
        space = self._spaces.get(request.path_params["space"])
        if space is None:
            return self._moved(request) or HTMLResponse(SHELL, 404)
        gate = _gate(space, request)
        return (
            self._behave(space)
            or gates.refuse_page(gate, request.url.path)
            or HTMLResponse(SHELL, gates.SHELL_STATUS.get((gate.visibility, gate.way), 200))
        )

    def _moved(self, request: Request) -> Response | None:
        space = self._former.get(f"/space/{request.path_params['space']}")
        return RedirectResponse(space.path, 302) if space else None

    def _behave(self, space: Space) -> Response | None:
        if space.behaviour is Behaviour.PRIVATE_REDIRECT:
            return RedirectResponse(self._private_url, 302)
        if space.behaviour is Behaviour.FLAKY and self._failures[space.id] < FLAKY_FAILURES:
            self._failures[space.id] += 1
            return gates.out_of_service()
        return None

    async def portal(self, _request: Request) -> Response:
        """What the home page of the platform shows."""
        self._visits["portal"] += 1
        return JSONResponse(views.portal(list(self._spaces.values()), self._visits["portal"]))

    async def banner(self, request: Request) -> Response:
        """What stands around a space's pages; each call counts as a visit."""
        space = self._spaces.get(request.path_params["space"])
        others = [one for one in self._spaces.values() if one is not space]

        def answer(one: Space, _request: Request) -> dict[str, Any]:
            self._visits[one.id] += 1
            return views.banner(one, others, self._visits[one.id])

        return await self._answer(space, request, answer)

    async def data(self, request: Request) -> Response:
        """The content of one page of a space."""
        params = request.path_params
        view = ITEMS.get(params["item"]) if "item" in params else COLUMNS.get(params["column"])
        space = self._spaces.get(params["space"]) if view else None
        return await self._answer(space, request, view or COLUMNS["home"])

    async def _answer(self, space: Space | None, request: Request, view: View) -> Response:
        if space is None:
            return gates.refuse_data(GONE) or Response()
        if space.behaviour is Behaviour.SLOW:
            await asyncio.sleep(self._slow_seconds)
        return gates.refuse_data(_gate(space, request)) or JSONResponse(view(space, request))

    async def file(self, request: Request) -> Response:
        """A file for download, or the refusal of it."""
        space = self._spaces.get(request.path_params["space"])
        name = request.path_params["name"]
        one = next((one for one in space.resources if one.name == name), None) if space else None
        if space is None or one is None:
            return gates.bare(404, "404 Not Found", "文件不存在或已被删除。")
        refused = gates.refuse_file(one.openness, one.way, request.url.path, one.points)
        return refused or FileResponse(
            self._files / "files" / space.id / one.name,
            filename=one.name,
            content_disposition_type="inline" if isinstance(one.file, Played) else "attachment",
        )

    async def media(self, request: Request) -> Response:
        """A picture shown on a page."""
        space = self._spaces.get(request.path_params["space"])
        name = request.path_params["name"]
        if space is None or name not in {picture.name for picture in space.pictures}:
            return gates.bare(404, "404 Not Found", "图片不存在。")
        return FileResponse(self._files / "media" / space.id / name)


def _gate(space: Space, request: Request) -> Gate:
    params = request.path_params
    item = params.get("item")
    # An unknown item is a column that no space has: it is missing.
    column = ITEM_COLUMNS.get(item, item) if item else params.get("column")
    return views.page_gate(space, None if column == "home" else column, params.get("number"))


def _number(request: Request, name: str, default: int) -> int:
    value = request.query_params.get(name, "")
    return int(value) if value.isdecimal() else default


async def shell(_request: Request) -> Response:
    """A page whose content the script fetches, the same for everybody."""
    return HTMLResponse(SHELL)


async def health(_request: Request) -> Response:
    """The page that is always up."""
    return PlainTextResponse("ok")


def create_app(
    files: Path, *, private_url: str = PRIVATE_URL, slow_seconds: float = SLOW_SECONDS
) -> TrafficLog:
    """The platform over a directory that ``build`` made, with its state as after a fresh start.

    Args:
        files: the directory with ``files/`` and ``media/``.
        private_url: where the space that leads off to a private address redirects.
        slow_seconds: what the slow space takes for each answer of its API.
    """
    platform = Platform(files, private_url, slow_seconds)

    async def log(_request: Request) -> Response:
        return JSONResponse(traffic.report())

    routes = [
        Route("/", shell),
        Route("/login", shell),
        Route("/healthz", health),
        Route("/_log", log),
        Route("/api/portal", platform.portal),
        Route("/api/space/{space}", platform.banner),
        Route("/api/space/{space}/{column}", platform.data),
        Route("/api/space/{space}/{item}/{number:int}", platform.data),
        Route("/space/{space}", platform.page),
        Route("/space/{space}/{column}", platform.page),
        Route("/space/{space}/{item}/{number:int}", platform.page),
        Route("/files/{space}/{name}", platform.file),
        Route("/media/{space}/{name}", platform.media),
        Mount("/static", StaticFiles(directory=STATIC)),
    ]
    traffic = TrafficLog(Starlette(routes=routes))
    return traffic
