// Video that is kept: for requests of authorities, for incidents, or because somebody pressed "preserve".

import { api, list } from "./api.js";
import { fullMoment } from "./clock.js";
import { $, $$, clone, fill, redraw, show, write } from "./dom.js";
import { begin, cameraName, distinct, mayWith, periodOf, replayAddress } from "./evidence.js";
import { dressDetails, openDetails } from "./evidence_kept_details.js";
import { dressForm, openForm } from "./evidence_kept_form.js";
import { KINDS, costWords, inOrder, isOver, leftMs, periodsOf } from "./evidence_kept_words.js";
import { showFailure } from "./problems.js";
import "./shell.js";
import { bytes, count, say } from "./words.js";

/** As the notice about it says. */
const SOON_MS = 7 * 86_400_000;
const EXPIRING = "/recordings/expiring?within_hours=24&limit=500";

async function load() {
  await Promise.all([...Object.keys(KINDS).map(loadKind), loadExpiring(), loadSum()]);
  show($("#filled"), true);
}

const refresh = () => load().catch(showFailure);

async function loadKind(kind) {
  const items = inOrder(await list($("#past").checked ? KINDS[kind].past : KINDS[kind].path));
  redraw($(`#${kind} tbody`), items.map((item) => rowOf(kind, item)));
  show($(`#${kind}`), items.length > 0);
  show($(`#no-${kind}`), items.length === 0);
}

/** What is kept twice takes its place once: only the box can tell, and only to who may see live. */
async function loadSum() {
  const storage = await api("/storage").catch(() => null);
  const { protected_bytes: taken, protected_days: days } = storage?.total ?? {};
  if (!taken) return write($("#sum"), "");
  const words = costWords({ bytes: taken, retention_days: days });
  return write($("#sum"), say(words.days ? "kept.total.days" : "kept.total", words));
}

function rowOf(kind, item) {
  const row = clone(`${kind}-row`);
  row.dataset.id = item.id;
  row.dataset.over = isOver(item) ? "yes" : "no";
  if (kind === "holds" && !isOver(item) && leftMs(item) < SOON_MS) row.dataset.soon = "yes";
  const words = KINDS[kind].words(item);
  fill(row, { ...words, ...(isOver(item) ? { bytes: "–", days: "" } : costWords(item)) });
  const periods = periodsOf(item);
  const watch = $("[data-slot=watch]", row);
  if (periods.length) watch.href = replayAddress(distinct(periods), periods[0].start);
  show(watch, periods.length > 0);
  const called = { name: `${words.name}, ${words.what}` };
  watch.setAttribute("aria-label", say("kept.watch", called));
  dress($("[data-slot=open]", row), say("kept.open", called), () => openDetails(kind, item));
  return row;
}

function dress(button, label, act) {
  button.setAttribute("aria-label", label);
  button.addEventListener("click", act);
}

/** Camera by camera, because that is how one looks through it. */
async function loadExpiring() {
  const page = await api(EXPIRING);
  const cameras = new Map();
  for (const item of page.items) cameras.set(item.camera_id, [...(cameras.get(item.camera_id) ?? []), item]);
  redraw($("#expiring tbody"), [...cameras].map(([id, items]) => expiringRow(id, items)));
  show($("#expiring"), cameras.size > 0);
  show($("#no-expiring"), cameras.size === 0);
  const sum = bytes(sumOf(page.items));
  write($("#expiring-sum"), cameras.size ? say(page.next ? "kept.at_least" : "kept.sum", { bytes: sum }) : "");
}

const sumOf = (items) => items.reduce((sum, item) => sum + item.bytes, 0);
const least = (items, name) => items.map((item) => item[name]).reduce((a, b) => (a < b ? a : b));
const most = (items, name) => items.map((item) => item[name]).reduce((a, b) => (a > b ? a : b));

function expiringRow(id, items) {
  const row = clone("expiring-row");
  row.dataset.id = id;
  const period = { start: least(items, "start"), end: most(items, "end") };
  const name = cameraName(id);
  fill(row, {
    name,
    what: periodOf(period),
    count: count("kept.recordings", items.length),
    when: fullMoment(Date.parse(least(items, "expires_at"))),
    bytes: bytes(sumOf(items)),
  });
  const watch = $("[data-slot=watch]", row);
  watch.href = replayAddress([id], period.start);
  watch.setAttribute("aria-label", say("kept.watch", { name }));
  const keep = $("[data-slot=keep]", row);
  if (!keep) return row;
  show(keep, mayWith("preserve", [id]));
  dress(keep, say("kept.keep", { name }), () => openForm("preservations", "new", null, { cameras: [id], ...period }));
  return row;
}

for (const button of $$("[data-add]")) {
  button.addEventListener("click", () => openForm(button.dataset.add, "new"));
}
$("#past").addEventListener("change", refresh);
dressDetails();
dressForm(refresh);
begin(load);
