"""Two small platforms that imitate what a site profile was written for; all names are invented.

They follow the address forms and class names that the profiles rely on, and hold the near misses
that a profile gets wrong first: other people's posts beside one's own, a form that asks for a
password in the middle of a list, words of refusal in an article.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl, quote

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

TEXT_FILE = "第一课 课堂记录\n".encode()
LOREM = "<p>这一段写的是课堂上的事:孩子们怎样提问,怎样争论,又怎样自己找到答案。</p>" * 3


def _html(title: str, body: str, body_class: str = "", status: int = 200) -> HTMLResponse:
    head = f'<!doctype html><html lang="zh"><meta charset="utf-8"><title>{title}</title>'
    return HTMLResponse(f'{head}<body class="{body_class}">{body}', status_code=status)


# --- WordPress: the author's archive and the posts it lists

#: As the platform writes it, with small letters; a nomination sheet has it as it is read.
AUTHOR = quote("陈青禾").lower()
OTHERS = (
    "<aside><div class='widget_recent_entries'><a href='/2022/09/of-another/'>林老师的文章</a></div>"
    "<h3 class='entry-title'><a href='/2022/09/of-another/'>猜你喜欢</a></h3>"
    "<a href='/author/lin/'>林老师</a> <a href='/wp-login.php'>登录</a> <a href='/feed/'>RSS</a></aside>"
)
POST_FORM = "<form class='post-password-form'>此内容受密码保护。<input type='password'></form>"


def _entry(slug: str, title: str, more: str = "") -> str:
    return (
        f"<article class='post hentry'><h2 class='entry-title'><a href='/{slug}/'>{title}</a></h2>"
        f"{more}</article>"
    )


def _post(title: str, body: str) -> Response:
    related = (
        "<article class='post hentry'>"
        "<h2 class='entry-title'><a href='/2022/09/of-another/'>相关文章</a></h2></article>"
    )
    return _html(
        title,
        f"<main><article class='post hentry'><h1 class='entry-title'>{title}</h1>{body}</article>"
        f"{related}</main>{OTHERS}",
        "single single-post",
    )


def _archive(*entries: str, pager: str) -> Response:
    return _html("陈青禾", f"<main>{''.join(entries)}{pager}</main>{OTHERS}", "archive author")


BLOG: Mapping[str, Response] = {
    "/": _html("示例博客", "<p>欢迎</p>", "home blog"),
    f"/author/{AUTHOR}/": _archive(
        _entry("2022/09/classroom", "课堂随笔", LOREM),
        # This theme shows the whole post in the list, and with it the form.
        _entry("2022/09/locked", "密码保护:期中试卷", POST_FORM),
        _entry("2022/08/long", "一篇长文"),
        _entry("2022/08/gone", "已经删除的文章"),
        pager=f"<a href='/author/{AUTHOR}/page/2/'>下一页</a><a href='/author/{AUTHOR}/feed/'>订阅</a>",
    ),
    f"/author/{AUTHOR}/page/2/": _archive(
        _entry("2022/07/old", "旧文"), pager=f"<a href='/author/{AUTHOR}/'>1</a>"
    ),
    "/2022/09/classroom/": _post(
        "课堂随笔",
        LOREM
        + "<a href='/wp-content/uploads/2022/09/notes.txt'>记录</a>"
        + "<a href='/wp-content/uploads/2022/09/photo.jpg'>照片</a>"
        + "<ol class='comment-list'><li>王老师:写得真好!<a href='?replytocom=1#respond'>回复</a></ol>"
        + "<p>要发表评论,请先登录。</p>"
        + "<div class='widget_recent_comments'>最新评论</div>",
    ),
    "/2022/09/locked/": _post("密码保护:期中试卷", POST_FORM),
    "/2022/08/long/": _post(
        "一篇长文", LOREM + "<div class='page-links'><a href='/2022/08/long/2/'>2</a></div>"
    ),
    "/2022/08/long/2/": _post("一篇长文", LOREM),
    "/2022/07/old/": _post("旧文", LOREM),
    "/2022/09/of-another/": _post("林老师的文章", LOREM),
    "/wp-content/uploads/2022/09/notes.txt": Response(TEXT_FILE, media_type="text/plain"),
}
BLOG_MISSING = _html("未找到页面", "<p>这里什么也没有。</p>", "error404", 404)


# --- The family of UCenter Home: everything in the query

VISITORS = "<div class='visitor-list'>访客:<a href='/index.php?r=space/person/show&sid=77'>访客甲</a></div>"
PERSON = "/index.php?r=space/person/show&sid="
RESOURCE_DOWNLOAD = "/index.php?r=space/resource/download&id="


def _space(privacy: str, body: str) -> Response:
    return _html("空间", f"<p class='space-privacy'>{privacy}</p>{body}{VISITORS}")


def _link(route: str, text: str, **more: str) -> str:
    query = "&".join([f"r={route}", "sid=12", *(f"{name}={value}" for name, value in more.items())])
    return f"<a href='/index.php?{query}'>{text}</a> "


HIDDEN = "个人主页目前处于隐藏状态"
PRIVACY = "由于对方的隐私设置,你没有权限查看"
#: By the pairs of the query, in alphabetical order.
SPACES: Mapping[str, Response] = {
    "r=space/person/show&sid=12": _space(
        "所有人可见",
        _link("space/article/list", "文章")
        + _link("space/resource/list", "资源")
        + _link("space/visitor/index", "访客")
        + "<a href='/index.php?r=site/login'>登录</a>",
    ),
    "r=space/person/show&sid=13": _html("提示", f"<p>{HIDDEN}</p><a href='/'>返回首页</a>"),
    "r=space/article/list&sid=12": _space(
        "所有人可见",
        _link("space/article/view", "隐私设置怎么教", id="1")
        + _link("space/article/view", "凭密码查看的文章", id="2")
        + _link("space/article/view", "好友可见的文章", id="3"),
    ),
    "id=1&r=space/article/view&sid=12": _html(
        "隐私设置怎么教",
        f"<p class='item-privacy'>所有人可见</p><p>有的页面写着“{PRIVACY}”,怎样向学生解释?</p>"
        + LOREM * 6,
    ),
    "id=2&r=space/article/view&sid=12": _html(
        "请输入密码",
        "<p class='item-privacy'>凭密码查看</p><form>密码<input name='viewpwd' type='password'></form>",
    ),
    "id=3&r=space/article/view&sid=12": _html("提示", f"<p>{PRIVACY}</p>"),
    "r=space/resource/list&sid=12": _space(
        "所有人可见",
        _link("space/resource/view", "教案", id="5")
        + "<p>共 2 页</p>"
        + _link("space/resource/list", "下一页", page="2"),
    ),
    "page=2&r=space/resource/list&sid=12": _space(
        "所有人可见", _link("space/resource/view", "课件", id="6") + "<p>共 2 页</p>"
    ),
    "id=5&r=space/resource/view&sid=12": _html(
        "教案", f"<p>教案一份</p><a class='download' href='{RESOURCE_DOWNLOAD}5'>下载</a>"
    ),
    "id=6&r=space/resource/view&sid=12": _html(
        "课件",
        "<p>课件一份</p><p class='item-points'>需要 5 积分</p>"
        f"<a class='download' href='{RESOURCE_DOWNLOAD}6'>下载</a>"
        "<a href='/edu-private/lesson.pdf'>原件</a>",
    ),
    "id=5&r=space/resource/download": Response(TEXT_FILE, media_type="text/plain"),
    "id=6&r=space/resource/download": JSONResponse(
        {"code": "CS/REQUIRE_SESSION", "message": "session required"}
    ),
}
SPACES_MISSING = _html("提示", "<p>空间不存在</p>")
REFUSED_FILE = _html("401", "<h1>401 Authorization Required</h1>")


async def _blog(request: Request) -> Response:
    path = quote(request.scope["path"]).lower()
    return BLOG.get(path, BLOG_MISSING)


async def _spaces(request: Request) -> Response:
    if "-private/" in request.url.path:
        return REFUSED_FILE
    if not request.url.query:
        return _html("示例平台", "<p>欢迎</p>")
    pairs = sorted(parse_qsl(request.url.query))
    return SPACES.get("&".join(f"{name}={value}" for name, value in pairs), SPACES_MISSING)


def blog() -> Starlette:
    """The imitation of a WordPress site."""
    return Starlette(routes=[Route("/{path:path}", _blog)])


def spaces() -> Starlette:
    """The imitation of a platform of the UCenter Home family."""
    return Starlette(routes=[Route("/{path:path}", _spaces)])
