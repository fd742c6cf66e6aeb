// One camera: its picture, what it has been doing, and whether it is being recorded.

import { Problem, api, problem, request } from "./api.js";
import { ask } from "./ask.js";
import { ago, duration, hourMinute, moment, serverNow } from "./clock.js";
import { $, $$, clone, fill, show, write } from "./dom.js";
import { feed } from "./feed.js";
import { choice, choose } from "./live_qualities.js";
import { camerasInOrder } from "./order.js";
import "./player.js";
import { problemWords } from "./problems.js";
import { repeat } from "./repeat.js";
import { may } from "./rights.js";
import { announce, onKey, toggleFullScreen } from "./shell.js";
import { causeAdvice, causeWord, showState, sinceWords } from "./states.js";
import { drawStrip } from "./strip.js";
import { bitrate, bytes, codecName, number, say } from "./words.js";

const id = document.body.dataset.cameraId;
const path = `/cameras/${id}`;
const player = $("vmsd-player");
const HISTORY_MS = 86_400_000;
const RECENT_MS = 6 * 3_600_000;

let camera = null;
let neighbours = { before: null, after: null };
let seen = "";
let asked = null;

async function load() {
  let me;
  try {
    [camera, me] = await Promise.all([api(path), api("/auth/me")]);
  } catch (error) {
    if (error instanceof Problem && error.status === 404) return showGone();
    return setTimeout(load, 2000);
  }
  document.title = `${camera.name} · ${document.body.dataset.title}`;
  fill(document, { name: camera.name, group: camera.group });
  show($("#group-name"), Boolean(camera.group));
  show($("#replay"), may(me, "replay", camera));
  for (const link of ["#edit", "#motion"]) show($(link), may(me, "configure", camera));
  $("#recording").disabled = !may(me, "manage", camera);
  show($("#sound"), camera.audio);
  show($("#quality"), Boolean(camera.sub_source_url));
  followState();
}

function showGone() {
  show($("#camera"), false);
  show($("#gone"), true);
}

function followState() {
  const item = feed.get(id);
  if (!item || !camera) return;
  showState($("#state"), item.state);
  const down = item.state !== "online";
  fill($("#state-card"), {
    since: sinceWords(item.since),
    cause: down ? causeWord(item.cause) : "",
    advice: down ? causeAdvice(item.cause) : "",
  });
  showRecording(item);
  const now = `${item.state} ${item.cause}`;
  if (seen && seen !== now) {
    announce(`${camera.name}: ${$("#state").textContent}`);
    drawHistory().catch(() => {});
  }
  seen = now;
}

/** What was asked and what reaches the disk are two things; a guard must see at once when they differ. */
function showRecording(item) {
  const enabled = asked ?? item.enabled;
  if (asked === item.enabled) asked = null;
  const reached = feed.inContact && item.recording;
  const key = enabled ? (reached ? "on" : "missing") : reached ? "stopping" : "off";
  const badge = { on: "ok", missing: "bad", stopping: "warn", off: "disabled" }[key];
  const icons = { on: "circle-dot", missing: "triangle-alert", stopping: "loader", off: "circle-slash" };
  showState($("#recording-state"), badge, say(`recording.${key}`), icons[key]);
  write($("#recording-why"), key === "missing" ? missingReason(item) : say(`recording.${key}.help`));
  $("#recording").setAttribute("aria-checked", String(enabled));
}

function missingReason(item) {
  if (feed.notices.some((notice) => notice.code === "breaker_open")) return say("recording.missing.breaker");
  if (feed.notices.some((notice) => /^(volume|disk)_/.test(notice.code))) return say("recording.missing.volume");
  return say(item.state === "online" ? "recording.missing.waiting" : "recording.missing.camera");
}

async function toggleRecording() {
  const enabled = $("#recording").getAttribute("aria-checked") === "true";
  if (enabled && !(await ask($("#confirm-stop")))) return;
  show($("#recording-failure"), false);
  asked = !enabled;
  followState();
  try {
    await api(`${path}/recording`, enabled ? { method: "DELETE" } : { method: "PUT", body: { recording: true } });
  } catch (error) {
    asked = null;
    fill($("#recording-failure"), { failure: problemWords(error) });
    show($("#recording-failure"), true);
    followState();
  }
}

async function showFacts() {
  const status = await api(`${path}/status`);
  const size = status.width && status.height ? `${status.width} × ${status.height}` : "–";
  fill($("#facts"), {
    codec: status.codecs?.map(codecName).join(", ") || "–",
    size,
    fps: status.fps ? say("facts.fps", { n: number(status.fps, status.fps % 1 ? 1 : 0) }) : "–",
    bitrate: status.bitrate ? bitrate(status.bitrate) : "–",
    viewers: number(status.viewers ?? 0),
  });
  const written = Date.parse(status.last_written_at);
  write($("#last-written"), Number.isNaN(written) ? "" : say("recording.last_written", { ago: ago(written) }));
}

function showLatency() {
  const age = player.dataset.show === "live" ? player.live.frameAge : null;
  const way = player.live.quality;
  fill($("#facts"), { latency: age === null ? "–" : `${number(age, 1)} s`, way: way ? say(`way.${way}`) : "–" });
  write($("#way-words"), wayWords(way));
}

