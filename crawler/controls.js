// Shows what a page keeps folded away, and finds what turns it to another state: "load more", folded
// parts, tabs, pagers without addresses. Runs in the page; returns JSON.
//
// Never presses what submits, logs out, deletes, likes, comments, votes, reports or leads elsewhere;
// what leaves the page all the same is held back, and its address is told as a link.
({ action, known, key, options }) => {
  const MEMORY = Symbol.for("spaceaudit.controls");
  if (!window[MEMORY]) {
    Object.defineProperty(window, MEMORY, { value: {
      pressed: new WeakSet(), keys: new Set(), signature: "", controls: new Map(),
      away: new Set(), base: location.href, entry: null, guarded: false,
    } });
  }
  const memory = window[MEMORY];

  // --- Looking

  // Closed trees as well, where they were noted as they were made.
  const closed = document[Symbol.for("spaceaudit.closed")];
  const roots = [document];
  for (const root of roots) {
    for (const el of root.querySelectorAll("*")) {
      const tree = el.shadowRoot || closed?.get(el);
      if (tree) roots.push(tree);
    }
  }
  const all = (css) => roots.flatMap((root) => [...root.querySelectorAll(css)]);
  const visible = (el) => el.checkVisibility({ opacityProperty: true, visibilityProperty: true })
    && el.getClientRects().length > 0;
  const named = (el) => `${typeof el.className === "string" ? el.className : ""} ${el.id}`;
  const labelOf = (el) => {
    const text = (el.textContent || el.value || "").replace(/\s+/g, " ").trim();
    return text || el.getAttribute("aria-label") || el.getAttribute("title") || "";
  };
  // The words alone, without arrows and counts: "加载更多 (12) ↓".
  const bare = (text) => text.replace(/^[\s+↓▼▾]+/u, "")
    .replace(/[\s.。…·>»›→↓▼▾∨⌄+()()[\]【】]*(?:[((]?\d+\s*[条篇个]?[))]?)?[\s.。…·>»›→↓▼▾∨⌄+]*$/u, "")
    .trim();
  const leads = (el) => {
    const link = el.closest("a[href], area[href]");
    const href = link ? link.getAttribute("href").trim() : "";
    return !(href === "" || href === "#" || /^javascript:/i.test(href) || /^#(?![/!])/.test(href));
  };
  const WORDS = /删除|退出|注销|登录|登陆|注册|举报|提交|保存|发送|发表|delete|remove|log ?(out|in)|sign ?(out|in|up)|submit/i;
  const NAMES = /(^|[-_\s])(delete|del|remove|log-?out|sign-?out|quit|like|zan|digg|praise|vote|report|submit|favou?rite|follow)([-_\s]|$)/i;
  const CALLS = /(delete|remove|log_?out|sign_?out|vote|praise|report|submit|favou?rite|follow)\w*\s*\(|\b(del|like|zan|digg)\w*\s*\(/i;
  const dangerous = (el) => WORDS.test(labelOf(el)) || NAMES.test(named(el))
    || CALLS.test(`${el.getAttribute("onclick") || ""} ${el.getAttribute("href") || ""}`);
  const submits = (el) => Boolean(el.form) && ["submit", "image", "reset"].includes(el.type);
  const DISABLED = /(^|[-_\s])(is-)?(disabled?|forbid\w*|no-?more|no-?next|unable|gr[ae]y)([-_\s]|$)/i;
  const disabled = (el) => el.disabled || el.getAttribute("aria-disabled") === "true"
    || DISABLED.test(named(el)) || DISABLED.test(named(el.parentElement || el));
  const harmless = (el) => !leads(el) && !submits(el) && !dangerous(el) && !el.isContentEditable
    && !el.hasAttribute("aria-haspopup") && el.getAttribute("role") !== "combobox";
  const ready = (el) => harmless(el) && !disabled(el) && visible(el);
  const pathOf = (el) => {
    const steps = [];
    for (let at = el; at && at.parentElement && steps.length < 12; at = at.parentElement) {
      steps.unshift([...at.parentElement.children].indexOf(at));
    }
    return steps.join(".");
  };
  const signature = () =>
    `${document.getElementsByTagName("*").length} ${document.body?.textContent.length}`;

  // --- Pressing

  const guard = () => {
    if (memory.guarded) return;
    memory.guarded = true;
    memory.base = location.href;
    memory.entry = window.navigation?.currentEntry ?? null;
    window.navigation?.addEventListener("navigate", (event) => {
      if (event.destination.sameDocument || !event.cancelable) return;
      if (!event.formData) memory.away.add(event.destination.url);
      event.preventDefault();
    });
    window.open = (address) => {
      if (address) memory.away.add(new URL(address, document.baseURI).href);
      return null;
    };
    // Written into after it has loaded, a document begins anew and is lost.
    document.open = () => document;
    document.write = document.writeln = () => {};
    // What a script submits without asking comes as no event.
    HTMLFormElement.prototype.submit = () => {};
    addEventListener("submit", (event) => { event.preventDefault(); event.stopImmediatePropagation(); }, true);
  };
  const press = (el) => {
    guard();
    memory.pressed.add(el);
    const options = { bubbles: true, cancelable: true, composed: true, view: window };
    el.dispatchEvent(new MouseEvent("mouseover", options));
    el.dispatchEvent(new MouseEvent("mouseenter", { ...options, bubbles: false }));
    el.dispatchEvent(new PointerEvent("pointerdown", options));
    el.dispatchEvent(new MouseEvent("mousedown", options));
    el.dispatchEvent(new PointerEvent("pointerup", options));
    el.dispatchEvent(new MouseEvent("mouseup", options));
    el.click();
  };
  // Whether a press made the page show another address; it is made to go back to its own.
  const view = (address) => {
    const { pathname, hash } = new URL(address);
    return pathname + (/^#[/!]/.test(hash) ? hash.replace(/\?.*$/, "") : "");
  };
  const strayed = () => {
    if (!memory.guarded || view(location.href) === view(memory.base)) return null;
    const address = location.href;
    memory.away.add(address);
    if (memory.entry && navigation.currentEntry.key !== memory.entry.key) {
      const going = navigation.traverseTo(memory.entry.key);
      for (const promise of [going.committed, going.finished]) promise.catch(() => {});
    } else history.replaceState(history.state, "", memory.base);
    return address;
  };

  // --- What adds to the page: folded parts and "load more"

  const THINGS = "(?:内容|文章|日志|博文|评论|留言|回复|动态|资源|课件|教案|作品|图片|照片|相片|视频|数据|信息|记录|结果|通知)?";
  const MORE = new RegExp(`^(?:点击|继续|再)?(?:加载|查看|显示|浏览|载入|看|获取)?更多的?${THINGS}$`
    + `|^(?:加载|查看|显示)(?:全部|剩余|余下|所有)的?${THINGS}$|^加载下一页$`
    + "|^(?:load|show|see|view)(?: more| all)(?: \\w+){0,2}$|^more$", "i");
  const UNFOLD = /^(?:点击)?(?:展开(?:全文|全部|更多|阅读|详情|内容|剩余.{0,6})?|全部展开|(?:阅读|查看|显示)全文|expand(?: all)?|read more)$/i;
  const PRESSABLE = "button,[role=button],a,[onclick],input[type=button],[class*=load-more i],[class*=loadmore i],[class*=load_more i]";
  const MOST_AT_ONCE = 60;
  const openDetails = () => {
    const closed = all("details:not([open])");
    for (const el of closed) {
      // Of those with one name only one may be open.
      el.removeAttribute("name");
      el.open = true;
    }
    return closed.length;
  };
  const pressMore = () => {
    const now = signature(), changed = now !== memory.signature;
    let count = 0;
    for (const el of all(PRESSABLE)) {
      const text = labelOf(el);
      if (!text || text.length > 24 || count >= MOST_AT_ONCE) continue;
      const words = bare(text);
      const once = UNFOLD.test(words);
      if (!once && !MORE.test(words)) continue;
      const name = `${words}|${named(el)}`;
      const again = memory.pressed.has(el) || (!once && memory.keys.has(name));
      // A second time only what brought something the first time.
      if ((again && (once || !changed)) || !ready(el)) continue;
      if (el.querySelector(PRESSABLE)) continue;
      memory.keys.add(name);
      press(el);
      count += 1;
    }
    memory.signature = now;
    return count;
  };

  // --- What turns the page to another state: tabs and pagers

  const SELECTED = /(^|[-_\s])(is-)?(active|current|cur|on|selected|this|hover)([-_\s]|$)/i;
  const selected = (el) => el.getAttribute("aria-selected") === "true"
    || (el.hasAttribute("aria-current") && el.getAttribute("aria-current") !== "false")
    || SELECTED.test(named(el)) || SELECTED.test(named(el.parentElement || el));
  const panelOf = (el) => {
    const id = el.getAttribute("aria-controls")
      || (el.getAttribute("data-bs-target") || el.getAttribute("data-target")
        || el.getAttribute("href") || "").replace(/^#(?![/!])/, "");
    return id && /^[^\s#/.:]+$/.test(id) ? el.getRootNode().getElementById?.(id) : null;
  };
  const TAB = "[role=tab],[data-toggle=tab],[data-bs-toggle=tab],[data-toggle=pill],[data-bs-toggle=pill]";
  const FOLD = "[aria-expanded=false][aria-controls],[data-toggle=collapse],[data-bs-toggle=collapse]";
  const MARKED = `${TAB},${FOLD}`;
  const TAB_LIST = /(^|[-_\s])tabs?([-_\s]|$|-?(nav|hd|head|header|title|tit|menu|bar|list))|Tabs?([A-Z]|$)|^tab[A-Z]/;
  const holdsText = (el) => Boolean(el.textContent.trim());
  const listed = (list) => {
    const only = list.children.length === 1 ? list.children[0] : list;
    return [...only.children];
  };
  // The panels of a list of tabs: as many siblings as tabs, not all of them shown.
  const panelsOf = (list, count) => {
    let branch = list;
    for (let outer = list.parentElement, up = 0; outer && up < 3; outer = outer.parentElement, up += 1) {
      const others = [...outer.children].filter((el) => el !== branch && !/^(SCRIPT|STYLE)$/.test(el.tagName));
      for (const group of [others, ...others.map((el) => [...el.children])]) {
        if (group.length === count && group.some((el) => !visible(el) && holdsText(el))) return group;
      }
      branch = outer;
    }
    return null;
  };
  const guessedTabs = () => {
    const found = [];
    for (const list of all("[class*=tab i],[id*=tab i]")) {
      if (!TAB_LIST.test(list.className) && !TAB_LIST.test(list.id)) continue;
      const items = listed(list);
      if (items.length < 2 || items.length > 12 || !items.every((el) => labelOf(el).length < 17)) continue;
      if (!items.every((el) => visible(el) && !el.querySelector(MARKED) && !el.matches(MARKED))) continue;
      const panels = panelsOf(list, items.length);
      if (!panels) continue;
      items.forEach((item, at) => {
        const el = item.querySelector("a,button") || item;
        if (!visible(panels[at]) && ready(el)) found.push(el);
      });
    }
    return found;
  };
  const tabs = () => {
    const found = options.tabs.length ? all(options.tabs.join(",")) : [];
    if (options.discover) {
      found.push(...all(TAB).filter((el) => { const panel = panelOf(el); return !panel || !visible(panel); }));
      found.push(...all(FOLD).filter((el) => {
        const panel = panelOf(el);
        return panel && !visible(panel) && holdsText(panel) && !el.closest("nav,header");
      }));
      found.push(...guessedTabs());
    }
    return [...new Set(found)].filter((el) => ready(el) && !selected(el) && labelOf(el).length < 60);
  };

  const NEXT = /^(?:下一?页|后一?页|next(?: page)?)$/i;
  const ARROW = /^(?:[›»>→❯]{1,2}|)$/u;
  const PAGER = /(^|[-_\s])(pag(er|ers|ing|ination|inator|enav|ebar|es|ebox|elist|enum)|page-?(nav|bar|list|num|link|box|wrap)\w*|\w*laypage\w*)([-_\s]|$)/i;
  const pagerOf = (el) => {
    let up = 0;
    for (let at = el.parentElement; at && at !== document.body && up < 5; at = at.parentElement, up += 1) {
      if (PAGER.test(named(at)) || /分页|翻页|pagination/i.test(at.getAttribute("aria-label") || "")) return at;
    }
    return null;
  };
  const turners = () => {
    const found = options.next.length ? all(options.next.join(",")).filter((el) => !leads(el)) : [];
    if (!options.discover) return found.filter((el) => !disabled(el) && visible(el));
    const numbers = new Map();
    for (const el of all("button,[role=button],a,[onclick],input[type=button],li,span")) {
      const text = (el.textContent || el.value || "").trim();
      if (text.length > 12 || el.querySelector("a,button,span,li,[onclick]")) continue;
      const words = text.replace(/^[\s‹«<]+|[\s›»>→❯]+$/gu, "") || text;
      const spoken = el.getAttribute("aria-label") || el.title || "";
      const said = NEXT.test(words) || (ARROW.test(text) && NEXT.test(spoken.trim()));
      const numbered = /^\d{1,4}$/.test(text);
      if (!said && !numbered && !(text && ARROW.test(text))) continue;
      const pager = pagerOf(el);
      const pressable = el.closest("button,[role=button],a,[onclick],input[type=button]");
      if (said ? !(pressable || pager) : !pager) continue;
      if (numbered) {
        if (!numbers.has(pager)) numbers.set(pager, []);
        numbers.get(pager).push(el);
      } else if (ready(el)) found.push(el);
    }
    for (const [pager, items] of numbers) {
      if (found.some((el) => pager.contains(el)) || pager.querySelector("a[rel~=next]")) continue;
      const current = items.find(selected);
      const following = current && items.find(
        (el) => Number(el.textContent) === Number(current.textContent) + 1 && ready(el));
      if (following) found.push(following);
    }
    return [...new Set(found)];
  };
  const controls = () => {
    memory.controls = new Map();
    const told = [];
    const note = (kind, el) => {
      const label = labelOf(el).slice(0, 40);
      // The page on which a number leads differs, the place of "next" does not.
      const name = kind === "next" ? `next ${named(pagerOf(el) || el)}` : `tab ${label} ${pathOf(el)}`;
      if (memory.controls.has(name)) return;
      memory.controls.set(name, el);
      told.push({ kind, label, key: name });
    };
    for (const el of turners()) note("next", el);
    for (const el of tabs()) note("tab", el);
    return told;
  };

  // --- What is asked for

  const answer = (more) => ({ ...more, away: [...memory.away] });
  if (action === "unfold") {
    const left = strayed();
    const height = document.documentElement?.scrollHeight ?? 0;
    const grown = height > known && height > innerHeight;
    scrollTo(0, grown ? height : 0);
    const wants = options.discover && document.body;
    const opened = wants ? openDetails() > 0 : false;
    const clicked = Boolean((wants && options.guessMore ? pressMore() : 0) || left);
    const settled = !grown && !opened && !clicked;
    return answer({ height, grown, opened, clicked, controls: settled ? controls() : [] });
  }
  if (action === "guard") { guard(); return answer({}); }
  if (action === "press") {
    let el = memory.controls.get(key);
    if (!el?.isConnected) { controls(); el = memory.controls.get(key); }
    if (!el) return answer({ pressed: false });
    press(el);
    return answer({ pressed: true });
  }
  const left = strayed();
  return answer({ left, controls: left ? [] : controls() });
}
