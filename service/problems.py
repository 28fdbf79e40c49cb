"""Errors of the API as ``application/problem+json`` (RFC 9457), each with pointers to what is wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

MEDIA_TYPE = "application/problem+json"


class ProblemItem(BaseModel):
    """One thing that is wrong.

    ``pointer`` is a JSON pointer into the request: ``/query/limit``, ``/path``, ``/body/reason``.
    """

    detail: str
    pointer: str


class Problem(BaseModel):
    """Why a request was not answered; ``type`` is ``about:blank``: the status says what it is."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: list[ProblemItem]


class ProblemError(Exception):
    """A request that cannot be answered: becomes a problem document, nothing was changed."""

    def __init__(
        self,
        status: HTTPStatus,
        detail: str,
        pointer: str,
        headers: Mapping[str, str] | None = None,
        more: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.pointer = pointer
        self.headers = headers or {}
        #: Members of the document beyond the standard's own (RFC 9457, 3.2).
        self.more = more or {}


def install_problems(app: FastAPI) -> None:
    """Answer every error of this application with a problem document."""
    app.add_exception_handler(ProblemError, _problem)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, http_problem)
    app.add_exception_handler(Exception, _crash)


def _problem(_request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, ProblemError):
        raise TypeError from error
    items = [ProblemItem(detail=error.detail, pointer=error.pointer)]
    answer = _answer(error.status, items, error.more)
    answer.headers.update(error.headers)
    return answer


def _invalid(_request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, RequestValidationError):
        raise TypeError from error
    items = [
        ProblemItem(
            detail=str(each["msg"]), pointer="/" + "/".join(_escaped(part) for part in each["loc"])
        )
        for each in error.errors()
    ]
    return _answer(HTTPStatus.UNPROCESSABLE_ENTITY, items)


def http_problem(request: Request, error: Exception) -> JSONResponse:
    """An error of HTTP as a problem document."""
    if not isinstance(error, HTTPException):
        raise TypeError from error
    status = HTTPStatus(error.status_code)
    pointer = "/method" if status is HTTPStatus.METHOD_NOT_ALLOWED else "/path"
    detail = f"{request.method} {request.url.path}: {status.description or status.phrase}"
    answer = _answer(status, [ProblemItem(detail=detail, pointer=pointer)])
    answer.headers.update(error.headers or {})
    return answer


def _crash(_request: Request, _error: Exception) -> JSONResponse:
    detail = "the server failed; its log says why, and the request may be sent again"
    return _answer(HTTPStatus.INTERNAL_SERVER_ERROR, [ProblemItem(detail=detail, pointer="/path")])


def _answer(
    status: HTTPStatus, items: Sequence[ProblemItem], more: Mapping[str, object] | None = None
) -> JSONResponse:
    problem = Problem(
        title=status.phrase, status=status, detail=items[0].detail, errors=list(items)
    )
    return JSONResponse(
        {**problem.model_dump(), **(more or {})}, status_code=status, media_type=MEDIA_TYPE
    )


def _escaped(part: object) -> str:
    """A part of a JSON pointer (RFC 6901)."""
    return str(part).replace("~", "~0").replace("/", "~1")
