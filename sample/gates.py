"""What the platform answers to a visitor who may not see a page or have a file: tables, no judgement."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from urllib.parse import quote

from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from models.vocabulary import Openness, Visibility
from sample.records import Gate, Way

#: What the page says, word for word.
NOTICES: Mapping[Visibility, tuple[str, str]] = {
    Visibility.LOGIN: ("请先登录", "该内容仅登录用户可见，请先登录后再查看。"),
    Visibility.PASSWORD: ("凭密码查看", "空间主人设置了访问密码，请输入密码后查看。"),
    Visibility.RESTRICTED: ("无法查看", "由于对方的隐私设置，你没有权限查看。"),
    Visibility.HIDDEN: ("个人主页已隐藏", "该个人主页目前处于隐藏状态，仅空间主人自己可见。"),
    Visibility.MISSING: ("空间不存在", "抱歉，您访问的空间或内容不存在，可能已被删除。"),
}

#: The status under a refused page that still carries the platform's header and footer.
SHELL_STATUS: Mapping[tuple[Visibility, Way], int] = {
    (Visibility.LOGIN, Way.STATUS): 401,
    (Visibility.MISSING, Way.USUAL): 404,
}

_BARE = """<!DOCTYPE html>
<html lang="zh-CN"><head><meta charset="utf-8"><title>{title}</title></head>
<body{attributes}><h1>{title}</h1><p>{text}</p>{more}</body></html>
"""
_CHALLENGE = """
<form id="challenge-form" action="/cdn-cgi/challenge" method="post">
<label><input type="checkbox" name="human"> 我不是机器人</label></form>
<noscript>请开启 JavaScript 后继续</noscript>
"""


def refuse_page(gate: Gate, path: str) -> Response | None:
    """The answer to a refused page that is not the platform's own page, or None."""
    match gate.visibility, gate.way:
        case Visibility.BLOCKED, _:
            return bot_wall()
        case Visibility.UNREACHABLE, _:
            return out_of_service()
        case Visibility.LOGIN, Way.USUAL:
            return to_login(path)
        case Visibility.RESTRICTED, Way.STATUS:
            return bare(403, "403 Forbidden", "没有权限访问该地址。")
    return None


def refuse_data(gate: Gate) -> Response | None:
    """The API's answer to who may not see it, or None when everybody may."""
    if gate.visibility is Visibility.PUBLIC:
        return None
    bare_answer = {Visibility.BLOCKED: bot_wall, Visibility.UNREACHABLE: out_of_service}
    if gate.visibility in bare_answer:
        return bare_answer[gate.visibility]()
    title, text = NOTICES[gate.visibility]
    status = SHELL_STATUS.get((gate.visibility, gate.way), 200)
    return JSONResponse({"state": gate.visibility, "title": title, "text": text}, status)


def refuse_file(  # noqa: PLR0911  (one line a refusal)
    openness: Openness, way: Way, path: str, points: int
) -> Response | None:
    """The answer to a file that is not handed out, or None when it is."""
    match openness, way:
        case Openness.LOGIN, Way.STATUS:
            return bare(401, "401 Authorization Required", "请登录后下载。")
        case Openness.LOGIN, Way.JSON:
            refusal = {"code": "CS/REQUIRE_SESSION", "message": "会话已失效，请重新登录"}
            return JSONResponse(refusal)
        case Openness.LOGIN, _:
            return to_login(path)
        case Openness.FORBIDDEN, _:
            return bare(403, "403 Forbidden", "没有权限下载该文件。")
        case Openness.PAID, _:
            refusal = {"code": "NEED_POINTS", "message": f"积分不足，下载需要 {points} 积分"}
            return JSONResponse(refusal, 402)
        case Openness.MISSING, _:
            return bare(404, "404 Not Found", "文件不存在或已被删除。")
        case Openness.BLOCKED, _:
            return bot_wall()
        case Openness.UNREACHABLE, _:
            return out_of_service()
    return None


def to_login(path: str) -> Response:
    """The way to the login page, and back afterwards."""
    return RedirectResponse(f"/login?next={quote(path)}", 302)


def bot_wall() -> Response:
    """A challenge as security services put it before robots."""
    page = _BARE.format(
        title="安全验证",
        text="检测到异常访问行为，请完成人机验证后继续。",
        attributes=' class="challenge"',
        more=_CHALLENGE,
    )
    return HTMLResponse(page, 403, headers={"cf-mitigated": "challenge"})


def out_of_service() -> Response:
    """A server that is down."""
    return bare(503, "503 Service Unavailable", "服务器繁忙，请稍后再试。")


def bare(status: int, title: str, text: str) -> Response:
    """A page as the web server itself would make it, without the platform's header."""
    page = _BARE.format(title=escape(title), text=escape(text), attributes="", more="")
    return HTMLResponse(page, status)
