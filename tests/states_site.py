"""A small site on loopback whose pages keep things behind tabs, pagers and buttons."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

#: Three pages of a list that a script turns, by the button given.
LIST = """<ul id=list></ul><div class=pagination>%s <span>共 3 页</span></div><script>
  let page = 1;
  const show = () => fetch("/rows?page=" + page).then((r) => r.json()).then((rows) => {
    document.querySelector("#list").innerHTML =
      rows.map((row) => `<li><a href="/article/${row}">文章${row}</a>`).join("");
    document.querySelectorAll("[data-n]").forEach((el) => el.className = el.dataset.n == page ? "current" : "");
    if (page === 3) document.querySelectorAll(".next").forEach((el) => el.classList.add("disabled"));
  });
  window.turn = (n) => { page = n; show(); };
  window.next = () => { if (page < 3) { page += 1; show(); } };
  show();
</script>"""

PANELS = """<div><p>简介:教语文二十年</p></div><div style=display:none><p>教案:背影</p>
<a href="/files/lesson.docx">下载</a></div><div style=display:none><p>联系:家长群</p></div>"""
SHOW = """<script>
  document.querySelectorAll("%s").forEach((tab, at) => tab.addEventListener("%s", () => {
    [...document.querySelector("#panels").children].forEach((p, n) => p.style.display = n === at ? "" : "none");
    document.querySelectorAll("%s").forEach((t, n) => t.setAttribute("aria-selected", n === at));
  }));
