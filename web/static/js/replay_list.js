// The timeline as a table, for those who do not see a picture, and for reading off times.

import { $, el, icon, show } from "./dom.js";
import { eventWords, gapCause, lengthWords, periodWords, spanWords } from "./replay_words.js";
import { say } from "./words.js";

const MOST_ROWS = 400;

/** `lanes` as for the picture; `go` is called with the wall time of a row. */
export function drawList(lanes, startMs, endMs, go) {
  if (!$("#as-list").open) return;
  const rows = lanes.flatMap((lane) => rowsOf(lane, startMs, endMs)).sort((a, b) => a.startMs - b.startMs);
  $("#list").replaceChildren(...rows.slice(0, MOST_ROWS).map((row) => line(row, go)));
  show($("#list-none"), rows.length === 0);
}

function rowsOf({ name, timeline }, startMs, endMs) {
  if (!timeline) return [];
  const seen = (one) => (one.endMs ?? one.startMs) > startMs && one.startMs < endMs;
  const row = (kind, words) => (one) => ({ ...one, name, kind, words: words(one) });
  return [
    ...timeline.spans.filter(seen).map(row("span", spanWords)),
    ...timeline.gaps.filter(seen).map(row("gap", (gap) => `${say("replay.gap")}: ${gapCause(gap)}`)),
    ...timeline.events.filter(seen).map(row("event", eventWords)),
  ];
}

const ICONS = { span: "circle-check", gap: "video-off", event: "flag" };

function line(row, go) {
  const endMs = row.endMs ?? row.startMs;
  const button = el(
    "button",
    { type: "button", class: "button", title: say("replay.go") },
    icon("arrow-right-to-line"),
  );
  button.append(
    el("span", { class: "hidden" }, `${say("replay.go")}: ${row.name}, ${periodWords(row.startMs, endMs)}`),
  );
  button.addEventListener("click", () => go(row.startMs));
  return el(
    "tr",
    { "data-kind": row.kind },
    el("td", {}, row.name),
    el("td", { class: "numbers" }, periodWords(row.startMs, endMs)),
    el("td", { class: "numbers" }, endMs > row.startMs ? lengthWords(row.startMs, endMs) : "–"),
    el("td", {}, icon(ICONS[row.kind]), " ", row.words),
    el("td", {}, button),
  );
}
