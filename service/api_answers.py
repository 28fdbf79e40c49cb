"""What the API's routes share: one request with what it is answered from, and answers with an ETag."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Depends, Header, Request, Response
from fastapi.responses import JSONResponse
from sqlmodel import Session

from models.database import session
from models.tables import Campaign
from service.api_access import Caller, ScopeOfCaller
from service.desk import Desk
from service.problems import MEDIA_TYPE, Problem, ProblemError
from service.scope import Scope, visible_campaign

#: Seconds that a reader should wait between two looks at what did not change.
POLL_SECONDS = 60
#: What a database's integer holds.
MAX_INTEGER = 2**31 - 1

IfNoneMatch = Annotated[str | None, Header(description="ETag of an earlier answer.")]

PROBLEM: dict[str, Any] = {"model": Problem, "content": {MEDIA_TYPE: {}}}
PROBLEMS: dict[int | str, dict[str, Any]] = {401: PROBLEM, 403: PROBLEM, 422: PROBLEM}
UNCHANGED: dict[int | str, dict[str, Any]] = {304: {"description": "Not changed since the ETag."}}


@dataclass(frozen=True, slots=True)
class Asked:
    """One request of a program, with what it is answered from and what the program may see."""

    request: Request
    desk: Desk
    session: Session
    scope: Scope

    @property
    def caller(self) -> Caller:
        """The program; only on routes that need a token."""
        caller: Caller = self.request.state.caller
        return caller


def _asked(request: Request, scope: ScopeOfCaller) -> Iterator[Asked]:
    desk: Desk = request.app.state.desk
    with session(desk.engine) as current:
        yield Asked(request, desk, current, scope)


AskedNeeded = Annotated[Asked, Depends(_asked)]


def campaign_asked(asked: Asked, code: str, pointer: str) -> Campaign:
    """The campaign with this code.

    Raises:
        ProblemError: 404 for one that is not there or not for this program to see.
    """
    found = visible_campaign(asked.session, asked.scope, code)
    if found is None:
        raise ProblemError(HTTPStatus.NOT_FOUND, f"no campaign {code}", pointer)
    return found


def etag_of(content: object) -> str:
    """The ETag of plain data."""
    canonical = json.dumps(content, ensure_ascii=False, sort_keys=True)
    return f'"{hashlib.sha256(canonical.encode()).hexdigest()[:32]}"'


def answer(content: object, if_none_match: str | None, etag: str | None = None) -> Response:
    """The content with its ETag, or 304 when the reader has it already."""
    etag = etag or etag_of(content)
    headers = {
        "ETag": etag,
        "Cache-Control": "private, no-cache",
        "X-Poll-Interval": str(POLL_SECONDS),
    }
    if if_none_match is not None and matches(if_none_match, etag):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return JSONResponse(content, headers=headers)


def link_next(request: Request, found: Response, after: int) -> None:
    """Say where the next page is."""
    query = request.url.include_query_params(after=after).query
    found.headers["Link"] = f'<{request.url.path}?{query}>; rel="next"'


def matches(given: str, etag: str) -> bool:
    """Whether a list of ETags, as ``If-Match`` and ``If-None-Match`` carry it, has this one."""
    values = {each.strip().removeprefix("W/") for each in given.split(",")}
    return "*" in values or etag in values
