// The grid of live tiles: what a guard looks at all day.

import { $, $$, clone, fill, show, write } from "./dom.js";
import { feed } from "./feed.js";
import { camerasInOrder } from "./order.js";
import "./player.js";
import { announce, onKey, toggleFullScreen } from "./shell.js";
import { causeWord, showState, stateWord } from "./states.js";
import { say } from "./words.js";

const SHAPE = 16 / 9;
const NARROWEST_PX = 300;
const HEAD_PX = 32;

const grid = $("#grid");
const tiles = new Map();
let filter = "all";
let group = "";
let alone = null;

async function load() {
  const cameras = await camerasInOrder().catch(() => null);
  if (cameras === null) return setTimeout(load, 2000);
  removeAllBut(new Set(cameras.map((camera) => camera.id)));
  cameras.forEach(place);
  offerGroups(cameras);
  show($("#empty"), cameras.length === 0);
  show($("#loading"), false);
  follow();
}

function removeAllBut(ids) {
  for (const [id, tile] of tiles) {
    if (ids.has(id)) continue;
    tile.remove();
    tiles.delete(id);
  }
}

function place(camera, index) {
  const tile = tiles.get(camera.id) ?? make(camera);
  tile.dataset.group = camera.group;
  fill(tile, { name: camera.name, number: index < 9 ? String(index + 1) : "" });
  tiles.set(camera.id, tile);
  if (grid.children[index] !== tile) grid.insertBefore(tile, grid.children[index] ?? null);
}

function make(camera) {
  const tile = clone("tile");
  $("a", tile).href = `/camera/${camera.id}`;
  $("a", tile).setAttribute("aria-describedby", `facts-${camera.id}`);
  $(".tile__facts", tile).id = `facts-${camera.id}`;
  $("vmsd-player", tile).setAttribute("camera-id", camera.id);
  return tile;
}

function offerGroups(cameras) {
  const names = [...new Set(cameras.map((camera) => camera.group).filter(Boolean))];
  const select = $("#group");
  select.replaceChildren(new Option(say("overview.all_groups"), ""), ...names.map((name) => new Option(name, name)));
  select.value = names.includes(group) ? group : "";
  show(select.closest("label"), names.length > 1);
}

function follow() {
  if (!feed.known) return;
  const ids = [...feed.items.keys()];
  if (ids.length !== tiles.size || ids.some((id) => !tiles.has(id))) return reload();
  for (const [id, tile] of tiles) paint(tile, feed.items.get(id));
  countAll();
  arrange();
}

let reloading = 0;
function reload() {
  clearTimeout(reloading);
  reloading = setTimeout(load, 300);
}

function paint(tile, item) {
  const before = tile.dataset.state;
  const missing = feed.inContact && item.enabled && !item.recording;
  tile.dataset.state = item.state;
  tile.dataset.missing = String(missing);
  showState($(".badge", tile), item.state);
  show($("[data-recording=yes]", tile), feed.inContact && item.recording);
  show($("[data-recording=no]", tile), missing);
  if (before && before !== item.state) announce(changeWords(tile, item));
}

function changeWords(tile, item) {
  const cause = item.state === "online" ? "" : causeWord(item.cause);
  return [$("a", tile).textContent, stateWord(item.state), cause].filter(Boolean).join(", ");
}

function countAll() {
  const items = [...feed.items.values()];
  const counts = {
    all: items.length,
    online: items.filter((item) => item.state === "online").length,
    offline: items.filter((item) => item.state !== "online" && item.state !== "disabled").length,
    missing: items.filter((item) => item.enabled && !item.recording).length,
  };
  for (const [name, value] of Object.entries(counts)) {
    const counter = $(`[data-filter=${name}]`);
    write($(".counter__number", counter), String(value));
    counter.dataset.zero = String(value === 0);
  }
}

const passes = {
  all: () => true,
  online: (tile) => tile.dataset.state === "online",
  offline: (tile) => tile.dataset.state !== "online" && tile.dataset.state !== "disabled",
  missing: (tile) => tile.dataset.missing === "true",
};

/** Shows what the filter lets through and chooses the columns that make the tiles biggest without scrolling. */
function arrange() {
  for (const tile of tiles.values()) show(tile, isShown(tile));
  const shown = [...tiles.values()].filter((tile) => !tile.hidden).length;
  show($("#nothing"), tiles.size > 0 && shown === 0);
  const width = grid.clientWidth;
  const height = window.innerHeight - grid.getBoundingClientRect().top - window.scrollY - 12;
  const { columns, fits } = bestColumns(shown, width, height);
  grid.style.setProperty("--columns", columns);
  grid.style.setProperty("--rows", Math.max(1, Math.ceil(shown / columns)));
  grid.style.setProperty("--space", `${Math.floor(height)}px`);
  grid.dataset.fits = String(fits);
}

function isShown(tile) {
  if (alone) return tile === alone;
  return passes[filter](tile) && (!group || tile.dataset.group === group);
}

function bestColumns(shown, width, height) {
  if (width < 600) return { columns: 1, fits: false };
  if (width < 1100) return { columns: 2, fits: false };
  let best = { columns: 1, size: 0 };
  for (let columns = 1; columns <= Math.max(1, shown); columns += 1) {
    const size = Math.min(width / columns, (height / Math.ceil(shown / columns) - HEAD_PX) * SHAPE);
    if (size > best.size) best = { columns, size };
  }
  if (best.size >= NARROWEST_PX) return { columns: best.columns, fits: true };
  return { columns: Math.max(2, Math.floor(width / NARROWEST_PX)), fits: false };
}

function setFilter(name) {
  filter = filter === name ? "all" : name;
  for (const button of $$("[data-filter]")) {
    button.setAttribute("aria-pressed", String(button.dataset.filter === filter));
  }
  arrange();
}

/** The chosen camera fills the screen, or all of them where none is chosen. */
function fillScreen() {
  if (!document.fullscreenElement) alone = document.activeElement?.closest(".tile") ?? null;
  toggleFullScreen();
}

function screenChanged() {
  if (!document.fullscreenElement) alone = null;
  arrange();
}

function choose(index) {
  const tile = grid.children[index];
  if (!tile || tile.hidden) return false;
  $("a", tile).focus();
}

function move(step) {
  const links = [...tiles.values()].filter((tile) => !tile.hidden).map((tile) => $("a", tile));
  const at = links.indexOf(document.activeElement);
  if (at < 0) return false;
  links[Math.min(links.length - 1, Math.max(0, at + step))].focus();
}

for (const button of $$("[data-filter]")) button.addEventListener("click", () => setFilter(button.dataset.filter));
$("#group").addEventListener("change", (event) => ((group = event.target.value), arrange()));
$("#full-screen").addEventListener("click", fillScreen);
for (let digit = 1; digit <= 9; digit += 1) {
  onKey(String(digit), () => choose(digit - 1));
}
const columns = () => Number(grid.style.getPropertyValue("--columns")) || 1;
onKey("ArrowRight", () => move(1));
onKey("ArrowLeft", () => move(-1));
onKey("ArrowDown", () => move(columns()));
onKey("ArrowUp", () => move(-columns()));
onKey("f", fillScreen);
onKey("Escape", () => document.activeElement?.blur());
feed.addEventListener("states", follow);
feed.addEventListener("contact", follow);
window.addEventListener("resize", arrange);
document.addEventListener("fullscreenchange", screenChanged);
load();
