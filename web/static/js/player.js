// <vmsd-player camera-id="…">: the live picture of one camera, or the newest still and the truth about why not.

import { request } from "./api.js";
import { duration, moment, serverNow } from "./clock.js";
import { icon, show, write } from "./dom.js";
import { feed } from "./feed.js";
import { Live } from "./live.js";
import { causeWord, sinceWords } from "./states.js";
import { say } from "./words.js";

const LOOK_EVERY_MS = 500;
const STILL_EVERY_MS = 10_000;
const RELEASE_AFTER_MS = 2000;
const CANVAS_WIDTH = 1280;

const ICONS = { lost: "video-off", frozen: "circle-pause", waiting: "loader", still: "image", off: "power-off" };

const watched = new IntersectionObserver((entries) => {
  for (const entry of entries) entry.target.setOnScreen(entry.isIntersecting);
});

/**
 * `data-show` says what is seen: `live`, `stale` (moving no more, greyed), `waiting`, `still` (live video cannot play
 * here, stills instead), `frozen`, `lost` or `off`.
 */
class Player extends HTMLElement {
  #live;
  #video;
  #canvas;
  #onScreen = false;
  #releaseTimer = 0;
  #looking = 0;
  #stillTime = null;
  #stillAskedAt = -Infinity;
  #stillState = "";
  #state = "";

  connectedCallback() {
    if (!this.#video) this.#build();
    this.#makeLive();
    watched.observe(this);
    this.#looking = setInterval(() => this.#look(), LOOK_EVERY_MS);
    document.addEventListener("visibilitychange", this.#attend);
    feed.addEventListener("states", this.#heard);
  }

  disconnectedCallback() {
    watched.unobserve(this);
    clearInterval(this.#looking);
    clearTimeout(this.#releaseTimer);
    document.removeEventListener("visibilitychange", this.#attend);
    feed.removeEventListener("states", this.#heard);
    this.#live.stop();
  }

  setOnScreen(onScreen) {
    this.#onScreen = onScreen;
    this.#attend();
  }

  get cameraId() {
    return this.getAttribute("camera-id");
  }

  get live() {
    return this.#live;
  }

  get video() {
    return this.#video;
  }

  /** `main` plays the recorded stream, anything else the substream where there is one. */
  set quality(quality) {
    this.setAttribute("quality", quality);
    const running = this.#live.running;
    this.#live.stop();
    this.#makeLive();
    if (running) this.#live.start();
  }

  #build() {
    this.append(document.getElementById("player").content.cloneNode(true));
    this.#canvas = this.querySelector("canvas");
    this.#video = this.querySelector("video");
    this.#video.muted = true;
    this.#video.disableRemotePlayback = true;
  }

  #makeLive() {
    const main = this.getAttribute("quality") === "main";
    this.#live = new Live(this.#video, this.cameraId, { main, beforeEnd: () => this.#keepLastFrame() });
  }

  /** Plays while somebody can see it; a short absence (a scroll, a glance at another tab) changes nothing. */
  #attend = () => {
    clearTimeout(this.#releaseTimer);
    if (this.#onScreen && !document.hidden) this.#live.start();
    else this.#releaseTimer = setTimeout(() => this.#live.stop(), RELEASE_AFTER_MS);
  };

  #heard = () => {
    const state = feed.get(this.cameraId)?.state ?? "";
    if (state === "online" && this.#state && this.#state !== "online") this.#live.hurry();
    this.#state = state;
    this.#look();
  };

  #look() {
    if (!this.#live.running) return;
    const shown = this.#judge();
    this.#explain(shown);
    this.#showAge(shown);
    show(this.querySelector("[data-slot=quality]"), this.#isSubstream && shown === "live");
    if (shown !== "live" && shown !== "stale") this.#refreshStill();
    if (this.dataset.show !== shown) this.dataset.show = shown;
  }

  get #isSubstream() {
    return Boolean(this.#live.session?.main_hls_url) && this.getAttribute("quality") !== "main";
  }

  /** The daemon knows of a dead camera seconds before the player's buffer runs out, so its word goes first. */
  #judge() {
    if (this.#state === "offline") return "lost";
    if (this.#state === "disabled") return "off";
    if (this.#state === "stalled") return "frozen";
    if (this.#live.hasFrame) return this.#live.stale ? "stale" : "live";
    return this.#live.trouble === "codec" ? "still" : "waiting";
  }

  #explain(shown) {
    const veil = this.querySelector(".veil");
    show(veil, shown !== "live" && shown !== "stale");
    if (veil.hidden) return;
    const item = feed.get(this.cameraId);
    const down = shown === "lost" || shown === "frozen" || shown === "off";
    const title = shown === "waiting" && this.#live.again ? "again" : shown;
    write(veil.querySelector("[data-slot=title]"), say(`player.${title}`));
    write(veil.querySelector("[data-slot=cause]"), down ? causeWord(item?.cause) : this.#whyNoVideo(shown));
    write(veil.querySelector("[data-slot=since]"), down && item ? sinceWords(item.since) : "");
    if (veil.dataset.icon === shown) return;
    veil.dataset.icon = shown;
    veil.querySelector(".icon").replaceWith(icon(ICONS[shown]));
  }

  #whyNoVideo(shown) {
    if (shown === "still") return say("player.codec");
    return this.#live.trouble === "contact" ? say("player.no_contact") : "";
  }

  #showAge(shown) {
    const plate = this.querySelector("[data-slot=age]");
    const moving = shown === "live" || shown === "stale";
    const time = moving ? this.#live.frameTime : this.#stillTime;
    plate.dataset.stale = String(shown !== "live");
    write(plate, moving ? this.#movingAge(shown) : time ? say("player.still_of", { when: moment(time) }) : "");
    show(plate, plate.textContent !== "");
  }

  #movingAge(shown) {
    const age = this.#live.frameAge ?? this.#live.stillFor;
    if (shown === "stale") return say("player.stale", { time: duration(age) });
    return this.#live.frameAge === null ? "" : say("time.ago", { time: duration(age) });
  }

  #keepLastFrame() {
    const time = this.#live.frameTime ?? serverNow();
    this.#paint(this.#video, this.#video.videoWidth, this.#video.videoHeight, time);
  }

  /** The newest still: at once when the state changes, then now and again while the camera is alive. */
  async #refreshStill() {
    const now = performance.now();
    const down = this.#state === "offline" || this.#state === "disabled";
    const due = now - this.#stillAskedAt > STILL_EVERY_MS && !(down && this.#stillTime);
    if (!due && this.#stillState === this.#state) return;
    this.#stillAskedAt = now;
    this.#stillState = this.#state;
    try {
      const response = await request(`/cameras/${this.cameraId}/snapshot.jpg?width=${CANVAS_WIDTH}`);
      if (!response.ok) return;
      const time = Date.parse(response.headers.get("X-Frame-Time") ?? "");
      const picture = await createImageBitmap(await response.blob());
      if (!(time <= this.#stillTime)) this.#paint(picture, picture.width, picture.height, time || null);
      picture.close();
    } catch {
      // No contact: the next one is due soon enough, and the page says so already.
    }
  }

  #paint(source, width, height, time) {
    if (!width) return;
    this.#canvas.width = Math.min(width, CANVAS_WIDTH);
    this.#canvas.height = Math.round((this.#canvas.width * height) / width);
    this.#canvas.getContext("2d").drawImage(source, 0, 0, this.#canvas.width, this.#canvas.height);
    this.#stillTime = time;
    this.dataset.hasStill = "";
  }
}

customElements.define("vmsd-player", Player);
