// The cities of this site, for superadmins: added, renamed, given a plan, suspended and opened again, removed.

import { api, ifMatch, list, versioned } from "./api.js";
import { ask, openDialog } from "./ask.js";
import { date } from "./clock.js";
import { $, clone, fill, icon, redraw, show, write } from "./dom.js";
import { done } from "./done.js";
import { explain, onSubmit, unmarkAll } from "./form.js";
import { showFailure } from "./problems.js";
import "./shell.js";
import { showState } from "./states.js";
import { count, say } from "./words.js";

const dialog = $("#a-city");
const form = $("form", dialog);
const fields = form.elements;
let open = null;

async function load() {
  const cities = await list("/cities");
  redraw($("#cities tbody"), cities.map(rowOf));
  write($("#found"), count("cities.found", cities.length));
  show($("#loading"), false);
  show($("#empty"), cities.length === 0);
  show($("#filled"), cities.length > 0);
}

const refresh = () => load().catch(showFailure);

function rowOf(city) {
  const row = clone("city-row");
  row.dataset.id = city.id;
  const active = city.status === "active";
  const since = date(Date.parse(city.created_at));
  fill(row, { name: city.name, plan: say(`cities.plan.${city.plan}`), since });
  const badge = $("[data-slot=status]", row);
  if (active) showState(badge, "ok", say("cities.active"), "circle-check");
  else showState(badge, "warn", say("cities.suspended"), "circle-pause");
  const change = active ? "suspend" : "resume";
  $("[data-slot=switch]", row).append(icon(active ? "circle-pause" : "play"), say(`cities.${change}`));
  dress(row, "switch", say(`cities.${change}.of`, city), () => (active ? suspend(city) : setStatus(city, "resume")));
  dress(row, "edit", say("cities.edit", city), () => openCity(city).catch(showFailure));
  dress(row, "remove", say("cities.remove", city), () => remove(city));
  return row;
}

function dress(row, slot, label, act) {
  const button = $(`[data-slot=${slot}]`, row);
  button.setAttribute("aria-label", label);
  button.addEventListener("click", act);
}

async function openCity(city) {
  open = city && (await versioned(`/cities/${city.id}`));
  form.reset();
  unmarkAll(form);
  take();
  openDialog(dialog, { title: city ? say("cities.edit", city) : say("cities.new") });
}

function take() {
  fields.name.value = open?.value.name ?? "";
  fields.plan.value = open?.value.plan ?? "basic";
}

async function save() {
  const body = { name: fields.name.value.trim(), plan: fields.plan.value };
  if (open) await api(`/cities/${open.value.id}`, { method: "PATCH", body, headers: ifMatch(open.version) });
  else await api("/cities", { method: "POST", body });
  dialog.close();
  done(say("cities.saved", body));
  refresh();
}

async function suspend(city) {
  if (await ask($("#suspend"), { name: city.name })) await setStatus(city, "suspend");
}

async function setStatus(city, change) {
  const status = change === "suspend" ? "suspended" : "active";
  try {
    await api(`/cities/${city.id}`, { method: "PATCH", body: { status } });
    done(say(`cities.${change}.done`, city));
  } catch (error) {
    showFailure(error);
  }
  refresh();
}

async function remove(city) {
  if (!(await ask($("#sure"), { name: city.name }))) return;
  try {
    await api(`/cities/${city.id}`, { method: "DELETE" });
    done(say("cities.removed", city));
  } catch (error) {
    showFailure(error, { 409: "cities.not_empty" });
  }
  refresh();
}

onSubmit(
  form,
  async () => {
    try {
      await save();
    } catch (error) {
      if (error.status !== 412) throw error;
      open = await versioned(`/cities/${open.value.id}`);
      take();
      refresh();
      explain(form, error);
    }
  },
  { 409: "cities.taken" },
);
$("#add").addEventListener("click", () => openCity(null));
refresh();
