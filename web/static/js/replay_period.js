// The marked period: its two ends, of which cameras, and how it is said.

import { fullMoment, momentOf, serverNow } from "./clock.js";
import { $, $$, el, show, write } from "./dom.js";
import { localMoment } from "./replay_time.js";
import { lengthWords } from "./replay_words.js";
import { say } from "./words.js";

const LEAST_MS = 1000;
const AROUND_MS = 150_000;
const HOUR_MS = 3_600_000;

/** Fires `change` when it is another one. */
export class Period extends EventTarget {
  inMs = null;
  outMs = null;
  #cameras = [];
  #ticked = new Set();

  constructor(shownMs) {
    super();
    $("#mark-begin").addEventListener("click", () => this.begin(shownMs()));
    $("#mark-finish").addEventListener("click", () => this.finish(shownMs()));
    $("#last-hour").addEventListener("click", () => this.set(serverNow() - HOUR_MS, serverNow()));
    $("#around").addEventListener("click", () => this.set(shownMs() - AROUND_MS, shownMs() + AROUND_MS));
    $("#unmark").addEventListener("click", () => this.set(null, null));
    $("#period-start").addEventListener("change", ({ target }) => this.#typed(target, "in"));
    $("#period-end").addEventListener("change", ({ target }) => this.#typed(target, "out"));
  }

  get isMarked() {
    return this.inMs !== null && this.outMs !== null && this.outMs > this.inMs;
  }

  set(inMs, outMs) {
    this.inMs = inMs === null ? null : Math.floor(inMs);
    this.outMs = outMs === null ? null : Math.ceil(Math.min(outMs, serverNow()));
    this.#show();
    this.dispatchEvent(new Event("change"));
  }

  /** From here to the end that was marked; one that lies before goes. */
  begin(ms) {
    this.set(ms, this.outMs !== null && this.outMs > ms + LEAST_MS ? this.outMs : null);
  }

  finish(ms) {
    this.set(this.inMs !== null && this.inMs < ms - LEAST_MS ? this.inMs : null, ms);
  }

  /** One end was dragged: never over the other. */
  move(end, ms) {
    if (end === "in") this.set(Math.min(ms, this.outMs - LEAST_MS), this.outMs);
    else this.set(this.inMs, Math.max(ms, this.inMs + LEAST_MS));
  }

  /** The cameras it can be of; those on the screen are ticked until somebody says otherwise. */
  offer(cameras, shownIds) {
    this.#cameras = cameras;
    this.#ticked = new Set(shownIds);
    const boxes = cameras.map((camera) => {
      const input = el("input", { type: "checkbox", value: camera.id });
      input.checked = this.#ticked.has(camera.id);
      input.addEventListener("change", () => this.#tick(camera.id, input.checked));
      return el("label", { class: "tick" }, input, el("span", {}, camera.name));
    });
    $("#period-cameras").replaceChildren(...boxes);
  }

  /** Those that are ticked. */
  get cameras() {
    return this.#cameras.filter((camera) => this.#ticked.has(camera.id));
  }

  get words() {
    const facts = {
      start: fullMoment(this.inMs),
      end: fullMoment(this.outMs),
      length: lengthWords(this.inMs, this.outMs),
    };
    return say("replay.sum", facts);
  }

  #tick(id, ticked) {
    if (ticked) this.#ticked.add(id);
    else this.#ticked.delete(id);
    this.dispatchEvent(new Event("change"));
  }

  #typed(input, end) {
    const ms = input.value ? momentOf(input.value) : NaN;
    if (Number.isNaN(ms)) return this.#show();
    if (end === "in") this.begin(ms);
    else this.finish(ms);
  }

  #show() {
    const some = this.inMs !== null || this.outMs !== null;
    show($("#marked"), some);
    show($("#unmarked"), !some);
    for (const [id, ms] of [
      ["#period-start", this.inMs],
      ["#period-end", this.outMs],
    ]) {
      const value = ms === null ? "" : localMoment(ms);
      if ($(id).value !== value && document.activeElement !== $(id)) $(id).value = value;
    }
    write($("#period-length"), this.isMarked ? this.words : "");
    for (const button of $$("#preserve, #export, #incident")) button.disabled = !this.isMarked;
  }
}
