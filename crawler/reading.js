// Reads one frame of a rendered page: its visible text with the place of every line, its links,
// pictures and files, and the signs a site profile asks for. Runs in the page; returns JSON.
(options) => {
  // What moves is shown as it ends: text and picture are taken one after the other.
  for (const motion of document.getAnimations?.() ?? []) {
    try { motion.finish(); } catch { motion.cancel(); }
  }
  const blocks = [], links = [], files = [], images = [], embeds = [], unread = [];
  const SKIP = new Set(["SCRIPT", "STYLE", "NOSCRIPT", "TEMPLATE", "HEAD", "META", "LINK"]);
  const TEXT_FIELDS = new Set(["text", "search", "button", "submit", "reset", "url", "email", "tel", "number"]);
  const visible = (el) => el.checkVisibility({ opacityProperty: true, visibilityProperty: true });
  const takesPlace = (el) => [el, ...el.querySelectorAll("*")].some(
    (part) => [...part.getClientRects()].some((r) => r.width > 0 && r.height > 0));
  const volatileSelector = options.volatile.join(",");
  // Also a closed one, where it was noticed as it was made.
  const closed = document[Symbol.for("spaceaudit.closed")];
  const shadowOf = (el) => el.shadowRoot || closed?.get(el) || null;
  // What stands beside a page's own matter, and how a page marks who wrote it.
  const BESIDE = "nav,aside,footer,[role=navigation],[role=complementary],[role=contentinfo],"
    + "[class*=sidebar i],[class*=recommend i],[class*=related i],[class*=footer i],[class*=copyright i],"
    + "[class*=visitor i],[class*=friend i],[class*=rank i],[class*=hot- i],[class*=-hot i]";
  const AUTHOR = "[rel~=author],[itemprop=author] a,a[class*=author i],[class*=author i] > a,[class*=byline i] a";
  let passwordField = false;

  const locator = (element) => {
    const steps = [];
    for (let el = element; el && el.nodeType === 1 && steps.length < 4; el = el.parentElement) {
      if (el.id) { steps.unshift("#" + el.id); break; }
      const name = el.classList.length ? "." + el.classList[0] : "";
      steps.unshift(el.localName + name);
    }
    return steps.join(" > ");
  };
  const isVolatile = (el) => Boolean(volatileSelector && el.closest && el.closest(volatileSelector));
  // The whole page is on the picture, but of a frame only what it shows as it is scrolled.
  const framed = window !== window.top;
  const place = (rect) => ({
    x: rect.left + (framed ? 0 : scrollX), y: rect.top + (framed ? 0 : scrollY),
    width: rect.width, height: rect.height,
  });
  const pictured = (rect) => !framed
    || (rect.right > 0 && rect.bottom > 0 && rect.left < innerWidth && rect.top < innerHeight);
  const address = (value) => {
    if (!value?.trim()) return null;
    try { return new URL(value, document.baseURI).href; } catch { return null; }
  };

  let current = null;
  const open = (element) => { current = { element, text: "", lines: [] }; };
  const flush = () => {
    if (current && current.text.trim()) {
      const lead = current.text.length - current.text.trimStart().length;
      const text = current.text.trim();
      const lines = [];
      for (const line of current.lines) {
        const start = Math.max(0, line.start - lead), end = Math.min(text.length, line.end - lead);
        if (end > start) lines.push({ ...line, start, end });
      }
      blocks.push({
        text, role: "text", locator: locator(current.element), lines,
        volatile: isVolatile(current.element),
      });
    }
    current = null;
  };

  // Where one text node's characters stand: [raw start, raw end, rectangle] for each run of them on
  // each line. Within a run characters are about as wide as each other, so that a part of it may be
  // placed by proportion.
  const RUN = /[\u2e80-\ua4cf\uac00-\ud7af\uf900-\ufaff\ufe30-\ufe4f\uff01-\uff60]+|\d+|[a-z]+|[A-Z]+|\s+|[^]/gu;
  const linesOf = (node) => {
    const range = document.createRange();
    const rectsOf = (start, end) => {
      range.setStart(node, start);
      range.setEnd(node, end);
      return [...range.getClientRects()].filter((r) => r.width > 0 && r.height > 0);
    };
    if (rectsOf(0, node.data.length).length === 0) return [];
    const found = [];
    for (const run of node.data.matchAll(RUN)) {
      const start = run.index, end = start + run[0].length, rects = rectsOf(start, end);
      if (rects.length === 1) found.push([start, end, rects[0]]);
      else if (rects.length > 1) found.push(...brokenRun(start, end, rectsOf));
    }
    return found;
  };
  // The same for a run that goes on over several lines, character by character.
  const brokenRun = (from, to, rectsOf) => {
    const found = [];
    for (let index = from; index < to; index += 1) {
      const [rect] = rectsOf(index, index + 1);
      if (!rect) continue;
      const last = found[found.length - 1];
      if (last && Math.abs(last.top - rect.top) < rect.height / 2) {
        last.end = index + 1; last.right = Math.max(last.right, rect.right);
        last.left = Math.min(last.left, rect.left);
      } else {
        found.push({ start: index, end: index + 1, left: rect.left, right: rect.right, top: rect.top, height: rect.height });
      }
    }
    return found.map((f) => [f.start, f.end, new DOMRect(f.left, f.top, f.right - f.left, f.height)]);
  };

  const readText = (node, keepSpace) => {
    if (!node.data || (!keepSpace && !node.data.trim() && !current?.text)) return;
    const lines = linesOf(node);
    // What takes no place is not shown: what stands in for a player, text of no size.
    if (node.data.trim() && !lines.length) return;
    if (!current) open(node.parentElement || document.body);
    const at = new Array(node.data.length + 1);
    for (let index = 0; index < node.data.length; index += 1) {
      at[index] = current.text.length;
      const char = node.data[index];
      if (!keepSpace && /\s/.test(char) && char !== "\u3000") {
        if (current.text && !/\s$/.test(current.text)) current.text += " ";
      } else current.text += char;
    }
    at[node.data.length] = current.text.length;
    if (!node.data.trim()) return;
    for (const [start, end, rect] of lines) {
      if (at[end] > at[start] && pictured(rect)) current.lines.push({ start: at[start], end: at[end], ...place(rect) });
    }
  };

  const single = (element, role, text) => {
    const rect = element.getBoundingClientRect();
    blocks.push({
      text, role, locator: locator(element), volatile: isVolatile(element),
      lines: rect.width > 0 && pictured(rect) ? [{ start: 0, end: text.length, ...place(rect) }] : [],
    });
  };

  const addLink = (el, hidden) => {
    const href = address(el.getAttribute("href"));
    if (!href || !/^https?:/.test(href)) return;
    const text = (el.textContent || "").replace(/\s+/g, " ").trim().slice(0, 200);
    const file = el.hasAttribute("download") || options.fileSelectors.some((css) => el.matches(css));
    const members = options.memberSelectors.filter((css) => el.matches(css));
    links.push({ href, text, hidden, file, members, main: !el.closest(BESIDE), author: el.matches(AUTHOR) });
    if (hidden) single(el, "link", (text + " " + href).trim());
  };
  const addFile = (value, el) => {
    const url = value && address(value);
    if (url && /^https?:/.test(url)) files.push({ href: url, text: el.getAttribute("title") || el.getAttribute("alt") || "" });
  };
  // Text that a style sheet puts before or after an element's own; the glyphs of an icon font are none.
  const generates = [...document.styleSheets, ...document.adoptedStyleSheets].some((sheet) => {
    const told = (rules) => [...rules].some((rule) =>
      (/:(before|after|marker)/.test(rule.selectorText || "") && /["(]/.test(rule.style?.content || ""))
      || told(rule.cssRules || []) || (rule.styleSheet && mayTell(rule.styleSheet)));
    const mayTell = (one) => { try { return told(one.cssRules); } catch { return true; } };
    return mayTell(sheet);
  });
  const generated = (el, which) => {
    if (!generates && !el.getRootNode().host) return;
    const { content, display, visibility } = getComputedStyle(el, which);
    if (!content || content === "none" || content === "normal" || display === "none" || visibility !== "visible") return;
    const strings = content.replace(/url\("[^"]*"\)/g, "").matchAll(/"((?:[^"\\]|\\.)*)"/g);
    const text = [...strings].map(([, string]) => string.replace(/\\(.)/g, "$1")).join("").replace(/[\ue000-\uf8ff]/g, "");
    if (!text.trim()) return;
    if (!current) open(el);
    const start = current.text.length;
    current.text += text;
    const rect = el.getBoundingClientRect();
    if (rect.width > 0 && rect.height > 0 && pictured(rect)) current.lines.push({ start, end: current.text.length, ...place(rect) });
  };
  // A picture that a style sheet lays behind an element, as large as the element.
  const background = (el, value) => {
    if (!value || value === "none") return;
    const rect = el.getBoundingClientRect();
    const width = Math.round(rect.width), height = Math.round(rect.height);
    for (const [, source] of value.matchAll(/url\("((?:[^"\\]|\\.)*)"\)/g)) {
      const url = address(source.replace(/\\(.)/g, "$1"));
      if (url && width > 1 && height > 1) images.push({ url, alt: "", width, height, background: true });
    }
  };
  const picture = (value, el) => {
    const url = address(value), rect = el.getBoundingClientRect();
    if (url) images.push({ url, alt: "", width: Math.round(rect.width), height: Math.round(rect.height) });
  };
  // What a script drew, as a picture; null for one that shows nothing, is of another site, or is drawn in a
  // way that leaves nothing to read.
  const MOST_PIXELS = 4e6;
  const drawing = (canvas) => {
    if (canvas.width * canvas.height > MOST_PIXELS) return null;
    const blank = document.createElement("canvas");
    [blank.width, blank.height] = [canvas.width, canvas.height];
    try {
      const url = canvas.toDataURL("image/png");
      return url === blank.toDataURL("image/png") ? null : url;
    } catch { return null; }
  };
  // A picture that a script made has an address that ends with the page: its pixels are kept.
  const copyOf = (img) => {
    const copy = document.createElement("canvas");
    [copy.width, copy.height] = [img.naturalWidth, img.naturalHeight];
    if (!copy.width || copy.width * copy.height > MOST_PIXELS) return null;
    copy.getContext("2d").drawImage(img, 0, 0);
    return drawing(copy);
  };
  // Large enough to show a word.
  const legible = (el) => { const rect = el.getBoundingClientRect(); return rect.width >= 24 && rect.height >= 10; };
  const readAttributes = (el) => {
    for (const name of options.fileAttributes) {
      if (el.hasAttribute(name)) addFile(el.getAttribute(name), el);
    }
  };
  const readMedia = (el) => {
    const tag = el.tagName;
    if (tag === "A" || tag === "AREA") addLink(el, tag === "A" && !takesPlace(el));
    else if (tag === "IMG") {
      const source = address(el.currentSrc || el.getAttribute("src"));
      const url = source?.startsWith("blob:") ? copyOf(el) || source : source;
      if (url) images.push({ url, alt: el.alt || "", width: el.naturalWidth, height: el.naturalHeight });
      if (el.alt && el.alt.trim()) single(el, "alt", el.alt.trim());
    } else if (tag === "VIDEO" || tag === "AUDIO" || tag === "EMBED") {
      // The parts of a player take no place of their own.
      for (const part of [el, ...el.querySelectorAll("source, track")]) addFile(part.getAttribute("src"), part);
      if (tag === "VIDEO" && el.poster) picture(el.poster, el);
    } else if (tag === "CANVAS") {
      const url = legible(el) && !isVolatile(el) && drawing(el);
      if (url) images.push({ url, alt: "", width: el.width, height: el.height });
      else if (legible(el)) unread.push("canvas");
    }
    else if (tag === "image") picture(el.href?.baseVal, el);
    else if (tag === "SELECT") {
      const text = [...el.options].map((option) => option.label.trim()).filter(Boolean).join("\n");
      if (text) single(el, "value", text);
    }
    else if (tag === "OBJECT") addFile(el.getAttribute("data"), el);
    else if (tag === "INPUT" || tag === "TEXTAREA") {
      if (el.type === "image") picture(el.src, el);
      if (el.type === "password") passwordField = true;
      else if (!el.value && el.placeholder?.trim()) single(el, "value", el.placeholder.trim());
      else if (el.value && el.value.trim() && (tag === "TEXTAREA" || TEXT_FIELDS.has(el.type))) single(el, "value", el.value.trim());
    }
  };

  const walk = (node) => {
    if (node.nodeType === 3) {
      const style = node.parentElement ? getComputedStyle(node.parentElement).whiteSpace : "";
      readText(node, style.startsWith("pre") || style === "break-spaces");
      return;
    }
    if (node.nodeType !== 1 || SKIP.has(node.tagName)) return;
    if (node.tagName === "BR") { if (current) current.text += "\n"; return; }
    readAttributes(node);
    const { display, contentVisibility, backgroundImage } = getComputedStyle(node);
    if ((display !== "contents" && !visible(node)) || contentVisibility === "hidden") {
      for (const el of [node, ...node.querySelectorAll("a[href]")]) {
        if (el.matches("a[href]")) addLink(el, true);
      }
      return;
    }
    readMedia(node);
    background(node, backgroundImage);
    const tip = node.getAttribute("title")?.trim();
    if (tip && tip !== node.textContent.trim() && tip !== node.getAttribute("alt")) single(node, "alt", tip);
    if (node.tagName === "TEXTAREA" || node.tagName === "SELECT") return;
    // A custom element that takes a place and has nothing to show of its own: what it shows is closed to scripts.
    const shadow = shadowOf(node);
    if (node.localName.includes("-") && !shadow && !node.childNodes.length && legible(node)) unread.push("closed_shadow");
    if (display === "ruby-text") {
      // The reading of a word stands over it: it must not part the word from what follows.
      const around = current;
      open(node);
      for (const child of node.childNodes) walk(child);
      flush();
      current = around;
      return;
    }
    const isBlock = (!display.startsWith("inline") && display !== "contents" && !display.startsWith("ruby"))
      // What changes with every visit must not take the sentence around it along.
      || Boolean(volatileSelector && node.matches(volatileSelector));
    const children = shadow ? shadow.childNodes
      : node.tagName === "SLOT" && node.assignedNodes().length ? node.assignedNodes({ flatten: true })
      : node.childNodes;
    const outer = current;
    if (isBlock) { flush(); open(node); }
    generated(node, "::before");
    for (const child of children) walk(child);
    generated(node, "::after");
    if (isBlock) { flush(); if (outer) open(outer.element); }
  };

  for (const el of document.querySelectorAll("link[rel~=next][href],link[rel~=prev][href]")) addLink(el, false);
  // What may hold addresses of files besides links: inline scripts, and attributes of all elements,
  // shown or not. Bounded: a page may carry megabytes of data.
  const gather = () => {
    const scripts = [], attributes = [];
    let left = 1500000, cut = false;
    const fits = (text) => {
      if (text.length > left) { cut = true; return false; }
      left -= text.length;
      return true;
    };
    // The address itself, and attributes that may hold one.
    const PLAYED = new Set(["VIDEO", "AUDIO", "SOURCE", "TRACK"]);
    const OWN = { IFRAME: ["src"], FRAME: ["src"], PARAM: ["value"], EMBED: ["src", "flashvars"], OBJECT: ["data"] };
    const NAMED = /^(A|BUTTON|LI|SPAN|DIV)$/;
    const visit = (root) => {
      for (const el of root.querySelectorAll("*")) {
        if (el.shadowRoot) visit(el.shadowRoot);
        if (el.localName === "script" && !el.hasAttribute("src")) {
          if (el.textContent.includes("/") && fits(el.textContent)) scripts.push([el.type || "", el.textContent]);
          continue;
        }
        for (const { name, value } of el.attributes) {
          const played = name === "src" && PLAYED.has(el.tagName);
          const wanted = played || name.startsWith("data-") || name.startsWith("on")
            || OWN[el.tagName]?.includes(name) || (name === "href" && value.startsWith("javascript:"));
          if (!wanted || value.startsWith("data:") || (!played && !(value.includes(".") && /[/%]/.test(value)))) continue;
          const text = el.getAttribute("title")
            || (NAMED.test(el.tagName) ? el.textContent.replace(/\s+/g, " ").trim().slice(0, 80) : "");
          if (fits(value)) attributes.push([el.localName, name, value, text]);
        }
      }
    };
    visit(document);
    return { base: document.baseURI, scripts, attributes, cut };
  };

  if (document.body && options.hidden) {
    // The frame itself is not shown.
    for (const el of document.querySelectorAll("a[href]")) addLink(el, true);
  } else if (document.body) {
    background(document.documentElement, getComputedStyle(document.documentElement).backgroundImage);
    walk(document.body);
    flush();
  }
  const shown = (css) => [...document.querySelectorAll(css)].some(visible);
  const textOf = (css) => {
    const el = css && [...document.querySelectorAll(css)].find(visible);
    return el ? el.textContent.replace(/\s+/g, " ").trim() : null;
  };
  // What a page names and a browser need not ask for.
  const NAMED = { "embed[src]": "embed", "object[data]": "embed", "video[src]": "media", "audio[src]": "media",
    "source[src]": "media", "track[src]": "texttrack", "link[rel~=icon][href]": "icon", "link[rel=manifest][href]": "manifest" };
  for (const el of document.querySelectorAll(Object.keys(NAMED).join(","))) {
    const url = address(el.getAttribute("src") || el.getAttribute("data") || el.getAttribute("href"));
    const [, kind] = Object.entries(NAMED).find(([css]) => el.matches(css));
    if (url && /^https?:/.test(url)) embeds.push({ url: url.split("#")[0], kind });
  }
  // A library may have given arrays and the like a toJSON of their own, which would be used here.
  const untouched = (make) => {
    const kept = [Object, Array, String, Number, Boolean].map(({ prototype }) =>
      [prototype, Object.getOwnPropertyDescriptor(prototype, "toJSON")]).filter(([, found]) => found);
    for (const [prototype] of kept) delete prototype.toJSON;
    try { return make(); } finally {
      for (const [prototype, found] of kept) Object.defineProperty(prototype, "toJSON", found);
    }
  };
  // As one string: thousands of lines are costly to carry over one by one.
  return untouched(() => JSON.stringify({
    title: document.title, blocks, links, files, images, embeds, unread, passwordField, gathered: gather(),
    shown: options.selectors.filter(shown),
    declared: textOf(options.declared), price: textOf(options.price),
    width: document.documentElement?.clientWidth || 0,
    height: document.documentElement?.scrollHeight || 0,
    elements: document.getElementsByTagName("*").length,
  }));
}
