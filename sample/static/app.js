// Renders every page of the sample platform from its JSON API. No library, no markup from data.

const COLUMN_VIEWS = { articles: articlesView, resources: resourcesView, album: albumView, board: boardView };

function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) node.setAttribute(name, "");
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}

async function api(path) {
  const answer = await fetch("/api" + path, { headers: { accept: "application/json" } });
  try {
    return await answer.json();
  } catch {
    return { state: "fault", title: "加载失败", text: "服务器没有正确回应，请稍后再试。" };
  }
}

// ---- the frame around every page

function header() {
  return el("header", { class: "portal" },
    el("div", { class: "wrap" },
      el("a", { class: "brand", href: "/" }, el("span", { class: "seal" }, "师"), "泉州示例教师空间平台"),
      el("nav", { class: "portal-nav" },
        el("a", { href: "/" }, "平台首页"),
        el("span", {}, "名师工作室"), el("span", {}, "资源中心"), el("span", {}, "活动"),
        el("a", { class: "login-link", href: "/login" }, "登录"))));
}

function footer() {
  return el("footer", {},
    el("p", {}, "泉州示例教师空间平台 · 本站为测试用的虚构平台，人物、学校、号码均为虚构"),
    el("p", { class: "footer-time" }, "页面生成时间：" + new Date().toLocaleString("zh-CN")));
}

function bannerView(space, active) {
  const link = (key, name) => el("a", {
    href: key === "home" ? `/space/${space.id}` : `/space/${space.id}/${key}`,
    class: key === active ? "active" : null,
  }, name);
  return el("section", { class: `banner stage-${space.stage.length > 2 ? "k" : space.stage[0] === "小" ? "p" : "m"}` },
    el("div", { class: "wrap banner-row" },
      el("div", { class: "portrait" }, space.teacher[0]),
      el("div", {},
        el("h1", { class: "space-name" }, space.name),
        el("p", { class: "space-facts" }, `${space.teacher} · ${space.school} · ${space.stage}${space.subject}`,
          el("span", { class: "space-visibility" }, space.label)),
        el("p", { class: "motto" }, space.motto))),
    el("nav", { class: "space-nav" },
      el("div", { class: "wrap" }, link("home", "首页"), space.columns.map((column) => link(column.key, column.name)))));
}

function asideView(space) {
  const box = (title, name, ...children) => el("section", { class: `card ${name}` }, el("h2", {}, title), ...children);
  return el("aside", {},
    box("空间统计", "stats",
      el("p", {}, `文章 ${space.counts.articles} 篇 · 资源 ${space.counts.resources} 个 · 照片 ${space.counts.pictures} 张`),
      el("p", { class: "visit-count" }, `总访问量 ${space.visits},今日 ${space.today}`)),
    box("最近访客", "recent-visitors",
      el("ul", { class: "visitors" }, space.visitors.map((name) => el("li", {}, el("i", {}, name[0]), name)))),
    box("猜你喜欢", "recommend-box",
      el("p", { class: "tip" }, space.tip),
      el("ul", {}, space.recommended.map((one) => el("li", {}, el("a", { href: one.path }, one.name))))));
}

// ---- refusals

function noticeView(data) {
  const forms = {
    login: () => [el("p", {}, el("a", { class: "button", href: "/login" }, "去登录"))],
    password: () => [el("form", { class: "password-form" },
      el("input", { type: "password", name: "password", placeholder: "访问密码" }),
      el("button", { type: "submit" }, "查看"))],
  };
  return el("section", { class: "notice card", "data-state": data.state },
    el("h2", {}, data.title), el("p", {}, data.text), ...(forms[data.state]?.() ?? []));
}

// ---- the columns

const label = (text) => el("span", { class: "item-visibility" }, text);
const empty = () => el("p", { class: "empty" }, "暂无内容");

function homeView(data, space) {
  return el("div", {},
    el("section", { class: "card about" }, el("h2", {}, "空间简介"),
      data.about ? data.about.split("\n").map((line) => el("p", {}, line)) : empty()),
    data.articles.length ? el("section", { class: "card" }, el("h2", {}, "最新文章"), articleList(data.articles, space)) : null,
    data.resources.length ? el("section", { class: "card" }, el("h2", {}, "最新资源"), resourceTable(data.resources, space)) : null);
}

function articleList(items, space) {
  return el("ul", { class: "articles" }, items.map((one) => el("li", {},
    el("a", { class: "title", href: `/space/${space.id}/article/${one.number}` }, one.title),
    el("span", { class: "meta" }, one.date, " ", el("span", { class: "row-visibility" }, one.label)),
    one.excerpt ? el("p", { class: "excerpt" }, one.excerpt) : null)));
}

function articlesView(data, space) {
  return el("section", { class: "card" }, el("h2", {}, "文章"),
    data.items.length ? articleList(data.items, space) : empty());
}

function articleView(data) {
  return el("article", { class: "card" },
    el("h2", { class: "item-title" }, data.title),
    el("p", { class: "meta" }, `发布于 ${data.date} · 来源：${data.source} `, label(data.label)),
    data.paragraphs.map((text) => el("p", { class: "text" }, text)),
    data.pictures.map((one) => el("figure", {}, el("img", { src: one.src, alt: "" }))),
    data.links.length ? el("ul", { class: "links" }, data.links.map((one) =>
      el("li", { class: one.tucked ? "tucked" : null },
        el("a", { href: one.href, rel: "nofollow" }, one.text)))) : null);
}

function resourceTable(items, space) {
  return el("table", { class: "resources" },
    el("thead", {}, el("tr", {}, ["资源名称", "类型", "积分", "日期"].map((name) => el("th", {}, name)))),
    el("tbody", {}, items.map((one) => el("tr", {},
      el("td", {}, el("a", { href: `/space/${space.id}/resource/${one.number}` }, one.title)),
      el("td", {}, one.type), el("td", {}, one.points ? String(one.points) : "免费"), el("td", {}, one.date)))));
}

