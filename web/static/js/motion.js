// When motion of one camera raises an alert: an area drawn on its still, how much of it, and in which hours.

import { api, request } from "./api.js";
import { $, $$, clone, fill, show, svg, write } from "./dom.js";
import { explain, fail, onSubmit } from "./form.js";
import { repeat } from "./repeat.js";
import "./shell.js";
import { percent, say } from "./words.js";

const id = document.body.dataset.cameraId;
const path = `/cameras/${id}/motion`;
const form = $("#form");
const area = $("#area");
const STILL_EVERY_MS = 10_000;
const NOW_EVERY_MS = 5000;
const STEP = 0.02;
const MOST = 32;

let corners = [];
let held = null;

const inside = (share) => Math.min(1, Math.max(0, share));
const placeOf = (event) => {
  const box = area.getBoundingClientRect();
  return [inside((event.clientX - box.left) / box.width), inside((event.clientY - box.top) / box.height)];
};

/** Whoever stood on a corner stays on it, also when only the picture behind it is new. */
function draw(focused = Number(area.querySelector(":focus")?.dataset.index ?? NaN)) {
  const points = corners.map((corner) => corner.join(",")).join(" ");
  const shape = svg("polygon", { class: "motion__polygon", points });
  area.replaceChildren(shape, ...corners.map(handle));
  area.querySelectorAll(".motion__corner")[focused]?.focus();
  const words = corners.length === 0 ? "motion.whole" : corners.length < 3 ? "motion.too_few" : "motion.corners";
  write($("#area-words"), say(words, { n: corners.length }));
  $("#add").disabled = corners.length >= MOST;
}

/** An ellipse, because the drawing is stretched to the picture: on the screen it is round. */
function handle([x, y], index) {
  const box = area.getBoundingClientRect();
  const label = say("motion.corner", { n: index + 1, x: percent(x), y: percent(y) });
  const radius = { rx: 9 / (box.width || 1), ry: 9 / (box.height || 1) };
  return svg("ellipse", {
    class: "motion__corner",
    cx: x,
    cy: y,
    ...radius,
    tabindex: 0,
    role: "button",
    "aria-label": label,
    "data-index": index,
  });
}

/** Between the two neighbours it lies nearest to, so that the outline does not cross itself. */
function insert(corner) {
  if (corners.length >= MOST) return null;
  if (corners.length < 3) return corners.push(corner) - 1;
  const detour = (index) => {
    const [before, after] = [corners[index], corners[(index + 1) % corners.length]];
    return Math.hypot(before[0] - corner[0], before[1] - corner[1]) +
      Math.hypot(after[0] - corner[0], after[1] - corner[1]) -
      Math.hypot(after[0] - before[0], after[1] - before[1]);
  };
  const nearest = corners.map((_, index) => index).sort((a, b) => detour(a) - detour(b))[0];
  corners.splice(nearest + 1, 0, corner);
  return nearest + 1;
}

function move(index, [x, y]) {
  corners[index] = [inside(x), inside(y)];
  draw(index);
}

function onCornerKey(event) {
  const index = Number(event.target.dataset.index);
  if (Number.isNaN(index)) return;
  const step = event.shiftKey ? STEP / 4 : STEP;
  const by = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }[event.key];
  if (by) move(index, [corners[index][0] + by[0], corners[index][1] + by[1]]);
  else if (event.key === "Delete" || event.key === "Backspace") takeOut(index);
  else return;
  event.preventDefault();
}

function takeOut(index) {
  corners.splice(index, 1);
  draw(corners.length ? Math.min(index, corners.length - 1) : null);
}

function dressArea() {
  area.addEventListener("pointerdown", (event) => {
    const corner = event.target.dataset.index;
    held = corner === undefined ? insert(placeOf(event)) : Number(corner);
    if (held === null) return;
    area.setPointerCapture(event.pointerId);
    draw(held);
    event.preventDefault();
  });
  area.addEventListener("pointermove", (event) => held !== null && move(held, placeOf(event)));
  for (const end of ["pointerup", "pointercancel"]) area.addEventListener(end, () => (held = null));
  area.addEventListener("keydown", onCornerKey);
  addEventListener("resize", () => draw());
  $("#add").addEventListener("click", () => draw(insert(fresh())));
  $("#whole").addEventListener("click", () => ((corners = []), draw()));
}

/** The first three stand apart, so that there is something to move; more begin in the middle. */
const fresh = () => [[0.25, 0.75], [0.5, 0.25], [0.75, 0.75]][corners.length] ?? [0.5, 0.5];

function addWindow({ days, from, to }) {
  const row = clone("window");
  for (const day of $$(".motion__day input", row)) day.checked = days.includes(Number(day.value));
  $("[data-slot=from]", row).value = from;
  $("[data-slot=to]", row).value = to;
  $("[data-slot=remove]", row).addEventListener("click", () => {
    row.remove();
    showAlways();
    $("#add-window").focus();
  });
  $("#windows").append(row);
  showAlways();
  return row;
}

const showAlways = () => show($("#always"), !$("#windows").children.length);

function windows() {
  return $$(".motion__window").map((row) => ({
    days: $$(".motion__day input:checked", row).map((day) => Number(day.value)),
    from: $("[data-slot=from]", row).value,
    to: $("[data-slot=to]", row).value,
  }));
}

function showThreshold() {
  write($("#threshold-words"), percent(form.elements.threshold.value / 100, 1));
  $(".motion__meter").style.setProperty("--from", `${Math.min(100, form.elements.threshold.value * 2)}%`);
}

function showNow(now) {
  const share = now?.in_area ?? 0;
  $(".motion__meter").style.setProperty("--now", `${Math.min(100, share * 200)}%`);
  write($("#now-words"), now ? say("motion.now", { share: percent(share, 1) }) : say("motion.unknown"));
}

async function refreshStill() {
  const response = await request(`/cameras/${id}/snapshot.jpg?width=960`);
  if (!response.ok) return;
  const before = $("#still").src;
  $("#still").src = URL.createObjectURL(await response.blob());
  if (before) URL.revokeObjectURL(before);
}

async function open() {
  const [camera, rule] = await Promise.all([api(`/cameras/${id}`), api(path)]);
  document.title = `${camera.name} · ${document.body.dataset.title}`;
  fill(document, { name: camera.name });
  corners = rule.area;
  form.elements.alert.checked = rule.alert;
  form.elements.threshold.value = rule.threshold * 100;
  rule.windows.forEach(addWindow);
  draw();
  showThreshold();
  showAlways();
  showNow(rule.now);
}

async function save(fields) {
  show($(".done"), false);
  const body = {
    area: corners.length < 3 ? [] : corners,
    threshold: fields.threshold.value / 100,
    alert: fields.alert.checked,
    windows: windows(),
  };
  if (body.windows.some((one) => !one.days.length)) return fail(form, say("motion.no_days"));
  showNow((await api(path, { method: "PUT", body })).now);
  show($(".done"), true);
}

dressArea();
onSubmit(form, save);
form.addEventListener("input", () => (show($(".done"), false), showThreshold()));
$("#add-window").addEventListener("click", () => {
  const row = addWindow({ days: [0, 1, 2, 3, 4, 5, 6], from: "22:00", to: "06:00" });
  $("input", row).focus();
});
$("#still").addEventListener("load", () => draw());
open().catch((error) => explain(form, error));
repeat(refreshStill, STILL_EVERY_MS);
repeat(async () => showNow((await api(path)).now), NOW_EVERY_MS);
