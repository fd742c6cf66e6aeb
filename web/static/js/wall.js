// A screen on a wall: shows its mosaic to whoever stands before it, and comes back from everything by itself.

import { NoContact, api } from "./api.js";
import { hasServerTime, moment, serverNow, timeOfDay, weekday } from "./clock.js";
import { $, fill, show, write } from "./dom.js";
import { feed } from "./feed.js";
import { Grid } from "./mosaic_grid.js";
import { Mosaic } from "./mosaic_model.js";
import { stayAwake } from "./wake.js";
import { hearAlerts } from "./wall_alerts.js";
import { say } from "./words.js";

const LOAD_EVERY_MS = 10_000;
const REFUSED_EVERY_MS = 30_000;
const RELEASE_EVERY_MS = 60_000;
const TIMEOUT_MS = 10_000;
const IDLE_MS = 3000;
const VERSION = /\/static\/(\w+)\//;

let names = new Map();
let shown = "";
let idleTimer = 0;
const grid = new Grid($("#mosaic"), (id) => names.get(id) ?? say("mosaic.camera.unknown"));

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** What the wall shows, again and again: somebody may have changed its mosaic, or taken its key back. */
async function keepLoading() {
  for (;;) {
    const refused = await load();
    await pause(refused ? REFUSED_EVERY_MS : LOAD_EVERY_MS);
  }
}

async function load() {
  try {
    showWall(await api("/wall"));
    setRefused(false);
    return false;
  } catch (error) {
    // Without an answer, or with an error of the box, what is shown stays; the strip says since when.
    const refused = !(error instanceof NoContact) && [401, 403, 404].includes(error.status);
    if (refused) setRefused(true);
    return refused;
  }
}

function showWall(wall) {
  const now = JSON.stringify(wall);
  if (now === shown) return;
  shown = now;
  names = new Map(wall.cameras.map(({ id, name }) => [id, name]));
  fill($("#strip"), { wall: wall.name, mosaic: wall.mosaic.name });
  grid.show(new Mosaic(wall.mosaic));
  show($("#loading"), false);
}

/** Who may see nothing any more keeps no picture either. */
function setRefused(refused) {
  show($("#refused"), refused);
  show($("#mosaic"), !refused);
  if (!refused) return;
  show($("#loading"), false);
  grid.clear();
  shown = "";
}

/** A new release of the box brings new pages; this one makes way as soon as the box can give them. */
async function checkRelease() {
  try {
    const response = await fetch(location.pathname, { cache: "no-store", signal: AbortSignal.timeout(TIMEOUT_MS) });
    const version = response.ok && VERSION.exec(await response.text())?.[1];
    if (version && version !== VERSION.exec(import.meta.url)[1]) location.reload();
  } catch {
    // No contact: it is asked again soon enough.
  }
}

function followContact() {
  const lostAt = serverNow() - (performance.now() - feed.lastAnswerAt);
  fill($("#no-contact"), { since: say("wall.since", { when: moment(lostAt) }) });
  show($("#no-contact"), !feed.inContact);
  document.body.dataset.contact = feed.inContact ? "yes" : "no";
  if (!feed.inContact) return;
  load();
  checkRelease();
}

function tick() {
  if (!hasServerTime()) return;
  write($("[data-slot=time]"), timeOfDay(serverNow()));
  write($("[data-slot=day]"), weekday(serverNow()));
}

function wakePointer() {
  delete document.body.dataset.idle;
  clearTimeout(idleTimer);
  idleTimer = setTimeout(() => (document.body.dataset.idle = ""), IDLE_MS);
}

document.addEventListener("pointermove", wakePointer);
feed.addEventListener("contact", followContact);
wakePointer();
stayAwake();
setInterval(tick, 500);
setInterval(checkRelease, RELEASE_EVERY_MS);
feed.start();
hearAlerts(document.body.dataset.wallKey, (cameraId) => names.has(cameraId) && grid.alarm(cameraId));
keepLoading();
