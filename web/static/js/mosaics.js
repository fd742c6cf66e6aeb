// The mosaics somebody has, each with a small picture of it; and the screens on walls that show them.

import { hourMinute } from "./clock.js";
import { $, clone, el, fill, redraw, show, write } from "./dom.js";
import { feed } from "./feed.js";
import { mosaicsInOrder } from "./mosaic_order.js";
import { Mosaic, sideOf } from "./mosaic_model.js";
import { repeat } from "./repeat.js";
import { onKey } from "./shell.js";
import { offerWalls } from "./walls.js";
import { count, say } from "./words.js";

const REFRESH_MS = 15_000;
const RETRY_MS = 2000;
let mosaics = [];

async function load() {
  mosaics = await mosaicsInOrder();
  redraw($("#shelf"), mosaics.map(card));
  show($("#loading"), false);
  show($("#empty"), mosaics.length === 0);
  write($("#found"), mosaics.length ? count("mosaics.found", mosaics.length) : "");
  offerWalls(mosaics.filter(({ shared }) => shared));
  paint();
}

function card(answer) {
  const mosaic = new Mosaic(answer);
  const item = clone("mosaic-card");
  item.dataset.id = mosaic.id;
  item.mosaic = mosaic;
  $("[data-slot=link]", item).href = `/mosaic/${mosaic.id}`;
  fill(item, { name: mosaic.name, facts: factsOf(mosaic), number: String(mosaic.number ?? "") });
  show($(".shelf__key", item), mosaic.number !== null);
  const thumb = $(".thumb", item);
  thumb.style.setProperty("--side", sideOf(mosaic.layout));
  thumb.replaceChildren(...mosaic.cells.slice(0, mosaic.size).map((cell) => thumbCell(cell)));
  return item;
}

const thumbCell = (cell) => el("i", { "data-kind": cell?.kind ?? "empty", "data-camera": cell?.camera ?? null });

function factsOf(mosaic) {
  const whose = mosaic.expiresAt
    ? say("mosaic.until", { when: hourMinute(Date.parse(mosaic.expiresAt)) })
    : say(mosaic.shared ? "mosaic.shared" : "mosaic.own");
  return [mosaic.layout.replace("x", "×"), count("mosaics.cameras", mosaic.cameras.length), whose].join(" · ");
}

const isDown = (camera) => ["offline", "stalled"].includes(feed.get(camera)?.state);

/** What the cameras do now: in the small pictures, and in words. */
function paint() {
  for (const item of $("#shelf").children) {
    const down = item.mosaic.cameras.filter(isDown).length;
    const tag = $("[data-slot=state]", item);
    write(tag, down ? count("mosaics.down", down) : "");
    tag.classList.toggle("tag--bad", down > 0);
    for (const cell of $(".thumb", item).children) {
      if (cell.dataset.camera) cell.dataset.down = String(isDown(cell.dataset.camera));
    }
  }
}

function goToNumber(event) {
  const number = Number(/^(?:Digit|Numpad)([1-9])$/.exec(event.code)?.[1]);
  if (!number || !event.shiftKey || event.target.closest("input, select, dialog") || $("dialog[open]")) return;
  const found = mosaics.filter((mosaic) => mosaic.number === number);
  const mosaic = found.find(({ shared }) => !shared) ?? found[0];
  if (mosaic) location.assign(`/mosaic/${mosaic.id}`);
}

async function start() {
  try {
    await load();
  } catch {
    return setTimeout(start, RETRY_MS);
  }
  setTimeout(() => repeat(load, REFRESH_MS), REFRESH_MS);
}

document.addEventListener("keydown", goToNumber);
onKey("n", () => location.assign("/mosaic/new"));
feed.addEventListener("states", paint);
start();
