// Asks the daemon each second what every camera is doing, and tells whoever listens.

import { goToLogin, problem, request } from "./api.js";
import { setServerTime } from "./clock.js";

/** A page that is about no city has no cameras to follow, only the box's notices. */
const OF_CITY = Boolean(document.body.dataset.cityId || document.body.dataset.wallKey);
const SOURCE = OF_CITY ? "/states" : "/system";
const EVERY_MS = OF_CITY ? 1000 : 5000;
const HIDDEN_EVERY_MS = 5000;
/** A screen on a wall whose key counts no more asks on, in case it does again. */
const REFUSED_EVERY_MS = 30_000;
const TIMEOUT_MS = 4000;
const LOST_AFTER_MS = EVERY_MS + 3000;
/** Of somebody who may see no camera, or of a city that is gone: the box is there all the same. */
const WITHOUT_CAMERAS = [403, 404];
const NOTHING = { items: [], notices: [] };

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
  #refused = false;

  async start() {
    for (;;) {
      await this.#ask();
      await new Promise((resolve) => setTimeout(resolve, this.#everyMs));
    }
  }

  get #everyMs() {
    if (this.#refused) return REFUSED_EVERY_MS;
    return document.hidden ? HIDDEN_EVERY_MS : EVERY_MS;
  }

  get(cameraId) {
    return this.items.get(cameraId);
  }

  async #ask() {
    try {
      const askedAt = performance.now();
      const headers = this.#etag ? { "If-None-Match": this.#etag } : {};
      const response = await request(SOURCE, { headers, timeout: TIMEOUT_MS });
      this.#refused = response.status === 401;
      if (this.#refused) return goToLogin();
      if (response.status !== 304 && !response.ok && !WITHOUT_CAMERAS.includes(response.status)) {
        throw await problem(response);
      }
      // Without cameras there is the time of every answer, to the second.
      const now = response.headers.get("X-Now") ?? response.headers.get("Date");
      setServerTime(Date.parse(now), askedAt, performance.now());
      if (response.status !== 304) this.#take(response.ok ? await response.json() : NOTHING);
      this.#etag = response.headers.get("ETag") ?? "";
      this.#setContact(true);
    } catch {
      this.#setContact(false);
    }
    this.dispatchEvent(new Event("states"));
  }

  #take(answer) {
    // Who saw cameras and may see none any more sees what the page says about it.
    if (this.items.size && answer === NOTHING) location.reload();
    this.items = new Map((answer.items ?? []).map((item) => [item.id, item]));
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
