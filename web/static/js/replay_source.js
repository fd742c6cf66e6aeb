// The recording of one camera around a moment, in a <video> whose time is wall time.
//
// A playlist names byte ranges of the recorded files; they are put into the browser's media source as they are, each
// file at its place on the wall clock, with holes where nothing was recorded. So every frame says exactly when it was,
// and several cameras are in step when their videos show the same time. (A general HLS player closes the gaps, and
// places a file by the first part of it that it happens to load: a second wrong, and differently after every seek.)

import { MediaBuffer } from "./replay_buffer.js";
import { getBytes, getEntries, troubleOf } from "./replay_fetch.js";
import { TOLERANCE_MS, around, entryAt, lastIndex, numberRuns, runEnd } from "./replay_playlist.js";

const AROUND_MS = 12 * 3_600_000;
/** The first file of a playlist may have begun before it: then nothing says when, and it is not played. */
const MARGIN_MS = 3_600_000;
const WIDE_MARGIN_MS = 26 * 3_600_000;
const AHEAD_S = 8;
const KEPT_BEHIND_S = 30;
const KEPT_AHEAD_S = 90;
const EDGE_S = 0.08;
const PUMP_EVERY_MS = 250;
/** A browser shows the last frames before a gap only when some more follow. */
const TAIL_MS = 500;
/** So long a seek may take when everything for it is there. */
const STUCK_MS = 300;

export class Source {
  /** The status of a refusal, or "codec", "empty", "contact", "media"; "" while all is well. */
  trouble = "";
  retryAfterS = null;
  #video;
  #cameraId;
  #onTrouble;
  #entries = [];
  #window = null;
  #buffer;
  #offsetS = null;
  #heads = new Map();
  #loading = null;
  #last = -1;
  #appended = new Set();
  #aheadS = AHEAD_S;
  #life = new AbortController();
  #pumping = 0;
  #baseMs = 0;
  #renewing = false;
  #tried = { time: -1, entries: new Set() };
  #soughtAt = 0;
  #backS = EDGE_S;

