// The queue and the holding of a case by keyboard: Enter next, e escalate, ? keys; on the queue j/k rows.
// And the countdown of the lease. Without this file every form still works.
"use strict";

const keysDialog = document.getElementById("keys");
const takeNext = document.querySelector("[data-take-next]");
const escalation = document.querySelector("[data-escalate]");
const rows = [...document.querySelectorAll("[data-row] a")];

function moveRow(by) {
  if (!rows.length) return;
  const at = rows.indexOf(document.activeElement);
  const next = rows[at < 0 ? (by > 0 ? 0 : rows.length - 1) : at + by];
  if (next) next.focus();
}

function pressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.defaultPrevented) return;
  if (keysDialog && keysDialog.open) {
    // Closed here and not left to the browser, so that the next key finds the page and not the dialog.
    if (event.key === "Escape" || event.key === "?") { event.preventDefault(); keysDialog.close(); document.activeElement.blur(); }
    return;
  }
  if (event.target.matches("textarea, select, input")) return;
  if (event.key === "?" && keysDialog) { event.preventDefault(); keysDialog.showModal(); }
  else if (event.key === "j" && rows.length) moveRow(1);
  else if (event.key === "k" && rows.length) moveRow(-1);
  else if (event.key === "e" && escalation) {
    event.preventDefault();
    escalation.open = true;
    escalation.querySelector("textarea").focus();
  } else if (event.key === "Enter" && takeNext && !event.target.matches("a, button, summary")) {
    event.preventDefault();
    takeNext.form.requestSubmit(takeNext);
  }
}
document.addEventListener("keydown", pressed);

const countdown = document.querySelector("[data-seconds-left]");
if (countdown) {
  const end = performance.now() + 1000 * Number(countdown.dataset.secondsLeft);
  const show = () => {
    const left = Math.max(0, Math.round((end - performance.now()) / 1000));
    countdown.textContent = left
      ? `剩余 ${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`
      : "占用已到期";
    if (left) setTimeout(show, 1000);
  };
  show();
}
