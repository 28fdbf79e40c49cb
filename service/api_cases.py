"""Cases over the API: what waits for a person, and a person's decision by a program of theirs.

A case is a space that waits for a person or was under review; its id is the space's key. Findings are
given by rule and place in the vocabulary, without the words that a space wrote.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Query, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import col, select

from audit.records import screening_of
from audit.review import in_force
from models.database import take_writer_lock
from models.tables import Campaign, Decision, Finding, Space
from models.vocabulary import Action, CaseState, Dimension, TokenScope
from service.api_access import needs_token
from service.api_answers import (
    MAX_INTEGER,
    PROBLEM,
    PROBLEMS,
    UNCHANGED,
    Asked,
    AskedNeeded,
    IfNoneMatch,
    answer,
    link_next,
    matches,
)
from service.api_deciding import decide_by_program
from service.case_listing import (
    CaseShown,
    CaseWanted,
    DecisionMade,
    cases_after,
    decision_made,
    decision_taken,
    load_shown,
)
from service.problems import MEDIA_TYPE, Problem, ProblemError

router = APIRouter(responses=PROBLEMS)

CaseKey = Annotated[int, Path(ge=1, le=MAX_INTEGER, description="The case's id.")]


class CaseQuery(BaseModel):
    """Which cases are asked for."""

    after: int = Field(0, ge=0, le=MAX_INTEGER, description="Id of the last case read.")
    limit: int = Field(50, ge=1, le=200, description="Cases in one answer.")
    campaign: str | None = Field(None, description="Only spaces of this campaign.")
    state: CaseState | None = Field(None, description="Only cases in this state.")
    county: str | None = Field(None, description="Only spaces of this county, by name.")
    dimension: Dimension | None = Field(
        None, description="Only cases with a finding of this dimension in the newest screening."
    )


class DecisionWish(BaseModel):
    """What a person decides: on one finding of the newest screening, or on the space as a whole."""

    model_config = ConfigDict(extra="forbid")

    finding: str | None = Field(None, max_length=64, description="Its id; without one the space.")
    action: Action
    reason: str = Field(min_length=1, max_length=64, description="Code of a reason.")
    note: str = Field("", max_length=2000)


class Conflict(Problem):
    """The case is not as the program saw it; nothing was changed."""

    #: The decision in force on what was to be decided; None: nobody decided on it yet.
    current: DecisionMade | None
    etag: str


_CONFLICT: dict[str, Any] = {"model": Conflict, "content": {MEDIA_TYPE: {}}}


@router.get(
    "/cases",
    response_model=list[CaseShown],
    responses=UNCHANGED,
    dependencies=needs_token(TokenScope.CASES_READ),
)
def cases(
    asked: AskedNeeded, wanted: Annotated[CaseQuery, Query()], if_none_match: IfNoneMatch = None
) -> Response:
    """The cases after an id, in the order of their ids; follow ``Link: rel="next"``."""
    chosen = CaseWanted(
        after=wanted.after,
        limit=wanted.limit + 1,
        campaign=wanted.campaign,
        state=wanted.state,
        county=wanted.county,
        dimension=wanted.dimension,
    )
    found = cases_after(asked.session, asked.scope, chosen)
    shown = found[: wanted.limit]
    page = answer([each.model_dump(mode="json") for each in shown], if_none_match)
    if len(found) > len(shown):
        link_next(asked.request, page, shown[-1].id)
    return page


@router.get(
    "/cases/{case}",
    response_model=CaseShown,
    responses={**UNCHANGED, 404: PROBLEM},
    dependencies=needs_token(TokenScope.CASES_READ),
)
def one_case(asked: AskedNeeded, case: CaseKey, if_none_match: IfNoneMatch = None) -> Response:
    """One case; its ETag is what ``If-Match`` of a decision carries."""
    shown = _shown(asked, case)
    return answer(shown.model_dump(mode="json"), if_none_match, shown.etag)


@router.post(
    "/cases/{case}/decisions",
    status_code=HTTPStatus.CREATED,
    response_model=DecisionMade,
    responses={400: PROBLEM, 404: PROBLEM, 409: _CONFLICT},
    dependencies=needs_token(TokenScope.CASES_DECIDE),
)
def decide(
    asked: AskedNeeded,
    case: CaseKey,
    wish: DecisionWish,
    if_match: Annotated[str, Header(description="ETag of the case as it was seen.")],
) -> Response:
    """Decide in the name of the token's user; 409 when somebody else was quicker."""
    # From here to the commit nobody else decides: what was compared is what is decided on.
    take_writer_lock(asked.session)
    shown = _shown(asked, case)
    space, campaign = _space(asked, case)
    finding = _finding(asked, case, wish.finding)
    if not matches(if_match, shown.etag):
        raise _conflict(asked, shown, finding)
    made = decide_by_program(asked, campaign, space, finding, wish.action, wish.reason, wish.note)
    asked.session.flush()
    document = decision_taken(asked.session, made).model_dump(mode="json")
    etag = _shown(asked, case).etag
    # Committed before the answer: what a program was told is kept.
    asked.session.commit()
    return JSONResponse(document, status_code=HTTPStatus.CREATED, headers={"ETag": etag})


def _conflict(asked: Asked, shown: CaseShown, finding: Finding | None) -> ProblemError:
    query = select(Decision).where(Decision.space_id == shown.id)
    taken = asked.session.exec(query.order_by(col(Decision.decided_at), col(Decision.id))).all()
    held = in_force(taken).get(finding.fingerprint if finding else None)
    current = decision_made(asked.session, held).model_dump(mode="json") if held else None
    return ProblemError(
        HTTPStatus.CONFLICT,
        "the case has changed since it was read; nothing was decided",
        "/header/if-match",
        {"ETag": shown.etag},
        {"current": current, "etag": shown.etag},
    )


def _shown(asked: Asked, key: int) -> CaseShown:
    found = load_shown(asked.session, asked.scope, key)
    if found is None:
        raise ProblemError(HTTPStatus.NOT_FOUND, f"no case {key}", "/path/case")
    return found


def _space(asked: Asked, key: int) -> tuple[Space, Campaign]:
    space = asked.session.get_one(Space, key)
    return space, asked.session.get_one(Campaign, space.campaign_id)


def _finding(asked: Asked, key: int, wanted: str | None) -> Finding | None:
    """The finding that is decided on.

    Raises:
        ProblemError: the newest screening of the space has no such finding.
    """
    if wanted is None:
        return None
    found = asked.session.get(Finding, wanted)
    newest = screening_of(asked.session, key)
    if found is None or newest is None or found.screening_id != newest.id:
        raise ProblemError(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            f"the newest screening of the space has no finding {wanted}",
            "/body/finding",
        )
    return found
