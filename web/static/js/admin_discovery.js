// The installer's page: cameras are found on the network, examined, added, set by the box's clock, and found again.

import { api } from "./api.js";
import { ask, openDialog } from "./ask.js";
import { ago } from "./clock.js";
import { $, clone, fill, redraw, show, write } from "./dom.js";
import { openInspection } from "./discovery_device.js";
import { openImport } from "./discovery_import.js";
import { clockWords, deviceWords, dress, failedWords } from "./discovery_words.js";
import { done } from "./done.js";
import { hideFailure, showFailure } from "./problems.js";
import "./shell.js";
import { showState } from "./states.js";
import { count, say } from "./words.js";

const SLOW_MS = 60_000;
const BUSY = { 429: "discovery.busy" };
let searched = false;

/** Runs `work` while `button` waits; what goes wrong stands above the page. */
async function during(button, work, own = {}) {
  button.disabled = true;
  hideFailure();
  try {
    await work();
  } catch (error) {
    const why = failedWords(error);
    if (why) fill($("#failure"), { failure: why });
    else showFailure(error, own);
    show($("#failure"), true);
  }
  button.disabled = false;
  standAgain(button);
}

/** A button that waits loses the keyboard: whoever is nowhere now stands on it again, or on the one in its place. */
function standAgain(button) {
  if (document.activeElement !== document.body) return;
  const { id } = button.closest("tr")?.dataset ?? {};
  const now = button.isConnected ? button : $(`tr[data-id="${id}"] [data-slot="${button.dataset.slot}"]`);
  now?.focus();
}

async function search() {
  write($("#searched"), say("discovery.searching"));
  try {
    showFound(await api("/discovery", { method: "POST", timeout: SLOW_MS }));
  } catch (error) {
    write($("#searched"), "");
    throw error;
  }
}

function showFound({ items, networks, refused }) {
  searched = true;
  redraw($("#found tbody"), items.map(foundRow));
  show($("#found"), items.length > 0);
  show($("#not-searched"), false);
  const where = networks.map(({ interface: name, network }) => `${name} (${network})`).join(", ");
  const found = say("discovery.where", { found: count("discovery.found", items.length), networks: where });
  const words = networks.length ? found : say("discovery.nowhere");
  write($("#searched"), refused ? `${words}; ${say("discovery.refused", { n: refused })}` : words);
}

function foundRow(one) {
  const row = clone("found-row");
  const name = one.name || one.hardware || say("discovery.unnamed");
  row.dataset.id = one.address;
  const under = [one.name && one.hardware, one.location].filter(Boolean).join(" · ");
  fill(row, { name, hardware: under, address: one.address, mac: one.mac || "–" });
  const here = one.cameras.map((camera) => camera.name).join(", ");
  showState($("[data-slot=state]", row), here ? "ok" : "idle", here || say("discovery.new"), here ? "cctv" : "plus");
  const label = say("discovery.inspect", { name, address: one.address });
  dress($("[data-slot=inspect]", row), label, () => openInspection({ ...one, title: name }, changed));
  return row;
}

/** A camera was added: it is in the lists from now on. */
async function changed(name) {
  done(say("discovery.added", { name }));
  await loadDevices().catch(showFailure);
  if (searched) during($("#search"), search, BUSY);
}

async function loadDevices() {
  const { items } = await api("/devices");
  redraw($("#devices tbody"), items.map(deviceRow));
  show($("#devices"), items.length > 0);
  show($("#no-devices"), items.length === 0);
}

function deviceRow(one) {
  const row = clone("device-row");
  row.dataset.id = one.camera_id;
  const stranger = one.stranger ? say("discovery.stranger", { serial: one.stranger }) : "";
  const seen = say("discovery.seen", { ago: ago(Date.parse(one.seen_at)) });
  fill(row, { name: one.name, device: deviceWords(one), serial: one.serial ?? "–", stranger, seen });
  $("[data-slot=name]", row).href = `/camera/${one.camera_id}`;
  const known = one.clock_offset !== null;
  const state = !known ? ["idle", "circle-help"] : one.clock_off ? ["warn", "clock-alert"] : ["ok", "circle-check"];
  showState($("[data-slot=clock]", row), state[0], clockWords(one.clock_offset), state[1]);
  dress($("[data-slot=ask]", row), say("discovery.ask", one), (button) => during(button, () => askAgain(one)));
  dress($("[data-slot=set]", row), say("discovery.clock.set", one), (button) => during(button, () => setClock(one)));
  return row;
}

async function askAgain(one) {
  await api(`/cameras/${one.camera_id}/device`, { method: "POST", timeout: SLOW_MS });
  done(say("discovery.asked", one));
  await loadDevices();
}

async function setClock(one, force = false) {
  const path = `/cameras/${one.camera_id}/clock`;
  try {
    const set = await api(path, { method: "POST", body: { force }, timeout: SLOW_MS });
    const words = { before: clockWords(set.before), after: clockWords(set.after) };
    done(say("discovery.clock.done", { ...one, ...words }));
  } catch (error) {
    if (error.status !== 409 || force) throw error;
    if (await ask($("#force"), { name: one.name })) return setClock(one, true);
  }
  await loadDevices();
}

async function findMoved() {
  $("#moves").replaceChildren();
  write($("#moving-words"), say("discovery.searching"));
  openDialog($("#moving"));
  try {
    const { items } = await api("/cameras/find-moved", { method: "POST", timeout: SLOW_MS });
    write($("#moving-words"), count("discovery.moved", items.length));
    $("#moves").replaceChildren(...items.map(moveRow));
  } catch (error) {
    $("#moving").close();
    throw error;
  }
}

function moveRow(one) {
  const row = clone("move-row");
  const signs = one.by.map((sign) => say(`discovery.sign.${sign}`)).join(", ");
  const sure = say(one.confirmed ? "discovery.moved.sure" : "discovery.moved.unsure");
  const places = say("discovery.moved.places", { from: one.old_address, to: one.address });
  fill(row, { name: one.name, places, by: `${say("discovery.moved.by", { signs })} ${sure}` });
  const button = $("[data-slot=follow]", row);
  show(button, one.confirmed);
  button.addEventListener("click", () => follow(one));
  return row;
}

async function follow(one) {
  $("#moving").close();
  const move = () => api(`/cameras/${one.camera_id}/move`, { method: "POST", body: { address: one.address }, timeout: SLOW_MS });
  await during($("#moved"), async () => {
    await move();
    done(say("discovery.moved.done", one));
    await loadDevices();
  }, { ...BUSY, 409: "discovery.moved.gone" });
}

$("#search")?.addEventListener("click", (event) => during(event.currentTarget, search, BUSY));
$("#moved").addEventListener("click", (event) => during(event.currentTarget, findMoved, BUSY));
$("#by-address").addEventListener("click", () => openInspection(null, changed));
$("#import").addEventListener("click", () => openImport(() => loadDevices().catch(showFailure)));
loadDevices().catch(showFailure);
