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

const ICONS = {
  lost: "video-off",
  frozen: "circle-pause",
  waiting: "loader",
  still: "image",
  off: "power-off",
  refused: "lock",
};

const watched = new IntersectionObserver((entries) => {
  for (const entry of entries) entry.target.setOnScreen(entry.isIntersecting);
});

/**
 * `data-show` says what is seen: `live`, `stale` (moving no more, greyed), `waiting`, `still` (live video cannot play
 * here, stills instead), `frozen`, `lost`, `off` or `refused`; `data-by` how a moving picture travels.
 */
class Player extends HTMLElement {
  static observedAttributes = ["camera-id"];
  #live = null;
  #blank;
  #canvas;
  #onScreen = false;
  #releaseTimer = 0;
  #looking = 0;
  #stillTime = null;
  #stillAskedAt = -Infinity;
  #stillState = "";
  #state = "";

  connectedCallback() {
    if (!this.#canvas) this.#build();
    this.#live ??= this.#makeLive();
    watched.observe(this);
    this.#looking = setInterval(() => this.#look(), LOOK_EVERY_MS);
    document.addEventListener("visibilitychange", this.#attend);
    window.addEventListener("pagehide", this.#leave);
    window.addEventListener("pageshow", this.#attend);
    feed.addEventListener("states", this.#heard);
    feed.addEventListener("contact", this.#heardContact);
  }

  /** Moved within the page: what plays goes on playing. */
  connectedMoveCallback() {}

  disconnectedCallback() {
    watched.unobserve(this);
    clearInterval(this.#looking);
    clearTimeout(this.#releaseTimer);
    document.removeEventListener("visibilitychange", this.#attend);
    window.removeEventListener("pagehide", this.#leave);
    window.removeEventListener("pageshow", this.#attend);
    feed.removeEventListener("states", this.#heard);
    feed.removeEventListener("contact", this.#heardContact);
    this.#live.stop();
  }

  /** A tile that is given another camera shows nothing of the one before. */
  attributeChangedCallback() {
    if (!this.#live) return;
    this.#live.stop();
    this.#live = this.#makeLive();
    this.#state = "";
    this.#forget();
    this.#attend();
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

  /** The one that is seen; another one once the picture comes another way. */
  get video() {
    return this.#live?.video ?? this.#blank;
  }

  /** `main` plays the recorded stream, anything else the substream where there is one; changes without a gap. */
  set quality(quality) {
    this.setAttribute("quality", quality);
    if (this.#live) this.#live.main = quality === "main";
  }

  /** Heard or not; only where the page gave this player the attribute `sound`. */
  set muted(muted) {
    this.#live.sound = !muted;
  }

  get muted() {
    return !this.#live.sound;
  }

  #build() {
    this.append(document.getElementById("player").content.cloneNode(true));
    this.#canvas = this.querySelector("canvas");
    this.#blank = this.querySelector("video");
    this.#blank.disableRemotePlayback = true;
    this.#blank.remove();
  }

  #makeLive() {
    return new Live(this.cameraId, {
      newVideo: () => this.#newVideo(),
      beforeEnd: () => this.#keepLastFrame(),
      main: this.getAttribute("quality") === "main",
      withSound: this.hasAttribute("sound"),
    });
  }

  /** Beneath the one that is seen, which goes when this one shows its picture. */
  #newVideo() {
    const video = this.#blank.cloneNode();
    this.#canvas.after(video);
    return video;
  }

  /** Plays while somebody can see it; a short absence (a scroll, a glance at another tab) changes nothing. */
  #attend = () => {
    clearTimeout(this.#releaseTimer);
    if (this.#onScreen && !document.hidden) this.#live.start();
    else this.#releaseTimer = setTimeout(() => this.#live.stop(), RELEASE_AFTER_MS);
  };

  #leave = () => this.#live.stop();

  #heardContact = () => feed.inContact && this.#live.hurry();

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
    this.#showHow(shown);
    if (shown === "refused") this.#forget();
    else if (shown !== "live" && shown !== "stale") this.#refreshStill();
    if (this.dataset.show !== shown) this.dataset.show = shown;
  }

  get #isSubstream() {
    return this.#live.hasSubstream && this.getAttribute("quality") !== "main";
  }

  /** The daemon knows of a dead camera seconds before the player's buffer runs out, so its word goes first. */
  #judge() {
    if (this.#state === "offline") return "lost";
    if (this.#state === "disabled") return "off";
    if (this.#state === "stalled") return "frozen";
    if (this.#live.hasFrame) return this.#live.stale ? "stale" : "live";
    if (this.#live.trouble === "refused") return "refused";
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

  /** WebRTC, LL-HLS or HLS, in words. */
  #showHow(shown) {
    const by = shown === "live" || shown === "stale" ? this.#live.quality : "";
    if (this.dataset.by === by) return;
    this.dataset.by = by;
    const plate = this.querySelector("[data-slot=by]");
    write(plate, by ? say(`player.by.${by}`) : "");
    plate.title = by ? say(`player.by.${by}.help`) : "";
    show(plate, by !== "");
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
    if (this.#live.frameAge === null) return "";
    return age < 1 ? say("time.now") : say("time.ago", { time: duration(age) });
  }

  /** From the same moment on the canvas is what is seen. */
  #keepLastFrame() {
    const time = this.#live.frameTime ?? serverNow();
    if (this.#live.hasFrame) this.#paint(this.video, this.video.videoWidth, this.video.videoHeight, time);
    if (this.dataset.show === "live" || this.dataset.show === "stale") this.dataset.show = "waiting";
  }

  /** Who may not see this camera any more keeps no picture of it. */
  #forget() {
    delete this.dataset.hasStill;
    this.#canvas.width = 0;
    this.#stillTime = null;
    this.#stillAskedAt = -Infinity;
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
