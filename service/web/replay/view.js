// The frame is made only once the service worker is at work. ReplayWeb.page itself makes it at once and
// reloads it three times, which is not enough on a busy machine: then it stays blank.
"use strict";
const say = (text) => { document.getElementById("state").textContent = text; };
const show = () => {
  document.getElementById("state").remove();
  document.body.append(document.getElementById("replay").content);
};
const failed = () => say("此浏览器不能回放:需要 Service Worker,无痕窗口中可能被禁用。");
if (navigator.serviceWorker) {
  navigator.serviceWorker.register("/replay/sw.js?serveIndex=1", { scope: "/replay/" }).then((found) => {
    const worker = found.active || found.waiting || found.installing;
    const look = () => {
      if (worker.state === "activated") {
        worker.removeEventListener("statechange", look);
        show();
      } else if (worker.state === "redundant") {
        failed();
      }
    };
    worker.addEventListener("statechange", look);
    look();
  }).catch(failed);
} else {
  failed();
}
