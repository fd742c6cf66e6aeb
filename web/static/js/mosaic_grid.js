// The tiles of a mosaic in their places; one of them may be enlarged to all of the room.

import { $ } from "./dom.js";
import { feed } from "./feed.js";
import { keyOf, sideOf } from "./mosaic_model.js";
import { Tile } from "./mosaic_tile.js";
import "./player.js";

/** After a glance at one camera the others are still there; after so long they rest. */
const REST_AFTER_MS = 30_000;
/** Walking over tiles does not make the hotspot open each of them. */
const TOUCH_AFTER_MS = 250;

/** Events: `enlarged` when one was, or none is any more. */
export class Grid extends EventTarget {
  tiles = [];
  enlarged = null;
  #list;
  #nameOf;
  #onState;
  #restTimer = 0;
  #touchTimer = 0;

  constructor(list, nameOf, onState) {
    super();
    this.#list = list;
    this.#nameOf = nameOf;
    this.#onState = onState;
    feed.addEventListener("states", () => this.paint());
    feed.addEventListener("contact", () => this.paint());
  }

  /** Brings the tiles to what `mosaic` says. What goes on being shown goes on playing, wherever it moves. */
  show(mosaic) {
    const side = sideOf(mosaic.layout);
    this.#list.style.setProperty("--side", side);
    this.#list.dataset.layout = mosaic.layout;
    this.#place(mosaic.cells.slice(0, mosaic.size));
    this.side = side;
    if (this.enlarged && !this.tiles.includes(this.enlarged)) this.enlarge(null);
    this.tiles.forEach((tile, index) => {
      tile.set(mosaic.cells[index], { index, main: side === 1 || tile === this.enlarged });
    });
  }

  #place(cells) {
    const spare = new Map();
    for (const tile of this.tiles) {
      const key = tile.cell ? keyOf(tile.cell) : "empty";
      spare.set(key, [...(spare.get(key) ?? []), tile]);
    }
    const kept = cells.map((cell) => spare.get(cell ? keyOf(cell) : "empty")?.shift());
    [...spare.values()].flat().forEach((tile) => tile.remove());
    this.tiles = kept.map((tile) => tile ?? new Tile(this.#nameOf, this.#onState));
    this.tiles.forEach((tile, index) => place(this.#list, tile.element, index));
  }

  /** Nothing is shown any more. */
  clear() {
    this.enlarge(null);
    for (const tile of this.tiles.splice(0)) tile.remove();
  }

  paint() {
    for (const tile of this.tiles) tile.paint();
  }

  indexOf(element) {
    return this.tiles.indexOf(element?.closest?.(".cell")?.tile);
  }

  /** The tile somebody stands on. */
  get chosen() {
    return this.tiles[this.indexOf(document.activeElement)] ?? null;
  }

  focus(index) {
    const tile = this.tiles[index];
    if (!tile) return false;
    if (this.enlarged) this.enlarge(tile);
    $(".tile__name", tile.element).focus();
  }

  /** To the neighbour in the direction of an arrow; false where nobody stands on a tile. */
  move(right, down) {
    const index = this.indexOf(this.enlarged?.element ?? document.activeElement);
    if (index < 0) return false;
    const column = (index % this.side) + right;
    const row = Math.floor(index / this.side) + down;
    if (column >= 0 && column < this.side && row >= 0 && row < this.side) this.focus(row * this.side + column);
  }

  /** One tile over all of the room, in its best quality; `null`: all of them again. */
  enlarge(tile) {
    if (tile === this.enlarged || tile?.cell === null) return;
    const before = this.enlarged;
    this.enlarged = tile;
    if (before) delete before.element.dataset.large;
    before?.setMain(this.side === 1);
    if (tile) tile.element.dataset.large = "";
    tile?.setMain(true);
    clearTimeout(this.#restTimer);
    delete this.#list.dataset.resting;
    if (tile) this.#restTimer = setTimeout(() => (this.#list.dataset.resting = ""), REST_AFTER_MS);
    this.dispatchEvent(new Event("enlarged"));
  }

  get hotspot() {
    return this.tiles.find((tile) => tile.cell?.kind === "hotspot") ?? null;
  }

  /** Somebody touched a camera: the hotspot shows it, unless they go on at once. */
  touch(tile) {
    clearTimeout(this.#touchTimer);
    if (!this.hotspot || tile === this.hotspot || !tile?.cameraId) return;
    this.#touchTimer = setTimeout(() => this.hotspot?.lookAt(tile.cameraId), TOUCH_AFTER_MS);
  }

  /** A camera alarms: its tile stands out, and the hotspot shows it whatever was touched before. */
  alarm(cameraId) {
    clearTimeout(this.#touchTimer);
    this.hotspot?.lookAt(cameraId);
    for (const tile of this.tiles) if (tile.cameraId === cameraId || tile === this.hotspot) tile.alarm();
  }
}

/** Puts `element` there; what stands there takes the place it leaves, and all others stay where they are. */
function place(list, element, index) {
  const there = list.children[index] ?? null;
  if (there === element) return;
  if (element.parentNode !== list) return list.insertBefore(element, there);
  const after = element.nextSibling;
  move(list, element, there);
  if (there !== after) move(list, there, after);
}

/** Where browsers know how, without its video noticing. */
function move(list, element, before) {
  if (list.moveBefore) list.moveBefore(element, before);
  else list.insertBefore(element, before);
}
