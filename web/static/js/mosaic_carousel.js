// The tile that changes by itself: the next camera already plays before it is its turn.

const AHEAD_MS = 4000;

export class Carousel {
  paused = false;
  #cell;
  #stage;
  #main;
  #at = 0;
  #timer = 0;

  /** `main` says whether the tile is large enough for the best quality. */
  constructor(cell, stage, main) {
    this.#cell = cell;
    this.#stage = stage;
    this.#main = main;
  }

  start() {
    this.#show();
  }

  stop() {
    clearTimeout(this.#timer);
  }

  /** Another list or pace: the camera that is shown stays, if it is still in it. */
  change(cell) {
    if (JSON.stringify(cell) === JSON.stringify(this.#cell)) return;
    this.#cell = cell;
    this.#at = Math.max(0, cell.cameras.indexOf(this.#stage.cameraId));
    this.#show();
  }

  setPaused(paused) {
    this.paused = paused;
    this.stop();
    if (!paused) this.#wait();
  }

  /** The one after, or with -1 the one before, at once. */
  step(by = 1) {
    const { length } = this.#cell.cameras;
    this.#at = (this.#at + by + length) % length;
    this.#show();
  }

  #show() {
    this.stop();
    if (!this.#cell.cameras.length) return;
    this.#stage.show(this.#cell.cameras[this.#at], this.#main());
    if (!this.paused) this.#wait();
  }

  #wait() {
    const { cameras, seconds } = this.#cell;
    if (cameras.length < 2) return;
    const ahead = Math.min(AHEAD_MS, (seconds * 1000) / 2);
    this.#timer = setTimeout(() => this.#prepare(ahead), seconds * 1000 - ahead);
  }

  /** Nobody looks at a hidden page: it stays where it is. */
  #prepare(ahead) {
    if (document.hidden) return this.#wait();
    const { cameras } = this.#cell;
    this.#stage.prepare(cameras[(this.#at + 1) % cameras.length], this.#main());
    this.#timer = setTimeout(() => this.step(), ahead);
  }
}
