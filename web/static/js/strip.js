// The last 24 hours of one camera as a strip: solid is on air, hatched is a gap, each with its words in a list.

import { duration, hourMinute, moment, serverNow } from "./clock.js";
import { el, icon, svg } from "./dom.js";
import { STATE_ICONS, causeWord, stateWord } from "./states.js";
import { count, percent, say } from "./words.js";

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const WIDTH = 1440;
const HEIGHT = 40;

/** Turns changes (`at`, `state`, `cause`) into spans that fill the period; before the first one nothing is known. */
function spansOf(changes, startMs, endMs) {
  const points = changes.map((change) => ({ ...change, atMs: Math.max(startMs, Date.parse(change.at)) }));
  if (!points.length || points[0].atMs > startMs) points.unshift({ atMs: startMs, state: "unknown", cause: null });
  return points
    .map((point, index) => ({ ...point, endMs: Math.min(endMs, points[index + 1]?.atMs ?? endMs) }))
    .filter((span) => span.endMs > span.atMs)
    .reduce(joinAlike, []);
}

function joinAlike(spans, span) {
  const last = spans.at(-1);
  if (last?.state === span.state && last.cause === span.cause) last.endMs = span.endMs;
  else spans.push(span);
  return spans;
}

export function drawStrip(container, changes) {
  const endMs = serverNow();
  const startMs = endMs - DAY_MS;
  const spans = spansOf(changes, startMs, endMs);
  const summary = summaryOf(spans);
  container.querySelector(".strip__picture").replaceChildren(picture(spans, startMs, summary), axis(startMs, endMs));
  container.querySelector(".strip__summary").textContent = summary;
  container.querySelector(".strip__list").replaceChildren(...spans.toReversed().map(line));
}

function picture(spans, startMs, summary) {
  const x = (ms) => ((ms - startMs) / DAY_MS) * WIDTH;
  const bars = spans.map((span) => {
    const width = Math.max(2, x(span.endMs) - x(span.atMs));
    const bar = svg("rect", { x: x(span.atMs), y: 0, width, height: HEIGHT, "data-state": span.state });
    bar.append(svg("title", {}, words(span)));
    return bar;
  });
  const view = { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": summary };
  return svg("svg", view, hatch(), ...bars, ...bars.filter(isGap).map(hatched));
}

const isGap = (bar) => bar.dataset.state !== "online" && bar.dataset.state !== "unknown";

function hatch() {
  const lines = svg("path", { d: "M0 8 8 0M-2 2 2-2M6 10 10 6", stroke: "currentColor", "stroke-width": 2 });
  const tile = { id: "hatch", width: 8, height: 8, patternUnits: "userSpaceOnUse" };
  return svg("defs", {}, svg("pattern", tile, lines));
}

function hatched(bar) {
  const over = bar.cloneNode(true);
  over.removeAttribute("data-state");
  over.setAttribute("fill", "url(#hatch)");
  return over;
}

function axis(startMs, endMs) {
  const labels = [];
  for (let at = Math.ceil(startMs / HOUR_MS) * HOUR_MS; at < endMs; at += HOUR_MS) {
    if (Number.parseInt(hourMinute(at), 10) % 4 !== 0) continue;
    const label = el("span", {}, hourMinute(at));
    label.style.left = `${((at - startMs) / DAY_MS) * 100}%`;
    if (endMs - at < 2 * HOUR_MS) label.dataset.end = "";
    labels.push(label);
  }
  return el("div", { class: "strip__axis", "aria-hidden": "true" }, ...labels);
}

function summaryOf(spans) {
  const known = spans.filter((span) => ["online", "offline", "stalled"].includes(span.state));
  const length = (list) => list.reduce((sum, span) => sum + span.endMs - span.atMs, 0);
  if (!length(known)) return say("strip.unknown");
  const online = length(known.filter((span) => span.state === "online")) / length(known);
  const falls = known.filter((span) => span.state !== "online").length;
  return say("strip.summary", {
    share: percent(online, online > 0.9 && online < 1 ? 1 : 0),
    falls: count("strip.falls", falls),
  });
}

function words(span) {
  const state = span.state === "unknown" ? say("strip.unknown") : stateWord(span.state);
  const cause = span.state === "online" ? "" : causeWord(span.cause);
  const length = duration((span.endMs - span.atMs) / 1000);
  return [`${moment(span.atMs)} – ${moment(span.endMs)}`, length, state, cause].filter(Boolean).join(" · ");
}

function line(span) {
  const state = span.state === "unknown" ? say("strip.unknown") : stateWord(span.state);
  const cause = span.state === "online" ? "" : causeWord(span.cause);
  return el(
    "tr",
    {},
    el("td", { class: "numbers" }, `${moment(span.atMs)} – ${moment(span.endMs)}`),
    el("td", { class: "numbers" }, duration((span.endMs - span.atMs) / 1000)),
    el(
      "td",
      {},
      el("span", { class: "badge", "data-state": span.state }, icon(STATE_ICONS[span.state] ?? "circle-help"), state),
    ),
    el("td", {}, cause),
  );
}
