// Exports: asked for, followed while they are made, fetched, handed over.

import { answer, api } from "./api.js";
import { ask, openDialog } from "./ask.js";
import { date, duration, fullMoment, moment } from "./clock.js";
import { $, clone, el, fill, redraw, show } from "./dom.js";
import { done } from "./done.js";
import {
  cameraName,
  drawTicks,
  fillPeriod,
  loadCameras,
  may,
  periodOf,
  readCamerasAndPeriod,
} from "./evidence.js";
import { onSubmit, unmarkAll } from "./form.js";
import { gapCause } from "./replay_words.js";
import { showFailure } from "./problems.js";
import "./shell.js";
import { bytes, count, knows, percent, say } from "./words.js";

const PAGE = 50;
const AGAIN_MS = 2000;
const UNDER_WAY = ["queued", "running"];
const BADGES = { queued: "starting", running: "starting", done: "online", failed: "offline", cancelled: "disabled" };
const details = $("#details");
const delivery = $("#delivery");
const known = new Map();
let cursor = null;
let opened = null;
let timer = 0;

async function load() {
  const page = await api(`/exports?limit=${PAGE}`);
  known.clear();
  take(page);
  show($("#loading"), false);
}

function take(page) {
  for (const one of page.items) known.set(one.id, one);
  cursor = page.next;
  draw();
}

const refresh = () => load().catch(showFailure);

function draw() {
  const exports = [...known.values()];
  redraw($("#exports tbody"), exports.map(rowOf));
  show($("#filled"), exports.length > 0);
  show($("#empty"), exports.length === 0);
  show($("#more"), Boolean(cursor));
  if (opened && details.open && known.has(opened.id)) describe(known.get(opened.id));
  clearTimeout(timer);
  if (exports.some(isUnderWay)) timer = setTimeout(follow, AGAIN_MS);
}

const isUnderWay = ({ state }) => UNDER_WAY.includes(state);

/** Asks only about those that are being made. */
async function follow() {
  try {
    const asked = [...known.values()].filter(isUnderWay).map(({ id }) => api(`/exports/${id}`));
    for (const one of await Promise.all(asked)) known.set(one.id, one);
  } catch (error) {
    showFailure(error);
  }
  draw();
}

const requestOf = (one) => one.request_number || say("export.no_request");

function rowOf(one) {
  const row = clone("export-row");
  row.dataset.id = one.id;
  const ready = one.state === "done" && one.bytes !== null;
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
  $("[data-slot=state]", row).dataset.state = BADGES[one.state];
  const progress = $("[data-slot=progress]", row);
  progress.value = one.progress;
  progress.setAttribute("aria-label", say("export.progress", { share: percent(one.progress) }));
  show(progress, isUnderWay(one));
  const download = $("[data-slot=download]", row);
  download.setAttribute("aria-label", say("export.download", { request: requestOf(one) }));
  download.href = `/api/v1/exports/${one.id}/download`;
  show(download, ready && may("export"));
  download.addEventListener("click", (event) => fetchFile(event, one));
  const open = $("[data-slot=open]", row);
  open.setAttribute("aria-label", say("export.details", { request: requestOf(one) }));
  open.addEventListener("click", () => openDetails(one));
  return row;
}

/** Only two names fit; the rest is counted. */
function camerasOf({ camera_ids: ids }) {
  return ids.length > 2 ? count("export.cameras", ids.length) : ids.map(cameraName).join(", ");
}

function stateOf(one) {
  const word = say(`export.state.${one.state}`);
  return one.state === "running" ? `${word}, ${percent(one.progress)}` : word;
}

function missingOf({ missing_seconds: missing }) {
  if (missing === null) return "–";
  return missing < 1 ? say("export.whole") : duration(missing);
}

/** The browser fetches the file itself; one byte is asked for before, so that the password is wanted here. */
async function fetchFile(event, one) {
  event.preventDefault();
  try {
    await answer(`/exports/${one.id}/download`, { headers: { Range: "bytes=0-0" } });
    location.assign(`/api/v1/exports/${one.id}/download`);
  } catch (error) {
    showFailure(error);
  }
}

function openDetails(one) {
  opened = one;
  describe(one);
  openDialog(details);
}

