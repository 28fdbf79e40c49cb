"""The HTTP API for the ranking and other programs: the verdict feed, and whether the service is well.

What programs write and read besides has modules of its own (``service.api_cases``,
``service.api_nominations``, ``service.api_rankings``).

The log is pulled by serial, in order, and never rewritten. Every route but the two of health needs a
bearer token with the route's scope (``service.api_access``), and sees what the token may see.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from http import HTTPStatus
from importlib.metadata import version
from typing import Annotated, Any

from fastapi import APIRouter, FastAPI, Query, Request, Response
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel, Field
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session

from audit.records import newest_snapshot
from audit.verdict import hold_against
from models.database import is_current
from models.tables import Campaign, Verdict
from models.vocabulary import FeedEvent, TokenScope, VerdictState
from service import api_cases, api_nominations, api_rankings
from service.api_access import needs_no_token, needs_token
from service.api_answers import (
    MAX_INTEGER,
    PROBLEM,
    PROBLEMS,
    UNCHANGED,
    AskedNeeded,
    IfNoneMatch,
    answer,
    campaign_asked,
    link_next,
)
from service.desk import Desk
from service.feed import FeedItem, feed_item, log_after, newest_after, newest_of
from service.metrics import METRICS_TYPE, metrics_text
from service.problems import ProblemError, install_problems
from service.scope import Scope, visible_space

PREFIX = "/api/v1"
MAX_LIMIT = 1000
router = APIRouter(responses=PROBLEMS)


class Slice(BaseModel):
    """The part of the feed that is asked for."""

    after: int = Field(0, ge=0, le=MAX_INTEGER, description="Serial of the last item read.")
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
    api = bare_api()
    api.state.desk = desk
    return api


def bare_api() -> FastAPI:
    """The API's routes and errors, standing on nothing yet: enough to be described."""
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
    for each in (router, api_nominations.router, api_cases.router, api_rankings.router):
        api.include_router(each)
    install_problems(api)
    return api


@router.get(
    "/verdicts",
    response_model=list[FeedItem],
    responses=UNCHANGED,
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
    responses=UNCHANGED,
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
    responses={**UNCHANGED, 404: PROBLEM},
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
    call = campaign_asked(asked, wanted.campaign, "/query/campaign")
    row = _newest_of(current, asked.scope, space, call)
    item = _as_of_now(desk, current, row, call, space)
    if wanted.max_age is not None and desk.clock() - _visited(current, row) > wanted.max_age:
        item = item.model_copy(update={"state": VerdictState.STALE})
    return answer(item.model_dump(mode="json"), if_none_match)


@router.get("/healthz", dependencies=needs_no_token())
def healthz() -> dict[str, str]:
    """Whether the process answers."""
    return {"status": "ok"}


@router.get("/readyz", responses={503: PROBLEM}, dependencies=needs_no_token())
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


@router.get(
    "/metrics",
    response_class=PlainTextResponse,
    dependencies=needs_token(TokenScope.METRICS_READ),
)
def metrics(asked: AskedNeeded) -> PlainTextResponse:
    """Numbers for a monitoring system, in the Prometheus text format."""
    text = metrics_text(asked.session, asked.scope, asked.desk.clock())
    return PlainTextResponse(text, media_type=METRICS_TYPE)


@router.get("/openapi.json", include_in_schema=False, dependencies=needs_token(None))
def openapi(request: Request) -> dict[str, Any]:
    """This API's own description."""
    api: FastAPI = request.app
    return api.openapi()


def _newest_of(current: Session, scope: Scope, space: str, call: Campaign) -> Verdict:
    found = visible_space(current, scope, call, space)
    if found is None:
        raise ProblemError(
            HTTPStatus.NOT_FOUND, f"campaign {call.code} has no space {space}", "/path/space"
        )
    row = newest_of(current, found)
    if row is None:
        raise ProblemError(HTTPStatus.NOT_FOUND, f"space {space} has no verdict yet", "/path/space")
    return row


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
    page = answer([item.model_dump(mode="json") for item in items], if_none_match)
    page.headers["X-Last-Serial"] = str(last)
    if len(found) > len(items):
        link_next(request, page, last)
    return page
