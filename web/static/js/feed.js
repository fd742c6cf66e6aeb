// Asks the daemon each second what every camera is doing, and tells whoever listens.

import { goToLogin, problem, request } from "./api.js";
import { setServerTime } from "./clock.js";

const EVERY_MS = 1000;
const HIDDEN_EVERY_MS = 5000;
const TIMEOUT_MS = 4000;
const LOST_AFTER_MS = 4000;

/**
 * Events: `states` after each answer, `contact` when the daemon is lost or found again.
 * What it says is only to be believed while `inContact`: a lamp that was lit stays lit on a dead page.
 */
class Feed extends EventTarget {
  items = new Map();
  notices = [];
  known = false;
  inContact = true;
  lastAnswerAt = performance.now();
  #etag = "";

  async start() {
    for (;;) {
      await this.#ask();
      const every = document.hidden ? HIDDEN_EVERY_MS : EVERY_MS;
      await new Promise((resolve) => setTimeout(resolve, every));
    }
  }

  get(cameraId) {
    return this.items.get(cameraId);
  }

  async #ask() {
    try {
      const askedAt = performance.now();
      const headers = this.#etag ? { "If-None-Match": this.#etag } : {};
      const response = await request("/states", { headers, timeout: TIMEOUT_MS });
      if (response.status === 401) return goToLogin();
      if (response.status !== 304 && !response.ok) throw await problem(response);
      setServerTime(Date.parse(response.headers.get("X-Now")), askedAt, performance.now());
      if (response.status !== 304) this.#take(await response.json());
      this.#etag = response.headers.get("ETag") ?? "";
      this.#setContact(true);
    } catch {
      this.#setContact(false);
    }
    this.dispatchEvent(new Event("states"));
  }

  #take(answer) {
    this.items = new Map(answer.items.map((item) => [item.id, item]));
    this.notices = answer.notices;
    this.known = true;
  }

  #setContact(answered) {
    if (answered) this.lastAnswerAt = performance.now();
    const inContact = performance.now() - this.lastAnswerAt < LOST_AFTER_MS;
    if (inContact === this.inContact) return;
    this.inContact = inContact;
    this.dispatchEvent(new Event("contact"));
  }
}

export const feed = new Feed();
