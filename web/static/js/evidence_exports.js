// Exports: asked for, followed while they are made, fetched.

import { answer, api } from "./api.js";
import { date, duration } from "./clock.js";
import { $, clone, fill, redraw, show } from "./dom.js";
import { begin, cameraName, periodOf } from "./evidence.js";
import { dressDetails, openDetails, showDetails } from "./evidence_export_details.js";
import { dressForm, openAsked } from "./evidence_export_form.js";
import { isUnderWay, requestOf, stateOf } from "./evidence_export_words.js";
import { showFailure } from "./problems.js";
import { repeat } from "./repeat.js";
import "./shell.js";
import { bytes, count, percent, say } from "./words.js";

const PAGE = 50;
const FOLLOW_MS = 2000;
const REFRESH_EVERY = 10;
const BADGES = { queued: "starting", running: "starting", done: "online", failed: "offline" };
const known = new Map();
let cursor = null;
let drawn = "";
let turns = 0;

/** The newest, whoever asked for them. */
async function refresh() {
  const page = await api(`/exports?limit=${PAGE}`);
  if (!known.size) cursor = page.next;
  take(page.items);
}

function take(exports) {
  for (const one of exports) known.set(one.id, one);
  draw();
}

/** Asks only about those that are being made. */
async function follow() {
  const open = [...known.values()].filter(isUnderWay);
  const answers = await Promise.allSettled(open.map(({ id }) => api(`/exports/${id}`)));
  take(answers.filter(({ status }) => status === "fulfilled").map(({ value }) => value));
}

/** Never both at once: an answer that was overtaken would turn the clock back. */
function look() {
  turns += 1;
  return turns % REFRESH_EVERY ? follow() : refresh();
}

/** Nothing is touched while it stands as it stood: somebody may be copying a hash. */
function draw() {
  const exports = [...known.values()].sort((a, b) => (a.created_at < b.created_at ? 1 : -1));
  const key = JSON.stringify(exports);
  if (key === drawn) return;
  drawn = key;
  redraw($("#exports tbody"), exports.map(rowOf));
  show($("#filled"), exports.length > 0);
  show($("#empty"), exports.length === 0);
  show($("#more"), Boolean(cursor));
  showDetails(known);
}

function rowOf(one) {
  const row = clone("export-row");
  row.dataset.id = one.id;
  const ready = one.state === "done" && !one.removed_at;
  fill(row, {
    request: requestOf(one),
    what: say(`export.format.${one.format}`),
    period: periodOf(one),
    cameras: camerasOf(one),
    state: stateOf(one),
    missing: missingOf(one),
    size: ready ? bytes(one.bytes) : "–",
    until: ready && one.expires_at ? say("export.until", { when: date(Date.parse(one.expires_at)) }) : "",
  });
  $("[data-slot=state]", row).dataset.state = one.removed_at ? "disabled" : (BADGES[one.state] ?? "disabled");
  dressProgress($("[data-slot=progress]", row), one);
  dressDownload($("[data-slot=download]", row), one, ready);
  const open = $("[data-slot=open]", row);
  open.setAttribute("aria-label", say("export.details", nameOf(one)));
  open.addEventListener("click", () => openDetails(one));
  return row;
}

/** What tells it from its neighbours, for who hears the buttons. */
const nameOf = (one) => ({ request: `${requestOf(one)}, ${periodOf(one)}` });

/** Only two names fit; the rest is counted. */
function camerasOf({ camera_ids: ids }) {
  return ids.length > 2 ? count("export.cameras", ids.length) : ids.map(cameraName).join(", ");
}

function missingOf({ missing_seconds: missing }) {
  if (missing === null) return "–";
  return missing < 1 ? say("export.whole") : duration(missing);
}

function dressProgress(bar, one) {
  bar.value = one.progress;
  bar.setAttribute("aria-label", say("export.progress", { share: percent(one.progress) }));
  show(bar, isUnderWay(one));
}

function dressDownload(link, one, ready) {
  link.setAttribute("aria-label", say("export.download", nameOf(one)));
  link.href = `/api/v1/exports/${one.id}/download`;
  show(link, ready);
  link.addEventListener("click", (event) => fetchFile(event, one));
}

/** The browser fetches the file itself; one byte is asked for before, so that the password is wanted here. */
async function fetchFile(event, one) {
  event.preventDefault();
  try {
    await answer(`/exports/${one.id}/download`, { headers: { Range: "bytes=0-0" } });
    location.assign(`/api/v1/exports/${one.id}/download`);
  } catch (error) {
    showFailure(error);
    refresh().catch(() => {});
  }
}

$("#more").addEventListener("click", async () => {
  try {
    const page = await api(`/exports?limit=${PAGE}&cursor=${encodeURIComponent(cursor)}`);
    cursor = page.next;
    take(page.items);
  } catch (error) {
    showFailure(error);
  }
});
dressDetails(refresh);
dressForm(refresh);
begin(async () => {
  await refresh();
  repeat(look, FOLLOW_MS);
  $("#add").disabled = false;
  openAsked();
});
