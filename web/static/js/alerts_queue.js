// The cards of the queue: what waits first, the loudest of it first; only what has changed is drawn anew.

import { dressCrop } from "./alert_toasts.js";
import { LEVELS, doubtWords, kindWords, levelMark, momentOf, whereWords } from "./alert_words.js";
import { $, clone, fill, icon, show } from "./dom.js";
import { count, say } from "./words.js";

const ICONS = { not_recording: "video-off", wanted_plate: "car-front", motion: "move", failed_logins: "lock" };
const ME = document.body.dataset.person;
const cards = new Map();

export const isMine = ({ owner }) => owner?.id === ME;

/** New ones, then one's own, then those of others, then what is on hold, then what is over. */
const PLACES = ["new", "mine", "acknowledged", "on_hold", "closed"];
const placeOf = (alert) => PLACES.indexOf(alert.state === "acknowledged" && isMine(alert) ? "mine" : alert.state);

export function inOrder(alerts) {
  return [...alerts].sort(
    (a, b) =>
      placeOf(a) - placeOf(b) ||
      (a.state === "new" ? LEVELS.indexOf(b.level) - LEVELS.indexOf(a.level) : 0) ||
      Date.parse(b.last_at) - Date.parse(a.last_at),
  );
}

/** `acts`: what to do when a card was opened (`open`), or is taken without being opened (`take`). */
export function drawQueue(alerts, openId, acts) {
  const focused = document.activeElement?.closest(".alert")?.dataset.id;
  const slot = document.activeElement?.dataset.slot;
  const nodes = alerts.map((alert) => cardOf(alert, acts));
  for (const id of cards.keys()) if (!alerts.some((alert) => alert.id === id)) cards.delete(id);
  const queue = $("#queue");
  if (nodes.length !== queue.children.length || nodes.some((node, place) => queue.children[place] !== node)) {
    queue.replaceChildren(...nodes);
    if (focused) (cardButton(focused, slot) ?? cardButton(openId))?.focus({ preventScroll: true });
  }
  markOpen(openId);
}

export function markOpen(openId) {
  for (const [id, { node }] of cards) {
    if (id === openId) node.setAttribute("aria-current", "true");
    else node.removeAttribute("aria-current");
  }
}

export function cardButton(id, slot = "open") {
  const button = cards.has(id) ? $(`[data-slot="${slot}"]`, cards.get(id).node) : null;
  return button?.checkVisibility() ? button : null;
}

function cardOf(alert, acts) {
  const key = JSON.stringify(alert);
  const known = cards.get(alert.id);
  if (known?.key === key) return known.node;
  const node = clone("card");
  dress(node, alert, acts);
  cards.set(alert.id, { key, node });
  return node;
}

function dress(card, alert, acts) {
  card.dataset.id = alert.id;
  card.dataset.level = alert.level;
  card.dataset.state = alert.state;
  card.dataset.mine = isMine(alert) ? "yes" : "no";
  const times = alert.times > 1 ? ` · ${count("alert.times", alert.times)}` : "";
  fill(card, {
    plate: alert.facts.plate ?? "",
    kind: kindWords(alert) + times,
    where: whereWords(alert),
    doubt: doubtWords(alert),
    time: momentOf(alert.last_at),
    owner: ownerWords(alert),
  });
  $("[data-slot=level]", card).append(...levelMark(alert.level));
  show($("[data-slot=plate]", card), Boolean(alert.facts.plate));
  show($("[data-slot=doubt]", card), Boolean(doubtWords(alert)));
  $("[data-icon]", card).append(icon(ICONS[alert.kind] ?? (alert.camera_id ? "cctv" : "server")));
  dressCrop($("[data-slot=crop]", card), pictureOf(alert));
  $("[data-slot=open]", card).addEventListener("click", () => acts.open(alert.id));
  $("[data-slot=take]", card).addEventListener("click", () => acts.take(alert.id));
  $("[data-slot=take]", card).setAttribute("aria-label", `${$("[data-slot=take]", card).textContent.trim()}: ${kindWords(alert)}, ${whereWords(alert)}`);
}

/** The crop of the plate, or what the camera shows now. */
function pictureOf({ image_url: crop, camera_id: camera }) {
  return crop ?? (camera && `/api/v1/cameras/${camera}/snapshot.jpg`);
}

/** Who has it, and what became of it. */
export function ownerWords(alert) {
  const { owner } = alert;
  const whose = isMine(alert)
    ? say("alert.owner.me")
    : owner
      ? say("alert.owner", { name: owner.name })
      : alert.state === "closed"
        ? say("alert.by.box")
        : say("alert.owner.none");
  if (alert.state === "on_hold") return say("alert.held.until", { when: momentOf(alert.held_until), owner: whose });
  if (alert.state === "closed") return say("alert.closed.at", { when: momentOf(alert.closed_at), owner: whose });
  return whose;
}
