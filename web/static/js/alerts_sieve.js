// What is shown of the alerts: chosen above the queue, and kept in the page's address.

import { momentOf } from "./clock.js";
import { $, $$, show, write } from "./dom.js";
import { camerasInOrder } from "./order.js";
import { isMine } from "./alerts_queue.js";
import { number, say } from "./words.js";

const form = $("#filter");
const FIELDS = ["state", "kind", "camera_id", "start", "end"];
const STATES = { open: "open", new: "new", mine: "open", on_hold: "on_hold", closed: "closed" };

/** `changed` is called when somebody has chosen something else. */
export async function dressSieve(changed) {
  for (const option of $$("[name=kind] option[value]", form)) {
    if (option.value) option.textContent = say(`alert.kind.${option.value}`);
  }
  const cameras = await camerasInOrder();
  for (const { id, name } of cameras) form.elements.camera_id.add(new Option(name, id));
  const asked = new URLSearchParams(location.search);
  for (const name of FIELDS) if (asked.get(name)) form.elements[name].value = asked.get(name);
  if (!form.elements.state.value) form.elements.state.value = "open";
  const again = () => {
    keep();
    changed();
  };
  form.addEventListener("change", again);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(again));
  keep();
}

const value = (name) => form.elements[name].value;
export const chosenState = () => value("state");
const narrowing = () => FIELDS.slice(1).some((name) => value(name));
export const isPlain = () => !narrowing() && ["open", "new", "mine"].includes(chosenState());

function keep() {
  const query = new URLSearchParams(location.search);
  for (const name of FIELDS) {
    if (value(name) && !(name === "state" && value(name) === "open")) query.set(name, value(name));
    else query.delete(name);
  }
  const said = query.toString();
  history.replaceState(null, "", said ? `?${said}` : location.pathname);
  show($("#clear"), narrowing());
}

const iso = (name) => (value(name) ? new Date(momentOf(value(name))).toISOString() : "");

export function query() {
  const asked = new URLSearchParams({ state: STATES[chosenState()] });
  if (chosenState() === "mine") asked.set("mine", "true");
  for (const name of ["kind", "camera_id"]) if (value(name)) asked.set(name, value(name));
  for (const name of ["start", "end"]) if (iso(name)) asked.set(name, iso(name));
  return asked.toString();
}

/** Whether an alert that has just changed belongs to what is shown. */
export function passes(alert) {
  const state = chosenState();
  if (state === "open" && alert.state === "closed") return false;
  if (state === "mine" && (!isMine(alert) || alert.state === "closed")) return false;
  if (["new", "on_hold", "closed"].includes(state) && alert.state !== state) return false;
  if (value("kind") && alert.kind !== value("kind")) return false;
  if (value("camera_id") && alert.camera_id !== value("camera_id")) return false;
  if (iso("start") && alert.last_at < iso("start")) return false;
  return !iso("end") || alert.time < iso("end");
}

export function drawCounts(counts) {
  const all = { ...counts, open: counts.new + counts.acknowledged + counts.on_hold };
  for (const place of $$("[data-count]", form)) {
    const found = all[place.dataset.count];
    write(place, found ? number(found) : "");
  }
}

