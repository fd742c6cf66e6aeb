// Draws the timeline: a ruler and a lane per camera. Solid is recorded, hatched is not; a word or a sign says the rest.

import { el, svg } from "./dom.js";
import { dayAndMonth, localDay, startOfDay } from "./replay_time.js";
import {
  eventWords,
  gapCause,
  gapWord,
  isMotion,
  isPlanned,
  lengthWords,
  periodWords,
  rulerWords,
  spanWords,
} from "./replay_words.js";
import { percent, say } from "./words.js";

export const RULER = 28;
const LABEL = 22;
const BAR = 30;
const LANE = LABEL + BAR + 8;
const LETTER = 7.2;
const SMALL_LETTER = 6.4;
const SHARE = 120;
const LEAST = 0.6;
const MOTION_WIDTH = 1.5;
const MOTION_HEIGHT = 16;
const STEPS_MIN = [0.25, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 180, 360];
const LEAST_STEP_PX = 84;

const heightOf = (lanes) => RULER + Math.max(1, lanes) * LANE + 4;
export const laneAt = (y) => Math.floor((y - RULER) / LANE);

/** `lanes` are `{ name, number, chosen, timeline, problem }`; `view` is `{ startMs, endMs, width }`. */
export function drawLanes(root, lanes, view) {
  const x = (ms) => ((ms - view.startMs) / (view.endMs - view.startMs)) * view.width;
  const height = heightOf(lanes.length);
  const bars = lanes.flatMap((lane, index) => laneBars(lane, RULER + index * LANE + LABEL, view, x));
  const picture = svg(
    "svg",
    { width: view.width, height, "aria-hidden": "true" },
    hatches(),
    ...ruler(view, x, height),
  );
  picture.append(...bars);
  root.querySelector(".lanes__picture").replaceChildren(picture);
  const labels = lanes.map((lane, index) => label(lane, RULER + index * LANE, view));
  root.querySelector(".lanes__labels").replaceChildren(...labels);
  root.style.setProperty("--lanes-height", `${height}px`);
}

function hatches() {
  const lines = () => svg("path", { d: "M0 8 8 0M-2 2 2-2M6 10 10 6", stroke: "currentColor", "stroke-width": 2 });
  const tile = (id) => ({ id, width: 8, height: 8, patternUnits: "userSpaceOnUse", class: id });
  return svg(
    "defs",
    {},
    svg("pattern", tile("hatch-gap"), lines()),
    svg("pattern", tile("hatch-planned"), lines()),
    svg(
      "pattern",
      { ...tile("hatch-kept"), width: 6, height: 6 },
      svg("circle", { cx: 3, cy: 3, r: 1.6, fill: "currentColor" }),
    ),
  );
}

function label(lane, top, view) {
  const share = lane.timeline?.coverage(view.startMs, view.endMs);
  const words = lane.problem && !lane.timeline ? say("replay.coverage.unknown") : coverageWords(share);
  const line = el(
    "div",
    { class: "lanes__label", "data-chosen": lane.chosen },
    el("span", { class: "lanes__number numbers" }, String(lane.number)),
    el("span", { class: "lanes__name" }, lane.name),
    el("span", { class: "lanes__share numbers" }, words),
  );
  line.style.setProperty("--top", `${top}px`);
  return line;
}

/** Never rounded up to whole: 100 % is said of nothing that has a gap. */
function coverageWords(share) {
  if (share === null || share === undefined) return "–";
  const rounded = share < 1 ? Math.min(share, 0.999) : 1;
  return say("replay.coverage", { share: percent(rounded, rounded < 1 && rounded > 0 ? 1 : 0) });
}

function laneBars(lane, top, view, x) {
  const parts = [svg("rect", { class: "lanes__ground", x: 0, y: top, width: view.width, height: BAR })];
  const timeline = lane.timeline;
  if (!timeline) return parts;
  const seen = (one) => (one.endMs ?? one.startMs) >= view.startMs && one.startMs <= view.endMs;
  const box = (one, least) => boxOf(one, view, x, least);
  for (const span of timeline.spans.filter(seen)) parts.push(...spanParts(span, top, box(span, LEAST), view));
  const taken = [
    [0, lane.name.length * LETTER + 60],
    [view.width - SHARE, view.width],
  ];
  for (const gap of timeline.gaps.filter(seen)) parts.push(...gapParts(gap, top, box(gap, 2), taken));
  for (const event of timeline.events.filter(seen)) {
    if (isMotion(event)) parts.push(motionBar(event, top, box(event, MOTION_WIDTH)));
    else parts.push(...eventParts(event, top, x(event.startMs)));
  }
  return parts;
}

function boxOf(one, view, x, least) {
  const left = Math.max(-2, x(one.startMs));
  const right = Math.min(view.width + 2, x(one.endMs ?? one.startMs));
  return { left, width: Math.max(least, right - left) };
}

const titled = (element, words) => (element.append(svg("title", {}, words)), element);

function spanParts(span, top, { left, width }, view) {
  const length = lengthWords(span.startMs, span.endMs);
  const words = `${periodWords(span.startMs, span.endMs)} · ${length} · ${spanWords(span)}`;
  const bar = svg("rect", { class: "lanes__span", x: left, y: top, width, height: BAR, "data-doubted": !span.trusted });
  const parts = [titled(bar, words)];
  if (span.preserved) parts.push(...keptParts(top, left, width));
  if (!span.trusted && width > 16) parts.push(sign("clock", left + width - 17, top + 2, "lanes__sign"));
  if (span.running) parts.push(...runningParts(top, left + width, view.width));
  return parts;
}

