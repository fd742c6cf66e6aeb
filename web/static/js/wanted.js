// The plates a city looks for.

import { api } from "./api.js";
import { ask, openDialog } from "./ask.js";
import { date, duration, fullMoment, momentOf, serverNow } from "./clock.js";
import { $, clone, fill, redraw, show } from "./dom.js";
import { done } from "./done.js";
import { focusFirstWrong, mark, onSubmit, unmarkAll } from "./form.js";
import { LEAST_SIGNS, MOST_SIGNS, drawPlate, formatOf, otherFormat, showLevel, signsOf, written } from "./plates.js";
import { showFailure } from "./problems.js";
import { localMoment } from "./replay_time.js";
import "./shell.js";
import { say } from "./words.js";

const PAGE = 100;
const dialog = $("#form");
const form = dialog && $("form", dialog);
let items = [];
let cursor = null;
let open = null;

async function load() {
  items = [];
  await more(null);
  show($("#loading"), false);
}

async function more(after) {
  const page = await api(`/wanted-plates?limit=${PAGE}${after ? `&cursor=${encodeURIComponent(after)}` : ""}`);
  items.push(...page.items);
  cursor = page.next;
  redraw($("#plates tbody"), items.map(rowOf));
  show($("#filled"), items.length > 0);
  show($("#empty"), items.length === 0);
  show($("#more"), Boolean(cursor));
}

function rowOf(wanted) {
  const row = clone("wanted-row");
  const plate = written(wanted.plate);
  row.dataset.id = wanted.id;
  row.dataset.over = isOver(wanted) ? "yes" : "no";
  $("[data-slot=plate-place]", row).replaceWith(drawPlate(wanted.plate));
  showLevel($(".badge", row), wanted.level);
  fill(row, {
    reason: wanted.reason,
    until: wanted.until ? fullMoment(Date.parse(wanted.until)) : say("wanted.for_ever"),
    left: leftWords(wanted),
    created: date(Date.parse(wanted.created_at)),
    by: say("wanted.by", { name: wanted.by.name ?? say("wanted.box") }),
  });
  const readings = $("[data-slot=readings]", row);
  readings.href = `/detections?${new URLSearchParams({ plate: wanted.plate, fuzzy: "true" })}`;
  readings.setAttribute("aria-label", say("wanted.readings", { plate }));
  dress($("[data-slot=edit]", row), say("wanted.edit", { plate }), () => openForm(wanted));
  dress($("[data-slot=remove]", row), say("wanted.remove", { plate }), () => remove(wanted));
  return row;
}

function dress(button, label, act) {
  button?.setAttribute("aria-label", label);
  button?.addEventListener("click", act);
}

const isOver = ({ until }) => Boolean(until) && Date.parse(until) <= serverNow();

function leftWords({ until }) {
  if (!until) return "";
  const left = (Date.parse(until) - serverNow()) / 1000;
  return left <= 0 ? say("wanted.over") : say("wanted.left", { time: duration(left) });
}

/** Of one there is already only what is said of it may change: another plate is another. */
function openForm(wanted = null, plate = "") {
  open = wanted;
  form.reset();
  unmarkAll(form);
  show($("[data-for=new]", form), wanted === null);
  const { plate: field, reason, level, until } = form.elements;
  field.value = wanted?.plate ?? plate;
  reason.value = wanted?.reason ?? "";
  level.value = wanted?.level ?? "critical";
  until.value = wanted?.until ? localMoment(Date.parse(wanted.until)).slice(0, 16) : "";
  preview();
  const title = wanted ? say("wanted.title.change", { plate: written(wanted.plate) }) : say("wanted.title.new");
  openDialog(dialog, { title });
  (wanted || plate ? reason : field).focus();
}

/** The plate as it will be looked for, and what else counts as the same. */
function preview() {
  const plate = signsOf(form.elements.plate.value);
  show($("#preview"), plate.length >= LEAST_SIGNS && plate.length <= MOST_SIGNS);
  $("#preview-plate").replaceChildren(drawPlate(plate));
  const [format, other] = [formatOf(plate), otherFormat(plate)];
  const also = other ? say("wanted.also", { plates: written(other) }) : format === "other" ? say("wanted.odd") : "";
  fill($("#preview"), { format: say(`plate.${format}`), also });
  $("#also").dataset.odd = format === "other" ? "yes" : "no";
}

async function save() {
  const plate = signsOf(form.elements.plate.value);
  const until = readUntil();
  if (!open && (plate.length < LEAST_SIGNS || plate.length > MOST_SIGNS)) mark(form, "plate", say("form.wrong.plate"));
  if (!focusFirstWrong(form)) return;
  const said = { reason: form.elements.reason.value.trim(), level: form.elements.level.value, until };
  if (open) await api(`/wanted-plates/${open.id}`, { method: "PATCH", body: said });
  else await api("/wanted-plates", { method: "POST", body: { plate, ...said } });
  const before = open;
  dialog.close();
  done(before ? say("wanted.changed") : say("wanted.added", { plate: written(plate) }));
  await load();
}

function readUntil() {
  const { value } = form.elements.until;
  if (!value) return null;
  const at = momentOf(value);
  if (at <= serverNow()) mark(form, "until", say("form.wrong.until"));
  return new Date(at).toISOString();
}

async function remove(wanted) {
  const plate = written(wanted.plate);
  if (!(await ask($("#sure-remove"), { plate, reason: wanted.reason }))) return;
  try {
    await api(`/wanted-plates/${wanted.id}`, { method: "DELETE" });
    done(say("wanted.removed", { plate }));
  } catch (error) {
    showFailure(error);
  }
  await load().catch(showFailure);
  ($("#add") ?? $("h1")).focus();
}

if (form) {
  $("#add").addEventListener("click", () => openForm());
  form.elements.plate.addEventListener("input", preview);
  onSubmit(form, save, { 409: "wanted.there" });
}
$("#more").addEventListener("click", () => more(cursor).catch(showFailure));
load()
  .then(() => {
    const plate = new URLSearchParams(location.search).get("plate");
    if (plate && form) openForm(null, plate);
  })
  .catch((error) => (show($("#loading"), false), showFailure(error)));
