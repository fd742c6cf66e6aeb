// Keeps one camera's live video playing in a <video>, for as long as anybody looks, whatever breaks on the way.

import { Problem, api } from "./api.js";
import { serverNow } from "./clock.js";

const BACKOFF_MS = [500, 1000, 2000, 3500, 5000];
const LOOK_EVERY_MS = 500;
const FIRST_FRAME_WITHIN_MS = 15_000;
const NUDGE_AFTER_MS = 2500;
const RESTART_AFTER_MS = 8000;
const FURTHEST_BEHIND_S = 8;
const BELIEVABLE_AGE_S = 3600;
const REFUSED = [401, 403, 404, 410];
const NO_CODEC = ["manifestIncompatibleCodecsError", "bufferAddCodecError", "bufferIncompatibleCodecsError"];

const retryOnce = { maxNumRetry: 1, retryDelayMs: 300, maxRetryDelayMs: 300 };
const impatient = (loadMs) => ({
  default: { maxTimeToFirstByteMs: 10_000, maxLoadTimeMs: loadMs, timeoutRetry: null, errorRetry: retryOnce },
});

// hls.js gives up early and says so; starting again for ever is this file's work. Two segments behind the edge of
// the playlist is as near as plain HLS gets without running dry.
const HLS_OPTIONS = {
  enableWorker: false,
  lowLatencyMode: true,
  liveSyncDurationCount: 2,
  maxLiveSyncPlaybackRate: 1.1,
  backBufferLength: 10,
  maxBufferLength: 20,
  manifestLoadPolicy: impatient(15_000),
  playlistLoadPolicy: impatient(15_000),
  fragLoadPolicy: impatient(20_000),
};

export class Live {
  /** Why there is no video yet, for whoever explains it: "", "codec" or "contact". */
  trouble = "";
  session = null;
  /** True from the end of one attempt until the next shows video. */
  again = false;
  #video;
  #cameraId;
  #main;
  #beforeEnd;
  #stopper = null;
  #wake = () => {};
  #hls = null;
  #position = 0;
  #movedAt = 0;
  #usualAge = null;

  /** `beforeEnd` is called while the last frame is still in the video, to save it. */
  constructor(video, cameraId, { main = false, beforeEnd = () => {} } = {}) {
    this.#video = video;
    this.#cameraId = cameraId;
    this.#main = main;
    this.#beforeEnd = beforeEnd;
  }

