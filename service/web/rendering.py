"""Templates and what they may call: everything is escaped, nothing of a captured page is trusted."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote, urlsplit

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from models.vocabulary import (
    Access,
    Action,
    FindingState,
    Openness,
    Severity,
    VerdictState,
    Visibility,
)
from rules.reasons import reasons_for
from service.overview import SHOWN_COVERAGE
from service.web.evidence import in_context
from service.wording import local_time, manners_text, masked, size_text

TEMPLATES = Path(__file__).parent / "templates"

_environment = Environment(
    loader=FileSystemLoader(TEMPLATES),
    autoescape=select_autoescape(),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def case_address(campaign: str, space: str) -> str:
    """The address of a case page."""
    return f"{campaign_address(campaign)}/spaces/{quote(space, safe='')}"


def campaign_address(campaign: str) -> str:
    """The address of a campaign's list."""
    return f"/campaigns/{quote(campaign, safe='')}"


def web_link(url: str) -> str | None:
    """The address if it is one of the web; others (``javascript:`` …) are shown, never linked."""
    try:
        return url if urlsplit(url).scheme in ("http", "https") else None
    except ValueError:
        return None


_environment.globals.update(
    Access=Access,
    Action=Action,
    FindingState=FindingState,
    Openness=Openness,
    Severity=Severity,
    SHOWN_COVERAGE=SHOWN_COVERAGE,
    VerdictState=VerdictState,
    Visibility=Visibility,
    campaign_address=campaign_address,
    case_address=case_address,
    in_context=in_context,
    reasons_for=reasons_for,
    web_link=web_link,
)
_environment.filters.update(
    local_time=local_time, manners_text=manners_text, masked=masked, size_text=size_text
)


def render(
    request: Request, template: str, values: Mapping[str, object], status: int = 200
) -> HTMLResponse:
    """A page from a template."""
    page = _environment.get_template(template).render(
        **values,
        acting_as=request.app.state.acting_as,
        rule_pack=request.app.state.desk.pack,
    )
    # What is shown changes with every decision; and it must not stay on a shared computer.
    return HTMLResponse(page, status_code=status, headers={"Cache-Control": "no-store"})


def error_page(request: Request, status: int, message: str) -> HTMLResponse:
    """A page that says in a sentence why there is nothing else to see."""
    return render(request, "error.html", {"status": status, "message": message}, status)
