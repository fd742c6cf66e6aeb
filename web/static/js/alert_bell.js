// On every page: how many alerts wait, in the menu and in the tab's title; the sound; notifications; the corner.

import { askForDesktop, desktopState, notify, startDesktop, withdraw } from "./alert_desktop.js";
import { news } from "./alert_news.js";
import { sound } from "./alert_sound.js";
import { dropToast, setWaiting, showToast, startToasts } from "./alert_toasts.js";
import { saidWords } from "./alert_words.js";
import { $, fill, icon, show, write } from "./dom.js";
import { count, number, say } from "./words.js";

const LOUD = ["raised", "reminded"];
const ICONS = { on: "volume-2", muted: "volume-x", locked: "bell-off" };
const OWN_PAGE = location.pathname === "/alerts";
let announce = () => {};

/** `speak` says something to screen readers. */
export function startBell(speak) {
  announce = speak;
  startToasts(speak);
  startDesktop();
  dressBell();
  keepTitle();
  news.addEventListener("counts", drawCounts);
  news.addEventListener("contact", drawBell);
  news.addEventListener("alert", ({ detail }) => hear(detail));
  sound.addEventListener("change", drawBell);
  sound.start();
  news.start();
}

/** A wanted plate that is seen again is news: the car is there now. */
const isSeenAgain = ({ event, kind }) => event === "again" && kind === "wanted_plate";

function hear(alert) {
  if (LOUD.includes(alert.event) || isSeenAgain(alert)) {
    announce(saidWords(alert));
    notify(alert);
    if (alert.camera_id) document.dispatchEvent(new CustomEvent("vmsd:alert", { detail: alert }));
  }
  if ((alert.event === "raised" || isSeenAgain(alert)) && !OWN_PAGE) showToast(alert);
  if (alert.state !== "new") {
    dropToast(alert.id);
    withdraw(alert.id);
  }
}

function drawCounts() {
  const waiting = news.counts.new;
  const link = $("#alerts-link");
  write($("[data-slot=count]", link), number(waiting));
  show($("[data-slot=count]", link), waiting > 0);
  link.dataset.level = news.counts.loudest ?? "";
  link.title = waiting ? count("bell.count", waiting) : say("bell.none");
  sound.level = news.counts.loudest;
  setWaiting(waiting);
  writeTitle();
}

/** Pages give themselves names; the number stands before whatever they say. */
function keepTitle() {
  new MutationObserver(writeTitle).observe($("title"), { childList: true });
}

function writeTitle() {
  const waiting = news.counts?.new ?? 0;
  const title = (waiting ? `(${waiting}) ` : "") + document.title.replace(/^\(\d+\) /, "");
  if (document.title !== title) document.title = title;
}

function dressBell() {
  const bell = $("#bell");
  document.addEventListener("click", ({ target }) => bell.contains(target) || (bell.open = false));
  bell.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !bell.open) return;
    bell.open = false;
    $("summary", bell).focus();
    event.stopPropagation();
  });
  bell.addEventListener("toggle", drawBell);
  $("#bell-volume").addEventListener("input", ({ target }) => (sound.volume = target.value));
  $("#bell-mute").addEventListener("click", () => (sound.muted = !sound.muted));
  $("#bell-try").addEventListener("click", () => sound.try());
  $("#bell-desktop").addEventListener("click", () => askForDesktop().then(drawBell));
}

function drawBell() {
  const state = sound.muted ? "muted" : sound.locked ? "locked" : "on";
  const bell = $("#bell");
  if (bell.dataset.state !== state) {
    bell.dataset.state = state;
    $("[data-icon]", bell).replaceChildren(icon(ICONS[state]));
  }
  const desktop = desktopState();
  fill(bell, {
    state: say(`bell.${state}`),
    detail: say(`bell.${state}.detail`),
    desktop: say(`desktop.${desktop}`),
    contact: say(news.connected ? "bell.live" : "bell.polling"),
  });
  $("#bell-volume").value = sound.volume;
  $("#bell-mute").setAttribute("aria-pressed", String(sound.muted));
  show($("#bell-desktop"), desktop === "ask");
}