function describe(one) {
  opened = one;
  fill(details, {
    title: `${requestOf(one)} · ${say(`export.format.${one.format}`)}`,
    reason: one.reason,
    by: say("export.by", { name: one.by.name ?? "", when: fullMoment(Date.parse(one.created_at)) }),
    failed: one.failure ? failureWords(one.failure) : "",
    remove: say(isUnderWay(one) ? "export.cancel" : "export.remove"),
  });
  show($("#export-failure"), Boolean(one.failure));
  $("[data-slot=held]", details).replaceChildren(...one.cameras.map(heldOf));
  $("[data-slot=hashes]", details).replaceChildren(...one.files.map(fileOf));
  show($("#files"), one.files.length > 0);
  $("#deliveries").replaceChildren(...one.deliveries.map(deliveryOf));
  show($("#no-deliveries"), one.deliveries.length === 0);
  show($("#deliver"), one.state === "done" && may("export"));
  show($("#retry"), ["failed", "cancelled"].includes(one.state) && may("export"));
  show($("#remove"), may("export") && (isUnderWay(one) || one.files.length > 0));
}

function failureWords({ code, detail }) {
  return knows(`export.failed.${code}`) ? say(`export.failed.${code}`) : say("export.failed.other", { detail });
}

function heldOf(camera) {
  const lengths = { delivered: duration(camera.delivered_seconds), requested: duration(camera.requested_seconds) };
  const line = say("export.camera", { name: cameraName(camera.camera_id), ...lengths });
  const gaps = camera.gaps.map((gap) =>
    el("li", {}, say("export.gap", { period: periodOf(gap), cause: gapCause({ cause: gap.cause }) })),
  );
  return el("div", {}, el("p", {}, line), gaps.length ? el("ul", { class: "gaps" }, ...gaps) : null);
}

function fileOf({ name, bytes: size, sha256 }) {
  return el("li", {}, `${name} · ${bytes(size)}`, el("code", {}, `SHA-256 ${sha256}`));
}

function deliveryOf(one) {
  const head = say("export.delivery", { receiver: one.receiver, when: fullMoment(Date.parse(one.at)) });
  const more = [one.document, one.note, one.by.name].filter(Boolean).join(" · ");
  return el("li", { class: "item" }, el("div", { class: "item__body" }, head, el("span", { class: "under" }, more)));
}

/** Does it to the export that is open, says so, and shows how things stand then. */
async function change(path, method, words, body) {
  try {
    await api(`/exports/${opened.id}${path}`, { method, body });
    done(say(words));
  } catch (error) {
    details.close();
    showFailure(error);
  }
  await refresh();
}

$("#remove").addEventListener("click", async () => {
  const underWay = isUnderWay(opened);
  if (!(await ask($(underWay ? "#sure-cancel" : "#sure-remove")))) return;
  details.close();
  await change("", "DELETE", underWay ? "export.cancelled" : "export.removed");
});
$("#retry").addEventListener("click", () => change("/retry", "POST", "export.again"));
$("#deliver").addEventListener("click", () => {
  const form = $("form", delivery);
  form.reset();
  unmarkAll(form);
  openDialog(delivery);
});
onSubmit($("form", delivery), async ({ receiver, document: paper, note }) => {
  const body = { receiver: receiver.value.trim(), document: paper.value.trim(), note: note.value.trim() };
  await api(`/exports/${opened.id}/deliveries`, { method: "POST", body });
  delivery.close();
  done(say("export.delivered"));
  await refresh();
});

const newForm = $("#new form");
$("#add")?.addEventListener("click", () => {
  newForm.reset();
  unmarkAll(newForm);
  fillPeriod(newForm);
  openDialog($("#new"));
});
onSubmit(newForm, async (fields) => {
  const chosen = readCamerasAndPeriod(newForm);
  if (!chosen) return;
  const body = {
    camera_ids: chosen.cameras,
    start: chosen.start,
    end: chosen.end,
    format: fields.format.value,
    reason: fields.reason.value.trim(),
    request_number: fields.request_number.value.trim(),
  };
  await api("/exports", { method: "POST", body });
  $("#new").close();
  done(say("export.asked"));
  await refresh();
});
$("#more").addEventListener("click", async () => {
  try {
    take(await api(`/exports?limit=${PAGE}&cursor=${encodeURIComponent(cursor)}`));
  } catch (error) {
    showFailure(error);
  }
});
loadCameras()
  .then((cameras) => drawTicks(newForm, cameras))
  .catch(showFailure)
  .then(refresh);
