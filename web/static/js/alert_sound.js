// The sound of alerts: tones made by the browser itself, one pattern a level, until somebody takes the alert.
// Of all tabs of a browser one sounds: the one that holds the lock.

const LOCK = "vmsd-alert-sound";
const MUTED = "vmsd.alert.muted";
const VOLUME = "vmsd.alert.volume";
const USUAL_VOLUME = 60;
/** Pitch in Hz and start in seconds of each tone; the whole again after so many milliseconds, or never. */
const PATTERNS = {
  critical: { tones: [[988, 0], [740, 0.2], [988, 0.4], [740, 0.6]], everyMs: 2500 },
  warning: { tones: [[660, 0], [660, 0.35]], everyMs: 8000 },
  info: { tones: [[523, 0]], everyMs: null },
};
const TONE_S = 0.17;
const EDGE_S = 0.012;

/** Events: `change` when it may or may not sound any more, or was muted. */
class Sound extends EventTarget {
  #context = null;
  #level = null;
  #timer = 0;
  #leads = false;
  #waiting = false;

  start() {
    for (const gesture of ["click", "keydown"]) {
      document.addEventListener(gesture, () => this.unlock(), { passive: true });
    }
    addEventListener("storage", ({ key }) => (key === MUTED || key === VOLUME) && this.#changed());
    if (navigator.userActivation?.hasBeenActive) this.unlock();
    this.#changed();
  }

  get locked() {
    return this.#context?.state !== "running";
  }

  get muted() {
    return localStorage.getItem(MUTED) === "yes";
  }

  set muted(muted) {
    localStorage.setItem(MUTED, muted ? "yes" : "no");
    this.#changed();
  }

  get volume() {
    return Number(localStorage.getItem(VOLUME) ?? USUAL_VOLUME);
  }

  set volume(percent) {
    localStorage.setItem(VOLUME, String(percent));
    this.#changed();
  }

  /** The loudest alert nobody has taken; null for none. */
  set level(level) {
    if (level === this.#level) return;
    this.#level = level;
    this.#ring();
  }

  /** Only after somebody has clicked or pressed a key: browsers want it so. */
  async unlock() {
    if (!this.locked) return;
    this.#context ??= new AudioContext();
    this.#context.onstatechange = () => this.#changed();
    await this.#context.resume().catch(() => {});
    if (!this.locked) this.#follow();
    this.#changed();
  }

  try(level = "critical") {
    this.unlock().then(() => this.#play(level));
  }

  /** The lock is kept until the tab is closed; then the next in line sounds. */
  #follow() {
    if (this.#leads || this.#waiting) return;
    if (!navigator.locks) {
      this.#leads = true;
      return;
    }
    this.#waiting = true;
    navigator.locks.request(LOCK, () => {
      this.#leads = true;
      this.#ring();
      return new Promise(() => {});
    });
  }

  #changed() {
    this.#ring();
    this.dispatchEvent(new Event("change"));
  }

  /** What sounds now stands at the page, too. */
  #ring() {
    clearTimeout(this.#timer);
    const sounds = this.#level && this.#leads && !this.locked && !this.muted;
    document.body.dataset.alarm = sounds ? this.#level : "";
    if (!sounds) return;
    this.#play(this.#level);
    const { everyMs } = PATTERNS[this.#level];
    if (everyMs) this.#timer = setTimeout(() => this.#ring(), everyMs);
  }

  #play(level) {
    if (this.locked) return;
    const context = this.#context;
    const loudness = (this.volume / 100) ** 2;
    for (const [pitch, start] of PATTERNS[level].tones) {
      const [tone, gain] = [new OscillatorNode(context, { type: "triangle", frequency: pitch }), new GainNode(context)];
      const from = context.currentTime + 0.02 + start;
      gain.gain.setValueAtTime(0, from);
      gain.gain.linearRampToValueAtTime(loudness, from + EDGE_S);
      gain.gain.setValueAtTime(loudness, from + TONE_S - EDGE_S);
      gain.gain.linearRampToValueAtTime(0, from + TONE_S);
      tone.connect(gain).connect(context.destination);
      tone.start(from);
      tone.stop(from + TONE_S);
    }
  }
}

export const sound = new Sound();
