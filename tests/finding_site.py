"""A site on loopback for whose spaces no profile was written; all names are invented.

Its spaces have their identity in a parameter, or in a route behind ``#``; it has a calendar without
end, entries whose address names nobody, other people's entries beside one's own, and modules that
stand in another order with every look.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import date

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

LOREM = "<p>这一段写的是课堂上的事:孩子们怎样提问,怎样争论,又怎样自己找到答案。</p>"
ME, OTHER = "<a href='/space.php?uid=12'>陈老师</a>", "<a href='/space.php?uid=1'>林老师</a>"

HOME = f"""<div class=menu><a href='/blog.php?uid=12&from=menu'>文章</a>
<a href='/blog.php?uid=12'>全部文章</a> <a href='/calendar.php?uid=12&month=2022-09'>日历</a>
<a href='/board.php?uid=12'>留言</a> <a href='/empty.php?uid=12&day=1'>签到</a></div>
<main>{LOREM}<a href='/article/55'>背影的教学</a> <a href='/article/77'>荷塘的教学</a>
<a href='/help'>帮助</a></main>
<div class=recommend>{OTHER} <a href='/blog.php?uid=1'>林老师的文章</a><a href='/article/99'>热门</a></div>"""

#: A route's text by its script; the server sends one document for all of them.
ROUTED = """<div id=app></div><script>
const pages = {
  "/space/12/articles": ["文章列表", ["/space/12/article/1", "/space/12/album", "/space/1/articles", "/about"]],
  "/space/12/article/1": ["第一篇文章的正文", []], "/space/12/album": ["相册里的照片", []],
  "/space/1/articles": ["别人的文章", []], "/about": ["关于平台", []],
};
const render = () => {
  window.rendered = (window.rendered || 0) + 1;
  const [text, links] = pages[location.hash.slice(1)] || ["您要找的页面走丢了,请返回首页看看", []];
  document.querySelector("#app").innerHTML = `<h1>示例平台</h1><p>${text}</p><p>画了 ${window.rendered} 次</p>`
    + links.map((to) => `<a href="#${to}">${to}</a> `).join("");
};
addEventListener("hashchange", render); render();
</script>"""

#: A single-page application with plain addresses.
HISTORY = """<main id=v></main><script>
const view = () => { v.innerHTML = location.pathname === "/teachers/wang/"
  ? "<p>王老师首页</p><a href=/teachers/wang/lessons>课例</a>" : `<p>这里是${location.pathname}</p>`; };
v.onclick = (e) => { if (e.target.href) { e.preventDefault(); history.pushState(0, "", e.target.href); view(); } };
view();
</script>"""

FRAMED = """<p>有框的首页</p><iframe src=/teachers/chen/inner.html width=400 height=200></iframe>
<iframe src='http://127.0.0.1:9/nowhere' width=40 height=40></iframe>
<a href=/teachers/chen/inner.html>同一页</a>"""
INNER = "<p>框里的文字</p><a href=/teachers/chen/second.html>第二页</a>"


def _next_month(month: str) -> str:
    year, number = (int(part) for part in month.split("-"))
    return date(year + number // 12, number % 12 + 1, 1).strftime("%Y-%m")


def _php(request: Request) -> str | None:
    page, query = request.url.path, request.query_params
    if query.get("uid") != "12":
        return f"<p>别人的空间 {page}</p>{LOREM}"
    match page:
        case "/space.php":
            return HOME
        case "/blog.php":
            return f"{LOREM}<p>第 1/4 页</p><a href='/blog.php?uid=12&page=2'>下一页</a>{query.get('page')}"
        case "/calendar.php":
            month = query["month"]
            to = f"/calendar.php?uid=12&month={_next_month(month)}"
            return f"<p>{month} 的日历</p><a href='{to}'>下个月</a>"
        case "/empty.php":
            day = int(query["day"])
            return f"<p>今天没有内容</p><a href='/empty.php?uid=12&day={day + 1}'>后一天</a>"
    return f"{LOREM}<p>留言</p>"


def finding_site() -> Starlette:
    """The site."""
    looks = itertools.count()

    def shuffled() -> str:
        modules = [f"<div><h3>栏目{n}</h3>{LOREM}<p>内容{n}</p></div>" for n in range(4)]
        turn = next(looks) % 4
        return "".join(modules[turn:] + modules[:turn])

    pages: dict[str, Callable[[], str]] = {
        "/app/": lambda: ROUTED,
        "/teachers/wang/": lambda: HISTORY,
        "/teachers/wang/lessons": lambda: HISTORY,
        "/teachers/chen/": lambda: FRAMED,
        "/teachers/chen/inner.html": lambda: INNER,
        "/teachers/chen/second.html": lambda: LOREM,
        "/teachers/lin/": shuffled,
        "/article/55": lambda: (
            f"<main><h1>背影的教学</h1>{ME}{LOREM}<p>评论:{OTHER}写得好</p></main>"
        ),
        "/article/77": lambda: (
            f"<main><h1>荷塘的教学</h1>{OTHER}{LOREM}<p>评论:{ME}写得好</p></main>"
        ),
        "/article/99": lambda: f"<main>{OTHER}{LOREM}</main>",
        "/help": lambda: f"<main>{LOREM}</main>",
        "/": lambda: "<p>示例平台</p>",
    }

    async def answer(request: Request) -> Response:
        path = request.url.path
        body = _php(request) if path.endswith(".php") else pages[path]() if path in pages else None
        if body is None:
            return HTMLResponse("<p>404</p>", 404)
        return HTMLResponse(f"<!doctype html><meta charset=utf-8><title>页</title><body>{body}")

    return Starlette(routes=[Route("/{path:path}", answer)])
