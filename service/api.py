"""The HTTP API for the ranking and other programs: the verdict feed, read only.

The log is pulled by serial, in order, and never rewritten. Every route but the two of health needs a
bearer token with the route's scope (``service.api_access``), and sees what the token may see.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from importlib.metadata import version
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Header, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session

from audit.records import newest_snapshot
from audit.verdict import hold_against
from models.database import is_current, session
from models.tables import Campaign, Verdict
from models.vocabulary import FeedEvent, TokenScope, VerdictState
from service.api_access import ScopeOfCaller, needs_no_token, needs_token
from service.desk import Desk
from service.feed import FeedItem, feed_item, log_after, newest_after, newest_of
from service.problems import MEDIA_TYPE, Problem, ProblemError, install_problems
from service.scope import Scope, visible_campaign, visible_space

PREFIX = "/api/v1"
MAX_LIMIT = 1000
#: What a database's integer holds.
MAX_SERIAL = 2**31 - 1
#: Seconds that a reader should wait between two looks at an unchanged feed.
POLL_SECONDS = 60

IfNoneMatch = Annotated[str | None, Header(description="ETag of an earlier answer.")]

_PROBLEM: dict[str, Any] = {"model": Problem, "content": {MEDIA_TYPE: {}}}
_PROBLEMS: dict[int | str, dict[str, Any]] = {401: _PROBLEM, 403: _PROBLEM, 422: _PROBLEM}
_UNCHANGED: dict[int | str, dict[str, Any]] = {304: {"description": "Not changed since the ETag."}}

router = APIRouter(responses=_PROBLEMS)


class Slice(BaseModel):
    """The part of the feed that is asked for."""

    after: int = Field(0, ge=0, le=MAX_SERIAL, description="Serial of the last item read.")
    limit: int = Field(200, ge=1, le=MAX_LIMIT, description="Items in one answer.")
    campaign: str | None = Field(None, description="Only spaces of this campaign.")


class SpaceQuery(BaseModel):
    """Which verdict of a space is asked for, and how fresh it must be."""

    campaign: str = Field(description="Code of the campaign.")
    max_age: timedelta | None = Field(
        None, description="Oldest acceptable visit (ISO 8601, such as P30D); an older one is stale."
    )


def create_api(desk: Desk) -> FastAPI:
    """The API as an application of its own, to be mounted at ``PREFIX``."""
    # The documentation pages of FastAPI load scripts from elsewhere: left out.
    api = FastAPI(
        title="spaceaudit",
        summary="Verdicts on nominated teacher spaces",
        version=version("spaceaudit"),
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        servers=[{"url": PREFIX}],
        root_path_in_servers=False,
    )
    api.state.desk = desk
    api.include_router(router)
    install_problems(api)
    return api


@dataclass(frozen=True, slots=True)
class Asked:
    """One request of a program, with what it is answered from and what the program may see."""

    request: Request
    desk: Desk
    session: Session
    scope: Scope


def _asked(request: Request, scope: ScopeOfCaller) -> Iterator[Asked]:
    desk: Desk = request.app.state.desk
    with session(desk.engine) as current:
        yield Asked(request, desk, current, scope)


AskedNeeded = Annotated[Asked, Depends(_asked)]


@router.get(
    "/verdicts",
    response_model=list[FeedItem],
    responses=_UNCHANGED,
    dependencies=needs_token(TokenScope.VERDICTS_READ),
)
def verdict_log(
    asked: AskedNeeded,
    wanted: Annotated[Slice, Query()],
    if_none_match: IfNoneMatch = None,
) -> Response:
    """The verdicts after a serial in the order of issue.

    Every item comes at least once and is never rewritten. Follow ``Link: rel="next"`` until there
    is none; then ask again from the last serial after ``X-Poll-Interval`` seconds.
    """
    found = log_after(asked.session, wanted.after, wanted.limit + 1, wanted.campaign, asked.scope)
    return _page(asked.request, found, wanted, if_none_match)


@router.get(
    "/verdicts/current",
    response_model=list[FeedItem],
    responses=_UNCHANGED,
    dependencies=needs_token(TokenScope.VERDICTS_READ),
)
def current_verdicts(
    asked: AskedNeeded,
    wanted: Annotated[Slice, Query()],
    if_none_match: IfNoneMatch = None,
) -> Response:
    """The newest verdict of each space, with the state it has now: what no longer holds is stale."""
    found = newest_after(
        asked.session, wanted.after, wanted.limit + 1, wanted.campaign, asked.scope
    )
    items = [_as_of_now(asked.desk, asked.session, *each) for each in found]
    return _page(asked.request, items, wanted, if_none_match)


@router.get(
    "/spaces/{space}/verdict",
    response_model=FeedItem,
    responses={**_UNCHANGED, 404: _PROBLEM},
    dependencies=needs_token(TokenScope.VERDICTS_READ),
)
def space_verdict(
    asked: AskedNeeded,
    space: str,
    wanted: Annotated[SpaceQuery, Query()],
    if_none_match: IfNoneMatch = None,
) -> Response:
    """The newest verdict of one space, with the state it has now."""
    desk, current = asked.desk, asked.session
    row, call = _newest_of(current, asked.scope, space, wanted.campaign)
    item = _as_of_now(desk, current, row, call, space)
    if wanted.max_age is not None and desk.clock() - _visited(current, row) > wanted.max_age:
        item = item.model_copy(update={"state": VerdictState.STALE})
    return _answer(item.model_dump(mode="json"), if_none_match)


@router.get("/healthz", dependencies=needs_no_token())
def healthz() -> dict[str, str]:
    """Whether the process answers."""
    return {"status": "ok"}


@router.get("/readyz", responses={503: _PROBLEM}, dependencies=needs_no_token())
def readyz(request: Request) -> dict[str, str]:
    """Whether the database answers and has this version's tables."""
    desk: Desk = request.app.state.desk
    try:
        ready = is_current(desk.engine)
    except SQLAlchemyError as error:
        raise ProblemError(
            HTTPStatus.SERVICE_UNAVAILABLE, "the database does not answer", "/path"
        ) from error
    if not ready:
        raise ProblemError(
            HTTPStatus.SERVICE_UNAVAILABLE, "the database is of another version", "/path"
        )
    return {"status": "ready"}


