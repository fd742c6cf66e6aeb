// Plays up to four recordings in step: one leads, by its wall clock the others follow.

const TICK_MS = 100;
const APART_MS = 500;
const LEAN_FROM_MS = 40;
const MOST_LEAN = 0.15;
const SEEK_AGAIN_MS = 1500;
const GAP_EDGE_MS = 100;
const LEAST_HOP_MS = 200;
const FASTEST_PLAYED = 4;
const REOPEN_EVERY_MS = 4000;

export const SPEEDS = [0.25, 0.5, 1, 2, 4, 8, 16];

/**
 * Up to 4x the browser plays; faster and backwards the cameras go from picture to picture.
 *
 * Events: `change` when what it does changes, `skip` with `{ fromMs, toMs }` when it crossed a gap nobody has video of.
 */
export class Transport extends EventTarget {
  wallMs = null;
  /** Negative is backwards. */
  speed = 1;
  playing = false;
  /** Number of the tile that leads while it has video. */
  chosen = 0;
  #tiles = [];
  #hop = null;
  #soughtAt = new WeakMap();
  #reopenedAt = 0;

  constructor() {
    super();
    setInterval(() => this.#tick(), TICK_MS);
  }

  get tiles() {
    return this.#tiles;
  }

  set tiles(tiles) {
    this.#tiles = tiles;
    this.chosen = Math.min(this.chosen, Math.max(0, tiles.length - 1));
  }

  /** The tile others follow: the chosen one, or the first with video while that one is in a gap. */
  get leader() {
    const chosen = this.#tiles[this.chosen];
    if (chosen?.state === "video" || chosen?.state === "waiting") return chosen;
    return this.#tiles.find((tile) => tile.state === "video") ?? null;
  }

  seek(wallMs) {
    this.wallMs = wallMs;
    this.#hop = null;
    for (const tile of this.#tiles) tile.show(wallMs);
    this.#say();
  }

  play(speed = this.speed) {
    this.speed = speed;
    this.playing = true;
    this.#hop = null;
    for (const tile of this.#tiles) {
      if (this.#isPlayed) tile.play(speed);
      else tile.pause();
    }
    this.#say();
  }

  pause() {
    this.playing = false;
    this.#hop = null;
    for (const tile of this.#tiles) tile.pause();
    const wallMs = this.leader?.wallMs;
    if (wallMs) this.wallMs = wallMs;
    if (this.speed < 0) this.speed = 1;
    this.#say();
  }

  toggle() {
    if (this.playing) this.pause();
    else this.play();
  }

  setSpeed(speed) {
    this.speed = speed;
    if (this.playing) this.play(speed);
    else this.#say();
  }

  /** L and J: into that direction, and faster each time. */
  push(direction) {
    const forwards = this.speed > 0;
    if (!this.playing) return this.play(direction > 0 ? Math.abs(this.speed) : -1);
    if (forwards !== direction > 0) return this.play(direction);
    const faster = SPEEDS.find((one) => one > Math.abs(this.speed)) ?? SPEEDS.at(-1);
    this.play(direction * faster);
  }

  async step(by) {
    if (this.playing) this.pause();
    const leader = this.leader;
    if (!leader) return;
    await leader.step(by);
    this.wallMs = leader.wallMs;
    for (const tile of this.#tiles) if (tile !== leader) tile.show(this.wallMs);
    this.#say();
  }

  get #isPlayed() {
    return this.speed > 0 && this.speed <= FASTEST_PLAYED;
  }

  #say() {
    this.dispatchEvent(new Event("change"));
  }

  #tick() {
    const now = performance.now();
    if (!this.playing || this.wallMs === null || !this.#tiles.length) return;
    const leader = this.leader;
    if (!leader) this.#leap();
    else if (!this.#isPlayed) this.#hopOn(now);
    else if (leader.isReady) this.#lead(leader);
  }

  #lead(leader) {
    const wallMs = (this.wallMs = leader.wallMs);
    if (leader.isAtGap) return this.#leaveInGap(leader, wallMs);
    for (const tile of this.#tiles) if (tile !== leader) this.#follow(tile, leader);
  }

  /** Another one leads while it waits, if another one has video; else everybody goes on to where there is some. */
  #leaveInGap(leader, wallMs) {
    leader.hold(wallMs + GAP_EDGE_MS);
    this.wallMs = wallMs + GAP_EDGE_MS;
    if (!this.leader) this.#leap();
  }

  #follow(tile, leader) {
    if (tile.state === "gap" || tile.state === "end") {
      if (tile.has(this.wallMs)) this.#catchUp(tile);
      return;
    }
    if (!tile.isReady) return;
    if (tile.isAtGap && !tile.has(this.wallMs + GAP_EDGE_MS)) return tile.hold(this.wallMs + GAP_EDGE_MS);
    if (leader.isStalled) return tile.video.pause();
    const ahead = tile.wallMs - this.wallMs;
    if (Math.abs(ahead) > APART_MS) return this.#catchUp(tile);
    if (tile.video.paused) tile.play(this.speed);
    const lean = Math.abs(ahead) < LEAN_FROM_MS ? 0 : Math.max(-MOST_LEAN, Math.min(MOST_LEAN, -ahead / 1000));
    tile.lean(this.speed * (1 + lean));
  }

  #catchUp(tile) {
    const now = performance.now();
    if (now - (this.#soughtAt.get(tile) ?? -Infinity) < SEEK_AGAIN_MS) return;
    this.#soughtAt.set(tile, now);
    tile.show(this.wallMs);
    tile.play(this.speed);
  }

  /** Nobody has video here: on to where somebody has. */
  #leap() {
    if (this.#tiles.some((tile) => tile.state === "waiting")) return;
    const ahead = this.speed > 0;
    const ways = this.#tiles.map((tile) => (ahead ? tile.gap?.after : tile.gap?.before)).filter((ms) => ms != null);
    if (!ways.length) return this.#atTheEnd();
    const toMs = ahead ? Math.min(...ways) : Math.max(...ways) - LEAST_HOP_MS;
    this.dispatchEvent(new CustomEvent("skip", { detail: { fromMs: this.wallMs, toMs } }));
    this.seek(toMs);
    if (this.#isPlayed) for (const tile of this.#tiles) tile.play(this.speed);
  }

  /** At the edge of what was recorded when the playlists were made there may be more by now. */
  #atTheEnd() {
    if (this.speed < 0 || this.#tiles.every((tile) => tile.state !== "end")) return this.pause();
    const now = performance.now();
    if (now - this.#reopenedAt < REOPEN_EVERY_MS) return;
    this.#reopenedAt = now;
    this.dispatchEvent(new Event("end"));
  }

  /** From picture to picture: to the one that is due, once everybody shows the last one. */
  #hopOn(now) {
    if (this.#tiles.some((tile) => tile.state === "waiting" || (tile.state === "video" && !tile.isReady))) return;
    this.#hop ??= { wallMs: this.wallMs, at: now };
    const dueMs = this.#hop.wallMs + this.speed * (now - this.#hop.at);
    if (Math.abs(dueMs - this.wallMs) < Math.max(LEAST_HOP_MS, Math.abs(this.speed) * TICK_MS)) return;
    this.wallMs = dueMs;
    for (const tile of this.#tiles) tile.show(dueMs);
    if (!this.leader) this.#leap();
  }
}
