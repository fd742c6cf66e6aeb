// One mosaic: watched all day, and arranged now and then.

import { ask } from "./ask.js";
import { hourMinute } from "./clock.js";
import { $, $$, fill, show, write } from "./dom.js";
import { check } from "./form.js";
import { Editing } from "./mosaic_editing.js";
import { Grid } from "./mosaic_grid.js";
import { Keeping, explainRefusal } from "./mosaic_keep.js";
import { dressKeys } from "./mosaic_keys.js";
import { dressMenu, openMenu } from "./mosaic_menu.js";
import { LAYOUTS } from "./mosaic_model.js";
import { mosaicsInOrder } from "./mosaic_order.js";
import { camerasInOrder } from "./order.js";
import { repeat } from "./repeat.js";
import { announce, toggleFullScreen } from "./shell.js";
import { stayAwake } from "./wake.js";
import { count, say } from "./words.js";

const REFRESH_MS = 15_000;
const RETRY_MS = 2000;
const SITE = document.body.dataset.title.split(" · ").at(-1);

const names = new Map();
const nameOf = (id) => names.get(id) ?? say("mosaic.camera.unknown");
const list = $("#mosaic");
const form = $("#details");
const grid = new Grid(list, nameOf, announce);
const keeping = new Keeping();
const editing = new Editing(grid, keeping, nameOf);
let mosaics = [];

async function start() {
  try {
    await offerCameras();
    await offerMosaics();
  } catch {
    return setTimeout(start, RETRY_MS);
  }
  await open(document.body.dataset.mosaicId);
  repeat(refresh, REFRESH_MS);
}

async function offerCameras() {
  const cameras = await camerasInOrder();
  for (const camera of cameras) names.set(camera.id, camera.name);
  editing.offer(cameras);
}

async function open(id) {
  try {
    await keeping.open(id);
  } catch (error) {
    if (error.status !== 404) return setTimeout(() => open(id), RETRY_MS);
    show($("#gone"), true);
    show($("#bar"), false);
    show($("#loading"), false);
    return;
  }
  if (!id) editing.begin();
}

async function refresh() {
  await offerMosaics();
  await keeping.refresh();
  if (keeping.mosaic?.cameras.some((id) => !names.has(id))) await offerCameras();
}

async function offerMosaics() {
  mosaics = await mosaicsInOrder();
  showPicker();
}

function showPicker() {
  const picker = $("#picker");
  const options = mosaics.map(({ id, name, number }) => new Option(number ? `${number} · ${name}` : name, id));
  if (keeping.mosaic && !keeping.mosaic.id) options.unshift(new Option(say("mosaic.new"), ""));
  const words = (all) => JSON.stringify([...all].map(({ value, text }) => [value, text]));
  if (words(options) !== words(picker.options)) picker.replaceChildren(...options);
  picker.value = keeping.mosaic?.id ?? "";
}

/** Brings the page to what the mosaic is now. */
function showAll() {
  const { mosaic } = keeping;
  grid.show(mosaic);
  showBar();
  editing.show();
  show($("#loading"), false);
  show($("#room"), true);
}

function showBar() {
  const { mosaic, dirty } = keeping;
  const name = mosaic.name || say("mosaic.new");
  write($("#title"), name);
  document.title = `${name} · ${SITE}`;
  write($("#whose"), whoseWords(mosaic));
  for (const button of $$("[data-layout]", $("#layout"))) {
    button.setAttribute("aria-pressed", String(button.dataset.layout === mosaic.layout));
  }
  const { leftOut } = mosaic;
  fill($("#unsaved"), { words: leftOut ? count("mosaic.left_out", leftOut) : say("mosaic.unsaved") });
  show($("#unsaved"), dirty);
  show($("#discard"), dirty);
  show($("#save"), dirty && mosaic.editable);
}

function whoseWords(mosaic) {
  if (!mosaic.id) return "";
  if (mosaic.expiresAt) return say("mosaic.until", { when: hourMinute(Date.parse(mosaic.expiresAt)) });
  return say(mosaic.shared ? "mosaic.shared" : "mosaic.own");
}

function stored() {
  const { mosaic } = keeping;
  const address = mosaic.id ? `/mosaic/${mosaic.id}` : "/mosaic/new";
  if (location.pathname !== address) history.replaceState(null, "", address);
  showAll();
  if (mosaic.id && !mosaics.some(({ id, name }) => id === mosaic.id && name === mosaic.name)) {
    offerMosaics().catch(() => {});
  }
  showPicker();
}

/** Another mosaic on the same page: cameras that are in both go on playing. */
async function goTo(id) {
  if (id === keeping.mosaic?.id) return;
  if (!(await mayLeave())) return showPicker();
  editing.end();
  await open(id);
}

const mayLeave = async () => !keeping.dirty || ask($("#confirm-leave"));

async function save(event) {
  event.preventDefault();
  if (form.getAttribute("aria-busy") === "true") return;
  if (!keeping.mosaic.name.trim()) editing.begin();
  if (!check(form)) return;
  form.setAttribute("aria-busy", "true");
  try {
    await keeping.save();
    announce(say("mosaic.saved", { name: keeping.mosaic.name }));
    offerMosaics().catch(() => {});
  } catch (error) {
    explainRefusal(form, error);
  } finally {
    form.removeAttribute("aria-busy");
  }
}

