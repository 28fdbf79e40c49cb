"""The audit trail: who did what, who saw what, why; as a page and as files."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Response
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, ConfigDict, Field

from models.audit_log import canonical
from models.vocabulary import Permission
from service.sheet_files import csv_bytes
from service.trail import MOST_EXPORTED, TrailFilter, TrailRow, first_broken, openings, trail
from service.web.access import needs
from service.web.pages.dash import file_answer
from service.web.visit import VisitNeeded, unprocessable

router = APIRouter()


class Format(StrEnum):
    """Kinds of file that the trail is exported as."""

    CSV = "csv"
    JSON = "json"


class TrailQuery(BaseModel):
    """What the address says of the trail; days as 2022-10-10."""

    model_config = ConfigDict(frozen=True)

    actor: str = Field("", max_length=100)
    space: str = Field("", max_length=100)
    kind: str = Field("", max_length=60)
    first: str = Field("", max_length=10)
    last: str = Field("", max_length=10)
    page: int = Field(1, ge=1)

    def address(self, **changes: object) -> str:
        """The query string with some things changed, from the first page."""
        values = {**self.model_dump(), "page": 1, **changes}
        return "?" + urlencode({key: value for key, value in values.items() if value})

    def wanted(self) -> TrailFilter:
        """As the trail takes it.

        Raises:
            HTTPException: 422, a day is none.
        """
        return TrailFilter(
            self.actor.strip(), self.space.strip(), self.kind, _day(self.first), _day(self.last)
        )


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise unprocessable("日期请写成 2022-10-10 的样子") from error


@router.get("/audit", dependencies=needs(Permission.AUDIT_READ))
def trail_page(visit: VisitNeeded, query: Annotated[TrailQuery, Query()]) -> HTMLResponse:
    """The trail with its filters, and whether the chain holds."""
    wanted = query.wanted()
    values = {
        "query": query,
        "events": trail(visit.session, wanted, query.page),
        "openings": openings(visit.session, wanted),
        "broken": first_broken(visit.session),
    }
    return visit.page("dash/trail.html", values)


@router.get("/audit/export", dependencies=needs(Permission.AUDIT_READ))
def trail_export(
    visit: VisitNeeded,
    query: Annotated[TrailQuery, Query()],
    format: Format = Format.CSV,  # noqa: A002
) -> Response:
    """The filtered trail as a file, with the digests of the chain."""
    rows = trail(visit.session, query.wanted(), size=MOST_EXPORTED).rows
    if format is Format.JSON:
        text = "[" + ",\n".join(canonical(_plain(row)) for row in rows) + "]"
        return file_answer(text.encode(), "application/json", "audit.json")
    head = ("seq", "at", "actor", "action", "subject", "why", "details", "digest")
    cells = [
        [
            canonical({"v": each})[5:-1] if isinstance(each, dict) else str(each)
            for each in (_plain(row)[name] for name in head)
        ]
        for row in rows
    ]
    return file_answer(csv_bytes(head, cells), "text/csv; charset=utf-8", "audit.csv")


def _plain(row: TrailRow) -> dict[str, object]:
    return {
        "seq": row.seq,
        "at": row.at.isoformat(),
        "actor": row.actor,
        "action": row.action,
        "subject": row.subject,
        "why": row.why,
        "details": dict(row.details),
        "digest": row.digest,
    }
