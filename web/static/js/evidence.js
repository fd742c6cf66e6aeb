// What the pages of the evidence share: cameras and who may do what with them, periods, and why something is missing.

import { NoContact, api } from "./api.js";
import { momentOf, serverNow } from "./clock.js";
import { $, $$, el, icon, show } from "./dom.js";
import { focusFirstWrong, mark, onSubmit, unmarkAll } from "./form.js";
import { camerasInOrder } from "./order.js";
import { showFailure } from "./problems.js";
import { localMoment } from "./replay_time.js";
import { gapCause, periodWords } from "./replay_words.js";
import { may } from "./rights.js";
import { knows, say } from "./words.js";

const AGAIN_MS = 2000;
/** So many cameras fit on the screen of the replay. */
const ON_SCREEN = 4;
/** The server's clock and ours are not read at the same moment. */
const AHEAD_MS = 5000;

const known = new Map();
let me = null;

/** Who is here and which cameras there are, then the page's own beginning; without contact, until there is some. */
export async function begin(load) {
  try {
    const [cameras, person] = await Promise.all([camerasInOrder(), api("/auth/me")]);
    for (const camera of cameras) known.set(camera.id, camera);
    me = person;
    await load();
    show($("#loading"), false);
  } catch (error) {
    if (error instanceof NoContact) return setTimeout(begin, AGAIN_MS, load);
    show($("#loading"), false);
    showFailure(error);
  }
}

/** The cameras with which the caller may do `verb`. */
export const camerasFor = (verb) => [...known.values()].filter((camera) => may(me, verb, camera));

/** Whether the caller may do `verb` with all of these. One that was removed counts as a camera of no group. */
export const mayWith = (verb, ids) => ids.every((id) => may(me, verb, known.get(id) ?? {}));

export const cameraName = (id) => known.get(id)?.name ?? say("replay.camera_gone", { id: id.slice(0, 8) });

/** Each camera of these once. */
export const distinct = (periods) => [...new Set(periods.map((period) => period.camera_id))];

/** The cameras with which the caller may do `verb`, to be ticked; at least one must be. */
export function drawTicks(form, verb, chosen = []) {
  const ticks = camerasFor(verb).map(({ id, name }) => {
    const box = el("input", { type: "checkbox", name: "camera_ids", value: id });
    box.checked = chosen.includes(id);
    return el("label", { class: "tick" }, box, el("span", {}, name));
  });
  const place = $("[data-slot=cameras]", form);
  place.replaceChildren(...(ticks.length ? ticks : [say("evidence.no_camera")]));
  const judge = () => $("input", place)?.setCustomValidity(ticked(form).length ? "" : "none");
  place.onchange = judge;
  judge();
}

export const ticked = (form) => $$("[name=camera_ids]:checked", form).map((box) => box.value);

/** From RFC 3339 to RFC 3339, in words. */
export const periodOf = ({ start, end }) => periodWords(Date.parse(start), Date.parse(end));

export const iso = (field) => new Date(momentOf(field.value)).toISOString();

/** Whole seconds around a period, the last hour if none is given. */
export function fillPeriod(form, startMs = serverNow() - 3_600_000, endMs = serverNow()) {
  form.elements.start.value = localMoment(startMs);
  form.elements.end.value = localMoment(Math.ceil(endMs / 1000) * 1000);
}

/** What is wrong with the period is said at its fields; one still to come is wrong unless `ahead`. */
function checkPeriod(form, ahead) {
  const { start, end } = form.elements;
  const isLate = !ahead && end.value && momentOf(end.value) > serverNow() + AHEAD_MS;
  if (end.value <= start.value) mark(form, "end", say("form.wrong.end"));
  else if (isLate) mark(form, "end", say("form.wrong.end.future"));
}

/** What the form says, as RFC 3339; null after what is wrong was said at its field. */
export function readPeriod(form, ahead = false) {
  unmarkAll(form);
  checkPeriod(form, ahead);
  if (!focusFirstWrong(form)) return null;
  return { start: iso(form.elements.start), end: iso(form.elements.end) };
}

/** As `onSubmit`, of a form with a period: how much one may ask for is the box's to know. */
export function onPeriod(form, save, own) {
  const send = async (...given) => {
    try {
      await save(...given);
    } catch (error) {
      if (!(error.errors ?? []).some(({ detail }) => markLimit(form, detail))) throw error;
      focusFirstWrong(form);
    }
  };
  onSubmit(form, send, own);
}

function markLimit(form, detail) {
  const [, n, what] = /at most (\d+) (days|cameras)/.exec(detail) ?? [];
  if (what === "days") return mark(form, "end", say("form.wrong.end.long", { n }));
  return what === "cameras" && mark(form, "camera_ids", say("form.wrong.camera_ids.many", { n }));
}

/** Where the replay shows it. */
export function replayAddress(cameras, start) {
  const query = new URLSearchParams(cameras.slice(0, ON_SCREEN).map((id) => ["camera", id]));
  query.set("at", start);
  return `/replay?${query}`;
}

/** Why something is missing, as an export or a certificate says it. */
export function missingCause({ cause, detail }) {
  if (detail === "before_camera") return say("gap.before_camera");
  const rule = cause === "purge" && knows(`gap.purge.${detail}`) ? say(`gap.purge.${detail}`) : "";
  return [gapCause({ cause, detail, purgedMs: null }), rule].filter(Boolean).join(" ");
}

/** A link dressed as a button. */
export function linkButton(iconName, words, href, label) {
  return el("a", { class: "button", href, "aria-label": label }, icon(iconName), words);
}