@router.get("/openapi.json", include_in_schema=False, dependencies=needs_token(None))
def openapi(request: Request) -> dict[str, Any]:
    """This API's own description."""
    api: FastAPI = request.app
    return api.openapi()


def _newest_of(
    current: Session, scope: Scope, space: str, campaign: str
) -> tuple[Verdict, Campaign]:
    call = visible_campaign(current, scope, campaign)
    if call is None:
        raise ProblemError(HTTPStatus.NOT_FOUND, f"no campaign {campaign}", "/query/campaign")
    found = visible_space(current, scope, call, space)
    if found is None:
        raise ProblemError(
            HTTPStatus.NOT_FOUND, f"campaign {campaign} has no space {space}", "/path/space"
        )
    row = newest_of(current, found)
    if row is None:
        raise ProblemError(HTTPStatus.NOT_FOUND, f"space {space} has no verdict yet", "/path/space")
    return row, call


def _as_of_now(desk: Desk, current: Session, row: Verdict, call: Campaign, space: str) -> FeedItem:
    item = feed_item(row, space)
    if row.event is FeedEvent.STALED:
        return item
    held = hold_against(row, desk.basis(call, newest_snapshot(current, row.space_id)), desk.clock())
    return item.model_copy(update={"state": held.state})


def _visited(current: Session, row: Verdict) -> datetime:
    """When the space was visited; without a visit, when it was decided."""
    newest = newest_snapshot(current, row.space_id)
    return newest.taken_at if newest else row.decided_at


def _page(
    request: Request, found: list[FeedItem], wanted: Slice, if_none_match: str | None
) -> Response:
    """One page of items; ``found`` has one more than the page holds when there are more."""
    items = found[: wanted.limit]
    last = items[-1].serial if items else wanted.after
    answer = _answer([item.model_dump(mode="json") for item in items], if_none_match)
    answer.headers["X-Last-Serial"] = str(last)
    if len(found) > len(items):
        query = request.url.include_query_params(after=last).query
        answer.headers["Link"] = f'<{request.url.path}?{query}>; rel="next"'
    return answer


def _answer(content: object, if_none_match: str | None) -> Response:
    """The content with its ETag, or 304 when the reader has it already."""
    canonical = json.dumps(content, ensure_ascii=False, sort_keys=True)
    etag = f'"{hashlib.sha256(canonical.encode()).hexdigest()[:32]}"'
    headers = {
        "ETag": etag,
        "Cache-Control": "private, no-cache",
        "X-Poll-Interval": str(POLL_SECONDS),
    }
    if if_none_match is not None and _matches(if_none_match, etag):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return JSONResponse(content, headers=headers)


def _matches(if_none_match: str, etag: str) -> bool:
    given = {each.strip().removeprefix("W/") for each in if_none_match.split(",")}
    return "*" in given or etag in given
