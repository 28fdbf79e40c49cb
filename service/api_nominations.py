"""Nominations over the API: rows as JSON, or a nomination file as it is, through the one import.

A request carries an ``Idempotency-Key``: sent again it is answered as before and changes nothing; the
same key with another body is refused.
"""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from models.vocabulary import TokenScope
from service.api_access import needs_token
from service.api_answers import PROBLEM, PROBLEMS, Asked, AskedNeeded, campaign_asked
from service.errors import SheetError
from service.idempotency import KeyReusedError, Once, answered, remember, remembered
from service.nomination_arrival import Arrived, arrive
from service.problems import ProblemError
from service.sheets import MAX_FILE_BYTES

router = APIRouter(responses=PROBLEMS)

JSON_TYPE = "application/json"
CSV_TYPE = "text/csv"
XLSX_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
#: Rows of one request as JSON; more come as a file.
MAX_JSON_ROWS = 5000

Rows = Annotated[list[dict[str, str]], Field(min_length=1, max_length=MAX_JSON_ROWS)]
_ROWS: TypeAdapter[list[dict[str, str]]] = TypeAdapter(Rows)

_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            JSON_TYPE: {
                "schema": {
                    "type": "array",
                    "minItems": 1,
                    "maxItems": MAX_JSON_ROWS,
                    "description": "Rows by the headers of the nomination file.",
                    "items": {"type": "object", "additionalProperties": {"type": "string"}},
                }
            },
            CSV_TYPE: {"schema": {"type": "string", "minLength": 1}},
            XLSX_TYPE: {"schema": {"type": "string", "format": "binary"}},
        },
    }
}


class ArrivalQuery(BaseModel):
    """Where the rows go."""

    campaign: str = Field(description="Code of a campaign that there is.")
    dry_run: bool = Field(False, description="Say what would be done, and do nothing.")


def _key(asked: Asked, key: str, path: str, body: bytes) -> Once:
    return Once(f"token:{asked.caller.token_id}", key, "POST", path, body)


async def _body(request: Request) -> bytes:
    """The body, up to the size of the largest nomination file.

    Raises:
        ProblemError: 413 for a larger one.
    """
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > MAX_FILE_BYTES:
            raise ProblemError(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "the body is too large", "/body"
            )
        parts.append(part)
    return b"".join(parts)


BodyRead = Annotated[bytes, Depends(_body)]


@router.post(
    "/nominations",
    status_code=HTTPStatus.ACCEPTED,
    response_model=Arrived,
    responses={404: PROBLEM, 413: PROBLEM, 415: PROBLEM},
    dependencies=needs_token(TokenScope.NOMINATIONS_WRITE),
    openapi_extra=_BODY,
)
def nominate(
    asked: AskedNeeded,
    body: BodyRead,
    wanted: Annotated[ArrivalQuery, Query()],
    idempotency_key: Annotated[str, Header(min_length=1, max_length=200)],
) -> Response:
    """Import rows; the refused ones are named in the answer, by number, column and reason."""
    call = campaign_asked(asked, wanted.campaign, "/query/campaign")
    url = asked.request.url
    once = _key(asked, idempotency_key, f"{url.path}?{url.query}", body)
    try:
        before = remembered(asked.session, once, asked.desk.clock())
    except KeyReusedError as error:
        raise ProblemError(
            HTTPStatus.UNPROCESSABLE_ENTITY, str(error), "/header/idempotency-key"
        ) from error
    if before is not None:
        return _accepted(before.answer, before.location)
    given = _given(asked.request, body)
    try:
        arrived = arrive(asked, call, given, once.digest, dry_run=wanted.dry_run)
    except SheetError as error:
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, error.message, "/body") from error
    document = arrived.model_dump(mode="json")
    location = f"{url.path}/{arrived.id}"
    remember(asked.session, once, HTTPStatus.ACCEPTED, document, location, asked.desk.clock())
    # Committed before the answer: what a program was told is kept.
    asked.session.commit()
    return _accepted(document, location)


@router.get(
    "/nominations/{arrival}",
    response_model=Arrived,
    responses={404: PROBLEM},
    dependencies=needs_token(TokenScope.NOMINATIONS_WRITE),
)
def nominated(asked: AskedNeeded, arrival: str) -> Response:
    """What a request of this token did."""
    found = answered(asked.session, f"token:{asked.caller.token_id}", asked.request.url.path)
    if found is None:
        raise ProblemError(
            HTTPStatus.NOT_FOUND, f"no import {arrival} of this token", "/path/arrival"
        )
    return JSONResponse(found)


def _accepted(document: object, location: str) -> JSONResponse:
    return JSONResponse(document, status_code=HTTPStatus.ACCEPTED, headers={"Location": location})


def _given(request: Request, body: bytes) -> list[dict[str, str]] | bytes:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().casefold()
    if kind in (CSV_TYPE, XLSX_TYPE):
        return body
    if kind != JSON_TYPE:
        raise ProblemError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"send {JSON_TYPE}, {CSV_TYPE} or {XLSX_TYPE}",
            "/header/content-type",
        )
    try:
        return _ROWS.validate_python(json.loads(body))
    except ValidationError as error:
        first = error.errors()[0]
        where = "/".join(str(part) for part in first["loc"])
        raise ProblemError(
            HTTPStatus.UNPROCESSABLE_ENTITY, first["msg"], f"/body/{where}".rstrip("/")
        ) from error
    except (ValueError, RecursionError) as error:
        raise ProblemError(
            HTTPStatus.UNPROCESSABLE_ENTITY, "the body is no JSON", "/body"
        ) from error
