// What did not work, and when to try it again: of one camera, or of this place (a network that lets no WebRTC pass).

import { serverNow } from "./clock.js";

const KEPT = "vmsd.live.failed";
const BACKOFF_MS = [30_000, 60_000, 120_000, 240_000, 600_000];
const UNFIT_MS = 600_000;
const SOON_MS = [3000, 6000, 12_000, 30_000];
const SAME_FAILURE_MS = 5000;
const MOST = 200;
const PLACE = "*";

/** The video itself cannot travel this way: a codec or B-frames. No use to ask again soon. */
const UNFIT = ["codec", "closed_at_once"];
/** Nothing was wrong with the way: there was no picture to travel it, or nobody to ask. */
const SOON = ["gone", "contact", "refused", "no_address"];
/** No camera can travel this way from here. */
const OF_PLACE = ["ice"];

/** Survives going from page to page, not a new window. */
class Memory {
  #failures = new Map();

  constructor() {
    try {
      this.#failures = new Map(JSON.parse(sessionStorage.getItem(KEPT) ?? "[]"));
    } catch {
      // Nothing is remembered, so everything is tried.
    }
  }

  failed(camera, quality, reason, now = serverNow()) {
    const key = OF_PLACE.includes(reason) ? keyOf(PLACE, quality) : keyOf(camera, quality);
    const before = this.#failures.get(key);
    // Sixteen tiles that learn the same of the network are one failure.
    if (OF_PLACE.includes(reason) && before && now - before.at < SAME_FAILURE_MS) return;
    const times = (before?.times ?? 0) + 1;
    const until = now + pauseMs(reason, times) * (0.85 + Math.random() * 0.3);
    this.#failures.delete(key);
    this.#failures.set(key, { at: now, until, times, reason });
    this.#keep();
  }

  /** Played well for a while: the next failure is a first one again. */
  proved(camera, quality) {
    const forgotten = [keyOf(camera, quality), keyOf(PLACE, quality)].map((key) => this.#failures.delete(key));
    if (forgotten.some(Boolean)) this.#keep();
  }

  mayTry(camera, quality, now = serverNow()) {
    return [keyOf(camera, quality), keyOf(PLACE, quality)].every((key) => now >= (this.#failures.get(key)?.until ?? 0));
  }

  /** The camera, or the network, is back: what failed may work now. */
  forgive(camera = null) {
    for (const key of [...this.#failures.keys()]) {
      if (camera === null || key.startsWith(`${camera}/`) || key.startsWith(`${PLACE}/`)) this.#failures.delete(key);
    }
    this.#keep();
  }

  #keep() {
    while (this.#failures.size > MOST) this.#failures.delete(this.#failures.keys().next().value);
    try {
      sessionStorage.setItem(KEPT, JSON.stringify([...this.#failures]));
    } catch {
      // It is only forgotten at the next page.
    }
  }
}

function pauseMs(reason, times) {
  if (UNFIT.includes(reason)) return UNFIT_MS;
  const steps = SOON.includes(reason) ? SOON_MS : BACKOFF_MS;
  return steps[Math.min(times, steps.length) - 1];
}

const keyOf = (camera, quality) => `${camera}/${quality}`;

export const memory = new Memory();

window.addEventListener("online", () => memory.forgive());
navigator.connection?.addEventListener?.("change", () => memory.forgive());
