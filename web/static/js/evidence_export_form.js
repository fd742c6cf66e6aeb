// The form of a new export, empty or filled in by the page that led here.

import { api } from "./api.js";
import { openDialog } from "./ask.js";
import { serverNow } from "./clock.js";
import { $, show } from "./dom.js";
import { done } from "./done.js";
import { drawTicks, fillPeriod, onPeriod, readPeriod, ticked } from "./evidence.js";
import { unmarkAll } from "./form.js";
import { say } from "./words.js";

const dialog = $("#new");
const form = $("form", dialog);
const OWN = { 404: "export.gone", 429: "export.too_many" };
let holdId = null;

/** `asked` is what the address asks for, by the names the API has for it. */
function openForm(asked = new URLSearchParams()) {
  form.reset();
  unmarkAll(form);
  drawTicks(form, "export", asked.getAll("camera_id"));
  const [start, end] = [Date.parse(asked.get("start")), Date.parse(asked.get("end"))];
  if (start < end) fillPeriod(form, start, Math.min(end, serverNow()));
  else fillPeriod(form);
  for (const name of ["request_number", "reason"]) form.elements[name].value = asked.get(name) ?? "";
  if (asked.get("format")) form.elements.format.value = asked.get("format");
  holdId = asked.get("hold_id");
  show($("#for-hold"), Boolean(holdId));
  openDialog(dialog);
}

/** What was filled in elsewhere is shown once: whoever loads the page again finds the list. */
export function openAsked() {
  const asked = new URLSearchParams(location.search);
  if (!asked.has("camera_id")) return;
  history.replaceState(null, "", location.pathname);
  openForm(asked);
}

async function order({ format, reason, request_number: number }, again) {
  const period = readPeriod(form);
  if (!period) return;
  const body = {
    camera_ids: ticked(form),
    ...period,
    format: format.value,
    reason: reason.value.trim(),
    request_number: number.value.trim(),
    ...(holdId && { hold_id: holdId }),
  };
  await api("/exports", { method: "POST", body });
  dialog.close();
  done(say("export.asked"));
  await again().catch(() => {});
}

/** `again` asks for the newest exports. */
export function dressForm(again) {
  $("#add").addEventListener("click", () => openForm());
  onPeriod(form, (fields) => order(fields, again), OWN);
}