</script>"""
ARIA = "".join(f"<button role=tab aria-selected={s}>{t}</button>" for t, s in
               (("简介", "true"), ("教案", "false"), ("联系", "false")))  # fmt: skip

#: A button that does harm, and the request by which that would show.
HARM = "fetch('/harm', {method: 'POST'})"

PAGES: Mapping[str, str] = {
    "/pager/button": LIST % "<button class=next onclick=next()>下一页</button>",
    "/pager/script": LIST % "<a class=next href='javascript:next()'>下一页 »</a>",
    "/pager/span": LIST % "<a class=next><span onclick=next()>下一页</span></a>",
    "/pager/arrow": LIST % "<button class=next aria-label='下一页' onclick=next()>›</button>",
    "/pager/numbers": LIST
    % "".join(f"<a data-n={n} href='javascript:turn({n})'>{n}</a>" for n in (1, 2, 3)),
    "/pager/links": "<p>第一页的内容</p><div class=pager><a href='?page=2'>下一页</a> 共 4 页</div>",
    "/pager/none": "<p>我们班的书,全书共 12 页</p><button onclick=go()>下一张</button>",
    "/pager/dead": "<p>内容</p><div class=pager><button>下一页</button></div>",
    "/tabs/aria": f"{ARIA}<div id=panels>{PANELS}</div>" + SHOW % ("[role=tab]", "click", "[role=tab]"),
    "/tabs/pressed": f"{ARIA}<div id=panels>{PANELS}</div>" + SHOW % ("[role=tab]", "mousedown", "[role=tab]"),
    "/tabs/bootstrap": "<ul><li class=active><a data-toggle=tab href=#a>简介</a>"
    "<li><a data-toggle=tab href=#b>教案</a></ul><div id=a>简介:教语文</div><div id=b hidden>教案:背影</div>"
    "<script>document.querySelectorAll('a').forEach((a) => a.onclick = (e) => { e.preventDefault();"
    "for (const id of 'ab') document.getElementById(id).hidden = a.hash !== '#' + id; })</script>",
    "/tabs/classes": "<div class=box><ul class=tab-nav><li class=on>简介</li><li>教案</li><li>联系</li></ul>"
    f"<div id=panels>{PANELS}</div></div>" + SHOW % ("li", "mouseover", "x-none"),
    "/tabs/named": f"<b class=flip>一</b><b class=flip>教案</b><b class=flip>联系</b><div id=panels>{PANELS}</div>"
    + SHOW % (".flip", "click", "x-none"),
    "/tabs/away": "<p>正文</p><button role=tab onclick=\"location.href='/elsewhere'\">别处</button>"
    "<button role=tab onclick=\"document.body.append('第二面')\">这里</button>",
    "/tabs/route": "<p id=v>首页</p><button role=tab onclick=\"history.pushState(0, '', '/tabs/other');"
    "v.textContent = '另一页'\">换页</button><script>onpopstate = () => { v.textContent = '首页'; }</script>",
    "/tabs/many": "".join(f"<button role=tab onclick=\"out.textContent='面{n}'\">签{n}</button>" for n in range(40))
    + "<p id=out>面</p>",
    "/fold/details": "<details><summary>第一单元</summary><p>单元内容</p><details><summary>深</summary>更深</details>"
    "</details><details name=x open><summary>甲</summary>甲文</details><details name=x><summary>乙</summary>乙文</details>",
    "/fold/accordion": '<button aria-expanded=false aria-controls=p1 onclick="p1.hidden=false;p2.hidden=true">一</button>'
    '<div id=p1 hidden>第一折</div><button aria-expanded=false aria-controls=p2 onclick="p2.hidden=false;p1.hidden=true">二</button>'
    "<div id=p2 hidden>第二折</div>",
    "/more/harmless": "<div id=list>甲</div>%s<script>let n = 0;"
    "const more = (b) => { list.append(`条${n += 1} `); if (n === 3) b.remove(); };</script>",
    "/harm": "<p>正文</p>"
    f'<form onsubmit="{HARM}"><button>加载更多</button><input type=submit value=查看更多></form>'
    f'<button onclick="deleteAll();{HARM}">查看全部</button><button class=btn-like onclick="{HARM}">更多</button>'
    f"<button onclick=\"{HARM}\">删除全部</button><a href='javascript:logout()'>展开</a>"
    f'<button role=tab onclick="{HARM}">退出登录</button><a onclick="{HARM}">点赞</a>'
    f'<a href=/logout>更多</a><button onclick="{HARM}">发表评论</button><button onclick="{HARM}">举报</button>'
    f"<script>window.deleteAll = window.logout = () => {{ {HARM} }};</script>",
    "/away": "<p>正文</p><button onclick=\"location.href='/elsewhere?from=more'\">查看更多</button>"
    "<button onclick=\"window.open('/popup')\">更多</button><button onclick=\"document.write('没了')\">加载更多</button><button onclick=\"history.pushState(0,'','/routed');"
    "document.body.dataset.v='x';v.textContent='别的'\">更多文章</button><p id=v>首页</p>"
    "<script>onpopstate = () => { v.textContent = '首页'; }</script>",
    "/elsewhere": "<p>别人的页</p>",
    "/plain": "<h1>文章</h1>" + "<p>普通的一段文字。</p>" * 30,
    "/nested": "<x-outer><p>插槽里</p></x-outer><script>"
    "const make = (name, html) => customElements.define(name, class extends HTMLElement { constructor() {"
    "super(); this.attachShadow({mode: 'open'}).innerHTML = html; } });"
    "make('x-inner', '<p>最里面</p><slot></slot><a href=/deep>深处</a><button onclick=\"this.previousElementSibling"
    ".textContent += \\'又一条\\'; this.hidden = true\">加载更多</button>');"
    "make('x-outer', '<x-inner><slot></slot></x-inner>');</script>",
}  # fmt: skip

#: "Load more", each way it may be written.
MORE = (
    "<button onclick=more(this)>加载更多</button>",
    "<a href='javascript:;' onclick=more(this)>查看更多 &gt;&gt;</a>",
    "<div role=button onclick=more(this)>更多(12)↓</div>",
    "<div class=load-more onclick=more(this)>点击加载更多</div>",
    "<a href=# onclick='more(this);return false'>Load more</a>",
    "<span onclick=more(this)>加载更多文章...</span>",
)


def states_site(harm: list[str]) -> Starlette:
    """The site; a request to ``/harm`` by POST is noted in ``harm``."""

    async def page(request: Request) -> Response:
        path = request.url.path
        if request.method == "POST" or path in ("/logout", "/popup"):
            harm.append(path)
            return Response("done")
        if path == "/rows":
            number = int(request.query_params["page"])
            return JSONResponse([number * 10, number * 10 + 1])
        if path.startswith("/more/") and path != "/more/harmless":
            body = PAGES["/more/harmless"] % MORE[int(path.rpartition("/")[2])]
        else:
            body = PAGES.get(path, "没有")
        return HTMLResponse(f"<!doctype html><meta charset=utf-8><title>页</title><body>{body}")

    return Starlette(routes=[Route("/{path:path}", page, methods=["GET", "POST"])])
