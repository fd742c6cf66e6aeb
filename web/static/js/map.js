// The cameras on a map: where each is and what it does, and the way from there to its picture.

import { api } from "./api.js";
import { $, el, show, write } from "./dom.js";
import { feed } from "./feed.js";
import { BaseMap } from "./map_base.js";
import { Card } from "./map_card.js";
import { CameraList } from "./map_list.js";
import { Markers, sign } from "./map_markers.js";
import { Placer, put } from "./map_place.js";
import { PlanDesk } from "./map_plan.js";
import { camerasInOrder } from "./order.js";
import { hideFailure, showFailure } from "./problems.js";
import { may } from "./rights.js";
import { announce, onKey, toggleFullScreen } from "./shell.js";
import { number, say } from "./words.js";

const RELOAD_MS = 300;
const AGAIN_MS = 2000;
/** As in the sheet: the map above the list, the card over the foot of the screen. */
const NARROW = matchMedia("(max-width: 800px)");
const HASH = /^#(\d+(?:\.\d+)?)\/(-?\d+(?:\.\d+)?)\/(-?\d+(?:\.\d+)?)$/;
const asked = new URLSearchParams(location.search).get("camera");

const base = new BaseMap($("#map"));
const markers = new Markers(base.leaflet);
const cameraList = new CameraList();
const card = new Card();
const placer = new Placer(base.leaflet);
new PlanDesk(base);
let me = null;
let cameras = [];
let ground = null;
let reloading = 0;
let undo = null;

const pointOf = ({ location: { lat, lon } }) => [lat, lon];
const placed = () => cameras.filter(({ location }) => location);
const find = (id) => cameras.find((camera) => camera.id === id);

async function start() {
  try {
    [me, ground] = await Promise.all([api("/auth/me"), api("/map")]);
    await load();
  } catch (error) {
    if (error.status === 403) return showEmpty();
    return setTimeout(start, AGAIN_MS);
  }
  const points = placed().map(pointOf);
  base.fit(points, ground.plan, ground.tiles);
  await base.dress(ground, middleOf(points)).catch(showFailure);
  lookWhereAsked();
  base.leaflet.on("moveend", noteView);
  base.leaflet.on("zoomend", writeCredit);
  writeCredit();
}

/** Whose map it is, or how wide the squares are. */
function writeCredit() {
  const metres = base.square;
  const side = metres >= 1000 ? `${number(metres / 1000)} km` : `${number(metres ?? 0)} m`;
  const words = metres ? say("map.square", { side }) : ground.tiles.attribution;
  write($("#credit"), words);
  show($("#credit"), Boolean(words));
}

/** Only those that are seen live have something to show here. */
async function load() {
  const all = await camerasInOrder();
  cameras = all.filter((camera) => may(me, "view", camera));
  show($("#loading"), false);
  if (cameras.length === 0) return showEmpty();
  show($("#empty"), false);
  cameraList.draw(cameras, (camera) => may(me, "configure", camera));
  markers.place(placed());
  follow();
}

function showEmpty() {
  show($("#loading"), false);
  show($("#empty"), true);
}

const middleOf = (points) => (points.length ? points.reduce((sum, [lat]) => sum + lat, 0) / points.length : -15);

/** The camera that is asked for, or the piece of the map that was left. */
function lookWhereAsked() {
  const view = HASH.exec(location.hash);
  if (asked && find(asked)) return choose(asked);
  if (view) base.show([Number(view[2]), Number(view[3])], Number(view[1]));
}

function noteView() {
  const { lat, lng } = base.leaflet.getCenter();
  history.replaceState(null, "", `#${base.leaflet.getZoom()}/${lat.toFixed(5)}/${lng.toFixed(5)}`);
}

function follow() {
  if (!feed.known) return;
  const ids = cameras.map(({ id }) => id);
  const news = feed.items.size !== ids.length || ids.some((id) => !feed.items.has(id));
  if (news && !placer.busy && cameras.length) reload();
  markers.follow();
  cameraList.follow();
  markers.filter((id) => id === card.id || id === placer.id || cameraList.isShown(id));
  card.follow();
}

function reload() {
  clearTimeout(reloading);
  reloading = setTimeout(() => load().catch(() => {}), RELOAD_MS);
}

function choose(id) {
  const camera = find(id);
  if (!camera || placer.busy) return;
  if (camera.location && !base.leaflet.getBounds().pad(-0.1).contains(pointOf(camera))) base.show(pointOf(camera));
  markers.chosen = id;
  cameraList.chosen = id;
  card.open(camera, { replay: may(me, "replay", camera), configure: may(me, "configure", camera) });
  if (!camera.location) return;
  if (NARROW.matches) $("#map").scrollIntoView({ block: "start" });
  base.uncover(pointOf(camera), card.box);
}

function unchoose(id) {
  markers.chosen = null;
  cameraList.chosen = null;
  if (!placer.busy) cameraList.focus(id);
}

async function place(id) {
  const camera = find(id);
  card.close();
  forgetUndo();
  hideFailure();
  const face = el("button", { type: "button", class: "pin__button", "aria-label": camera.name }, sign("starting"));
  try {
    if (camera.location) base.show(pointOf(camera));
    await placer.begin(camera, markers.get(id) ?? null, face);
    if (NARROW.matches) $("#map").scrollIntoView({ block: "start" });
  } catch (error) {
    showFailure(error);
  }
}

async function placeSaved({ detail: { camera, place: where, before } }) {
  undo = { camera, place: before };
  write($("#moved-words"), say(where ? "map.moved" : "map.unplaced", { name: camera.name }));
  show($("#moved"), true);
  announce($("#moved-words").textContent);
  await load().catch(showFailure);
  if (where) choose(camera.id);
  else $("#undo").focus();
}

async function takeBack() {
  const { camera, place: before } = undo;
  try {
    await put(camera, before);
    await load();
    forgetUndo();
    announce(say("map.undone"));
    cameraList.focus(camera.id);
  } catch (error) {
    showFailure(error);
  }
}

function forgetUndo() {
  undo = null;
  show($("#moved"), false);
}

markers.addEventListener("chosen", ({ detail }) => choose(detail));
cameraList.addEventListener("chosen", ({ detail }) => choose(detail));
cameraList.addEventListener("placing", ({ detail }) => place(detail));
cameraList.addEventListener("filtered", follow);
card.addEventListener("closed", ({ detail }) => unchoose(detail));
card.addEventListener("placing", ({ detail }) => place(detail));
placer.addEventListener("saved", placeSaved);
placer.addEventListener("left", ({ detail }) => (markers.place(placed()), cameraList.focus(detail)));
$("#undo").addEventListener("click", takeBack);
$("#forget-undo").addEventListener("click", forgetUndo);
$("#zoom-in").addEventListener("click", () => base.leaflet.zoomIn());
$("#zoom-out").addEventListener("click", () => base.leaflet.zoomOut());
$("#fit").addEventListener("click", () => base.fit(placed().map(pointOf), ground?.plan, ground?.tiles));
$("#full-screen").addEventListener("click", toggleFullScreen);
onKey("f", toggleFullScreen);
onKey("0", () => $("#fit").click());
onKey("Escape", () => (card.id ? card.close() : false));
feed.addEventListener("states", follow);
new ResizeObserver(() => base.leaflet.invalidateSize({ animate: false })).observe($("#map"));
start();
