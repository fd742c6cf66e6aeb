// New alerts in the corner of every page: they stay until somebody has taken them.

import { take } from "./alert_acts.js";
import { doubtWords, kindWords, levelMark, momentOf, whereWords } from "./alert_words.js";
import { $, clone, fill, show, write } from "./dom.js";
import { number } from "./words.js";

const MOST = matchMedia("(max-width: 700px)").matches ? 1 : 3;
const toasts = new Map();
let say = () => {};
let left = 0;

/** `announce` says something to screen readers. */
export function startToasts(announce) {
  say = announce;
}

export function showToast(alert) {
  if (alert.level === "info") return;
  toasts.set(alert.id, { alert, node: toastOf(alert) });
  draw();
}

/** Somebody has taken it, or it is over. */
export function dropToast(id) {
  if (toasts.delete(id)) draw();
}

/** How many alerts wait in all. */
export function setWaiting(waiting) {
  if (waiting === 0) toasts.clear();
  left = waiting;
  draw();
}

/** To the newest one; false when there is none. */
export function focusToast() {
  const take = $("#toasts .toast [data-slot=take]");
  if (!take?.checkVisibility()) return false;
  take.focus();
  return true;
}

function draw() {
  const newest = [...toasts.values()].slice(-MOST).reverse();
  const list = $("#toasts [data-slot=list]");
  const nodes = newest.map(({ node }) => node);
  const slot = list.contains(document.activeElement) ? document.activeElement.dataset.slot : "";
  const stood = document.activeElement;
  if (nodes.length !== list.children.length || nodes.some((node, place) => list.children[place] !== node)) {
    list.replaceChildren(...nodes);
  }
  const more = left - newest.length;
  const link = $("#toasts [data-slot=more]");
  write(link, `+${number(Math.max(more, 0))}`);
  show(link, more > 0);
  show($("#toasts"), newest.length > 0);
  if (slot) keepFocus(list, stood, slot);
}

/** Whoever stood on a card goes on with the next one, or to the menu when there is none. */
function keepFocus(list, stood, slot) {
  const next = list.contains(stood) ? stood : $(`[data-slot=${slot}]`, list);
  (next ?? $("#alerts-link"))?.focus();
}

function toastOf(alert) {
  const toast = clone("toast");
  toast.dataset.id = alert.id;
  toast.dataset.level = alert.level;
  fill(toast, {
    plate: alert.facts.plate ?? "",
    kind: kindWords(alert),
    where: whereWords(alert),
    doubt: doubtWords(alert),
    reason: alert.facts.reason ?? "",
    time: momentOf(alert.last_at ?? alert.time),
  });
  show($("[data-slot=plate]", toast), Boolean(alert.facts.plate));
  for (const slot of ["doubt", "reason"]) show($(`[data-slot=${slot}]`, toast), Boolean($(`[data-slot=${slot}]`, toast).textContent));
  $("[data-slot=level]", toast).append(...levelMark(alert.level));
  dressCrop($("[data-slot=crop]", toast), alert.image_url);
  $("[data-slot=open]", toast).href = `/alerts?open=${alert.id}`;
  $("[data-slot=hide]", toast).addEventListener("click", () => dropToast(alert.id));
  $("[data-slot=take]", toast).addEventListener("click", () => takeIt(alert.id));
  return toast;
}

/** A crop that cannot be loaded leaves no hole. */
export function dressCrop(image, url) {
  if (!url) return;
  image.addEventListener("load", () => show(image, true));
  image.addEventListener("error", () => show(image, false));
  image.src = url;
}

async function takeIt(id) {
  const { words } = await take(id);
  say(words);
  dropToast(id);
}
