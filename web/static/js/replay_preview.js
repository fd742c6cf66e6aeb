// The small picture over a video while somebody drags: of the moment under the pointer, or a word that there is none.

import { show, write } from "./dom.js";
import { Sheets } from "./replay_sheets.js";
import { say } from "./words.js";

export class Preview {
  /** The wall time it stands for; null while the video itself is seen. */
  wallMs = null;
  #canvas;
  #plate;
  #sheets;

  constructor(canvas, plate, cameraId) {
    this.#canvas = canvas;
    this.#plate = plate;
    this.#sheets = new Sheets(cameraId);
  }

  /** True when it is known more now of which pictures there are of the period. */
  need(startMs, endMs) {
    return this.#sheets.need(startMs, endMs).catch(() => false);
  }

  async show(wallMs) {
    this.wallMs = wallMs;
    const tile = this.#sheets.find(wallMs);
    if (!tile) return this.#showNothing();
    const picture = await this.#sheets.picture(tile).catch(() => null);
    if (picture && this.wallMs === wallMs) this.#paint(picture, tile);
  }

  end(wallMs = null) {
    this.wallMs = wallMs;
    show(this.#canvas, false);
    show(this.#plate, false);
  }

  #paint(picture, { x, y, width, height }) {
    this.#canvas.width = width;
    this.#canvas.height = height;
    this.#canvas.getContext("2d").drawImage(picture, x, y, width, height, 0, 0, width, height);
    this.#cover(say("replay.preview"));
  }

  /** Of what was recorded a short while ago there is no small picture yet; an old one would lie. */
  #showNothing() {
    this.#canvas.width = this.#canvas.height = 1;
    this.#cover(say("replay.preview.none"));
  }

  #cover(words) {
    show(this.#canvas, true);
    write(this.#plate, words);
    show(this.#plate, true);
  }
}
