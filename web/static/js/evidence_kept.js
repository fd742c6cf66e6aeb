// Video that is kept: for requests of authorities, for incidents, or because somebody pressed "preserve".

import { api, list } from "./api.js";
import { ask, openDialog } from "./ask.js";
import { date, duration, fullMoment, momentOf, serverNow } from "./clock.js";
import { $, $$, clone, fill, redraw, show, write } from "./dom.js";
import { done } from "./done.js";
import {
  cameraName,
  drawTicks,
  fillPeriod,
  loadCameras,
  localOf,
  periodOf,
  readCamerasAndPeriod,
  replayAddress,
  ticked,
} from "./evidence.js";
import { mark, onSubmit, unmarkAll } from "./form.js";
import { showFailure } from "./problems.js";
import "./shell.js";
import { bytes, count, number, say } from "./words.js";

const DAY_MS = 86_400_000;
const HOLD_MS = 90 * DAY_MS;
const COST_AFTER_MS = 400;
const dialog = $("#new");
const form = $("form", dialog);
const confirmDialog = $("#confirm");
let adding = "preservations";
let confirming = null;
let costTimer = 0;

const distinct = (periods) => [...new Set(periods.map((period) => period.camera_id))];

/** What a row of each kind says of a thing. */
const KINDS = {
  holds: {
    path: "/holds?state=active",
    words: (hold) => ({
      name: hold.number,
      more: hold.authority,
      ...periodsWords(hold.periods),
      when: endWords(hold.deadline),
      by: byWords(hold),
    }),
    periods: (hold) => hold.periods,
  },
  incidents: {
    path: "/incidents",
    words: (incident) => ({
      name: incident.name,
      more: incident.note,
      ...periodsWords(incident.periods),
      when: date(Date.parse(incident.created_at)),
      by: byWords(incident),
    }),
    periods: (incident) => incident.periods,
  },
  preservations: {
    path: "/preservations?keeping=preserved",
    words: (kept) => ({
      name: cameraName(kept.camera_id),
      more: "",
      what: periodOf(kept),
      where: "",
      when: kept.reason,
      by: say("kept.by_at", { name: nameOf(kept.by), when: date(Date.parse(kept.created_at)) }),
    }),
    periods: (kept) => [kept],
  },
};

const nameOf = (by) => by.name ?? say("kept.box");
const byWords = ({ by }) => say("kept.by", { name: nameOf(by) });

function periodsWords(periods) {
  const where = distinct(periods).map(cameraName).join(", ");
  return { what: periods.length === 1 ? periodOf(periods[0]) : count("kept.periods", periods.length), where };
}

function endWords(deadline) {
  const at = Date.parse(deadline);
  const left = duration(Math.max(0, at - serverNow()) / 1000);
  return say("kept.ends", { when: fullMoment(at), left });
}

const daysWords = (days) => (days === null ? "" : say("kept.days", { n: number(days, days < 10 ? 1 : 0) }));

async function load() {
  await Promise.all([...Object.keys(KINDS).map(loadKind), loadExpiring()]);
  show($("#loading"), false);
  show($("#filled"), true);
}

const refresh = () => load().catch(showFailure);

async function loadKind(kind) {
  const items = (await list(KINDS[kind].path)).filter((item) => !item.closed_at && !item.ended_at && !item.released_at);
  redraw($(`#${kind} tbody`), items.map((item) => rowOf(kind, item)));
  show($(`#${kind}`), items.length > 0);
  show($(`#no-${kind}`), items.length === 0);
  const sum = items.reduce((total, item) => total + item.bytes, 0);
  write($(`#${kind}-sum`), items.length ? say("kept.sum", { bytes: bytes(sum) }) : "");
}

function rowOf(kind, item) {
  const row = clone("kept-row");
  row.dataset.id = item.id;
  const words = KINDS[kind].words(item);
  fill(row, { ...words, bytes: bytes(item.bytes), days: daysWords(item.retention_days) });
  const periods = KINDS[kind].periods(item);
  const watch = $("[data-slot=watch]", row);
  watch.href = periods.length ? replayAddress(distinct(periods), periods[0].start) : "/replay";
  watch.setAttribute("aria-label", say("kept.watch", words));
  label($("[data-slot=release]", row), "kept.release", words, () => release(kind, item, words));
  const confirm = $("[data-slot=confirm]", row);
  if (confirm && kind === "holds") {
    label(confirm, "kept.confirm", words, () => openConfirm(item));
    show(confirm, true);
  }
  return row;
}

function label(button, key, words, act) {
  button?.setAttribute("aria-label", say(key, words));
  button?.addEventListener("click", act);
}

