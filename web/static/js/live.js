// Keeps one camera's live video playing for as long as anybody looks: in the best quality that works here, in a lesser
// one when it must, and never with a gap, whatever breaks on the way.

import { HlsSource } from "./live_hls.js";
import { memory } from "./live_memory.js";
import { QUALITIES, allowed, rank } from "./live_qualities.js";
import { Session } from "./live_session.js";
import { WhepSource } from "./live_whep.js";

const BACKOFF_MS = [500, 1000, 2000, 3500, 5000];
/** What cannot be played will not be playable in five seconds. */
const NO_CODEC_MS = 30_000;
const LOOK_EVERY_MS = 250;
/** Of a playlist: the camera has no signal, or whoever looks may not see it any more. */
const NOT_FOUND = 404;
/** A quality that plays so long works; one that broke before is not the first to try again. */
const PROVED_S = 60;
const BROKE_EARLY_S = 10;
/** Low-latency HLS holds two requests open, and a browser has six for one host. */
const MOST_WITH_LL_HLS = 2;

const POSSIBLE = { webrtc: () => WhepSource.possible, ll_hls: () => HlsSource.possible, hls: () => HlsSource.possible };
const possible = Object.fromEntries(QUALITIES.map((quality) => [quality, null]));
const isPossible = (quality) => (possible[quality] ??= POSSIBLE[quality]());

/** Those of this page that play now. */
const running = new Set();

export class Live {
  /** Why there is no video yet, for whoever explains it: "", "codec", "contact" or "refused". */
  trouble = "";
  /** True from the end of one picture until the next shows. */
  again = false;
  #cameraId;
  #session;
  #newVideo;
  #beforeEnd;
  #withSound;
  #main;
  #sound = false;
  #soundless = new Set();
  #stopper = null;
  #looking = 0;
  #wake = () => {};
  /** The source whose picture is seen, and the one that is being tried beneath it. */
  #shown = null;
  #next = null;

  /**
   * `newVideo` makes a <video> beneath the one that is seen, `beforeEnd` is called while the last frame is still there,
   * to save it; `withSound` when this player has a button for it.
   */
  constructor(cameraId, { newVideo, beforeEnd = () => {}, main = false, withSound = false }) {
    this.#cameraId = cameraId;
    this.#session = new Session(cameraId);
    this.#newVideo = newVideo;
    this.#beforeEnd = beforeEnd;
    this.#main = main;
    this.#withSound = withSound;
  }

