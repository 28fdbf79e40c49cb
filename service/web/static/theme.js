// Light or dark before the first line is drawn: what was chosen here, or what the system says.
"use strict";

(() => {
  const KEY = "spaceaudit.theme";
  const system = matchMedia("(prefers-color-scheme: dark)");
  const chosen = () => {
    try { return localStorage.getItem(KEY); } catch { return null; }
  };
  const show = () => {
    document.documentElement.dataset.bsTheme = chosen() || (system.matches ? "dark" : "light");
  };
  window.spaceauditTheme = {
    toggle() {
      const next = document.documentElement.dataset.bsTheme === "dark" ? "light" : "dark";
      try { localStorage.setItem(KEY, next); } catch { /* shown until the next page */ }
      document.documentElement.dataset.bsTheme = next;
    },
  };
  system.addEventListener("change", show);
  show();
})();
