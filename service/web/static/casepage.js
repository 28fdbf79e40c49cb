// The case page beside its decisions: drafts of notes, pictures that are blurred, panes on a phone.
// Without this file nothing is lost but the drafts: every form and every link still works.
"use strict";

const PAUSE = 800;
const token = () => document.querySelector("input[name=csrf]").value;
const draftsAddress = location.pathname.replace(/\/$/, "") + "/drafts";
const waiting = new Map();

function keep(area) {
  waiting.delete(area);
  const body = new URLSearchParams({ csrf: token(), finding: area.dataset.draft, text: area.value });
  fetch(draftsAddress, { method: "POST", body, keepalive: true })
    .then((answer) => { area.dataset.kept = answer.ok ? "yes" : "no"; })
    .catch(() => { area.dataset.kept = "no"; });
}

for (const area of document.querySelectorAll("textarea[data-draft]")) {
  area.addEventListener("input", () => {
    clearTimeout(waiting.get(area));
    waiting.set(area, setTimeout(keep, PAUSE, area));
  });
  // What is being saved is no draft any more.
  area.form.addEventListener("submit", () => {
    clearTimeout(waiting.get(area));
    waiting.delete(area);
  });
}
addEventListener("pagehide", () => {
  for (const [area, timer] of waiting) { clearTimeout(timer); keep(area); }
});

for (const frame of document.querySelectorAll(".shot, .drawn")) {
  frame.addEventListener("click", (event) => {
    if (!event.target.closest("a")) frame.classList.toggle("revealed");
  });
}

// On a phone one pane is seen at a time: what is chosen in one is shown in the other.
const pane = (name) => { document.getElementById(`pane-${name}`).checked = true; };
document.addEventListener("click", (event) => {
  if (event.target.closest(".evidence [data-finding]")) pane("side");
  else if (event.target.closest(".where")) pane("evidence");
}, true);
if (/^#(f-|verdict|replay)/.test(location.hash)) pane("side");
