// Which frame of a <video> is on the screen, how long one is shown, and the one before and after it.

const USUAL_S = 1 / 25;
const [LEAST_S, MOST_S] = [0.004, 1.5];
const MOST_TRIES = 8;
const LATE_MS = 1500;

export class Frames {
  /** The video's time of the frame that is shown; null before the first, and where browsers do not say. */
  at = null;
  /** How many have been shown. */
  count = 0;
  #video;
  #seen;
  #lengthS = USUAL_S;

  /** `seen` is called whenever another one is on the screen. */
  constructor(video, seen) {
    this.#video = video;
    this.#seen = seen;
    this.#follow();
  }

  #follow() {
    this.#video.requestVideoFrameCallback?.((_, { mediaTime }) => {
      this.#learn(mediaTime - (this.at ?? mediaTime));
      this.at = mediaTime;
      this.count += 1;
      this.#seen();
      this.#follow();
    });
  }

  #learn(lengthS) {
    const isPlain = !this.#video.paused && this.#video.playbackRate <= 1.2;
    if (isPlain && lengthS > LEAST_S && lengthS < MOST_S) this.#lengthS = lengthS;
  }

  /** One on (1) or back (-1); resolves when it is shown. Cameras do not keep time: it is looked for. */
  async step(by) {
    const from = this.at ?? this.#video.currentTime;
    let to = by > 0 ? from + this.#lengthS * 1.05 : from - this.#lengthS / 2;
    for (let tries = 0; tries < MOST_TRIES; tries += 1) {
      const shown = await this.#showAt(Math.max(0, to));
      if (shown === null || Math.abs(shown - from) > 0.001) return;
      to += by * this.#lengthS * 0.5;
    }
  }

  /** Seeks, and resolves with the time of the frame that is then shown; null when that takes too long. */
  #showAt(media) {
    return new Promise((resolve) => {
      const late = setTimeout(() => resolve(null), LATE_MS);
      const shown = () => requestAnimationFrame(() => requestAnimationFrame(() => resolve(this.at)));
      this.#video.addEventListener("seeked", () => (clearTimeout(late), shown()), { once: true });
      this.#video.currentTime = media;
    });
  }
}