  start() {
    if (this.#stopper) return;
    this.trouble = "";
    this.#stopper = new AbortController();
    running.add(this);
    this.#looking = setInterval(() => this.#look(), LOOK_EVERY_MS);
    this.#keepPlaying(this.#stopper.signal);
  }

  stop() {
    this.#stopper?.abort();
    this.#stopper = null;
    running.delete(this);
    clearInterval(this.#looking);
    this.#wake();
    this.#dismiss(this.#next);
    this.#next = null;
    this.#hide();
    this.#session.close();
  }

  /** The camera or the network is back: do not sit out the pause, and try the best again. */
  hurry() {
    memory.forgive(this.#key);
    this.#wake();
  }

  get running() {
    return this.#stopper !== null;
  }

  /** The video that is seen; null while there is none. */
  get video() {
    return this.#shown?.video ?? null;
  }

  /** How what is seen travels: one of QUALITIES, or "". */
  get quality() {
    return this.hasFrame ? this.#shown.quality : "";
  }

  get hasSubstream() {
    return this.#session.hasSubstream;
  }

  get hasFrame() {
    return this.#shown?.hasFrame ?? false;
  }

  /** Seconds since the picture last moved. */
  get stillFor() {
    return this.#shown?.stillFor ?? 0;
  }

  /** When the shown frame was received by the box, or null when the stream does not say believably. */
  get frameTime() {
    return this.#shown?.frameTime ?? null;
  }

  get frameAge() {
    return this.#shown?.frameAge ?? null;
  }

  get stale() {
    return this.#shown?.stale ?? false;
  }

  /** The recorded stream, or the substream where there is one; changes without a gap. */
  set main(main) {
    this.#main = main;
    this.#wake();
  }

  get sound() {
    return this.#sound;
  }

  /** A quality that carries no sound of this camera gives way to one that does. */
  set sound(sound) {
    this.#sound = sound;
    for (const source of [this.#shown, this.#next]) if (source) source.video.muted = !sound;
    this.#wake();
  }

  /** WebRTC would be used but for the sound it cannot carry. */
  get gaveWayForSound() {
    return this.#sound && this.#soundless.has("webrtc") && !["", "webrtc"].includes(this.quality);
  }

  // The keeper

  async #keepPlaying(signal) {
    let failures = 0;
    while (!signal.aborted) {
      if (await this.#settle(this.#order(), signal)) {
        failures = 0;
        await this.#watch(signal);
        continue;
      }
      if (signal.aborted) return;
      if (this.#shown?.over) this.#hide();
      this.again = true;
      failures += 1;
      const backoff = BACKOFF_MS[Math.min(failures, BACKOFF_MS.length - 1)];
      await this.#pause(this.trouble === "codec" ? NO_CODEC_MS : backoff, signal);
    }
  }

  /** Looks for something that plays; what is seen stays meanwhile, and for good when it recovers first. */
  async #settle(qualities, signal) {
    const failed = [];
    for (const quality of qualities) {
      if (this.#isWell) return true;
      const source = await this.#tryTwice(quality, signal, () => this.#isWell);
      if (signal.aborted) return false;
      if (source instanceof Object) return this.#replace(source, failed);
      failed.push([quality, source]);
    }
    return this.#isWell;
  }

  /** While all is well: tries what is better when its time has come. Returns when something must be done. */
  async #watch(signal) {
    while (!signal.aborted && this.#isWell) {
      if (this.#shown.movingFor > PROVED_S && !this.#shown.proved) this.#prove();
      const better = this.#now().find((quality) => rank(quality) < rank(this.#shown.quality));
      if (better) await this.#climb(better, signal);
      await this.#pause(LOOK_EVERY_MS, signal);
    }
  }

  async #climb(quality, signal) {
    const source = await this.#tryTwice(quality, signal, () => !this.#isWell);
    if (signal.aborted) return;
    if (source instanceof Object) this.#replace(source, []);
    else if (this.#isWell) memory.failed(this.#key, quality, source);
  }

  /** A viewing session that has run out is no fault of the quality. */
  async #tryTwice(quality, signal, giveUp) {
    const found = await this.#try(quality, signal, giveUp);
    return found === "refused" && !signal.aborted ? this.#try(quality, signal, giveUp) : found;
  }

  /** The source once it shows its picture, or the reason why it does not. */
  async #try(quality, signal, giveUp) {
    const url = await this.#address(quality, signal);
    if (signal.aborted || !url) return "no_address";
    const source = (this.#next = this.#make(quality, url));
    source.start();
    while (!source.shows && !source.over && !signal.aborted && !giveUp()) await this.#pause(LOOK_EVERY_MS, signal);
    if (signal.aborted) return "stopped";
    this.#next = null;
    if (source.hasSound === false) this.#soundless.add(quality);
    if (source.shows) return source;
    this.#understand(source);
    this.#dismiss(source);
    if (quality === "hls" && source.status === NOT_FOUND) await this.#session.confirm(signal);
    return source.over;
  }

  #make(quality, url) {
    const video = this.#newVideo();
    video.muted = !this.#sound;
    const source =
      quality === "webrtc"
        ? new WhepSource(video, url, { withSound: this.#withSound })
        : new HlsSource(video, url, quality);
    source.main = this.#main;
    return source;
  }

  async #address(quality, signal) {
    const isOpen = await this.#session.open(signal);
    if (!isOpen) this.trouble = this.#session.trouble;
    return this.#session.address(quality, this.#main);
  }

  #replace(source, failed) {
    const old = this.#shown;
    if (old && !this.#isWell && rank(old.quality) < rank(source.quality)) {
      if (old.over || old.failing) failed.push([old.quality, old.over || old.failing]);
    }
    for (const [quality, reason] of failed) {
      if (rank(quality) < rank(source.quality)) memory.failed(this.#key, quality, reason);
    }
    this.#shown = source;
    this.trouble = "";
    this.again = false;
    this.#dismiss(old);
    return true;
  }

  #prove() {
    this.#shown.proved = true;
    memory.proved(this.#key, this.#shown.quality);
  }

  // What may be used

  get #key() {
    return this.#cameraId + (this.#main ? "_main" : "");
  }

  get #isWell() {
    const shown = this.#shown;
    if (!shown || shown.over || shown.failing || shown.main !== this.#main) return false;
    return this.#allowed().includes(shown.quality);
  }

  /** What this page, this browser and the person allow, best first. */
  #allowed() {
    const crowded = running.size > MOST_WITH_LL_HLS;
    const offered = (quality) => this.#session.address(quality, this.#main) !== null;
    const fits = (quality) => isPossible(quality) && offered(quality) && !(crowded && quality === "ll_hls");
    const may = allowed().filter(fits);
    const heard = this.#sound ? may.filter((quality) => !this.#soundless.has(quality)) : may;
    return heard.length ? heard : may.length ? may : ["hls"];
  }

  /** What is worth trying now. */
  #now() {
    return this.#allowed().filter((quality) => memory.mayTry(this.#key, quality));
  }

  /** What to try when something must be found: best first, what has just broken last. */
  #order() {
    const now = this.#now();
    const shown = this.#shown;
    const broken = shown && (shown.failing || (shown.over && shown.movingFor < BROKE_EARLY_S)) ? shown.quality : "";
    const order = now.length ? now : this.#allowed();
    return [...order.filter((quality) => quality !== broken), ...order.filter((quality) => quality === broken)];
  }

  // Ends

  #look() {
    this.#shown?.look();
    this.#next?.look();
    if (this.#shown?.hasSound === false) this.#soundless.add(this.#shown.quality);
  }

  #understand({ over, video }) {
    if (over === "codec") this.trouble = "codec";
    else if (over === "contact") this.trouble = "contact";
    else if (over === "refused") this.#session.close();
  }

  /** Nothing is seen from now on but what `beforeEnd` kept. */
  #hide() {
    if (this.#shown) this.#beforeEnd();
    this.#dismiss(this.#shown);
    this.#shown = null;
  }

  #dismiss(source) {
    if (!source) return;
    source.stop();
    source.video.remove();
  }

  #pause(ms, signal) {
    if (signal.aborted) return Promise.resolve();
    const jittered = ms > LOOK_EVERY_MS ? ms * (0.7 + Math.random() * 0.6) : ms;
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, jittered);
      this.#wake = () => (clearTimeout(timer), resolve());
    });
  }
}
