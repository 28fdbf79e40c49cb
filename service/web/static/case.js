// The case page by keyboard: j/k between findings, a confirm, d dismiss, u undo, 1-9 reason,
// Enter save, v picture or text, Escape close. Without this file every form still works.
"use strict";

const VIEW = "spaceaudit.view";
const cards = [...document.querySelectorAll(".card")];
const ofFinding = (id) => document.querySelectorAll(`[data-finding="${CSS.escape(id)}"]`);
let current = null;

function shownPage() {
  const leaf = document.querySelector(".leaves [aria-current]");
  return leaf ? new URL(leaf.href).searchParams.get("page") : "";
}

function open(card) {
  // A finding on another page or file: its page is loaded, and the address leads back to the card.
  if (card.dataset.page !== "" && card.dataset.page !== shownPage()) {
    location.assign(card.querySelector(".where").href);
    return;
  }
  choose(card);
}

function choose(card) {
  for (const each of document.querySelectorAll(".current")) each.classList.remove("current");
  current = card;
  card.focus({ preventScroll: true });
  card.scrollIntoView({ block: "nearest" });
  for (const each of ofFinding(card.dataset.finding)) each.classList.add("current");
  reveal(card.dataset.finding);
  history.replaceState(null, "", `#${card.id}`);
}

function reveal(id) {
  const sheet = document.querySelector(".sheet");
  const box = [...(sheet ? sheet.querySelectorAll(`[data-finding="${CSS.escape(id)}"]`) : [])]
    .find((each) => each.getClientRects().length > 0);
  if (!box) return;
  const place = box.getBoundingClientRect(), frame = sheet.getBoundingClientRect();
  sheet.scrollBy({ top: place.top - frame.top - frame.height / 3 });
}

function step(by) {
  if (!cards.length) return;
  const at = cards.indexOf(current);
  const next = at < 0 ? (by > 0 ? 0 : cards.length - 1) : at + by;
  if (cards[next]) open(cards[next]);
}

function decide(action) {
  if (!current) step(1);
  const form = current && current.querySelector(`.decide[data-action="${action}"]`);
  if (!form) return;
  form.open = true;
  form.querySelector("input[type=radio]:checked, input[type=radio]").focus({ preventScroll: true });
  form.scrollIntoView({ block: "nearest" });
}

function pickReason(digit) {
  const form = document.activeElement.closest(".decide[open]");
  const radio = form && form.querySelectorAll("input[type=radio]")[digit - 1];
  if (radio) { radio.checked = true; radio.focus(); }
}

function undo() {
  const form = current && current.querySelector(".undo");
  if (form) form.requestSubmit(form.querySelector("button"));
}

function switchView() {
  const other = document.querySelector(".view:not(:checked):not(:disabled)");
  if (!other) return;
  other.checked = true;
  other.dispatchEvent(new Event("change"));
}

function close() {
  for (const each of document.querySelectorAll(".decide[open]")) each.open = false;
  if (current) current.focus({ preventScroll: true });
}

const KEYS = {
  j: () => step(1), k: () => step(-1), a: () => decide("confirm"), d: () => decide("dismiss"),
  u: undo, v: switchView, Escape: close,
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const typing = event.target.matches("textarea, select, input:not([type=radio])");
  if (typing && event.key !== "Escape") return;
  if (/^[1-9]$/.test(event.key)) { pickReason(Number(event.key)); return; }
  if (Object.hasOwn(KEYS, event.key)) { event.preventDefault(); KEYS[event.key](); }
});

for (const card of cards) {
  card.addEventListener("click", (event) => {
    if (!event.target.closest("a, button, summary, form, label")) open(card);
  });
}
for (const box of document.querySelectorAll(".shot a, .drawn a, .text mark")) {
  box.addEventListener("click", (event) => {
    const card = document.getElementById(`f-${box.dataset.finding}`);
    if (card) { event.preventDefault(); choose(card); }
  });
}
for (const view of document.querySelectorAll(".view")) {
  if (!view.disabled && sessionStorage.getItem(VIEW) === view.id) view.checked = true;
  view.addEventListener("change", () => {
    sessionStorage.setItem(VIEW, view.id);
    if (current) reveal(current.dataset.finding);
  });
}
const leaf = document.querySelector(".leaves [aria-current]");
if (leaf) leaf.parentElement.scrollTop = leaf.offsetTop - leaf.parentElement.offsetTop - 6;

const named = location.hash && document.getElementById(location.hash.slice(1));
if (named && named.matches(".card")) addEventListener("load", () => choose(named));