async function release(kind, item, { name }) {
  if (!(await ask($("#sure"), { name }))) return;
  try {
    await api(`/${kind}/${item.id}`, { method: "DELETE" });
    done(say("kept.released"));
  } catch (error) {
    showFailure(error);
  }
  refresh();
}

async function loadExpiring() {
  const page = await api("/recordings/expiring?within_hours=24&limit=500");
  write($("#expiring"), page.items.length ? expiringWords(page) : say("kept.expiring.none"));
}

function expiringWords({ items, next }) {
  const first = Math.min(...items.map((item) => Date.parse(item.expires_at)));
  const facts = {
    count: next ? say("kept.expiring.more", { n: number(items.length) }) : count("kept.recordings", items.length),
    bytes: bytes(items.reduce((sum, item) => sum + item.bytes, 0)),
    first: fullMoment(first),
  };
  return say("kept.expiring", facts);
}

function openNew(kind) {
  adding = kind;
  form.reset();
  unmarkAll(form);
  for (const part of $$("[data-only]", form)) show(part, part.dataset.only === kind);
  fillPeriod(form);
  form.elements.deadline.value = localOf(serverNow() + HOLD_MS).slice(0, 16);
  write($("#cost"), "");
  openDialog(dialog, { title: say(`kept.${kind}.new`) });
}

/** What it would cost, as soon as the form says enough. */
function reckonLater() {
  clearTimeout(costTimer);
  costTimer = setTimeout(() => reckon().catch(() => write($("#cost"), "")), COST_AFTER_MS);
}

async function reckon() {
  const { start, end } = form.elements;
  const cameras = ticked(form);
  if (!cameras.length || !start.value || end.value <= start.value) return write($("#cost"), "");
  const iso = (field) => new Date(momentOf(field.value)).toISOString();
  const query = new URLSearchParams({ start: iso(start), end: iso(end) });
  const costs = await Promise.all(cameras.map((id) => api(`/preservations/cost?camera_id=${id}&${query}`)));
  const total = bytes(costs.reduce((sum, cost) => sum + cost.bytes, 0));
  const unknown = costs.some((cost) => cost.retention_days === null);
  const days = costs.reduce((sum, cost) => sum + (cost.retention_days ?? 0), 0);
  const facts = { bytes: total, days: number(days, days < 10 ? 1 : 0) };
  return write($("#cost"), say(unknown ? "kept.cost.bytes" : "kept.cost", facts));
}

const text = (name) => form.elements[name].value.trim();

/** A hold and an incident are one thing with many periods; a preserved period is one thing for each camera. */
async function keep({ cameras, start, end }) {
  const periods = cameras.map((id) => ({ camera_id: id, start, end }));
  if (adding === "preservations") {
    for (const period of periods) await post("/preservations", { ...period, reason: text("reason") });
  } else if (adding === "incidents") {
    await post("/incidents", { name: text("name"), note: text("note"), periods });
  } else {
    const deadline = new Date(momentOf(form.elements.deadline.value)).toISOString();
    const request = { number: text("number"), authority: text("authority"), purpose: text("purpose") };
    await post("/holds", { ...request, deadline, periods });
  }
}

const post = (path, body) => api(path, { method: "POST", body });

onSubmit(
  form,
  async () => {
    const chosen = readCamerasAndPeriod(form);
    if (!chosen) return;
    await keep(chosen);
    dialog.close();
    done(say("kept.done"));
    await refresh();
  },
  { 409: "kept.nothing_there" },
);
form.addEventListener("input", reckonLater);

function openConfirm(hold) {
  confirming = hold;
  const fields = $("form", confirmDialog);
  unmarkAll(fields);
  fields.elements.deadline.value = localOf(Date.parse(hold.deadline) + HOLD_MS).slice(0, 16);
  openDialog(confirmDialog, { name: `${hold.number} · ${hold.authority}` });
}

onSubmit($("form", confirmDialog), async (fields) => {
  const at = momentOf(fields.deadline.value);
  if (at <= serverNow()) return mark($("form", confirmDialog), "deadline", say("form.wrong.deadline"));
  const body = { deadline: new Date(at).toISOString() };
  await api(`/holds/${confirming.id}/confirm`, { method: "POST", body });
  confirmDialog.close();
  done(say("kept.confirmed"));
  return refresh();
});
for (const button of $$("[data-add]")) button.addEventListener("click", () => openNew(button.dataset.add));
loadCameras()
  .then((cameras) => drawTicks(form, cameras))
  .catch(showFailure)
  .then(refresh);
