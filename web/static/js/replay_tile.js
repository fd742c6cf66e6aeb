// <vmsd-replay>: one camera at a moment: its video, a preview while somebody drags, or why there is none.

import { fullMoment } from "./clock.js";
import { el, icon, show, write } from "./dom.js";
import { Frames } from "./replay_frames.js";
import { Preview } from "./replay_preview.js";
import { Source } from "./replay_source.js";
import { troubleWords } from "./replay_where.js";
import { say } from "./words.js";

const AGAIN_AFTER_MS = [1000, 2000, 4000, 8000, 15_000];
const LONGEST_FRAME_S = 2;
/** Where the same frame is shown as before, none is announced. */
const LATE_FRAME_MS = 250;
const FINAL = ["codec", 403];
const RESUME_MS = 100;
/** Of a camera with a frame a second a browser keeps the last four to itself. */
const TAIL_MS = 5000;
const ICONS = { waiting: "loader", gap: "video-off", end: "video-off", trouble: "triangle-alert" };

/**
 * `data-show` says what is seen: `video`, `waiting`, `gap` (nothing was recorded at this moment), `end` (nothing comes
 * after it) or `trouble`. Events: `state` when that changes, `frame` when what was asked for is seen, `go` with a wall
 * time.
 */
class ReplayTile extends HTMLElement {
  /** What is known from elsewhere of the video next to a wall time: `{ before, after }`. Given by the page. */
  lookAround = () => ({ before: null, after: null });
  /** How long the last seek took to its picture. */
  seekMs = null;
  #video;
  #source;
  #preview;
  #askedMs = null;
  #askedAt = 0;
  #seeking = false;
  #opening = false;
  #rate = 1;
  #playing = false;
  #frames;
  #framesBefore = 0;
  #late = 0;
  #failures = 0;
  #again = 0;
  #gap = null;

