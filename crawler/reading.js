// Reads one frame of a rendered page: its visible text with the place of every line, its links,
// pictures and files, and the signs a site profile asks for. Runs in the page; returns plain data.
(options) => {
  const blocks = [], links = [], files = [], images = [], frames = [];
  const SKIP = new Set(["SCRIPT", "STYLE", "NOSCRIPT", "TEMPLATE", "HEAD", "META", "LINK"]);
  const TEXT_FIELDS = new Set(["text", "search", "button", "submit", "reset", "url", "email", "tel", "number"]);
  const visible = (el) => el.checkVisibility({ opacityProperty: true, visibilityProperty: true });
  const volatileSelector = options.volatile.join(",");
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
  const place = (rect) => ({
    x: rect.left + scrollX, y: rect.top + scrollY, width: rect.width, height: rect.height,
  });
  const address = (value) => {
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

  // Where one text node's characters stand: [raw start, raw end, rectangle] for each line.
  const linesOf = (node) => {
    const range = document.createRange();
    range.selectNodeContents(node);
    const whole = [...range.getClientRects()].filter((r) => r.width > 0);
    const length = node.data.length;
    if (whole.length === 0) return [];
    if (whole.length === 1) return [[0, length, whole[0]]];
    const rectAt = (index) => {
      range.setStart(node, index);
      range.setEnd(node, index + 1);
      return [...range.getClientRects()].find((r) => r.width > 0);
    };
    const found = [];
    for (let index = 0; index < length; index += 1) {
      const rect = rectAt(index);
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
    for (const [start, end, rect] of linesOf(node)) {
      if (at[end] > at[start]) current.lines.push({ start: at[start], end: at[end], ...place(rect) });
    }
  };

  const single = (element, role, text) => {
    const rect = element.getBoundingClientRect();
    blocks.push({
      text, role, locator: locator(element), volatile: isVolatile(element),
      lines: rect.width > 0 ? [{ start: 0, end: text.length, ...place(rect) }] : [],
    });
  };

  const addLink = (el, hidden) => {
    const href = address(el.getAttribute("href"));
    if (!href || !/^https?:/.test(href)) return;
    const text = (el.textContent || "").replace(/\s+/g, " ").trim().slice(0, 200);
    const file = el.hasAttribute("download") || options.fileSelectors.some((css) => el.matches(css));
    links.push({ href, text, hidden, file });
    if (hidden) single(el, "link", (text + " " + href).trim());
  };
  const addFile = (value, el) => {
    const url = value && address(value);
    if (url && /^https?:/.test(url)) files.push({ href: url, text: el.getAttribute("title") || el.getAttribute("alt") || "" });
  };
  const readAttributes = (el) => {
    for (const name of options.fileAttributes) {
      if (el.hasAttribute(name)) addFile(el.getAttribute(name), el);
    }
  };
  const readMedia = (el) => {
    const tag = el.tagName;
    if (tag === "A" || tag === "AREA") addLink(el, false);
    else if (tag === "IMG") {
      const url = address(el.currentSrc || el.getAttribute("src"));
      if (url) images.push({ url, alt: el.alt || "", width: el.naturalWidth, height: el.naturalHeight });
      if (el.alt && el.alt.trim()) single(el, "alt", el.alt.trim());
    } else if (tag === "VIDEO" || tag === "AUDIO" || tag === "SOURCE" || tag === "EMBED") addFile(el.getAttribute("src"), el);
    else if (tag === "OBJECT") addFile(el.getAttribute("data"), el);
    else if (tag === "IFRAME" || tag === "FRAME") frames.push(address(el.getAttribute("src")) || "");
    else if (tag === "INPUT" || tag === "TEXTAREA") {
      if (el.type === "password") passwordField = true;
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
    const display = getComputedStyle(node).display;
    if (display !== "contents" && !visible(node)) {
      for (const el of [node, ...node.querySelectorAll("a[href]")]) {
        if (el.matches("a[href]")) addLink(el, true);
      }
      return;
    }
    readMedia(node);
    const isBlock = !display.startsWith("inline") && display !== "contents";
    const children = node.shadowRoot ? node.shadowRoot.childNodes
      : node.tagName === "SLOT" && node.assignedNodes().length ? node.assignedNodes({ flatten: true })
      : node.childNodes;
    const outer = current;
    if (isBlock) { flush(); open(node); }
    for (const child of children) walk(child);
    if (isBlock) { flush(); if (outer) open(outer.element); }
  };

  if (document.body) { walk(document.body); flush(); }
  const shown = (css) => [...document.querySelectorAll(css)].some(visible);
  const textOf = (css) => {
    const el = css && [...document.querySelectorAll(css)].find(visible);
    return el ? el.textContent.replace(/\s+/g, " ").trim() : null;
  };
  return {
    url: location.href, title: document.title, blocks, links, files, images, frames, passwordField,
    shown: options.selectors.filter(shown),
    declared: textOf(options.declared), price: textOf(options.price),
    height: Math.max(document.documentElement?.scrollHeight || 0, document.body?.scrollHeight || 0),
  };
}
