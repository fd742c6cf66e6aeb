// Recordings of up to four cameras in step: what is on the screen, and at which moment.

import { api } from "./api.js";
import { date, hasServerTime, serverNow, timeOfDay } from "./clock.js";
import { $, el, fill, show, write } from "./dom.js";
import { feed } from "./feed.js";
import { camerasInOrder } from "./order.js";
import { showFailure } from "./problems.js";
import { Board } from "./replay_board.js";
import { Calendar } from "./replay_calendar.js";
import { dressControls } from "./replay_controls.js";
import { Keep } from "./replay_keep.js";
import { drawList } from "./replay_list.js";
import { Period } from "./replay_period.js";
import { MOST, Picker, nameOf } from "./replay_picker.js";
import { dressTaking } from "./replay_take.js";
import "./replay_tile.js";
import { dayName, rfc3339 } from "./replay_time.js";
import { Timelines } from "./replay_timelines.js";
import { SPEEDS, Transport } from "./replay_transport.js";
import { explain, explainGap, note, offerNearest, skippedWords, whatIsAt } from "./replay_where.js";
import { may } from "./rights.js";
import { announce } from "./shell.js";
import { say } from "./words.js";

const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const DAY_MS = 86_400_000;
const LATEST_MS = 30_000;
const REFRESH_MS = 10_000;
const LOOK_EVERY_MS = 100;
const NEAR_END_MS = 20_000;
const RENEW_EVERY_MS = 5000;

const timelines = new Timelines();
const transport = new Transport();
const board = new Board();
const calendar = new Calendar();
const period = new Period(() => transport.wallMs);
let cameras = [];
let me = null;
let keep = null;
let picker = null;
let ids = [];
let resume = false;
let scrubbedMs = 0;
const renewedAt = new Map();

const chosenTile = () => transport.tiles[transport.chosen];
const timelineOf = (tile) => (tile ? timelines.get(tile.cameraId) : null);

async function start() {
  if (!hasServerTime()) await new Promise((resolve) => feed.addEventListener("states", resolve, { once: true }));
  try {
    [cameras, me] = await Promise.all([camerasInOrder(), api("/auth/me")]);
  } catch {
    return setTimeout(start, 2000);
  }
  cameras = cameras.filter((camera) => may(me, "replay", camera));
  show($("#loading"), false);
  keep = new Keep(period, me);
  keep.addEventListener("kept", () => (timelines.refresh(ids), calendar.refresh()));
  picker = new Picker(cameras, choose);
  const asked = new URLSearchParams(location.search);
  const speed = Number(asked.get("speed"));
  if (SPEEDS.includes(speed)) transport.setSpeed(speed);
  const wanted = new Set(asked.getAll("camera").filter((id) => ID.test(id)));
  await choose([...wanted].slice(0, MOST), Date.parse(asked.get("at") ?? ""));
}

/** Puts these cameras on the screen, at `atMs`, or where it stood, or at the newest there is. */
async function choose(chosen, atMs = NaN) {
  const known = ids.length > 0 && transport.wallMs !== null;
  ids = chosen;
  picker.chosen = ids;
  show($("#none"), cameras.length === 0 && ids.length === 0);
  show($("#empty"), cameras.length > 0 && ids.length === 0);
  show($("#filled"), ids.length > 0);
  show($("#choose-cameras"), cameras.length > 0);
  fill($("#choose-cameras"), { cameras: ids.length ? `${ids.length}/${MOST}` : "" });
  placeTiles();
  if (!ids.length) {
    transport.wallMs = null;
    return writeAddress();
  }
  period.offer(cameras, ids);
  keep.offer(cameras);
  const wallMs = Number.isNaN(atMs) ? (known ? transport.wallMs : await newest()) : Math.min(atMs, serverNow());
  if (!known) board.look(wallMs - DAY_MS / 2, DAY_MS);
  go(wallMs);
}

/** A little before the end of what is recorded. */
async function newest() {
  const now = serverNow();
  await timelines.need(ids, now - DAY_MS, now);
  const lasts = ids.map((id) => timelines.get(id)?.spans.at(-1)).filter(Boolean);
  const last = lasts.sort((a, b) => a.endMs - b.endMs).at(-1);
  return last ? Math.max(last.startMs, last.endMs - LATEST_MS) : now - LATEST_MS;
}

