"""The newest ranking of a campaign over the API, as it was shown; each program sees its own county's part."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field
from sqlmodel import col, select

from models.tables import Ranking, Space
from models.vocabulary import RankingStage, TokenScope
from service.api_access import needs_token
from service.api_answers import (
    PROBLEM,
    PROBLEMS,
    UNCHANGED,
    AskedNeeded,
    IfNoneMatch,
    answer,
    campaign_asked,
)
from service.problems import ProblemError

router = APIRouter(responses=PROBLEMS)


class RankingShown(BaseModel):
    """One run of the selection; ``sample`` says that its scheme is made up (示例)."""

    campaign: str
    id: str
    stage: RankingStage
    scheme: str
    scheme_digest: str
    sample: bool
    ranked_at: datetime
    entries: list[dict[str, Any]]


class RankingQuery(BaseModel):
    """Which ranking is asked for."""

    stage: RankingStage | None = Field(None, description="Only rankings of this stage.")


@router.get(
    "/rankings/{campaign}",
    response_model=RankingShown,
    responses={**UNCHANGED, 404: PROBLEM},
    dependencies=needs_token(TokenScope.RANKINGS_READ),
)
def ranking(
    asked: AskedNeeded,
    campaign: str,
    wanted: Annotated[RankingQuery, Query()],
    if_none_match: IfNoneMatch = None,
) -> Response:
    """The newest ranking of a campaign."""
    call = campaign_asked(asked, campaign, "/path/campaign")
    query = select(Ranking).where(Ranking.campaign_id == call.id)
    if wanted.stage is not None:
        query = query.where(col(Ranking.stage) == wanted.stage)
    row = asked.session.exec(query.order_by(col(Ranking.ranked_at).desc()).limit(1)).first()
    if row is None:
        raise ProblemError(
            HTTPStatus.NOT_FOUND, f"campaign {campaign} has no such ranking yet", "/path/campaign"
        )
    own = select(Space.code).where(Space.campaign_id == call.id, asked.scope.covers(col(Space.id)))
    seen = set(asked.session.exec(own))
    shown = RankingShown(
        **row.model_dump(exclude={"campaign_id", "entries"}),
        campaign=call.code,
        entries=[each for each in row.entries if each.get("space") in seen],
    )
    return answer(shown.model_dump(mode="json"), if_none_match)
