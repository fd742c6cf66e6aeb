// One hold, incident or preserved period: what is said of it, its periods, and what may be done with it.

import { openDialog } from "./ask.js";
import { serverNow } from "./clock.js";
import { $, $$, el, show } from "./dom.js";
import { cameraName, distinct, linkButton, mayWith, periodOf, replayAddress } from "./evidence.js";
import { openForm } from "./evidence_kept_form.js";
import { KINDS, costWords, isOver, overWords, periodsOf, together } from "./evidence_kept_words.js";
import { say } from "./words.js";

/** What can be done with each kind. */
const ACTS = {
  holds: ["release", "change", "extend", "confirm"],
  incidents: ["release", "change", "extend"],
  preservations: ["release"],
};
const dialog = $("#details");
let opened = null;

export function openDetails(kind, item) {
  opened = { kind, item };
  $("#facts").replaceChildren(...factsOf(kind, item));
  $("#periods").replaceChildren(...together(periodsOf(item)).map((period) => periodLine(kind, item, period)));
  const may = !isOver(item) && mayWith("preserve", distinct(periodsOf(item)));
  for (const button of $$("[data-act]", dialog)) show(button, may && ACTS[kind].includes(button.dataset.act));
  openDialog(dialog, { title: KINDS[kind].words(item).name });
}

function factsOf(kind, item) {
  const now = isOver(item) ? { ended: overWords(item) } : { costs: costLine(item) };
  const facts = { ...KINDS[kind].facts(item), ...now };
  return Object.entries(facts)
    .filter(([, words]) => words)
    .map(([name, words]) => el("div", {}, el("dt", {}, say(`kept.fact.${name}`)), el("dd", {}, words)));
}

function costLine(item) {
  const { bytes, days } = costWords(item);
  return days ? `${bytes}, ${days}` : bytes;
}

function periodLine(kind, item, period) {
  const words = periodOf(period);
  const when = el("span", { class: "numbers" }, words);
  const names = el("span", { class: "under" }, period.cameras.map(cameraName).join(", "));
  const body = el("div", { class: "item__body" }, when, names);
  return el("li", { class: "item" }, body, ...linksOf(kind, item, period, words));
}

/** Nothing can be watched or exported of what is still to come. */
function linksOf(kind, item, period, words) {
  if (Date.parse(period.start) >= serverNow()) return [];
  const watch = replayAddress(period.cameras, period.start);
  const links = [linkButton("play", say("kept.watching"), watch, say("kept.period.watch", { period: words }))];
  if (!mayWith("export", period.cameras)) return links;
  const label = say("kept.period.export", { period: words });
  return [...links, linkButton("package-plus", say("kept.export"), exportAddress(kind, item, period), label)];
}

/** The form of a new export, filled in with the members of the API. */
function exportAddress(kind, item, { cameras, start, end }) {
  const query = new URLSearchParams(cameras.map((id) => ["camera_id", id]));
  const own = {
    holds: { request_number: item.number, reason: item.purpose, hold_id: item.id, format: "package" },
    incidents: { reason: item.name },
    preservations: { reason: item.reason },
  };
  for (const [name, value] of Object.entries({ start, end, ...own[kind] })) query.set(name, value);
  return `/evidence?${query}`;
}

export function dressDetails() {
  for (const button of $$("[data-act]", dialog)) {
    button.addEventListener("click", () => {
      dialog.close();
      openForm(opened.kind, button.dataset.act, opened.item);
    });
  }
}
