// The dials of the health board: each figure with its lamp, and the cameras that need attention.

import { duration } from "./clock.js";
import { $, clone, fill, icon, show, write } from "./dom.js";
import { showState } from "./states.js";
import { count, number, percent, say } from "./words.js";

const LAMPS = { green: "circle-check", amber: "triangle-alert", red: "octagon-alert", unknown: "circle-help" };
/** As `data-state` of badges has it. */
export const STATE_OF = { green: "ok", amber: "warn", red: "bad" };
const SHARES = ["disk_used", "promise", "disk_wear", "camera_fps"];
const TROUBLES = {
  no_signal: () => say("trouble.no_signal"),
  not_recording: () => say("trouble.not_recording"),
  fps: ({ fps, usual_fps: usual }) => say("trouble.fps", { now: number(fps, 1), usual: number(usual, 1) }),
  frame_age: ({ last_frame_age: age }) => say("trouble.frame_age", { age: duration(age) }),
  drops: ({ drops }) => count("trouble.drops", drops),
};

/** A value of a figure as people say it. */
export const figureWords = (figure, value) => (SHARES.includes(figure) ? percent(value) : number(value));

export function showDials(board) {
  if (!$("#dials")) return;
  const { cameras, figures } = board;
  const all = say("dial.of", { n: number(cameras.all) });
  turn("online", { value: number(cameras.online), of: all });
  turn("viewers", { value: number(board.viewers) });
  showDetections(board.detections);
  for (const figure of ["cameras_offline", "cameras_not_recording", "cameras_degraded"]) {
    turn(figure, { value: number(figures[figure].value), of: all }, figures[figure]);
  }
  turn("tasks_late", { value: number(figures.tasks_late.value) }, figures.tasks_late);
  showWear(board);
  showTroubled(board.troubled);
}

function showDetections(found) {
  const may = found !== null;
  turn("detections", { value: may ? number(found) : "–", of: may ? "" : say("dial.no_right") });
}

/** A disk that says nothing is not called good. */
function showWear({ wear, figures: { disk_wear: figure }, parts }) {
  const failing = parts.disk_health === "red";
  const value = figure.value === null ? "–" : percent(figure.value);
  const silent = say(wear?.kind === "rotating" ? "dial.wear.rotating" : "dial.wear.unknown");
  const of = failing ? say("disk.failing") : figure.value === null ? silent : "";
  turn("disk_wear", { value, of }, failing ? { ...figure, level: "red" } : figure);
}

/** Without `figure` it only informs: there is nothing to judge. */
function turn(name, texts, figure = null) {
  const dial = $(`#dial-${name}`);
  fill(dial, { of: "", ...texts, limits: figure ? limitsWords(name, figure) : "" });
  const level = figure ? (figure.level ?? "unknown") : "";
  const lamp = $(".lamp", dial);
  show(lamp, Boolean(level));
  if (dial.dataset.level === level && lamp.textContent) return;
  dial.dataset.level = level;
  if (level) light(lamp, level);
}

export function light(lamp, level, words = say(`level.${level}`)) {
  lamp.dataset.level = level;
  const text = document.createElement("span");
  text.textContent = words;
  lamp.replaceChildren(icon(LAMPS[level]), text);
}

function limitsWords(name, { amber, red }) {
  return say("dial.limits", { amber: figureWords(name, amber), red: figureWords(name, red) });
}

function showTroubled(cameras) {
  show($("#troubles"), cameras.length > 0);
  show($("#no-troubled"), cameras.length === 0);
  const body = $("#troubles tbody");
  while (body.children.length > cameras.length) body.lastElementChild.remove();
  cameras.forEach((camera, index) => paint(body.children[index] ?? body.appendChild(clone("trouble-row")), camera));
}

function paint(row, camera) {
  fill(row, { name: camera.name });
  $("[data-slot=name]", row).href = `/camera/${camera.id}`;
  showState($(".badge", row), camera.state);
  const words = camera.troubles.map((trouble) => TROUBLES[trouble.what](camera));
  const list = $(".troubles", row);
  const lines = camera.troubles.map(({ level }, index) => `${level} ${words[index]}`).join("\n");
  if (list.dataset.lines === lines) return;
  list.dataset.lines = lines;
  list.replaceChildren(...camera.troubles.map(({ level }, index) => item(level, words[index])));
}

function item(level, words) {
  const line = document.createElement("li");
  line.className = "lamp";
  light(line, level, words);
  return line;
}

/** What of a board must be said first, in words: those of what is amber or red. */
export function boardProblems({ figures, parts }, storage) {
  const wrong = (figure) => ["amber", "red"].includes(figures[figure].level);
  const { cameras_offline: off, cameras_not_recording: missing, cameras_degraded: worse } = figures;
  return [
    ...(wrong("cameras_offline") ? [count("verdict.offline", off.value)] : []),
    ...(wrong("cameras_not_recording") ? [count("verdict.missing", missing.value)] : []),
    ...(wrong("cameras_degraded") ? [count("verdict.degraded", worse.value)] : []),
    ...(wrong("disk_used") ? [say("verdict.disk", { share: percent(figures.disk_used.value) })] : []),
    ...(wrong("promise") ? [promiseProblem(storage)] : []),
    ...(parts.disk_health === "red" ? [say("verdict.failing")] : []),
    ...(wrong("disk_wear") ? [say("verdict.wear", { share: percent(figures.disk_wear.value) })] : []),
  ];
}

function promiseProblem(storage) {
  const total = storage?.total;
  return total?.breaks_at ? say("verdict.promise", { n: total.promised_days }) : say("verdict.tight");
}

/** Whether the board says more than the notices do, and how bad it is. */
export function worstOf(board, notices) {
  if (board?.level === "red" || notices.some(({ level }) => level === "error")) return "red";
  return board?.level === "amber" || notices.some(({ level }) => level === "warning") ? "amber" : "green";
}

export function markLevel(badge, { level }, words) {
  const known = level ?? "unknown";
  showState(badge, STATE_OF[known] ?? "starting", words[known] ?? say(`level.${known}`), LAMPS[known]);
}

export const writeWear = (slot, wear) =>
  write(slot, wear?.used_ratio ? say("disk.wear", { share: percent(wear.used_ratio) }) : "");
