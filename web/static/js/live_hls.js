// Live video by HLS, plain or low-latency: segments and playlists over HTTP, put together by hls.js.

import { serverNow } from "./clock.js";
import { Motion } from "./live_motion.js";

const FIRST_FRAME_WITHIN_MS = 15_000;
const RESTART_AFTER_S = 8;
const FURTHEST_BEHIND_S = { ll_hls: 4, hls: 8 };
const NUDGE_AFTER_S = { ll_hls: 1.2, hls: 2.5 };
const BELIEVABLE_AGE_S = 3600;
/** Not 404: that is a camera without signal as well, and a new viewing session would be one more line of the audit. */
const REFUSED = [401, 403, 410];
const NO_CODEC = ["manifestIncompatibleCodecsError", "bufferAddCodecError", "bufferIncompatibleCodecsError"];

const retryOnce = { maxNumRetry: 1, retryDelayMs: 300, maxRetryDelayMs: 300 };
const impatient = (loadMs) => ({
  default: { maxTimeToFirstByteMs: 10_000, maxLoadTimeMs: loadMs, timeoutRetry: null, errorRetry: retryOnce },
});

// hls.js gives up early and says so; starting again for ever is the keeper's work.
const COMMON = {
  enableWorker: false,
  backBufferLength: 10,
  maxBufferLength: 20,
  manifestLoadPolicy: impatient(15_000),
  playlistLoadPolicy: impatient(15_000),
  fragLoadPolicy: impatient(20_000),
};
// Two segments behind the edge of the playlist is as near as plain HLS gets without running dry. With low latency the
// playlist itself says how near (PART-HOLD-BACK).
const OPTIONS = {
  hls: { ...COMMON, lowLatencyMode: false, liveSyncDurationCount: 2, maxLiveSyncPlaybackRate: 1.1 },
  ll_hls: { ...COMMON, lowLatencyMode: true, maxLiveSyncPlaybackRate: 1.25 },
};

/** What every source has: start, stop, look, and what it says of itself. */
export class HlsSource {
  /** Why it will show nothing (more), or "". */
  over = "";
  /** Whether the stream has sound; null until that is known. */
  hasSound = null;
  /** The HTTP status that ended it, where it was one. */
  status = 0;
  #hls = null;
  #motion = new Motion();
  #position = 0;
  #startedAt = 0;

  constructor(video, url, quality) {
    this.video = video;
    this.quality = quality;
    this.url = url;
  }

  static get possible() {
    return Boolean(window.Hls?.isSupported());
  }

  start() {
    this.#startedAt = performance.now();
    const hls = (this.#hls = new window.Hls(OPTIONS[this.quality]));
    hls.on("hlsError", (_, data) => data.fatal && this.#end(data));
    hls.on("hlsManifestParsed", (_, data) => {
      this.hasSound = Boolean(data.audio || data.audioTracks?.length);
      this.video.play().catch(() => {});
    });
    hls.loadSource(this.url);
    hls.attachMedia(this.video);
  }

  /** The video is empty afterwards. */
  stop() {
    this.over ||= "stopped";
    this.#hls?.destroy();
    this.#hls = null;
  }

  /** It has shown its picture and the picture moves. */
  get shows() {
    return this.#motion.moves > 0;
  }

  get hasFrame() {
    return this.shows && this.#hls !== null && this.video.readyState >= 2;
  }

  get movingFor() {
    return this.#motion.movingFor;
  }

  get stillFor() {
    return this.#motion.stillFor;
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

  get stale() {
    return this.hasFrame && this.#motion.isStale(this.frameAge);
  }

  /** Low latency that keeps running dry is worse than the plain kind. */
  get failing() {
    return this.quality === "ll_hls" && (this.#motion.unsteady || this.#motion.stuck) ? "unsteady" : "";
  }

  /** Called now and again while it plays. */
  look() {
    if (this.over) return;
    const now = performance.now();
    if (this.video.currentTime !== this.#position && this.video.readyState >= 2) this.#moved(now);
    if (!this.shows) {
      if (now - this.#startedAt > FIRST_FRAME_WITHIN_MS) this.over = "silent";
      return;
    }
    if (this.stillFor > RESTART_AFTER_S) this.over = "stalled";
    if (this.video.paused) this.video.play().catch(() => {});
    if (this.stillFor > NUDGE_AFTER_S[this.quality] || this.#tooFarBehind()) this.#jump();
  }

  #moved(now) {
    const first = this.#position === 0;
    this.#position = this.video.currentTime;
    if (!first || this.#position > 0) this.#motion.moved(now, this.#hls?.playingDate ? this.#ageNow() : null);
  }

  #ageNow() {
    const age = (serverNow() - this.#hls.playingDate.getTime()) / 1000;
    return Math.abs(age) < BELIEVABLE_AGE_S ? Math.max(0, age) : null;
  }

  #end(data) {
    this.status = data.response?.code ?? 0;
    if (NO_CODEC.includes(data.details)) this.over = "codec";
    else if (REFUSED.includes(this.status)) this.over = "refused";
    else this.over = this.status ? "gone" : "contact";
    // What is in the buffer may be watched to its end.
    this.#hls?.stopLoad();
  }

  #tooFarBehind() {
    const target = (this.#hls.targetLatency ?? 0) + 2;
    return (this.frameAge ?? this.#hls.latency) > Math.max(FURTHEST_BEHIND_S[this.quality], target);
  }

  /** Forward to where live should be, never back. */
  #jump() {
    const edge = this.#hls.liveSyncPosition;
    if (edge !== null && edge > this.video.currentTime + 0.5) this.video.currentTime = edge;
  }
}
