// The plates that were read: searched by plate, camera and time, and from each the way to its video.

import { news } from "./alert_news.js";
import { answer, api } from "./api.js";
import { ago, fullMoment, momentOf, serverNow, timeOfDay } from "./clock.js";
import { saveAs } from "./copy.js";
import { $, $$, clone, fill, show } from "./dom.js";
import { dressDetails, openDetails, replayOf } from "./detections_details.js";
import { check, explain, focusFirstWrong, mark } from "./form.js";
import { camerasInOrder } from "./order.js";
import { drawPlate, written } from "./plates.js";
import { hideFailure, showFailure } from "./problems.js";
import { localMoment } from "./replay_time.js";
import { may } from "./rights.js";
import "./shell.js";
import { count, percent, say } from "./words.js";

const PAGE = 50;
const LONG_MS = 60_000;
const HOUR_MS = 3_600_000;
const form = $("#filter");
const fields = form.elements;
const asked = new URLSearchParams(location.search);
let cursor = null;
let search = 0;
let me = null;
let cameras = new Map();

function filter() {
  const query = new URLSearchParams();
  const plate = fields.plate.value.trim();
  if (plate) query.set("plate", plate);
  if (plate && fields.fuzzy.checked) query.set("fuzzy", "true");
  if (fields.camera_id.value) query.set("camera_id", fields.camera_id.value);
  for (const name of ["start", "end"]) {
    if (fields[name].value) query.set(name, new Date(momentOf(fields[name].value)).toISOString());
  }
  return query;
}

async function find() {
  if (!check(form) || !periodIsRight()) return;
  const mine = (search += 1);
  hideFailure();
  forgetNews();
  show($("#loading"), true);
  const page = await ask(null).catch((error) => explain(form, error));
  if (mine !== search) return;
  show($("#loading"), false);
  if (!page) return;
  $("#readings").replaceChildren(...page.items.map(rowOf));
  show($("#empty"), page.items.length === 0);
  fill($("#empty"), { empty: say(filter().size ? "detections.none_such" : "detections.none") });
  $("#csv").href = `/api/v1/detections.csv?${filter()}`;
  history.replaceState(null, "", `${location.pathname}${filter().size ? `?${filter()}` : ""}`);
}

function periodIsRight() {
  const [start, end] = [fields.start.value, fields.end.value];
  if (start && end && end <= start) mark(form, "end", say("form.wrong.end"));
  return focusFirstWrong(form);
}

async function ask(after) {
  const query = filter();
  query.set("limit", String(PAGE));
  if (after) query.set("cursor", after);
  const page = await api(`/detections?${query}`, { timeout: LONG_MS });
  cursor = page.next;
  show($("#more"), Boolean(cursor));
  return page;
}

async function showMore() {
  const first = $("#readings").children.length;
  const page = await ask(cursor);
  $("#readings").append(...page.items.map(rowOf));
  $("[data-slot=details]", $("#readings").children[first])?.focus();
}

function rowOf(reading) {
  const row = clone("reading");
  const at = Date.parse(reading.time);
  const called = { plate: reading.plate ? written(reading.plate) : say("plate.anonymous"), when: fullMoment(at) };
  row.dataset.wanted = reading.wanted ? "yes" : "no";
  $("[data-slot=plate-place]", row).replaceWith(drawPlate(reading.plate));
  fill(row, {
    camera: reading.camera_name,
    place: reading.place === reading.camera_name ? "" : reading.place,
    time: fullMoment(at),
    times: timesWords(reading) || ago(at),
    confidence: reading.confidence === null ? "–" : percent(reading.confidence),
    anonymised: reading.anonymised_at ? say("plate.anonymous") : "",
  });
  $("time", row).dateTime = reading.time;
  show($("[data-slot=wanted]", row), reading.wanted);
  show($("[data-slot=anonymous]", row), Boolean(reading.anonymised_at));
  dressCrop(row, reading, called);
  dressWays(row, reading, called);
  return row;
}

