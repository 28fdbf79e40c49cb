"""Templates and what they may call: everything is escaped, nothing of a captured page is trusted.

How to write one stands at the head of ``templates/base.html``; the macros are in ``templates/kit/``.
"""

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
    Part,
    Permission,
    Role,
    Severity,
    TokenScope,
    VerdictState,
    Visibility,
)
from rules.reasons import reasons_for
from service.overview import SHOWN_COVERAGE
from service.web.access import FORM_COOKIE, csrf_token, settings_of, visitor_of
from service.web.evidence import in_context
from service.web.navigation import navigation
from service.wording import local_time, manners_text, masked, size_text

TEMPLATES = Path(__file__).parent / "templates"
#: Seconds that the form cookie of somebody who is not signed in lasts.
_FORM_SECONDS = 3600

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
    Part=Part,
    Permission=Permission,
    Role=Role,
    Severity=Severity,
    SHOWN_COVERAGE=SHOWN_COVERAGE,
    TokenScope=TokenScope,
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
    settings, visitor = settings_of(request), visitor_of(request)
    page = _environment.get_template(template).render(
        **values,
        asset=settings.assets.address,
        csrf=csrf_token(request),
        flashes=getattr(request.state, "flashes", []),
        has_kit=settings.assets.has_kit,
        nav=navigation(visitor, request.url.path),
        rule_pack=request.app.state.desk.pack,
        visitor=visitor,
    )
    # What is shown changes with every decision; and it must not stay on a shared computer.
    answer = HTMLResponse(page, status_code=status, headers={"Cache-Control": "no-store"})
    nonce = getattr(request.state, "nonce", None)
    if nonce:
        answer.set_cookie(
            FORM_COOKIE,
            nonce,
            max_age=_FORM_SECONDS,
            httponly=True,
            samesite="lax",
            secure=settings.secure,
        )
    return answer


def render_alone(template: str, values: Mapping[str, object]) -> str:
    """A page that needs nothing but itself, to be printed."""
    return _environment.get_template(template).render(**values)


#: What to do about an error, by its status; others are told to go back.
_ADVICE = {
    401: "请登录后再试。",
    403: "如果工作需要,请联系管理员调整您的角色,或换一个账号登录。",
    404: "请核对地址;也可能已被移走,或不在您的审核范围内。",
    409: "请查看最新情况,再决定是否重新提交。",
    422: "请返回改正后重新提交;没有保存任何更改。",
    429: "请稍等片刻再试。",
    500: "请稍后重试;若仍出错,请把出错时间告诉管理员。",
}


def error_page(request: Request, status: int, message: str) -> HTMLResponse:
    """A page that says in a sentence what is wrong, and in another what to do."""
    advice = _ADVICE.get(status, "请返回上一页重试。")
    values = {"status": status, "message": message, "advice": advice}
    return render(request, "errors/error.html", values, status)