function placeTiles() {
  const old = new Map(transport.tiles.map((tile) => [tile.cameraId, tile]));
  const tiles = ids.map((id) => old.get(id) ?? el("vmsd-replay", { "camera-id": id }));
  for (const [id, tile] of old) {
    if (ids.includes(id)) continue;
    tile.remove();
    timelines.forget(id);
  }
  $("#tiles").dataset.count = String(tiles.length);
  for (const tile of tiles) if (!tile.isConnected) $("#tiles").append(tile);
  tiles.forEach(dressTile);
  transport.tiles = tiles;
  chooseTile(transport.chosen);
}

function dressTile(tile, index) {
  tile.displayName = nameOf(cameras, tile.cameraId);
  const name = tile.displayName;
  fill(tile, { number: String(index + 1), name, close: say("replay.close", { name }) });
  show(tile.querySelector(".replay__close"), ids.length > 1);
  if (tile.dataset.dressed) return;
  tile.dataset.dressed = "yes";
  tile.lookAround = (ms) => timelineOf(tile)?.around(ms) ?? { before: null, after: null };
  tile
    .querySelector(".replay__close")
    .addEventListener("click", () => choose(ids.filter((id) => id !== tile.cameraId)));
  tile.querySelector(".replay__name").addEventListener("click", () => chooseTile(transport.tiles.indexOf(tile)));
  tile.addEventListener("go", ({ detail }) => go(detail));
  tile.addEventListener("state", () => explainTile(tile));
  tile.addEventListener("frame", writeMoment);
}

/** The camera that leads: its sound is heard, its gaps and events are looked for. */
function chooseTile(index) {
  if (!transport.tiles[index]) return false;
  transport.chosen = index;
  transport.tiles.forEach((tile, at) => {
    tile.dataset.chosen = String(at === index);
    tile.querySelector(".replay__name").setAttribute("aria-pressed", String(at === index));
  });
  const camera = cameras.find((one) => one.id === chosenTile().cameraId);
  show($("#sound"), Boolean(camera?.audio));
  transport.dispatchEvent(new Event("chosen"));
  drawBoard();
}

/** To a moment, wherever it is; the view of the timeline goes there too. */
function go(wallMs) {
  const to = Math.min(wallMs, serverNow());
  if (!board.isSeen(to)) board.look(to - board.spanMs / 2);
  transport.seek(to);
  board.setWall(to);
  calendar.show(ids, to);
  writeMoment();
  writeAddress();
  timelines.need(ids, board.startMs, board.endMs).then(() => sayWhere(to));
}

/** To the first picture of a day. */
async function goToDay(day) {
  const [startMs, endMs] = [Date.parse(day.start), Date.parse(day.end)];
  board.look(startMs, endMs - startMs);
  await timelines.need(ids, startMs, endMs);
  const inIt = (span) => span.endMs > startMs + 1000 && span.startMs < endMs;
  const firsts = ids.map((id) => timelines.get(id)?.spans.find(inIt)?.startMs).filter(Boolean);
  go(firsts.length ? Math.max(startMs, Math.min(...firsts)) : startMs);
}

const explainTile = (tile) => explain(tile, timelineOf(tile), timelines.problem(tile.cameraId));

function drawBoard() {
  const lanes = transport.tiles.map((tile, index) => ({
    name: tile.displayName,
    number: index + 1,
    chosen: index === transport.chosen && ids.length > 1,
    timeline: timelineOf(tile),
    problem: timelines.problem(tile.cameraId),
  }));
  board.lanes = lanes;
  drawList(lanes, board.startMs, board.endMs, go);
}

const wordsAt = (ms) => whatIsAt(chosenTile()?.displayName ?? "", timelineOf(chosenTile()), ms);

function sayWhere(ms) {
  write($("#at-words"), wordsAt(ms));
  if (timelineOf(chosenTile())?.gapAt(ms)) announce(wordsAt(ms));
  offerDays();
}

function offerDays() {
  const known = ids.map((id) => timelines.get(id)).filter(Boolean);
  return offerNearest(known, calendar, board, goToDay);
}