/** How often in a row, and until when. */
function timesWords({ times, time, last_at: last }) {
  if (times < 2) return "";
  const until = last === time ? "" : say("detections.until", { when: timeOfDay(Date.parse(last)) });
  return [count("detections.times", times), until].filter(Boolean).join(" ");
}

function dressCrop(row, reading, called) {
  const [button, image] = [$("[data-slot=open]", row), $("img", row)];
  button.setAttribute("aria-label", say("detections.open", called));
  button.addEventListener("click", () => open(reading));
  if (!reading.image_url) return;
  image.addEventListener("load", () => show(image, true), { once: true });
  image.loading = "eager";
  image.src = reading.image_url;
}

function dressWays(row, reading, called) {
  const replay = $("[data-slot=replay]", row);
  const address = replayOf(reading, cameras, me);
  if (address) replay.href = address;
  replay.setAttribute("aria-label", say("detections.replay", called));
  show(replay, Boolean(address));
  const details = $("[data-slot=details]", row);
  details.setAttribute("aria-label", say("detections.open", called));
  details.addEventListener("click", () => open(reading));
}

const open = (reading) => openDetails(reading, cameras, me);

async function download(event) {
  event.preventDefault();
  try {
    const response = await answer(`/detections.csv?${filter()}`, { timeout: 2 * LONG_MS });
    saveAs("detections.csv", await response.blob(), "text/csv");
  } catch (error) {
    showFailure(error);
  }
}

let fresh = 0;

/** Only what the search would find is worth a word; a part of a plate is for the box to compare. */
function hear({ camera_id: id }) {
  if (fields.plate.value.trim() || fields.end.value || !cameras.has(id)) return;
  if (fields.camera_id.value && fields.camera_id.value !== id) return;
  fresh += 1;
  fill($("#news"), { news: count("detections.news", fresh) });
  show($("#news"), true);
}

function forgetNews() {
  fresh = 0;
  show($("#news"), false);
}

function choosePeriod(hours) {
  fields.start.value = localMoment(serverNow() - hours * HOUR_MS).slice(0, 16);
  fields.end.value = "";
  find();
}

async function start() {
  try {
    const [all, person] = await Promise.all([camerasInOrder(), api("/auth/me")]);
    me = person;
    cameras = new Map(all.map((camera) => [camera.id, camera]));
    const readable = all.filter((camera) => may(me, "plates", camera));
    fields.camera_id.append(...readable.map(({ id, name }) => new Option(name, id)));
  } catch (error) {
    showFailure(error);
  }
  fillAsAsked();
  await find();
  const one = asked.get("id");
  if (one) api(`/detections/${encodeURIComponent(one)}`).then(open, showFailure);
  news.addEventListener("detection", ({ detail }) => hear(detail));
}

function fillAsAsked() {
  fields.plate.value = asked.get("plate") ?? "";
  fields.fuzzy.checked = asked.get("fuzzy") === "true";
  fields.camera_id.value = cameras.has(asked.get("camera_id")) ? asked.get("camera_id") : "";
  for (const name of ["start", "end"]) {
    const at = Date.parse(asked.get(name) ?? "");
    if (!Number.isNaN(at)) fields[name].value = localMoment(at).slice(0, 16);
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  find();
});
form.addEventListener("change", (event) => event.target.name !== "plate" && find());
form.addEventListener("reset", () => setTimeout(find));
for (const button of $$("[data-hours]")) {
  button.addEventListener("click", () => choosePeriod(Number(button.dataset.hours)));
}
$("#more").addEventListener("click", () => showMore().catch(showFailure));
$("#csv").addEventListener("click", download);
$("#news button").addEventListener("click", () => find().then(() => $("#readings [data-slot=open]")?.focus()));
dressDetails((plate) => {
  form.reset();
  fields.plate.value = plate;
  fields.fuzzy.checked = true;
});
start();
