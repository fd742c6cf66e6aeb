// Whether a picture moves, and whether it is older than it may be.

const FURTHEST_BEHIND_S = 8;
const STALE_AFTER_S = 5;
const STALL_MS = 1000;
const STALL_GAPS = 5;
const STALLS_WITHIN_MS = 30_000;
const STALLS_TOO_MANY = 3;

export class Motion {
  /** How often the picture was seen to move; a look may see several frames as one. */
  moves = 0;
  #movedAt = performance.now();
  #firstAt = 0;
  #usualAge = null;
  #usualGapMs = null;
  #stalls = [];

  /** `age`: seconds since the box received this frame, or null when the stream does not say. */
  moved(now, age) {
    if (this.moves) this.#learn(now, now - this.#movedAt);
    else this.#firstAt = now;
    this.moves += 1;
    this.#movedAt = now;
    if (age !== null) this.#usualAge = smooth(this.#usualAge, age);
  }

  #learn(now, gap) {
    const isStall = gap > Math.max(STALL_MS, STALL_GAPS * (this.#usualGapMs ?? gap));
    if (isStall) this.#stalls.push(now);
    else this.#usualGapMs = smooth(this.#usualGapMs, gap);
    this.#stalls = this.#stalls.filter((at) => now - at < STALLS_WITHIN_MS);
  }

  /** Seconds since the picture last moved. */
  get stillFor() {
    return (performance.now() - this.#movedAt) / 1000;
  }

  /** Seconds since it moved for the first time; 0 when it has not. */
  get movingFor() {
    return this.moves ? (performance.now() - this.#firstAt) / 1000 : 0;
  }

  /** It comes and goes: three stalls in half a minute, each far longer than the camera's own pace. */
  get unsteady() {
    return this.#stalls.length >= STALLS_TOO_MANY;
  }

  /** Longer without a frame than this camera's pace explains. */
  get stuck() {
    return this.moves > 0 && this.stillFor * 1000 > Math.max(3 * STALL_MS, 2 * STALL_GAPS * (this.#usualGapMs ?? 0));
  }

  /**
   * Is the picture older than it may be?
   *
   * HLS is honestly some seconds behind (segment length times two, and what is on its way): that is its usual age,
   * learnt while the picture moves and never taken for more than 8 s. A picture is stale when its age is more than
   * 5 s beyond the usual one, or when it has not moved for 5 s. The second catches streams without times; the first
   * catches a picture that moves but is old, as after a long stall.
   */
  isStale(age) {
    const usual = Math.min(this.#usualAge ?? FURTHEST_BEHIND_S, FURTHEST_BEHIND_S);
    return this.stillFor > STALE_AFTER_S || (age ?? 0) > usual + STALE_AFTER_S;
  }
}

const smooth = (before, now) => (before === null ? now : before * 0.9 + now * 0.1);
