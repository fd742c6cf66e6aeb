// One export: what is in it and what is missing, its hashes, and to whom it was handed.

import { api } from "./api.js";
import { ask, openDialog } from "./ask.js";
import { duration, fullMoment } from "./clock.js";
import { $, el, fill, show } from "./dom.js";
import { done } from "./done.js";
import { cameraName, mayWith, missingCause, periodOf, replayAddress } from "./evidence.js";
import { failureWords, isUnderWay, noteWords, requestOf, stateOf } from "./evidence_export_words.js";
import { onSubmit, unmarkAll } from "./form.js";
import { showFailure } from "./problems.js";
import { bytes, say } from "./words.js";

const RETRIED = ["failed", "cancelled"];
const details = $("#details");
const delivery = $("#delivery");
let opened = null;
let refresh = null;

export function openDetails(one) {
  describe(one);
  openDialog(details);
}

/** As it stands now, if it is open and stands otherwise. */
export function showDetails(known) {
  const now = opened && known.get(opened.id);
  if (now && details.open && JSON.stringify(now) !== JSON.stringify(opened)) describe(now);
}

function describe(one) {
  opened = one;
  fill(details, {
    title: `${requestOf(one)} · ${say(`export.format.${one.format}`)}`,
    period: periodOf(one),
    state: stateOf(one),
    reason: one.reason,
    by: say("export.by", { name: one.by.name ?? "", when: fullMoment(Date.parse(one.created_at)) }),
    failed: one.failure ? failureWords(one.failure) : "",
    remove: say(isUnderWay(one) ? "export.cancel" : "export.remove"),
  });
  show($("#export-failure"), Boolean(one.failure));
  describeWhatItHolds(one);
  $("#deliveries").replaceChildren(...one.deliveries.map(deliveryOf));
  show($("#no-deliveries"), one.deliveries.length === 0);
  $("#watch").href = replayAddress(one.camera_ids, one.start);
  offerWhatMayBeDone(one);
}

function describeWhatItHolds(one) {
  const held = one.cameras.length
    ? one.cameras.map(heldOf)
    : one.camera_ids.map((id) => el("p", {}, cameraName(id)));
  $("[data-slot=held]", details).replaceChildren(...held);
  $("[data-slot=hashes]", details).replaceChildren(...one.files.map(fileOf));
  show($("#files"), one.files.length > 0);
}

function offerWhatMayBeDone(one) {
  show($("#watch"), mayWith("replay", one.camera_ids));
  show($("#handed"), one.state === "done");
  show($("#retry"), RETRIED.includes(one.state));
  show($("#remove"), isUnderWay(one) || (one.state === "done" && !one.removed_at));
}

function heldOf(camera) {
  const lengths = { delivered: duration(camera.delivered_seconds), requested: duration(camera.requested_seconds) };
  const line = say("export.camera", { name: cameraName(camera.camera_id), ...lengths });
  const gaps = camera.gaps.map((gap) => say("export.gap", { period: periodOf(gap), cause: missingCause(gap) }));
  const lines = [...gaps, ...camera.notes.map(noteWords)].map((words) => el("li", {}, words));
  return el("div", {}, el("p", {}, line), lines.length ? el("ul", { class: "gaps" }, ...lines) : null);
}

function fileOf({ name, bytes: size, sha256 }) {
  return el("li", {}, `${name} · ${bytes(size)}`, el("code", {}, `SHA-256 ${sha256}`));
}

function deliveryOf(one) {
  const head = say("export.delivery", { receiver: one.receiver, when: fullMoment(Date.parse(one.at)) });
  const more = [one.document, one.note, one.by.name].filter(Boolean).join(" · ");
  const under = el("span", { class: "under" }, more);
  const hash = el("code", {}, `SHA-256 ${one.sha256}`);
  return el("li", { class: "item" }, el("div", { class: "item__body" }, head, under, hash));
}

/** Does it to the export that is open, says so, and shows how things stand then. */
async function change(path, method, words) {
  try {
    await api(`/exports/${opened.id}${path}`, { method });
    done(say(words));
  } catch (error) {
    showFailure(error);
  }
  details.close();
  await refresh().catch(() => {});
}

/** `again` asks for the newest exports. */
export function dressDetails(again) {
  refresh = again;
  $("#remove").addEventListener("click", async () => {
    const underWay = isUnderWay(opened);
    if (!(await ask($(underWay ? "#sure-cancel" : "#sure-remove")))) return;
    await change("", "DELETE", underWay ? "export.cancelled" : "export.removed");
  });
  $("#retry").addEventListener("click", () => change("/retry", "POST", "export.again"));
  $("#deliver").addEventListener("click", () => {
    $("form", delivery).reset();
    unmarkAll($("form", delivery));
    openDialog(delivery);
  });
  onSubmit($("form", delivery), deliver);
  // The rows may have been drawn anew in the meantime.
  details.addEventListener("close", () => $(`#exports [data-id="${opened.id}"] [data-slot=open]`)?.focus());
}

async function deliver({ receiver, document: paper, note }) {
  const body = { receiver: receiver.value.trim(), document: paper.value.trim(), note: note.value.trim() };
  await api(`/exports/${opened.id}/deliveries`, { method: "POST", body });
  delivery.close();
  done(say("export.delivered"));
  await refresh().catch(() => {});
}