  connectedCallback() {
    if (this.#video) return;
    this.append(document.getElementById("replay-player").content.cloneNode(true));
    this.#video = this.querySelector("video");
    this.#video.muted = true;
    this.#video.disableRemotePlayback = true;
    this.#source = new Source(this.#video, this.cameraId, () => this.#explainTrouble());
    const plate = this.querySelector("[data-slot=preview]");
    this.#preview = new Preview(this.querySelector("canvas"), plate, this.cameraId);
    this.#video.addEventListener("seeked", () => this.#afterSeek());
    this.#frames = new Frames(this.#video, () => this.#late && this.#arrive());
  }

  disconnectedCallback() {
    clearTimeout(this.#again);
    this.#source.close();
  }

  get cameraId() {
    return this.getAttribute("camera-id");
  }

  get video() {
    return this.#video;
  }

  get source() {
    return this.#source;
  }

  get state() {
    return this.dataset.show ?? "";
  }

  /** Of the frame that is shown, or of what was asked for while it loads. */
  get wallMs() {
    return this.state === "video" && !this.#seeking ? this.#source.wallMs : this.#askedMs;
  }

  get isReady() {
    return this.state === "video" && !this.#seeking && this.#video.readyState >= 2;
  }

  get isStalled() {
    return this.state === "waiting" || this.#seeking || this.#video.readyState < 3;
  }

  /** In a gap: the wall times at which video ends before it and begins after it, also beyond the playlist. */
  get gap() {
    if (!this.#gap) return null;
    const far = this.lookAround(this.#askedMs);
    return { before: this.#gap.before ?? far.before, after: this.#gap.after ?? far.after };
  }

  /** At the last frame before a gap. */
  get isAtGap() {
    if (!this.isReady) return false;
    const leftMs = this.#source.untilGapMs(this.#source.wallMs);
    return leftMs < 50 || (leftMs < TAIL_MS && this.#video.readyState < 3 && this.#source.isDrained);
  }

  /** Whether this camera has video of the moment, as far as is known without asking. */
  has(wallMs) {
    return this.#source.covers(wallMs) && this.#source.has(wallMs);
  }

  /** The frame of this wall time, or the gap it lies in. */
  show(wallMs) {
    this.#askedMs = wallMs;
    this.#askedAt = performance.now();
    if (this.#opening) return;
    if (this.#source.covers(wallMs)) this.#place();
    else this.#open();
  }

  play(rate) {
    this.#playing = true;
    this.setRate(rate);
    if (this.state === "video" && this.#video.paused) this.#video.play().catch(() => {});
  }

  pause() {
    this.#playing = false;
    if (!this.#video.paused) this.#video.pause();
  }

  setRate(rate) {
    if (rate !== this.#rate) this.#source.setRate(rate);
    this.#rate = rate;
    if (this.#video.playbackRate !== rate) this.#video.playbackRate = rate;
  }

  /** Gently faster or slower than the others, to meet them. */
  lean(rate) {
    if (Math.abs(this.#video.playbackRate - rate) > 0.005) this.#video.playbackRate = rate;
  }

  /** One frame on (1) or back (-1); resolves when it is seen. */
  async step(by) {
    if (this.isReady) await this.#frames.step(by);
  }

  /** Waits in a gap until the others come to its end. */
  hold(wallMs) {
    this.#askedMs = wallMs;
    this.#stay(this.#source.gapAt(wallMs));
  }

  #stay(gap) {
    this.#gap = gap;
    this.#video.pause();
    this.#setShow(this.gap.after === null ? "end" : "gap");
  }

  /** A small picture of the moment, or that it lies in a gap; the video is left alone. */
  preview(wallMs, gap) {
    if (gap) {
      this.#preview.end(wallMs);
      return this.#setShow("gap");
    }
    show(this.querySelector(".veil"), false);
    this.#preview.show(wallMs);
  }

  /** True when it is known more now of which small pictures there are. */
  needPreviews(startMs, endMs) {
    return this.#preview.need(startMs, endMs);
  }

  /** What stands over the picture where there is none; `actions` are `[words, wallMs or address]`. */
  explain({ title, cause = "", detail = "", actions = [] }) {
    const veil = this.querySelector(".veil");
    write(veil.querySelector("[data-slot=title]"), title);
    write(veil.querySelector("[data-slot=cause]"), cause);
    write(veil.querySelector("[data-slot=detail]"), detail);
    const out = veil.querySelector("[data-slot=out]");
    const key = JSON.stringify(actions);
    if (out.dataset.key === key) return;
    out.dataset.key = key;
    out.replaceChildren(...actions.map((action) => this.#way(action)));
  }

  #way([words, where]) {
    if (typeof where === "string") return el("a", { class: "button", href: where }, words);
    const button = el("button", { type: "button", class: "button" }, words);
    button.addEventListener("click", () => this.dispatchEvent(new CustomEvent("go", { detail: where, bubbles: true })));
    return button;
  }

  /** What is shown now as a canvas of its own size; null when there is no picture. */
  still() {
    if (!this.isReady || !this.#video.videoWidth) return null;
    const canvas = el("canvas", { width: this.#video.videoWidth, height: this.#video.videoHeight });
    canvas.getContext("2d").drawImage(this.#video, 0, 0);
    return canvas;
  }

  /** Anew from the box, because there may be more by now, or something else. */
  async #open() {
    this.#opening = true;
    this.#setShow("waiting");
    clearTimeout(this.#again);
    const opened = await this.#source.open(this.#askedMs);
    this.#opening = false;
    if (!this.isConnected) return;
    if (opened) this.#place();
    else if (this.#source.trouble === "empty") this.#enterGap({ before: null, after: null });
  }

  /** There may be more by now. */
  async renew() {
    await this.#source.renew();
    if ((this.state === "gap" || this.state === "end") && this.has(this.#askedMs + RESUME_MS)) {
      this.show(this.#askedMs + RESUME_MS);
    }
  }

  #place() {
    if (!this.#source.covers(this.#askedMs)) return this.#open();
    if (!this.#source.has(this.#askedMs)) return this.#enterGap(this.#source.gapAt(this.#askedMs));
    this.#gap = null;
    this.#failures = 0;
    this.#seek(this.#source.mediaOf(this.#askedMs));
    this.#setShow("video");
    if (this.#playing) this.play(this.#rate);
  }

  #seek(media) {
    const there = Math.abs(this.#video.currentTime - media) < 0.001 && this.#video.readyState >= 2;
    if (there && !this.#seeking) return this.#arrive();
    this.#seeking = true;
    this.#framesBefore = this.#frames.count;
    this.#video.currentTime = media;
    this.#source.load();
  }

  /** A seek is over when its picture is on the screen, a moment after the browser says so. */
  #afterSeek() {
    if (!this.#seeking || this.#video.seeking) return;
    clearTimeout(this.#late);
    const behind = this.#video.currentTime - this.#frames.at;
    if (this.#frames.count > this.#framesBefore && behind > -0.1 && behind < LONGEST_FRAME_S) return this.#arrive();
    this.#late = setTimeout(() => this.#arrive(), LATE_FRAME_MS);
  }

  #arrive() {
    clearTimeout(this.#late);
    this.#late = 0;
    this.#seeking = false;
    this.seekMs = performance.now() - this.#askedAt;
    this.#preview.end();
    this.dispatchEvent(new CustomEvent("frame", { bubbles: true }));
  }

  #enterGap(gap) {
    clearTimeout(this.#late);
    this.#late = 0;
    this.#seeking = false;
    this.#preview.end();
    this.#stay(gap);
    this.dispatchEvent(new CustomEvent("frame", { bubbles: true }));
  }

  #setShow(state) {
    show(this.querySelector(".veil"), state !== "video");
    if (this.dataset.show === state && state !== "gap" && state !== "end") return;
    this.dataset.show = state;
    if (state === "waiting") this.explain({ title: say("replay.loading") });
    if (ICONS[state]) this.querySelector(".replay__veilicon").replaceChildren(icon(ICONS[state]));
    this.dispatchEvent(new CustomEvent("state", { bubbles: true }));
  }

  #explainTrouble() {
    const { trouble, retryAfterS } = this.#source;
    this.#opening = false;
    if (trouble === "empty") return;
    this.#preview.end();
    this.#setShow("trouble");
    this.#video.pause();
    const usualMs = AGAIN_AFTER_MS[Math.min(this.#failures, AGAIN_AFTER_MS.length - 1)];
    const waitMs = retryAfterS ? retryAfterS * 1000 : usualMs;
    this.explain(troubleWords(trouble, waitMs));
    if (FINAL.includes(trouble)) return;
    this.#failures += 1;
    this.#again = setTimeout(() => this.#open(), waitMs);
  }

  /** The clock under the picture. */
  writeClock() {
    const plate = this.querySelector("[data-slot=clock]");
    const at = this.#preview.wallMs ?? (this.state === "video" ? this.wallMs : null);
    write(plate, at === null ? "" : fullMoment(at));
    show(plate, at !== null);
  }
}

customElements.define("vmsd-replay", ReplayTile);
