// What happens, as it happens: one WebSocket a page; while there is none, what is new is asked for.

import { api } from "./api.js";
import { serverNow } from "./clock.js";

const FIRST_AGAIN_MS = 1000;
const LAST_AGAIN_MS = 15_000;
const POLL_MS = 5000;
const COUNT_AFTER_MS = 250;
const NEW_AT_MOST = 50;

/**
 * Events: `counts` when `counts` has changed, `alert` with the alert and its `event` as detail, `resync` when something
 * may have been missed, `contact` when the connection came or went, and each other kind of message under its own name.
 */
class News extends EventTarget {
  counts = null;
  connected = false;
  #socket = null;
  #again = FIRST_AGAIN_MS;
  #counting = 0;
  #known = null;
  #missed = false;
  #refused = false;

  start() {
    this.#connect();
    this.#count();
    setInterval(() => this.connected || this.#poll(), POLL_MS);
    addEventListener("pagehide", () => this.#socket?.close());
    addEventListener("pageshow", ({ persisted }) => persisted && this.#connect());
  }

  /** Something was just done here: do not wait to be told. */
  recount() {
    clearTimeout(this.#counting);
    this.#counting = setTimeout(() => this.#count(), COUNT_AFTER_MS);
  }

  #connect() {
    const city = new URLSearchParams({ city_id: document.body.dataset.cityId });
    this.#socket = new WebSocket(`${location.origin.replace(/^http/, "ws")}/ws/alerts?${city}`);
    this.#socket.onmessage = ({ data }) => this.#take(JSON.parse(data));
    this.#socket.onclose = () => this.#lose();
  }

  #lose() {
    this.#setConnected(false);
    this.#missed = true;
    if (this.#refused) return;
    setTimeout(() => this.#connect(), this.#again * (0.5 + Math.random() / 2));
    this.#again = Math.min(this.#again * 2, LAST_AGAIN_MS);
  }

  #take(message) {
    if (message.type === "hello") return this.#greet(message);
    if (message.type === "resync") return this.#resync();
    if (message.type === "alert") {
      this.#known?.add(message.id);
      this.recount();
    }
    this.dispatchEvent(new CustomEvent(message.type, { detail: message }));
  }

  #greet({ counts }) {
    this.#again = FIRST_AGAIN_MS;
    this.#setConnected(true);
    this.#setCounts(counts);
    if (this.#missed) this.#resync();
    this.#missed = false;
  }

  #resync() {
    this.recount();
    this.dispatchEvent(new Event("resync"));
  }

  async #count() {
    try {
      this.#setCounts(await api("/alerts/counts"));
    } catch (error) {
      this.#refused ||= error.status === 403;
    }
  }

  /** Without a connection: whoever is new since the last look. */
  async #poll() {
    if (this.#refused) return;
    try {
      const { items } = await api(`/alerts?state=new&limit=${NEW_AT_MOST}`);
      const fresh = items.filter(({ id }) => this.#known && !this.#known.has(id));
      this.#known = new Set([...(this.#known ?? []), ...items.map(({ id }) => id)]);
      for (const alert of fresh.reverse()) {
        this.dispatchEvent(new CustomEvent("alert", { detail: { ...alert, type: "alert", event: "raised" } }));
      }
      await this.#count();
      this.dispatchEvent(new Event("resync"));
    } catch {
      // Next time.
    }
  }

  #setCounts(counts) {
    this.counts = counts;
    this.countedAt = serverNow();
    this.dispatchEvent(new Event("counts"));
  }

  #setConnected(connected) {
    if (this.connected === connected) return;
    this.connected = connected;
    this.#known = null;
    this.dispatchEvent(new Event("contact"));
  }
}

export const news = new News();
