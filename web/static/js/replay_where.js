// What there is at a moment, in words: over a picture, under the timeline, and where the nearest days are.

import { duration, fullMoment, serverNow } from "./clock.js";
import { $, fill, show, write } from "./dom.js";
import { dayName, shortDay } from "./replay_time.js";
import { gapCause, gapLine, lengthWords, periodWords, spanWords } from "./replay_words.js";
import { announce } from "./shell.js";
import { say } from "./words.js";

const NOON_MS = 43_200_000;
const NOTED_MS = 6000;
/** What was recorded a moment ago is not in every answer yet. */
const EDGE_MS = 60_000;

let noted = 0;

/** Says something about what was just done, to those who read and to those who hear. */
export function note(words) {
  fill($("#skipped"), { words });
  show($("#skipped"), true);
  clearTimeout(noted);
  noted = setTimeout(() => show($("#skipped"), false), NOTED_MS);
  announce(words);
}

export function skippedWords(fromMs, toMs, timeline) {
  const [low, high] = [Math.min(fromMs, toMs), Math.max(fromMs, toMs)];
  const gap = timeline?.gapAt((low + high) / 2);
  return say("replay.gap.skipped", { length: lengthWords(low, high), cause: gap ? gapCause(gap) : say("gap.unknown") });
}

/** Over a picture that is not there: why, from when to when, and the ways out of it. */
export function explain(tile, timeline, problem) {
  if (tile.state !== "gap" && tile.state !== "end") return;
  if (problem?.status === 404) {
    return tile.explain({ title: say("replay.gone"), detail: say("replay.gone.detail") });
  }
  if (problem?.status === 403) return tile.explain({ title: say("replay.refused") });
  const gap = timeline?.gapAt(tile.wallMs) ?? null;
  const last = timeline?.spans.at(-1);
  const isLate = gap ? serverNow() - gap.startMs < EDGE_MS : last?.endMs <= tile.wallMs;
  const isEnd = tile.state === "end" && Boolean(isLate);
  const words = isEnd ? { title: say("replay.end") } : wordsOf(gap);
  tile.explain({ ...words, actions: waysOut(tile, timeline, isEnd) });
}

export const explainGap = (tile, gap) => tile.explain(wordsOf(gap));

function wordsOf(gap) {
  if (!gap) return { title: say("replay.gap.title"), cause: say("replay.outside") };
  const detail = `${periodWords(gap.startMs, gap.endMs)} · ${lengthWords(gap.startMs, gap.endMs)}`;
  return { title: say("replay.gap.title"), cause: gapCause(gap), detail };
}

function waysOut(tile, timeline, isEnd) {
  const { before, after } = tile.gap ?? { before: null, after: null };
  const ways = [];
  if (before !== null) ways.push([say("replay.gap.before"), before - 1000]);
  if (after !== null) ways.push([say("replay.gap.after"), after]);
  if (isEnd && timeline?.spans.at(-1)?.running) ways.push([say("replay.end.live"), `/camera/${tile.cameraId}`]);
  return ways;
}

/** Over a picture that could not be loaded; `waitMs` is when it is tried again. */
export function troubleWords(trouble, waitMs) {
  if (trouble === "codec") return { title: say("replay.codec"), detail: say("replay.codec.detail") };
  if (trouble === 403) return { title: say("replay.refused") };
  if (trouble === 429 || trouble === 503) {
    return { title: say("replay.failed"), cause: say("replay.busy", { time: duration(waitMs / 1000) }) };
  }
  const cause = trouble === "contact" ? say("contact.lost") : "";
  return { title: say("replay.failed"), cause, detail: say("replay.again") };
}

/** What a camera has at a moment, in a line. */
export function whatIsAt(name, timeline, ms) {
  if (!timeline) return "";
  const [gap, span] = [timeline.gapAt(ms), timeline.spanAt(ms)];
  const what = gap ? gapLine(gap) : span ? spanWords({ ...span, running: false }) : say("replay.outside");
  return say("replay.at", { name, when: fullMoment(ms), what });
}

/** When nothing at all is in `[startMs, endMs)`: the nearest days that have something. `go` is given a day. */
export async function offerNearest(timelines, calendar, { startMs, endMs }, go) {
  const some = timelines.some((one) => one.spans.some((span) => span.endMs > startMs && span.startMs < endMs));
  const middle = (startMs + endMs) / 2;
  show($("#nearest"), timelines.length > 0 && !some);
  if ($("#nearest").hidden) return;
  fill($("#nearest"), { words: say("replay.nothing", { day: dayName(middle) }) });
  const near = await calendar.nearest(middle).catch(() => ({ before: null, after: null }));
  offerDay($("#near-before"), "replay.nearest.before", near.before, go);
  offerDay($("#near-after"), "replay.nearest.after", near.after, go);
  if (!near.before && !near.after) fill($("#nearest"), { words: say("replay.nothing.at_all") });
}

function offerDay(button, key, day, go) {
  show(button, Boolean(day));
  if (!day) return;
  write(button, say(key, { day: shortDay(Date.parse(day.start) + NOON_MS) }));
  button.onclick = () => go(day);
}