  start() {
    if (this.#stopper) return;
    this.trouble = "";
    this.#stopper = new AbortController();
    this.#keepPlaying(this.#stopper.signal);
  }

  stop() {
    this.#stopper?.abort();
    this.#stopper = null;
    this.#wake();
    this.#dropSession();
  }

  /** The camera is back: do not sit out the pause. */
  hurry() {
    this.#wake();
  }

  get running() {
    return this.#stopper !== null;
  }

  get hasFrame() {
    return this.#hls !== null && this.#video.readyState >= 2 && this.#position > 0;
  }

  /** Seconds since the picture last moved. */
  get stillFor() {
    return (performance.now() - this.#movedAt) / 1000;
  }

  /** When the shown frame was received by the box, or null when the stream does not say believably. */
  get frameTime() {
    const date = this.hasFrame ? this.#hls.playingDate : null;
    if (!date) return null;
    const age = (serverNow() - date.getTime()) / 1000;
    return Math.abs(age) < BELIEVABLE_AGE_S ? date.getTime() : null;
  }

  get frameAge() {
    const time = this.frameTime;
    return time === null ? null : Math.max(0, (serverNow() - time) / 1000);
  }

  /**
   * Is the picture older than it may be?
   *
   * HLS is honestly some seconds behind (segment length times two, and what is on its way): that is its usual age,
   * learnt while the picture moves and never taken for more than 8 s. A picture is stale when its age is more than
   * 5 s beyond the usual one, or when it has not moved for 5 s. The second catches streams without times; the first
   * catches a picture that moves but is old, as after a long stall.
   */
  get stale() {
    if (!this.hasFrame) return false;
    const usual = Math.min(this.#usualAge ?? FURTHEST_BEHIND_S, FURTHEST_BEHIND_S);
    return this.stillFor > 5 || (this.frameAge ?? 0) > usual + 5;
  }

  async #keepPlaying(signal) {
    let failures = 0;
    while (!signal.aborted) {
      const played = await this.#playOnce(signal);
      failures = played ? 0 : failures + 1;
      this.again = true;
      await this.#pause(BACKOFF_MS[Math.min(failures, BACKOFF_MS.length - 1)], signal);
    }
  }

  /** One attempt from session to end; true when it showed video. */
  async #playOnce(signal) {
    try {
      const url = await this.#address(signal);
      signal.throwIfAborted();
      return await this.#play(url, signal);
    } catch (error) {
      this.trouble = error instanceof Problem ? "" : "contact";
      return false;
    }
  }

  async #address(signal) {
    this.session ??= await api(`/streams?camera_id=${this.#cameraId}`, { method: "POST", signal });
    return (this.#main && this.session.main_hls_url) || this.session.hls_url;
  }

  /** Resolves when this stream is over: a fatal error, no movement for too long, or nobody looks any more. */
  #play(url, signal) {
    this.#position = 0;
    this.#movedAt = performance.now();
    const startedAt = this.#movedAt;
    const hls = (this.#hls = new window.Hls(HLS_OPTIONS));
    return new Promise((resolve) => {
      const end = () => resolve();
      const looking = setInterval(() => this.#look(startedAt) || end(), LOOK_EVERY_MS);
      signal.addEventListener("abort", end, { once: true });
      hls.on("hlsError", (_, data) => data.fatal && (this.#understand(data), end()));
      hls.on("hlsManifestParsed", () => this.#video.play().catch(() => {}));
      hls.loadSource(url);
      hls.attachMedia(this.#video);
      this.#leave = () => (clearInterval(looking), signal.removeEventListener("abort", end));
    }).then(() => this.#close());
  }

  #leave = () => {};

  #close() {
    const played = this.#position > 0;
    if (this.hasFrame) this.#beforeEnd();
    this.#leave();
    this.#hls.destroy();
    this.#hls = null;
    return played;
  }

  #understand(data) {
    if (NO_CODEC.includes(data.details)) this.trouble = "codec";
    else if (REFUSED.includes(data.response?.code)) this.#dropSession();
    else if (!data.response?.code) this.trouble = "contact";
  }

  /** Looks after the playing video; false when it is beyond help. */
  #look(startedAt) {
    const now = performance.now();
    if (this.#video.currentTime !== this.#position && this.#video.readyState >= 2) this.#moved(now);
    if (!this.#position) return now - startedAt < FIRST_FRAME_WITHIN_MS;
    if (now - this.#movedAt > RESTART_AFTER_MS) return false;
    if (this.#video.paused) this.#video.play().catch(() => {});
    if (now - this.#movedAt > NUDGE_AFTER_MS || this.#tooFarBehind()) this.#jump();
    return true;
  }

  #moved(now) {
    this.#position = this.#video.currentTime;
    this.#movedAt = now;
    this.trouble = "";
    this.again = false;
    const age = this.frameAge;
    if (age !== null) this.#usualAge = this.#usualAge === null ? age : this.#usualAge * 0.9 + age * 0.1;
  }

  #tooFarBehind() {
    const target = (this.#hls.targetLatency ?? 0) + 2;
    return (this.frameAge ?? this.#hls.latency) > Math.max(FURTHEST_BEHIND_S, target);
  }

  /** Forward to where live should be, never back. */
  #jump() {
    const edge = this.#hls.liveSyncPosition;
    if (edge !== null && edge > this.#video.currentTime + 0.5) this.#video.currentTime = edge;
  }

  #dropSession() {
    const session = this.session;
    this.session = null;
    if (session) api(`/streams/${session.session_id}`, { method: "DELETE", keepalive: true }).catch(() => {});
  }

  #pause(ms, signal) {
    if (signal.aborted) return Promise.resolve();
    const jittered = ms * (0.7 + Math.random() * 0.6);
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, jittered);
      this.#wake = () => (clearTimeout(timer), resolve());
    });
  }
}