/** Why the picture comes another way than the person asked for, or "". */
function wayWords(way) {
  const named = { way: say(`way.${way}`) };
  if (!way) return "";
  if (player.live.gaveWayForSound) return say("way.for_sound", named);
  if (choice() === "auto" || choice() === way) return "";
  return say("way.instead", { ...named, wish: say(`way.${choice()}`) });
}

async function drawHistory() {
  const end = serverNow();
  const period = `start=${new Date(end - HISTORY_MS).toISOString()}&end=${new Date(end).toISOString()}`;
  const history = await api(`${path}/states?${period}`);
  drawStrip($("#history"), history.items);
}

async function listRecordings() {
  const end = serverNow() + 1000;
  const period = `start=${new Date(end - RECENT_MS).toISOString()}&end=${new Date(end).toISOString()}`;
  const found = await api(`/recordings?camera_id=${id}&${period}&limit=500`).catch((error) => {
    if (error.status === 403) show($("#recordings"), false);
    throw error;
  });
  const rows = found.items.toReversed().slice(0, 12).map(recordingRow);
  $("#recordings tbody").replaceChildren(...rows);
  show($("#no-recordings"), rows.length === 0);
  show($("#recordings table"), rows.length > 0);
}

function recordingRow(recording) {
  const row = clone("recording-row");
  const [start, end] = [Date.parse(recording.start), Date.parse(recording.end)];
  const running = recording.state === "running";
  fill(row, {
    start: hourMinute(start),
    end: running ? say("time.now") : hourMinute(end),
    length: duration(recording.duration),
    size: bytes(recording.bytes),
  });
  show($("[data-slot=running]", row), running);
  show($("[data-slot=checked]", row), Boolean(recording.sha256));
  show($("[data-slot=preserved]", row), recording.preserved);
  show($("[data-slot=damaged]", row), recording.damaged);
  return row;
}

async function takeStill() {
  const button = $("#take-still");
  button.disabled = true;
  try {
    const response = await request(`${path}/snapshot.jpg?fresh=true`);
    if (!response.ok) throw await problem(response);
    showStill(await response.blob(), Date.parse(response.headers.get("X-Frame-Time")));
  } catch (error) {
    const cause = error instanceof Problem && error.cause ? causeWord(error.cause) : "";
    write($("#still-words"), [say("still.none"), cause].filter(Boolean).join(": "));
  }
  button.disabled = false;
}

function showStill(blob, time) {
  const image = $("#still img");
  URL.revokeObjectURL(image.src);
  image.src = URL.createObjectURL(blob);
  image.alt = say("still.alt", { name: camera?.name ?? "", when: moment(time) });
  write($("#still-words"), say("player.still_of", { when: moment(time) }));
  const link = $("#save-still");
  link.href = image.src;
  link.download = `${camera?.name ?? id} ${new Date(time).toISOString().replaceAll(":", "-")}.jpg`;
  show($("#still"), true);
}

async function findNeighbours() {
  const cameras = await camerasInOrder();
  const at = cameras.findIndex((one) => one.id === id);
  neighbours = { before: cameras.at(at - 1), after: cameras[(at + 1) % cameras.length], all: cameras };
  show($("#neighbours"), cameras.length > 1);
  $("#before").href = `/camera/${neighbours.before.id}`;
  $("#after").href = `/camera/${neighbours.after.id}`;
  $("#before").title = neighbours.before.name;
  $("#after").title = neighbours.after.name;
}

function go(other) {
  if (!other) return false;
  location.assign(`/camera/${other.id}`);
}

function toggleSound() {
  if (!camera?.audio) return false;
  player.muted = !player.muted;
  $("#sound").setAttribute("aria-pressed", String(!player.muted));
}

function chooseQuality(quality) {
  player.quality = quality;
  for (const button of $$("[data-quality]")) {
    button.setAttribute("aria-pressed", String(button.dataset.quality === quality));
  }
}

function chooseWay(way) {
  choose(way);
  player.live.hurry();
}

for (const button of $$("[data-quality]"))
  button.addEventListener("click", () => chooseQuality(button.dataset.quality));
$("#way").value = choice();
$("#way").addEventListener("change", (event) => chooseWay(event.target.value));
$("#sound").addEventListener("click", toggleSound);
$("#full-screen").addEventListener("click", toggleFullScreen);
$("#take-still").addEventListener("click", takeStill);
$("#recording").addEventListener("click", toggleRecording);
onKey("f", toggleFullScreen);
onKey("m", toggleSound);
onKey("d", () => $("#way").focus());
onKey("Escape", () => (document.fullscreenElement ? false : location.assign("/")));
onKey("ArrowLeft", () => go(neighbours.before));
onKey("ArrowRight", () => go(neighbours.after));
for (let digit = 1; digit <= 9; digit += 1) onKey(String(digit), () => go(neighbours.all?.[digit - 1]));
feed.addEventListener("states", followState);
feed.addEventListener("contact", followState);

load();
repeat(findNeighbours, 60_000);
repeat(showFacts, 2000);
repeat(listRecordings, 15_000);
feed.addEventListener("states", () => repeat(drawHistory, 60_000), { once: true });
setInterval(showLatency, 500);