function writeMoment() {
  for (const tile of transport.tiles) tile.writeClock();
  if (!board.scrubbing && transport.wallMs !== null) writeTime(transport.wallMs);
}

function writeTime(ms) {
  fill($("#replay"), { date: date(ms), time: timeOfDay(ms) });
  write($("#day"), dayName(ms));
}

function look() {
  if (transport.wallMs === null || !ids.length || board.scrubbing) return;
  board.setWall(transport.wallMs, transport.playing);
  writeMoment();
  if (!transport.playing) return;
  write($("#at-words"), wordsAt(transport.wallMs));
  calendar.show(ids, transport.wallMs);
  renewNearTheEnd();
}

/** What is being recorded joins what is being played. */
function renewNearTheEnd() {
  for (const tile of transport.tiles) {
    const isNear = tile.source.endMs !== null && tile.source.endMs - transport.wallMs < NEAR_END_MS;
    const since = performance.now() - (renewedAt.get(tile.cameraId) ?? -Infinity);
    if (!isNear || since < RENEW_EVERY_MS || !timelines.isCurrent(tile.cameraId)) continue;
    renewedAt.set(tile.cameraId, performance.now());
    tile.renew();
  }
}

function address() {
  const query = new URLSearchParams(ids.map((id) => ["camera", id]));
  if (transport.wallMs !== null && ids.length) query.set("at", rfc3339(Math.round(transport.wallMs)));
  if (transport.speed > 0 && transport.speed !== 1) query.set("speed", String(transport.speed));
  return `${location.pathname}${ids.length ? `?${query}` : ""}`;
}

function writeAddress() {
  history.replaceState(null, "", address());
}

/** Small pictures while somebody drags; nothing of the video is touched until they let go. */
function scrub(wallMs) {
  if (transport.playing) {
    resume = true;
    transport.pause();
  }
  scrubbedMs = wallMs;
  for (const tile of transport.tiles) preview(tile, wallMs);
  writeTime(wallMs);
  write($("#at-words"), wordsAt(wallMs));
}

function preview(tile, wallMs) {
  const gap = timelineOf(tile)?.gapAt(wallMs) ?? null;
  tile.preview(wallMs, gap);
  tile.writeClock();
  if (gap) explainGap(tile, gap);
  else needPreviews(tile).then((fresh) => fresh && board.scrubbing && preview(tile, scrubbedMs));
}

const needPreviews = (tile) => tile.needPreviews(board.startMs, board.endMs);

function letGo(wallMs) {
  go(wallMs);
  if (resume) transport.play();
  resume = false;
}

board.addEventListener("view", () => {
  if (!ids.length) return;
  drawBoard();
  timelines.need(ids, board.startMs, board.endMs).then(offerDays);
});
board.addEventListener("scrub", ({ detail }) => scrub(detail));
board.addEventListener("seek", ({ detail }) => letGo(detail));
board.addEventListener("lane", ({ detail }) => chooseTile(detail));
board.addEventListener("mark", ({ detail }) => period.move(detail.end, detail.ms));
period.addEventListener("change", () => (board.marks = period));
timelines.addEventListener("change", () => {
  drawBoard();
  transport.tiles.forEach(explainTile);
});
calendar.addEventListener("day", ({ detail }) => goToDay(detail));
transport.addEventListener("change", () => transport.playing || writeAddress());
transport.addEventListener("skip", ({ detail: { fromMs, toMs } }) => {
  note(skippedWords(fromMs, toMs, timelineOf(chosenTile())));
});
transport.addEventListener("end", () => transport.tiles.forEach((tile) => tile.renew()));
$("#as-list").addEventListener("toggle", drawBoard);
$("#lanes").addEventListener("pointerenter", () => transport.tiles.forEach(needPreviews));

dressControls({ transport, board, timelines, period, go, chooseTile, address, keep: (kind) => keep?.open(kind) });
dressTaking({ transport, cameras: () => cameras, me: () => me });
setInterval(look, LOOK_EVERY_MS);
setInterval(() => {
  const current = ids.filter((id) => timelines.isCurrent(id));
  if (current.length && !document.hidden && !board.scrubbing) timelines.refresh(current);
}, REFRESH_MS);
start().catch(showFailure);
