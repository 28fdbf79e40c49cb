// What every page has: the theme's switch, copying, closing of drawers, one submit a form.
// Without this file every page still works.
"use strict";

// One submission a click: a second press before the answer would do the thing twice.
document.addEventListener("submit", (event) => {
  if (event.target.dataset.sent) event.preventDefault();
  event.target.dataset.sent = "yes";
});
addEventListener("pageshow", (event) => {
  if (event.persisted) for (const form of document.forms) delete form.dataset.sent;
});

for (const button of document.querySelectorAll("[data-theme-switch]")) {
  button.hidden = false;
  button.addEventListener("click", () => window.spaceauditTheme.toggle());
}

for (const button of document.querySelectorAll("[data-copy]")) {
  if (!navigator.clipboard) continue;
  button.hidden = false;
  button.addEventListener("click", async () => {
    const box = button.closest(".copy");
    await navigator.clipboard.writeText(box.querySelector(".copy-text").textContent);
    box.querySelector(".copy-done").textContent = "已复制";
  });
}

function closeDetails(details) {
  details.open = false;
  details.querySelector("summary").focus();
}
for (const button of document.querySelectorAll("[data-close-details]")) {
  button.addEventListener("click", () => closeDetails(button.closest("details")));
}
// Drawers and menus close by Escape and by a click elsewhere; only one is open.
const DRAWERS = "details.confirm[open], details.who-menu[open]";
document.addEventListener("keydown", (event) => {
  const open = event.key === "Escape" && document.querySelector(DRAWERS);
  if (open) closeDetails(open);
});
document.addEventListener("click", (event) => {
  for (const each of document.querySelectorAll(DRAWERS)) {
    if (!each.contains(event.target)) each.open = false;
  }
});
