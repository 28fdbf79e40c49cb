"""The dashboard of a campaign, its exports, and the part of it that follows a running crawl."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Query, Response
from fastapi.responses import HTMLResponse

from models.vocabulary import Permission
from service.dashboard import dashboard
from service.progress import running
from service.sheet_files import csv_bytes, xlsx_bytes
from service.web.access import needs
from service.web.visit import CampaignNamed, VisitNeeded, not_found

router = APIRouter()

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


class Format(StrEnum):
    """Kinds of file that a table is exported as."""

    CSV = "csv"
    XLSX = "xlsx"


@router.get("/campaigns/{campaign}/dashboard", dependencies=needs(Permission.DASHBOARD_READ))
def dashboard_page(visit: VisitNeeded, campaign: CampaignNamed) -> HTMLResponse:
    """How far a campaign is, in charts and tables."""
    board = dashboard(visit.session, visit.desk, campaign, visit.scope)
    jobs = running(visit.session, campaign, visit.desk.clock()) if visit.scope.everything else []
    values = {"campaign": campaign, "board": board, "jobs": jobs, "now": visit.desk.clock()}
    return visit.page("dash/dashboard.html", values)


@router.get("/campaigns/{campaign}/progress", dependencies=needs(Permission.DASHBOARD_READ))
def progress_part(visit: VisitNeeded, campaign: CampaignNamed) -> HTMLResponse:
    """The part of the dashboard that a running crawl changes; it is asked for every few seconds.

    A crawl is over all counties, so it is shown to those who see all counties.
    """
    jobs = running(visit.session, campaign, visit.desk.clock()) if visit.scope.everything else []
    return visit.page("dash/progress.html", {"campaign": campaign, "jobs": jobs})


@router.get("/campaigns/{campaign}/dashboard/export", dependencies=needs(Permission.EXPORT))
def export(
    visit: VisitNeeded,
    campaign: CampaignNamed,
    table: Annotated[str, Query(max_length=20)],
    kind: Format = Format.CSV,
) -> Response:
    """One table of the dashboard as a file."""
    found = dashboard(visit.session, visit.desk, campaign, visit.scope).table(table)
    if found is None:
        raise not_found("没有这张表")
    if kind is Format.XLSX:
        content, media_type = xlsx_bytes(found.title, found.head, found.rows), XLSX
    else:
        content, media_type = csv_bytes(found.head, found.rows), "text/csv; charset=utf-8"
    return file_answer(content, media_type, f"{found.name}.{kind.value}")


def file_answer(content: bytes, media_type: str, name: str) -> Response:
    """A file to keep; it is not kept on the way."""
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Cache-Control": "no-store",
    }
    return Response(content, media_type=media_type, headers=headers)