  constructor(video, cameraId, onTrouble) {
    this.#video = video;
    this.#cameraId = cameraId;
    this.#onTrouble = onTrouble;
    this.#buffer = new MediaBuffer(video);
    video.addEventListener("seeking", () => {
      this.#soughtAt = performance.now();
      this.#pump();
    });
    video.addEventListener("seeked", () => (this.#backS = EDGE_S));
  }

  /** Learns half a day on either side of `wallMs`; true when there is any video in it. */
  async open(wallMs, marginMs = MARGIN_MS) {
    this.close();
    const life = (this.#life = new AbortController());
    const [startMs, endMs] = [wallMs - AROUND_MS, wallMs + AROUND_MS];
    try {
      const [all] = await Promise.all([this.#ask(startMs - marginMs, endMs), this.#buffer.open()]);
      if (life.signal.aborted) return false;
      const whole = all.filter((entry) => entry.file.startMs !== null);
      const firstMs = whole[0]?.startMs ?? Infinity;
      const isCut = whole.length < all.length;
      if (isCut && wallMs < firstMs && marginMs < WIDE_MARGIN_MS) return this.open(wallMs, WIDE_MARGIN_MS);
      this.#entries = numberRuns(whole);
      this.#baseMs = startMs - WIDE_MARGIN_MS;
      this.#window = { startMs: isCut ? Math.max(startMs, firstMs) : startMs, endMs };
      this.#buffer.durationS = (endMs - this.#baseMs) / 1000;
    } catch (error) {
      this.#fail(error, life);
      return false;
    }
    this.#pumping = setInterval(() => this.#pump(), PUMP_EVERY_MS);
    if (!this.isOpen) this.trouble = "empty";
    return this.isOpen;
  }

  #ask(startMs, endMs) {
    return getEntries(this.#cameraId, startMs, endMs, this.#life.signal);
  }

  /** What has been recorded since, behind what is known. */
  async renew() {
    const last = this.#entries.at(-1);
    if (!last || this.#renewing) return;
    this.#renewing = true;
    const life = this.#life;
    try {
      const found = await this.#ask(last.startMs, this.#window.endMs);
      if (!life.signal.aborted) this.#join(found);
    } catch {
      // It is asked for again soon enough.
    }
    this.#renewing = false;
    if (!life.signal.aborted) this.#pump();
  }

  #join(found) {
    const known = new Map(this.#entries.map((entry) => [entry.file.url, entry.file]));
    const fresh = found.map((entry) => ({ ...entry, file: known.get(entry.file.url) ?? entry.file }));
    const usable = fresh.filter((entry) => entry.file.startMs !== null);
    if (!usable.length) return;
    const kept = lastIndex(this.#entries, (entry) => entry.startMs < usable[0].startMs - 1) + 1;
    const grown = this.#entries[kept]?.size !== usable[0].size;
    this.#entries = numberRuns([...this.#entries.slice(0, kept), ...usable]);
    if (!grown) return;
    this.#appended.delete(kept);
    if (this.#last >= kept) this.#last = -1;
  }

  close() {
    this.#life.abort();
    clearInterval(this.#pumping);
    this.#entries = [];
    this.#window = null;
    this.#renewing = false;
    this.#offsetS = null;
    this.#loading = null;
    this.#last = -1;
    this.#appended.clear();
    this.#heads.clear();
    this.trouble = "";
    this.retryAfterS = null;
    this.#buffer.close();
  }

  get isOpen() {
    return this.#entries.length > 0;
  }

  /** Where what is known now ends. */
  get endMs() {
    return this.#entries.at(-1)?.endMs ?? null;
  }

  /** Whether a seek to `wallMs` needs no other playlist: a gap inside the window is known to be one. */
  covers(wallMs) {
    if (this.#life.signal.aborted) return false;
    return this.#window !== null && this.isOpen && wallMs >= this.#window.startMs && wallMs < this.#window.endMs;
  }

  /** Whether there is video of the moment. */
  has(wallMs) {
    return entryAt(this.#entries, wallMs) >= 0;
  }

  /** The gap a moment lies in: when the video before it ends and the one after it begins (null: there is none). */
  gapAt(wallMs) {
    return around(this.#entries, wallMs);
  }

  /** The video's time of a moment that has video; of the nearest one a browser shows where a run begins or ends. */
  mediaOf(wallMs) {
    const entry = this.#entries[entryAt(this.#entries, wallMs)];
    const lastMs = runEnd(this.#entries, entry) - TAIL_MS;
    return (Math.max(entry.startMs, Math.min(wallMs, lastMs)) - this.#baseMs) / 1000;
  }

  get wallMs() {
    return this.#baseMs + this.#video.currentTime * 1000;
  }

  /** Milliseconds of wall time until the video in which `wallMs` lies ends in a gap. */
  untilGapMs(wallMs) {
    const entry = this.#entries[entryAt(this.#entries, wallMs)];
    return entry ? runEnd(this.#entries, entry) - wallMs : 0;
  }

  /** All there is before the next gap is in the browser's hands already. */
  get isDrained() {
    const index = entryAt(this.#entries, this.wallMs);
    if (index < 0) return true;
    const last = lastIndex(this.#entries, (entry) => entry.run <= this.#entries[index].run);
    return this.#appended.has(last) && (this.#loading === null || this.#loading.index > last);
  }

  /** Faster playing wants more in hand. */
  setRate(rate) {
    this.#aheadS = AHEAD_S * Math.max(1, Math.abs(rate));
  }

  /** At once: before anything is in it, a video does not say that its time was set. */
  load() {
    this.#pump();
  }

  /** Loads what is missing at the moment shown, then what follows it; never more than one thing at once. */
  #pump() {
    if (!this.isOpen || this.#video.error) return;
    if (this.#video.seeking && this.#stepOver(EDGE_S)) return;
    const wanted = this.#wanted();
    if (this.#loading) {
      const isFar = wanted >= 0 && Math.abs(wanted - this.#loading.index) > 1;
      if (!isFar || !this.#video.seeking || this.#loading.isGoingIn) return;
      this.#loading.stop.abort();
    }
    if (wanted >= 0) this.#load(wanted);
    else if (this.#video.seeking) this.#stepOver(TOLERANCE_MS / 1000) || this.#stepBack();
    else if (!this.#video.paused && this.#video.readyState < 3) this.#stepOver(TOLERANCE_MS / 1000);
  }

  /** The number of the entry to be loaded next; -1 for none. */
  #wanted() {
    const now = this.#video.currentTime;
    const range = this.#rangeAt(now);
    if (!range) return this.#missing(entryAt(this.#entries, this.wallMs));
    if (range.end - now > this.#aheadS) return -1;
    const reached = lastIndex(this.#entries, (entry) => entry.startMs <= this.#baseMs + range.end * 1000 - 1);
    if (reached < 0 || !this.#appended.has(reached)) return reached;
    const next = this.#next(reached);
    // The first frames of an entry need those of the one before: it has to go in right behind it.
    const isAlone = next >= 0 && this.#last !== reached && this.#entries[next].file === this.#entries[reached].file;
    return isAlone ? reached : next;
  }

  /** Nothing of the moment shown is there: its entry, and if that does not reach so far, the next; each once. */
  #missing(at) {
    if (at < 0) return -1;
    const { time, entries } = this.#tried;
    const tried = time === this.#video.currentTime ? entries : new Set();
    if (!tried.has(at)) return at;
    return tried.has(at + 1) ? -1 : this.#next(at);
  }

  /** The one behind it, unless it is there already or so far away that it would be let go again. */
  #next(index) {
    const next = this.#entries[index + 1];
    const isNear = next && next.startMs - this.wallMs < (KEPT_AHEAD_S / 2) * 1000 + this.#aheadS * 1000;
    return isNear && !this.#appended.has(index + 1) ? index + 1 : -1;
  }

  #rangeAt(time) {
    const range = this.#buffer.ranges.find(([start, end]) => start - EDGE_S <= time && time < end);
    return range && { start: range[0], end: range[1] };
  }

  async #load(index) {
    const loading = (this.#loading = { index, stop: new AbortController(), isGoingIn: false });
    const life = this.#life;
    const time = this.#video.currentTime;
    if (this.#tried.time !== time) this.#tried = { time, entries: new Set() };
    this.#tried.entries.add(index);
    const signal = AbortSignal.any([life.signal, loading.stop.signal]);
    try {
      const entry = this.#entries[index];
      const [head, bytes] = await Promise.all([
        this.#head(entry.file),
        getBytes(entry.file.url, entry.first, entry.size, signal),
      ]);
      if (this.#loading !== loading || life.signal.aborted) return;
      loading.isGoingIn = true;
      await this.#append(index, head, bytes);
    } catch (error) {
      this.#tried.entries.delete(index);
      if (!signal.aborted) this.#fail(error, life);
    } finally {
      if (this.#loading === loading) this.#loading = null;
    }
    if (!life.signal.aborted) this.#pump();
  }

  /** The beginning of a file, once. */
  #head(file) {
    if (!this.#heads.has(file)) {
      const head = getBytes(file.url, 0, file.headBytes, this.#life.signal);
      head.catch(() => this.#heads.delete(file));
      this.#heads.set(file, head);
    }
    return this.#heads.get(file);
  }

  async #append(index, head, bytes) {
    const offsetS = (this.#entries[index].file.startMs - this.#baseMs) / 1000;
    if (this.#offsetS !== offsetS) await this.#buffer.begin(head, offsetS);
    this.#offsetS = offsetS;
    await this.#buffer.append(bytes);
    this.#appended.add(index);
    this.#last = index;
    for (const gone of await this.#buffer.keepAround(KEPT_BEHIND_S, KEPT_AHEAD_S + this.#aheadS)) this.#forget(gone);
  }

  #forget([fromS, toS]) {
    const [fromMs, toMs] = [this.#baseMs + fromS * 1000, this.#baseMs + toS * 1000];
    for (const index of this.#appended) {
      const { startMs, endMs } = this.#entries[index];
      if (endMs > fromMs && startMs < toMs) this.#appended.delete(index);
    }
  }

  /** Where a file begins, or from one to the next, a moment may have no frame: it is stepped over. */
  #stepOver(mostS) {
    const now = this.#video.currentTime;
    const { ranges } = this.#buffer;
    if (ranges.some(([start, end]) => start <= now && now < end)) return false;
    const next = ranges.find(([start]) => start > now && start - now <= mostS);
    if (next) this.#video.currentTime = next[0] + 0.001;
    return Boolean(next);
  }

  /** Before a gap, of a camera with few frames a second: back to where there are enough behind it. */
  #stepBack() {
    const now = this.#video.currentTime;
    const range = this.#buffer.ranges.findLast(([start, end]) => start <= now && now - end <= TOLERANCE_MS / 1000);
    if (!range || performance.now() - this.#soughtAt < STUCK_MS) return;
    this.#backS *= 2;
    this.#video.currentTime = Math.max(range[0], Math.min(now, range[1]) - this.#backS);
  }

  #fail(error, life) {
    if (life.signal.aborted) return;
    life.abort();
    clearInterval(this.#pumping);
    this.trouble = troubleOf(error);
    this.retryAfterS = error.retryAfterS ?? null;
    this.#onTrouble();
  }
}
