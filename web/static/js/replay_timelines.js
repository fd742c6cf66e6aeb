// What there is of each camera on the screen, and what is missing: asked for once, and again as time goes on.

import { Problem, api } from "./api.js";
import { serverNow } from "./clock.js";
import { rfc3339 } from "./replay_time.js";

const AROUND_MS = 36 * 3_600_000;
const MARGIN_MS = 3_600_000;
const FURTHER_MS = 14 * 86_400_000;
const TOLERANCE_MS = 1500;

/** Wall time, in ms, of one camera's period; sorted and without overlaps. */
class Timeline {
  constructor(answer, startMs, endMs) {
    this.startMs = startMs;
    this.endMs = endMs;
    this.fromMs = Date.parse(answer.from);
    this.toMs = Date.parse(answer.to);
    this.spans = answer.spans.map(span);
    this.gaps = answer.gaps.map(gap);
    this.events = answer.events.map(event).sort((a, b) => a.startMs - b.startMs);
  }

  covers(startMs, endMs) {
    return this.startMs <= startMs && this.endMs >= endMs;
  }

  spanAt(ms) {
    return this.spans.findLast((one) => one.startMs <= ms && ms < one.endMs + TOLERANCE_MS);
  }

  gapAt(ms) {
    return this.gaps.find((one) => one.startMs <= ms && ms < one.endMs);
  }

  /** Where video ends before `ms` and where it begins after it; null where nothing is known of any. */
  around(ms) {
    const before = this.spans.findLast((one) => one.endMs <= ms)?.endMs ?? null;
    return { before, after: this.spans.find((one) => one.startMs > ms)?.startMs ?? null };
  }

  /** The share of `[startMs, endMs)` that is recorded, of the part in which it could be; null when there is none. */
  coverage(startMs, endMs) {
    const [from, to] = [Math.max(startMs, this.fromMs), Math.min(endMs, this.toMs)];
    if (to <= from) return null;
    const recorded = this.spans.reduce((sum, one) => sum + overlap(one, from, to), 0);
    const missing = this.gaps.reduce((sum, one) => sum + overlap(one, from, to), 0);
    return missing === 0 ? 1 : Math.min(1, recorded / (to - from));
  }
}

const overlap = (one, from, to) => Math.max(0, Math.min(one.endMs, to) - Math.max(one.startMs, from));
const times = (one) => ({ startMs: Date.parse(one.start), endMs: one.end === null ? null : Date.parse(one.end) });
const span = (one) => ({
  ...times(one),
  preserved: one.preserved,
  trusted: one.clock_trusted ?? true,
  running: one.running ?? false,
});
const gap = (one) => ({
  ...times(one),
  cause: one.cause,
  detail: one.detail ?? null,
  purgedMs: one.purged_at ? Date.parse(one.purged_at) : null,
});
const event = (one) => ({ ...times(one), kind: one.kind, open: one.open ?? false, facts: one.facts ?? {} });

async function ask(cameraId, startMs, endMs) {
  const period = `start=${rfc3339(startMs)}&end=${rfc3339(endMs)}`;
  return new Timeline(await api(`/cameras/${cameraId}/timeline?${period}`), startMs, endMs);
}

/** Fires `change` whenever a timeline is new. */
export class Timelines extends EventTarget {
  #known = new Map();
  #asking = new Map();
  #problems = new Map();

  get(cameraId) {
    return this.#known.get(cameraId) ?? null;
  }

  /** Why there is none, as the API answered. */
  problem(cameraId) {
    return this.#problems.get(cameraId) ?? null;
  }

  /** Makes sure of what is shown and a good deal around it. */
  async need(cameraIds, startMs, endMs) {
    const missing = cameraIds.filter((id) => !this.get(id)?.covers(startMs, Math.min(endMs, serverNow() + MARGIN_MS)));
    await Promise.all(missing.map((id) => this.#load(id, (startMs + endMs) / 2)));
  }

  /** Again, because time goes on at its edge or because something was preserved. */
  async refresh(cameraIds) {
    const known = cameraIds.map((id) => [id, this.get(id)]).filter(([, one]) => one);
    await Promise.all(known.map(([id, one]) => this.#load(id, (one.startMs + one.endMs) / 2, true)));
  }

  /** Whether time still goes on in what is known of it. */
  isCurrent(cameraId) {
    const one = this.get(cameraId);
    return one !== null && one.endMs > serverNow();
  }

  forget(cameraId) {
    this.#known.delete(cameraId);
    this.#problems.delete(cameraId);
  }

  #load(cameraId, centreMs, again = false) {
    const asking = this.#asking.get(cameraId);
    if (asking && !again && Math.abs(asking.centreMs - centreMs) < MARGIN_MS) return asking.promise;
    const promise = ask(cameraId, centreMs - AROUND_MS, centreMs + AROUND_MS)
      .then(
        (timeline) => {
          this.#known.set(cameraId, timeline);
          this.#problems.delete(cameraId);
        },
        (error) => {
          this.#problems.set(cameraId, error);
          if (error instanceof Problem && [403, 404].includes(error.status)) this.#known.delete(cameraId);
        },
      )
      .finally(() => {
        if (this.#asking.get(cameraId)?.promise === promise) this.#asking.delete(cameraId);
        this.dispatchEvent(new Event("change"));
      });
    this.#asking.set(cameraId, { promise, centreMs });
    return promise;
  }

  /** The next (`by` 1) or the last (-1) of `kind` ("gaps", "events") before `ms`, also beyond what is known. */
  async beside(cameraId, kind, ms, by) {
    const known = this.get(cameraId);
    const found = known && pick(known[kind], ms, by);
    // What begins where the answer begins began before it.
    if (found && found.startMs > known.startMs) return found;
    const [start, end] = by > 0 ? [ms, Math.min(ms + FURTHER_MS, serverNow())] : [ms - FURTHER_MS, ms];
    if (end - start < 1000) return found ?? null;
    return pick((await ask(cameraId, start, end))[kind], ms, by) ?? found ?? null;
  }
}

function pick(items, ms, by) {
  if (by > 0) return items.find((one) => one.startMs > ms + 500) ?? null;
  return items.findLast((one) => one.startMs < ms - 1500) ?? null;
}
