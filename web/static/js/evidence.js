// What the pages of the evidence share: cameras to be ticked, periods, and what people may do.

import { list } from "./api.js";
import { hourMinute, momentOf, serverNow } from "./clock.js";
import { $, $$, el } from "./dom.js";
import { focusFirstWrong, mark, unmarkAll } from "./form.js";
import { periodWords } from "./replay_words.js";
import { say } from "./words.js";

export const verbs = (document.body.dataset.verbs ?? "").split(" ");
export const may = (verb) => verbs.includes(verb);

const names = new Map();
const compare = new Intl.Collator(document.documentElement.lang, { numeric: true }).compare;

/** The cameras of the city the caller knows of, by name. */
export async function loadCameras() {
  const cameras = await list("/cameras");
  for (const { id, name } of cameras) names.set(id, name);
  return cameras.sort((a, b) => compare(a.name, b.name));
}

/** A camera that is gone is called by the beginning of its id. */
export const cameraName = (id) => names.get(id) ?? `${id.slice(0, 8)}…`;

export function drawTicks(form, cameras) {
  const ticks = cameras.map(({ id, name }) =>
    el("label", { class: "tick" }, el("input", { type: "checkbox", name: "camera", value: id }), el("span", {}, name)),
  );
  $("[data-slot=cameras]", form).replaceChildren(...ticks);
}

export const ticked = (form) => $$("[name=camera]:checked", form).map((box) => box.value);

/** From RFC 3339 to RFC 3339, in words. */
export const periodOf = ({ start, end }) => periodWords(Date.parse(start), Date.parse(end));

const localParts = new Intl.DateTimeFormat("sv-SE", {
  timeZone: document.body.dataset.zone,
  dateStyle: "short",
  timeStyle: "medium",
});
/** As a field of the kind `datetime-local` wants it, in the site's zone. */
export const localOf = (ms) => localParts.format(ms).replace(" ", "T");

/** The last whole hour, to begin with. */
export function fillPeriod(form, endMs = serverNow()) {
  const { start, end } = form.elements;
  end.value = localOf(endMs);
  start.value = localOf(endMs - 3_600_000);
}

/** What the form says, as RFC 3339; null after what is wrong was said at its field. */
export function readPeriod(form) {
  unmarkAll(form);
  const { start, end } = form.elements;
  if (end.value <= start.value) mark(form, "end", say("form.wrong.end"));
  if (!focusFirstWrong(form)) return null;
  const iso = (field) => new Date(momentOf(field.value)).toISOString();
  return { start: iso(start), end: iso(end) };
}

/** The same with the cameras that are ticked. */
export function readCamerasAndPeriod(form) {
  const period = readPeriod(form);
  const cameras = ticked(form);
  if (period && !cameras.length) {
    mark(form, "camera_ids", say("form.wrong.camera_ids"));
    focusFirstWrong(form);
    return null;
  }
  return period && { ...period, cameras };
}

/** Where the replay shows it. */
export function replayAddress(cameras, start) {
  const query = new URLSearchParams(cameras.slice(0, 4).map((id) => ["camera", id]));
  query.set("at", start);
  return `/replay?${query}`;
}

export const clockTime = (text) => hourMinute(Date.parse(text));
