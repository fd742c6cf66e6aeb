// The timeline under somebody's hands: what part of time it shows, zoom and pan, dragging the moment and the marks.

import { fullMoment, serverNow } from "./clock.js";
import { $, $$, show } from "./dom.js";
import { RULER, drawLanes, laneAt } from "./replay_lanes.js";

const LEAST_MS = 60_000;
const MOST_MS = 26 * 3_600_000;
const AHEAD_MS = 3_600_000;
const SETTLE_MS = 450;

/**
 * Events: `view` when it shows another part of time, `scrub` (`detail` is the wall time) while somebody drags, `seek`
 * when they let go, `lane` with the number of the lane they took hold of, `mark` with `{ end: "in"|"out", ms }`.
 */
export class Board extends EventTarget {
  startMs = 0;
  endMs = MOST_MS;
  scrubbing = false;
  #root = $("#lanes");
  #head = $("#head");
  #lanes = [];
  #marks = { inMs: null, outMs: null };
  #wallMs = null;
  #drawing = 0;
  #pointers = new Map();
  #grip = null;
  #settling = 0;

  constructor() {
    super();
    new ResizeObserver(() => this.draw()).observe(this.#root);
    this.#root.addEventListener("pointerdown", this.#down);
    this.#root.addEventListener("pointermove", this.#move);
    this.#root.addEventListener("pointerup", this.#up);
    this.#root.addEventListener("pointercancel", this.#cancel);
    this.#root.addEventListener("wheel", this.#wheel, { passive: false });
    this.#head.addEventListener("keydown", (event) => this.#headKey(event));
    for (const handle of $$(".lanes__end")) handle.addEventListener("keydown", (event) => this.#markKey(event, handle));
    for (const button of $$("[data-minutes]")) {
      button.addEventListener("click", () => this.zoomTo(Number(button.dataset.minutes) * 60_000));
    }
    $("#earlier").addEventListener("click", () => this.pan(-0.5));
    $("#later").addEventListener("click", () => this.pan(0.5));
    $("#centre").addEventListener("click", () => this.centre());
  }

  get spanMs() {
    return this.endMs - this.startMs;
  }

  set lanes(lanes) {
    this.#lanes = lanes;
    this.draw();
  }

  set marks(marks) {
    this.#marks = marks;
    this.#placeMarks();
  }

  /** Where the playhead stands; the view goes along unless somebody has taken it elsewhere. */
  setWall(wallMs, follow = false) {
    this.#wallMs = wallMs;
    if (follow && !this.scrubbing && !this.isSeen(wallMs)) this.look(wallMs - this.spanMs * 0.1);
    this.#placeHead();
  }

  isSeen(ms) {
    return ms >= this.startMs && ms < this.endMs;
  }

  look(startMs, spanMs = this.spanMs) {
    const span = Math.min(MOST_MS, Math.max(LEAST_MS, spanMs));
    const latest = serverNow() + Math.min(AHEAD_MS, span / 4);
    const end = Math.min(startMs + span, latest);
    if (end - span === this.startMs && end === this.endMs) return;
    this.startMs = end - span;
    this.endMs = end;
    this.#markZoom();
    this.draw();
    this.dispatchEvent(new Event("view"));
  }

  centre() {
    if (this.#wallMs !== null) this.look(this.#wallMs - this.spanMs / 2);
  }

  pan(share) {
    this.look(this.startMs + this.spanMs * share);
  }

  zoomTo(spanMs, aroundMs = this.isSeen(this.#wallMs) ? this.#wallMs : (this.startMs + this.endMs) / 2, share = 0.5) {
    this.look(aroundMs - Math.min(MOST_MS, Math.max(LEAST_MS, spanMs)) * share, spanMs);
  }

  zoomBy(factor) {
    const at = this.isSeen(this.#wallMs) ? this.#wallMs : (this.startMs + this.endMs) / 2;
    this.zoomTo(this.spanMs * factor, at, (at - this.startMs) / this.spanMs);
  }

  draw() {
    if (this.#drawing) return;
    this.#drawing = requestAnimationFrame(() => {
      this.#drawing = 0;
      const width = this.#root.clientWidth;
      if (!width) return;
      drawLanes(this.#root, this.#lanes, { startMs: this.startMs, endMs: this.endMs, width });
      this.#placeHead();
      this.#placeMarks();
    });
  }

  #x(ms) {
    return ((ms - this.startMs) / this.spanMs) * this.#root.clientWidth;
  }

  #msAt(event) {
    const box = this.#root.getBoundingClientRect();
    return this.startMs + ((event.clientX - box.left) / box.width) * this.spanMs;
  }

  #clamp(ms) {
    return Math.min(ms, serverNow());
  }

  #placeHead() {
    show(this.#head, this.#wallMs !== null && this.isSeen(this.#wallMs));
    if (this.#wallMs === null) return;
    this.#head.style.setProperty("--x", `${this.#x(this.#wallMs)}px`);
    describe(this.#head, this.#wallMs, this.startMs, this.endMs);
  }

  #placeMarks() {
    const { inMs, outMs } = this.#marks;
    const mark = $("#mark");
    show(mark, inMs !== null && outMs !== null && outMs > this.startMs && inMs < this.endMs);
    if (mark.hidden) return;
    mark.style.setProperty("--from", `${Math.max(-4, this.#x(inMs))}px`);
    mark.style.setProperty("--to", `${Math.min(this.#root.clientWidth + 4, this.#x(outMs))}px`);
    describe($("#mark-in"), inMs, this.startMs, outMs);
    describe($("#mark-out"), outMs, inMs, this.endMs);
  }

  #markZoom() {
    for (const button of $$("[data-minutes]")) {
      const is = Math.abs(Number(button.dataset.minutes) * 60_000 - this.spanMs) < 1000;
      button.setAttribute("aria-pressed", String(is));
    }
  }

  /** The end of the marked period, the ruler or a lane: whatever the pointer took hold of. */
  #down = (event) => {
    if (event.button !== 0) return;
    this.#pointers.set(event.pointerId, event.clientX);
    this.#root.setPointerCapture(event.pointerId);
    if (this.#pointers.size === 2) return this.#beginPinch();
    const handle = event.target.closest(".lanes__end");
    const y = event.clientY - this.#root.getBoundingClientRect().top;
    if (handle) this.#grip = { kind: "mark", end: handle.id === "mark-in" ? "in" : "out" };
    else if (y < RULER) this.#grip = { kind: "pan", x: event.clientX, startMs: this.startMs };
    else this.#beginScrub(event, y);
    event.preventDefault();
  };

  #beginScrub(event, y) {
    this.#grip = { kind: "scrub" };
    this.#head.focus({ preventScroll: true });
    this.dispatchEvent(new CustomEvent("lane", { detail: laneAt(y) }));
    this.#scrubTo(this.#msAt(event));
  }

  #move = (event) => {
    if (!this.#pointers.has(event.pointerId)) return;
    this.#pointers.set(event.pointerId, event.clientX);
    const grip = this.#grip;
    if (!grip) return;
    if (grip.kind === "pinch") this.#pinch();
    else if (grip.kind === "pan")
      this.look(grip.startMs - ((event.clientX - grip.x) / this.#root.clientWidth) * this.spanMs);
    else if (grip.kind === "mark") this.#moveMark(grip.end, this.#msAt(event));
    else this.#drag(event);
  };

  /** Beyond the edge the view goes along. */
  #drag(event) {
    const ms = this.#msAt(event);
    if (ms < this.startMs) this.look(ms);
    else if (ms > this.endMs) this.look(ms - this.spanMs);
    this.#scrubTo(ms);
  }

  #up = (event) => {
    if (!this.#pointers.delete(event.pointerId)) return;
    const grip = this.#grip;
    if (this.#pointers.size) return;
    this.#grip = null;
    if (grip?.kind === "scrub") this.#release();
  };

  /** The browser took the gesture for scrolling the page. */
  #cancel = (event) => {
    this.#pointers.delete(event.pointerId);
    const was = this.#grip;
    this.#grip = null;
    if (was?.kind === "scrub") this.#release();
  };

  #scrubTo(ms) {
    this.scrubbing = true;
    this.#wallMs = this.#clamp(ms);
    this.#placeHead();
    this.dispatchEvent(new CustomEvent("scrub", { detail: this.#wallMs }));
  }

  #release() {
    clearTimeout(this.#settling);
    if (!this.scrubbing) return;
    this.scrubbing = false;
    this.dispatchEvent(new CustomEvent("seek", { detail: this.#wallMs }));
  }

  #moveMark(end, ms) {
    this.dispatchEvent(new CustomEvent("mark", { detail: { end, ms: this.#clamp(ms) } }));
  }

  #beginPinch() {
    if (this.#grip?.kind === "scrub") this.#release();
    const [a, b] = [...this.#pointers.values()];
    const box = this.#root.getBoundingClientRect();
    const share = ((a + b) / 2 - box.left) / box.width;
    const aroundMs = this.startMs + share * this.spanMs;
    this.#grip = { kind: "pinch", apart: Math.max(20, Math.abs(a - b)), spanMs: this.spanMs, aroundMs, share };
  }

  #pinch() {
    const [a, b] = [...this.#pointers.values()];
    const { apart, spanMs, aroundMs, share } = this.#grip;
    this.zoomTo((spanMs * apart) / Math.max(20, Math.abs(a - b)), aroundMs, share);
  }

  #wheel = (event) => {
    event.preventDefault();
    const sideways = event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY);
    if (sideways) return this.pan((event.deltaX || event.deltaY) / 1000);
    const box = this.#root.getBoundingClientRect();
    const share = (event.clientX - box.left) / box.width;
    this.zoomTo(this.spanMs * 1.0015 ** event.deltaY, this.#msAt(event), share);
  };

  /** Previews while keys are pressed, the video a moment after the last. */
  #headKey(event) {
    const step = this.spanMs / (event.shiftKey ? 10 : 200);
    const to = {
      ArrowLeft: () => this.#wallMs - step,
      ArrowRight: () => this.#wallMs + step,
      PageUp: () => this.#wallMs - this.spanMs / 10,
      PageDown: () => this.#wallMs + this.spanMs / 10,
      Home: () => this.startMs,
      End: () => this.endMs,
    }[event.key];
    if (!to || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    this.#scrubTo(to());
    if (!this.isSeen(this.#wallMs)) this.centre();
    clearTimeout(this.#settling);
    this.#settling = setTimeout(() => this.#release(), SETTLE_MS);
  }

  #markKey(event, handle) {
    const step = event.shiftKey ? this.spanMs / 20 : Math.max(1000, this.spanMs / 400);
    const by = { ArrowLeft: -step, ArrowRight: step, ArrowDown: -1000, ArrowUp: 1000 }[event.key];
    if (!by) return;
    event.preventDefault();
    event.stopPropagation();
    const end = handle.id === "mark-in" ? "in" : "out";
    this.#moveMark(end, (end === "in" ? this.#marks.inMs : this.#marks.outMs) + by);
  }
}

function describe(slider, ms, leastMs, mostMs) {
  slider.setAttribute("aria-valuemin", String(Math.round(leastMs / 1000)));
  slider.setAttribute("aria-valuemax", String(Math.round(mostMs / 1000)));
  slider.setAttribute("aria-valuenow", String(Math.round(ms / 1000)));
  slider.setAttribute("aria-valuetext", fullMoment(ms));
}
