// The dialog in which something is kept, changed, given more periods, confirmed, or let go.

import { api, ifMatch, versioned } from "./api.js";
import { openDialog } from "./ask.js";
import { momentOf, serverNow } from "./clock.js";
import { $, $$, show, write } from "./dom.js";
import { done } from "./done.js";
import { cameraName, drawTicks, fillPeriod, iso, onPeriod, readPeriod, ticked } from "./evidence.js";
import { KINDS, priceWords } from "./evidence_kept_words.js";
import { fail, mark, unmarkAll } from "./form.js";
import { problemWords, showFailure } from "./problems.js";
import { localMoment } from "./replay_time.js";
import { say } from "./words.js";

const HOLD_MS = 90 * 86_400_000;
const RECKON_AFTER_MS = 400;
const SAID = { holds: ["number", "authority", "purpose"], incidents: ["name", "note"] };
const dialog = $("#form");
const form = $("form", dialog);
/** What a clash means depends on what is being done. */
const own = {};
let open = null;
let refresh = null;
let timer = 0;
let reckoned = 0;

/** `act` is new, change, extend, confirm or release; `item` what it is done to; `given` a period to begin with. */
export async function openForm(kind, act, item = null, given = {}) {
  try {
    open = { kind, act, item, version: null };
    if (item) await takeNewest();
  } catch (error) {
    return showFailure(error);
  }
  own[409] = act === "new" ? "kept.nothing_there" : "kept.over_already";
  form.reset();
  unmarkAll(form);
  for (const part of $$("[data-for]", form)) show(part, part.dataset.for.split(" ").includes(`${kind}.${act}`));
  fillIn(given);
  dressSubmit(act);
  const about = item ? Object.values(KINDS[kind].words(item)).slice(0, 2).filter(Boolean).join(" · ") : "";
  openDialog(dialog, { title: say(`kept.${kind}.${act}`), about, submit: say(`kept.submit.${act}`) });
}

/** What is changed has a version; a preserved period never changes. */
async function takeNewest() {
  if (open.kind === "preservations") return;
  const { value, version } = await versioned(`/${open.kind}/${open.item.id}`);
  Object.assign(open, { item: value, version });
}

function fillIn({ cameras = [], start, end }) {
  const { kind, act, item } = open;
  drawTicks(form, "preserve", cameras);
  fillPeriod(form, ...(start ? [Date.parse(start), Date.parse(end)] : []));
  if (act === "change") for (const name of SAID[kind]) form.elements[name].value = item[name];
  const from = act === "confirm" ? Math.max(Date.parse(item.deadline), serverNow()) : serverNow();
  form.elements.deadline.value = localMoment(from + HOLD_MS).slice(0, 16);
  write($("#cost"), "");
  reckonLater();
}

function dressSubmit(act) {
  $("#submit").classList.toggle("button--danger", act === "release");
  $("#submit").classList.toggle("button--main", act !== "release");
}

/** What it would cost, as soon as the form says enough. */
function reckonLater() {
  clearTimeout(timer);
  timer = setTimeout(() => reckon().catch(() => write($("#cost"), "")), RECKON_AFTER_MS);
}

async function reckon() {
  const asked = (reckoned += 1);
  const { start, end } = form.elements;
  const cameras = ticked(form);
  if (!cameras.length || !start.value || end.value <= start.value) return write($("#cost"), "");
  const query = new URLSearchParams({ start: iso(start), end: iso(end) });
  const costs = await Promise.all(cameras.map((id) => api(`/preservations/cost?camera_id=${id}&${query}`)));
  if (asked === reckoned) write($("#cost"), priceWords(costs));
}

const text = (name) => form.elements[name].value.trim();
const texts = () => Object.fromEntries(SAID[open.kind].map((name) => [name, text(name)]));

/** False after what is wrong was said at its field. */
const WORK = {
  async new() {
    const deadline = open.kind === "holds" ? readDeadline() : {};
    const period = deadline && readPeriod(form, true);
    if (!period) return false;
    if (open.kind === "preservations") return preserve(period);
    await send("", "POST", { ...texts(), ...deadline, periods: periodsOf(period) });
    return true;
  },
  async change() {
    await send(`/${open.item.id}`, "PATCH", texts());
    return true;
  },
  async extend() {
    const period = readPeriod(form, true);
    if (!period) return false;
    await send(`/${open.item.id}/periods`, "POST", { periods: periodsOf(period) });
    return true;
  },
  async confirm() {
    const deadline = readDeadline();
    if (!deadline) return false;
    await send(`/${open.item.id}/confirm`, "POST", deadline);
    return true;
  },
  async release() {
    await send(`/${open.item.id}`, "DELETE", { reason: text("reason") });
    return true;
  },
};

const periodsOf = (period) => ticked(form).map((id) => ({ camera_id: id, ...period }));

function send(path, method, body) {
  return api(`/${open.kind}${path}`, { method, body, headers: ifMatch(open.version) });
}

function readDeadline() {
  const field = form.elements.deadline;
  const least = Math.max(serverNow(), open.act === "confirm" ? Date.parse(open.item.deadline) : 0);
  if (momentOf(field.value) > least) return { deadline: iso(field) };
  mark(form, "deadline", say("form.wrong.deadline"));
  field.focus();
  return null;
}

/** A preserved period is of one camera: those that are preserved are not asked for again when one is refused. */
async function preserve(period) {
  const cameras = ticked(form);
  const finished = [];
  try {
    for (const id of cameras) {
      await send("", "POST", { camera_id: id, ...period, reason: text("reason") });
      finished.push(id);
    }
    return true;
  } catch (error) {
    if (!finished.length) throw error;
    drawTicks(form, "preserve", cameras.slice(finished.length));
    fail(form, say("kept.part", { done: finished.map(cameraName).join(", "), why: problemWords(error, own) }));
    await refresh();
    return false;
  }
}

/** After somebody else's change the form shows what stands now. */
async function work() {
  try {
    return await WORK[open.act]();
  } catch (error) {
    if (error.status !== 412) throw error;
    await takeNewest();
    if (open.act === "change") fillIn({});
    throw error;
  }
}

/** `again` draws the lists anew. */
export function dressForm(again) {
  refresh = again;
  onPeriod(
    form,
    async () => {
      if (!(await work())) return;
      dialog.close();
      done(say(`kept.done.${open.act}`));
      await refresh();
    },
    own,
  );
  form.addEventListener("input", reckonLater);
}