function resourcesView(data, space) {
  const path = (page) => `/space/${space.id}/resources` + (page > 1 ? `?page=${page}` : "");
  const pages = Array.from({ length: data.pages }, (_, index) => index + 1);
  return el("section", { class: "card" }, el("h2", {}, "资源"),
    data.items.length ? resourceTable(data.items, space) : empty(),
    el("p", { class: "pager" }, `共 ${data.pages} 页 ${data.total} 个资源 `,
      data.page > 1 ? el("a", { href: path(data.page - 1) }, "上一页") : null,
      pages.map((page) => (page === data.page ? el("b", {}, String(page)) : el("a", { href: path(page) }, String(page)))),
      data.page < data.pages ? el("a", { class: "next", href: path(data.page + 1) }, "下一页") : null));
}

function resourceView(data) {
  const player = data.player && el(data.player, { src: data.href, controls: true, preload: "none" });
  const download = data.offsite
    ? el("a", { class: "button offsite", href: data.href, rel: "nofollow" }, "前往站外下载")
    : el("a", { class: "button download", href: data.href, download: true }, "下载 " + data.name);
  return el("article", { class: "card" },
    el("h2", { class: "item-title" }, data.title),
    el("p", { class: "meta" }, `上传于 ${data.date} `, label(data.label)),
    data.description.map((text) => el("p", { class: "text" }, text)),
    el("p", { class: "item-price" }, data.points ? `需要 ${data.points} 积分` : "免费下载"),
    player, el("p", {}, download));
}

function albumView(data) {
  return el("section", { class: "card" }, el("h2", {}, "相册"),
    data.items.length ? el("div", { class: "album" }, data.items.map((one) => el("figure", {},
      el("img", { src: one.src, alt: "" }), el("figcaption", {}, one.caption)))) : empty());
}

function boardView(data, space) {
  const list = el("ul", { class: "board" });
  const add = (items) => list.append(...items.map((one) => el("li", {},
    el("i", {}, one.who[0]),
    el("div", {}, el("p", { class: "meta" }, one.who, " · ", one.date), el("p", { class: "text" }, one.text)))));
  add(data.items);
  const view = el("section", { class: "card" }, el("h2", {}, "留言板"), data.items.length ? list : empty());
  if (data.next !== null) view.append(endless(space, data.next, add));
  return view;
}

// Brings the next messages whenever the end of the list comes into sight.
function endless(space, next, add) {
  const sentinel = el("p", { class: "loading" }, "向下滚动，加载更多留言");
  const watcher = new IntersectionObserver(async ([seen]) => {
    if (!seen.isIntersecting || next === null) return;
    watcher.unobserve(sentinel);
    const more = await api(`/space/${space.id}/board?after=${next}`);
    add(more.items);
    next = more.next;
    if (next === null) sentinel.remove();
    else watcher.observe(sentinel);
  });
  watcher.observe(sentinel);
  return sentinel;
}

// ---- the platform's own pages

function portalView(data) {
  return el("main", { class: "wrap single" },
    el("section", { class: "card hero" }, el("h1", {}, "一师一空间，资源共分享"),
      el("p", {}, "汇集全市中小学、幼儿园教师的教学文章、课件与班级生活。"),
      el("p", { class: "visit-count" }, `平台总访问量 ${data.visits}`)),
    el("section", { class: "card" }, el("h2", {}, "教师空间"),
      el("ul", { class: "spaces" }, data.spaces.map((one) => el("li", {},
        el("a", { href: one.path }, one.name), el("span", { class: "meta" }, `${one.school} · ${one.stage}${one.subject}`))))));
}

function loginView() {
  return el("main", { class: "wrap single" },
    el("section", { class: "card login-box" }, el("h2", {}, "登录平台"),
      el("form", {},
        el("label", {}, "账号", el("input", { type: "text", name: "user" })),
        el("label", {}, "密码", el("input", { type: "password", name: "password" })),
        el("button", { type: "submit" }, "登录")),
      el("p", { class: "meta" }, "请先登录后再查看该内容。忘记密码请联系学校管理员。")));
}

// ---- which page this is

function contentPath(space, column, number) {
  const query = location.search;
  if (number) return `/space/${space}/${column}/${number}`;
  return `/space/${space}/${column || "home"}${query}`;
}

function contentView(column, number) {
  if (number) return column === "article" ? articleView : resourceView;
  return COLUMN_VIEWS[column] ?? homeView;
}

async function spacePage(id, column, number) {
  const [space, data] = await Promise.all([api(`/space/${id}`), api(contentPath(id, column, number))]);
  if (number) document.body.dataset.item = column;
  if (space.state !== "public") return [el("main", { class: "wrap single" }, noticeView(space))];
  const shown = data.state === "public" ? contentView(column, number)(data, space) : noticeView(data);
  document.title = [data.title, space.name].filter(Boolean).join(" - ");
  const active = { article: "articles", resource: "resources" }[column] ?? column ?? "home";
  return [bannerView(space, active), el("div", { class: "wrap columns" }, el("main", {}, shown), asideView(space))];
}

async function render() {
  const [root, id, column, number] = location.pathname.split("/").filter(Boolean);
  let parts;
  if (root === "space") parts = await spacePage(id, column, number);
  else if (root === "login") parts = [loginView()];
  else parts = [portalView(await api("/portal"))];
  document.body.replaceChildren(header(), ...parts, footer());
  document.body.addEventListener("submit", (event) => event.preventDefault());
  document.body.dataset.ready = "1";
}

render();