function keptParts(top, left, width) {
  const stripe = { x: left, y: top + BAR - 9, width, height: 9 };
  const parts = [
    svg("rect", { class: "lanes__kept", ...stripe }),
    svg("rect", { fill: "url(#hatch-kept)", ...stripe }),
  ];
  if (width > 18) parts.push(sign("lock", left + 2, top + 2, "lanes__sign"));
  return parts;
}

/** An arrow where time goes on, with its word where there is room behind it. */
function runningParts(top, right, viewWidth) {
  const middle = top + BAR / 2;
  const words = say("replay.running");
  const arrow = svg("path", { class: "lanes__running", d: `M${right} ${middle - 8}l9 8l-9 8z` });
  const parts = [titled(arrow, words)];
  if (right + 13 + words.length * LETTER > viewWidth) return parts;
  return [...parts, svg("text", { class: "lanes__runningword", x: right + 13, y: middle + 4 }, words)];
}

function gapParts(gap, top, { left, width }, taken) {
  const kind = isPlanned(gap) ? "planned" : "gap";
  const shape = { x: left, y: top, width, height: BAR };
  const length = lengthWords(gap.startMs, gap.endMs);
  const words = `${periodWords(gap.startMs, gap.endMs)} · ${length} · ${say("replay.gap")} · ${gapCause(gap)}`;
  const parts = [
    titled(svg("rect", { class: "lanes__gap", "data-kind": kind, ...shape }), words),
    svg("rect", { class: "lanes__hatch", fill: `url(#hatch-${kind})`, ...shape }),
  ];
  const fitting = [gapCause(gap), gapWord(gap)].find((text) => text.length * LETTER + 16 < width);
  if (fitting) return [...parts, ...plate(fitting, left + width / 2, top + BAR / 2, kind)];
  return [...parts, ...wordAbove(gapWord(gap), left + width / 2, top, taken, kind)];
}

/** The word of a gap that is too narrow for it, over the bar, unless something stands there. */
function wordAbove(text, centre, top, taken, kind) {
  const half = (text.length * SMALL_LETTER) / 2 + 4;
  if (taken.some(([from, to]) => centre - half < to && centre + half > from)) return [];
  taken.push([centre - half, centre + half]);
  return [svg("text", { class: "lanes__word lanes__word--small", x: centre, y: top - 8, "data-kind": kind }, text)];
}

function plate(text, centre, middle, kind) {
  const width = text.length * LETTER + 12;
  return [
    svg("rect", { class: "lanes__plate", x: centre - width / 2, y: middle - 9, width, height: 18, rx: 4 }),
    svg("text", { class: "lanes__word", x: centre, y: middle + 4, "data-kind": kind }, text),
  ];
}

/** At the foot of the lane, as high as much of the picture moved: a day of a street is a skyline, not a row of flags. */
function motionBar(event, top, { left, width }) {
  const height = Math.max(3, Math.min(1, Math.sqrt((event.facts.percent ?? 0) / 25)) * MOTION_HEIGHT);
  const shape = { class: "lanes__motion", x: left, y: top + BAR - height, width, height };
  return titled(svg("rect", shape), `${periodWords(event.startMs, event.endMs)} · ${eventWords(event)}`);
}

function eventParts(event, top, at) {
  const tick = svg("path", { class: "lanes__event", d: `M${at - 4} ${top - 7}h8l-4 6z` });
  const line = svg("path", { class: "lanes__eventline", d: `M${at} ${top - 2}v${BAR + 2}` });
  return [line, titled(tick, `${periodWords(event.startMs, event.endMs ?? event.startMs)} · ${eventWords(event)}`)];
}

function sign(name, x, y, className) {
  return svg("use", { href: `#icon-${name}`, x, y, width: 14, height: 14, class: `icon ${className}` });
}

function ruler(view, x, height) {
  const span = view.endMs - view.startMs;
  const most = Math.max(2, view.width / LEAST_STEP_PX);
  const stepMs = (STEPS_MIN.find((minutes) => span / (minutes * 60_000) <= most) ?? 720) * 60_000;
  const marks = [];
  // From the day's beginning, so that hours stand where clocks show them, on days of 23 and 25 hours too.
  for (let day = startOfDay(localDay(view.startMs)); day < view.endMs;) {
    const next = startOfDay(localDay(day + 26 * 3_600_000));
    for (let at = day; at < next && at < view.endMs; at += stepMs) {
      if (at >= view.startMs) marks.push({ at, isDay: at === day });
    }
    day = next;
  }
  return marks.flatMap(({ at, isDay }) => [
    svg("path", { class: "lanes__rule", d: `M${x(at)} ${RULER - 8}V${height}`, "data-day": isDay }),
    svg("text", { class: "lanes__hour", x: x(at) + 4, y: RULER - 10, "data-day": isDay }, markWords(at, isDay, stepMs)),
  ]);
}

const markWords = (at, isDay, stepMs) => (isDay ? dayAndMonth(at) : rulerWords(at, stepMs));
