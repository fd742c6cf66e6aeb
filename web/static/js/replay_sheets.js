// Small pictures of a period, many to a sheet: what is shown while somebody drags. No video is loaded or decoded.

import { api } from "./api.js";
import { rfc3339 } from "./replay_time.js";

const MOST_SHEETS = 24;
const TILES_ACROSS = 240;
const LEAST_STEP_S = 1;
const FURTHEST_STEPS = 3;
const KNOWN_PERIODS = 6;

/** The sheets of one camera. */
export class Sheets {
  #cameraId;
  #periods = [];
  #pictures = new Map();
  #asking = null;

  constructor(cameraId) {
    this.#cameraId = cameraId;
  }

  /** Makes sure that it is known which pictures there are of a period; true when that was asked for. */
  async need(startMs, endMs) {
    const stepS = Math.max(LEAST_STEP_S, Math.round((endMs - startMs) / TILES_ACROSS / 1000));
    if (this.#fitting(startMs, endMs, stepS)) return false;
    const key = `${startMs} ${endMs} ${stepS}`;
    if (this.#asking?.key !== key) {
      this.#asking = { key, promise: this.#load(startMs, endMs, stepS).finally(() => (this.#asking = null)) };
    }
    await this.#asking.promise;
    return true;
  }

  /** The newest picture at or before `ms`, not long before; null when none is known. Its sheet may not be here yet. */
  find(ms) {
    let best = null;
    for (const { tiles, stepS } of this.#periods) {
      const tile = tiles.findLast((one) => one.atMs <= ms);
      const furthest = Math.max(stepS * FURTHEST_STEPS, 30) * 1000;
      if (tile && ms - tile.atMs <= furthest && tile.atMs > (best?.atMs ?? -Infinity)) best = tile;
    }
    return best;
  }

  /** The sheet of a picture, loaded. */
  picture(tile) {
    const known = this.#pictures.get(tile.url);
    if (known) {
      this.#pictures.delete(tile.url);
      this.#pictures.set(tile.url, known);
      return known;
    }
    const image = new Image();
    image.src = tile.url;
    const loaded = image.decode().then(() => image);
    loaded.catch(() => this.#pictures.delete(tile.url));
    this.#pictures.set(tile.url, loaded);
    if (this.#pictures.size > MOST_SHEETS) this.#pictures.delete(this.#pictures.keys().next().value);
    return loaded;
  }

  #fitting(startMs, endMs, stepS) {
    return this.#periods.some((one) => one.startMs <= startMs && one.endMs >= endMs && one.stepS <= stepS);
  }

  async #load(startMs, endMs, stepS) {
    const period = `start=${rfc3339(startMs)}&end=${rfc3339(endMs)}&step=${stepS}`;
    const answer = await api(`/cameras/${this.#cameraId}/thumbnails?${period}`);
    const tiles = answer.sheets
      .flatMap((sheet) => sheet.tiles.map((tile) => tileOf(answer, sheet, tile)))
      .sort((a, b) => a.atMs - b.atMs);
    this.#periods.push({ startMs, endMs, stepS, tiles });
    if (this.#periods.length > KNOWN_PERIODS) this.#periods.shift();
  }
}

const tileOf = (answer, sheet, tile) => ({
  atMs: Date.parse(tile.at),
  url: sheet.url,
  x: tile.x,
  y: tile.y,
  width: sheet.tile_width ?? answer.tile_width,
  height: sheet.tile_height ?? answer.tile_height,
});
