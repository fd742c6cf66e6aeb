// The browser's media source of one <video>: files are put into it at their place in time, and let go again.

import { codecsOf } from "./replay_codecs.js";

const MediaSourceHere = window.ManagedMediaSource ?? window.MediaSource;
/** Less is not worth letting go. */
const LEAST_S = 10;
const SCARCE = { behindS: 5, aheadS: 20 };

export class MediaBuffer {
  #video;
  #media = null;
  #buffer = null;
  #codecs = "";
  #url = "";

  constructor(video) {
    this.#video = video;
  }

  open() {
    this.#media = new MediaSourceHere();
    this.#url = URL.createObjectURL(this.#media);
    this.#video.src = this.#url;
    return new Promise((resolve) => this.#media.addEventListener("sourceopen", resolve, { once: true }));
  }

  close() {
    if (this.#url) URL.revokeObjectURL(this.#url);
    this.#url = "";
    this.#media = this.#buffer = null;
    this.#video.removeAttribute("src");
    this.#video.load();
  }

  set durationS(seconds) {
    this.#media.duration = seconds;
  }

  /** `[start, end]` in seconds of the video's time, in order. */
  get ranges() {
    const buffered = this.#buffer?.buffered;
    return Array.from({ length: buffered?.length ?? 0 }, (_, at) => [buffered.start(at), buffered.end(at)]);
  }

  /** Puts in `head`, the beginning of a file whose times count from `offsetS`: what follows is of that file. */
  async begin(head, offsetS) {
    const codecs = codecsOf(head);
    const type = `video/mp4; codecs="${codecs}"`;
    if (!codecs || !MediaSourceHere.isTypeSupported(type)) throw new DOMException(type, "NotSupportedError");
    if (!this.#buffer) this.#buffer = this.#media.addSourceBuffer(type);
    else if (codecs !== this.#codecs) this.#buffer.changeType(type);
    this.#codecs = codecs;
    this.#buffer.timestampOffset = offsetS;
    await this.#put(head);
  }

  /** Puts in whole fragments of the file that was begun. */
  async append(bytes) {
    try {
      await this.#put(bytes);
    } catch (error) {
      if (error.name !== "QuotaExceededError") throw error;
      await this.keepAround(SCARCE.behindS, SCARCE.aheadS);
      await this.#put(bytes);
    }
  }

  /** Lets go of what is far from the moment shown; the stretches that are gone then, as `[start, end]`. */
  async keepAround(behindS, aheadS) {
    const now = this.#video.currentTime;
    const gone = [
      [0, Math.max(0, now - behindS)],
      [now + aheadS, Infinity],
    ].filter(([from, to]) => this.ranges.some(([start, end]) => start < to - LEAST_S && end > from + LEAST_S));
    for (const [from, to] of gone) await this.#change((buffer) => buffer.remove(from, to));
    return gone;
  }

  #put(bytes) {
    return this.#change((buffer) => buffer.appendBuffer(bytes));
  }

  #change(act) {
    const buffer = this.#buffer;
    return new Promise((resolve, reject) => {
      const stop = new AbortController();
      const over = (end) => () => (stop.abort(), end());
      const { signal } = stop;
      buffer.addEventListener("updateend", over(resolve), { signal });
      buffer.addEventListener(
        "error",
        over(() => reject(new DOMException("", "EncodingError"))),
        { signal },
      );
      act(buffer);
    });
  }
}
