// What is seen on a timeline, in words: gaps with their causes, events, spans.

import { date, duration, fullMoment, hourMinute, moment, timeOfDay } from "./clock.js";
import { localDay } from "./replay_time.js";
import { causeWord, stateWord } from "./states.js";
import { knows, percent, say } from "./words.js";

/** Deleted by a rule, or never wanted: nothing is wrong with it. */
const PLANNED = ["purge", "switched_off", "maintenance"];
export const isPlanned = (gap) => PLANNED.includes(gap.cause);

export const isMotion = (event) => event.kind === "mark.motion";

/** The whole cause: "deleted on 20/11/2026 by the term of the plan", "the camera sent no video: wrong password". */
export function gapCause(gap) {
  if (gap.cause === "purge" && gap.purgedMs) {
    const rule = knows(`gap.purge.${gap.detail}`) ? say(`gap.purge.${gap.detail}`) : "";
    return say("gap.purged", { when: date(gap.purgedMs), rule }).trim();
  }
  const cause = knows(`gap.${gap.cause}`) ? say(`gap.${gap.cause}`) : say("gap.unknown");
  return gap.detail && knows(`cause.${gap.detail}`) ? `${cause}: ${causeWord(gap.detail)}` : cause;
}

/** One or two words, to stand in the gap itself. */
export function gapWord(gap) {
  const short = `gap.short.${gap.cause}`;
  if (knows(short)) return say(short);
  return knows(`gap.${gap.cause}`) ? say(`gap.${gap.cause}`) : say("gap.short.unknown");
}

export const lengthWords = (fromMs, toMs) => duration((toMs - fromMs) / 1000);

/** "14:32:10 – 14:35:00", with the dates where they differ from one another. */
export function periodWords(fromMs, toMs) {
  if (localDay(fromMs) === localDay(toMs)) return `${fullMoment(fromMs)} – ${timeOfDay(toMs)}`;
  return `${fullMoment(fromMs)} – ${fullMoment(toMs)}`;
}

export function gapLine(gap) {
  return say("replay.gap.line", {
    start: moment(gap.startMs),
    end: moment(gap.endMs),
    length: lengthWords(gap.startMs, gap.endMs),
    cause: gapCause(gap),
  });
}

export function eventWords(event) {
  if (event.kind.startsWith("mark.")) return markWords(event);
  if (knows(`event.${event.kind}`)) return say(`event.${event.kind}`);
  const [area, kind] = event.kind.split(".");
  if (area === "camera" && knows(`state.${kind}`)) {
    const cause = event.facts?.cause;
    return say("event.camera", { state: [stateWord(kind), cause && causeWord(cause)].filter(Boolean).join(", ") });
  }
  return say("event.other", { kind: event.kind });
}

function markWords({ kind, facts }) {
  if (kind === "mark.motion") return say("event.motion", { share: percent(facts.percent / 100) });
  const said = [kind.slice("mark.".length), facts.text].filter(Boolean).join(": ");
  return facts.source ? say("event.mark", { said, source: facts.source }) : said;
}

/** Whatever is to be said of recorded time besides that it is there. */
export function spanWords(span) {
  const said = [say("replay.recorded")];
  if (span.preserved) said.push(say("replay.preserved"));
  if (!span.trusted) said.push(say("replay.doubted"));
  if (span.running) said.push(say("replay.running"));
  return said.join(", ");
}

/** Of the ruler: hours and minutes, with seconds where they are needed. */
export const rulerWords = (ms, stepMs) => (stepMs < 60_000 ? timeOfDay(ms) : hourMinute(ms));