function discard() {
  keeping.discard();
  announce(say("mosaic.discarded"));
}

function setLayout(layout) {
  keeping.mosaic.setLayout(layout);
  announce(say("mosaic.layout", { layout: layout.replace("x", "×") }));
  showAll();
}

function nextLayout() {
  if (keeping.mosaic) setLayout(LAYOUTS[(LAYOUTS.indexOf(keeping.mosaic.layout) + 1) % LAYOUTS.length]);
}

function enlarge(tile) {
  grid.enlarge(tile);
  grid.touch(tile);
  if (tile) announce(say("mosaic.enlarged", { name: tile.name }));
  else announce(say("mosaic.restored"));
}

/** A number chooses its tile, and enlarges the one that is chosen already. */
function chooseTile(number) {
  const tile = grid.tiles[number - 1];
  if (!tile || editing.active || tile !== grid.chosen) return grid.focus(number - 1);
  enlarge(tile === grid.enlarged ? null : tile);
}

/** One of the caller's own goes before one of the city's with the same number. */
function goToNumber(number) {
  const found = mosaics.filter((mosaic) => mosaic.number === number);
  const mosaic = found.find(({ shared }) => !shared) ?? found[0];
  if (!mosaic) return announce(say("mosaic.no_number", { n: number }));
  announce(mosaic.name);
  goTo(mosaic.id);
}

function goToHotspot() {
  if (editing.active && grid.chosen) return editing.toggleHotspot(grid.tiles.indexOf(grid.chosen));
  const { hotspot } = grid;
  if (!hotspot) return announce(say("mosaic.no_hotspot"));
  grid.focus(grid.tiles.indexOf(hotspot));
}

function back() {
  if (editing.back()) return;
  if (grid.enlarged) return enlarge(null);
  document.activeElement?.blur();
  return false;
}

function pause(tile) {
  const paused = !tile.carousel.paused;
  tile.carousel.setPaused(paused);
  $("[data-tool=pause]", tile.element).setAttribute("aria-pressed", String(paused));
  announce(say(paused ? "mosaic.paused" : "mosaic.turning"));
}

function clicked(event) {
  const tile = grid.tiles[grid.indexOf(event.target)];
  if (!tile) return;
  const tool = event.target.closest("[data-tool]");
  if (tool?.dataset.tool === "pause") return pause(tile);
  if (tool?.dataset.tool === "menu") return tile.cameraId && openMenu(tile, tool);
  if (editing.active) return editing.clicked(tile, tool?.dataset.tool);
  if (tile.cell === null) return editing.begin(), editing.clicked(tile);
  grid.touch(tile);
}

/** The hook for alarms: `vmsd:alert` comes from whatever hears the box's alerts on this page. */
function alarmed({ detail }) {
  if (names.has(detail?.camera_id)) grid.alarm(detail.camera_id);
}

keeping.addEventListener("stored", stored);
keeping.addEventListener("removed", () => location.assign("/mosaic"));
editing.addEventListener("changed", showAll);
editing.addEventListener("details", showBar);
form.addEventListener("submit", save);
$("#discard").addEventListener("click", discard);
$("#picker").addEventListener("change", (event) => goTo(event.target.value));
$("#full-screen").addEventListener("click", toggleFullScreen);
$("#layout").addEventListener("click", ({ target }) => target.dataset.layout && setLayout(target.dataset.layout));
list.addEventListener("click", clicked);
list.addEventListener("dblclick", (event) => {
  const tile = grid.tiles[grid.indexOf(event.target)];
  if (tile?.cell && !editing.active && !event.target.closest("[data-tool]")) enlarge(grid.enlarged ? null : tile);
});
list.addEventListener("contextmenu", (event) => {
  const tile = grid.tiles[grid.indexOf(event.target)];
  if (!tile?.cameraId || editing.active) return;
  event.preventDefault();
  openMenu(tile, $("[data-tool=menu]", tile.element));
});
list.addEventListener("focusin", () => !editing.active && grid.chosen && grid.touch(grid.chosen));
document.addEventListener("vmsd:alert", alarmed);
addEventListener("beforeunload", (event) => keeping.dirty && event.preventDefault());
dressMenu(enlarge);
dressKeys({
  digit: chooseTile,
  view: goToNumber,
  arrow: (right, down) => (grid.move(right, down) === false ? grid.focus(0) : undefined),
  enter: () => (editing.active || !grid.chosen ? false : enlarge(grid.enlarged ? null : grid.chosen)),
  space: () => (editing.active || !grid.chosen?.carousel ? false : pause(grid.chosen)),
  clear: () => (editing.active && grid.chosen ? editing.clear(grid.tiles.indexOf(grid.chosen)) : false),
  escape: back,
  e: () => editing.toggle(),
  f: toggleFullScreen,
  h: goToHotspot,
  l: nextLayout,
});
stayAwake();
start();
