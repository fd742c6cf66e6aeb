// The health of the box: a verdict in one line, then what it rests on.

import { api } from "./api.js";
import { ask } from "./ask.js";
import { ago, date, duration, fullMoment, serverNow, timeOfDay } from "./clock.js";
import { $, clone, el, fill, icon, show, write } from "./dom.js";
import { done } from "./done.js";
import { feed } from "./feed.js";
import { STATE_OF, boardProblems, markLevel, showDials, worstOf, writeWear } from "./health_dials.js";
import "./health_limits.js";
import { noticeWords } from "./notices.js";
import { showFailure } from "./problems.js";
import { repeat } from "./repeat.js";
import "./shell.js";
import { showState, sinceWords } from "./states.js";
import { bytes, count, knows, number, percent, say } from "./words.js";

const DAY_MS = 86_400_000;
let system = null;
let storage = null;
let board = null;

/** Nothing for somebody who may see no camera: the box itself is there all the same. */
async function askBoard() {
  board = await api("/health-board");
  showDials(board);
  if (system) showDisk(system.disk);
  if (storage) showPromise(storage.total);
  judge();
}

async function askSystem() {
  system = await api("/system");
  showDisk(system.disk);
  showBreaker(system.breaker);
  showMediaServer(system.mediamtx);
  showClock(system.clock);
  showServer(system);
  showPower(system.last_power_loss);
  showTasks(system.tasks);
  judge();
}

async function askStorage() {
  storage = await api("/storage");
  showPromise(storage.total);
  showKept(storage.items);
  judge();
}

/** What a person must know first: is anything wrong, and what. */
function judge() {
  if (!feed.known) return;
  const problems = feed.inContact ? problemsNow() : [say("contact.lost")];
  const level = feed.inContact ? worstOf(board, feed.notices) : "red";
  const state = problems.length ? (STATE_OF[level] ?? "warn") : "ok";
  const verdict = $("#verdict");
  const title = problems.length ? count("verdict.bad", problems.length) : say("verdict.good");
  write($("[data-slot=title]", verdict), title);
  const lines = problems.join("\n");
  if (verdict.dataset.state === state && verdict.dataset.lines === lines) return;
  Object.assign(verdict.dataset, { state, lines });
  const picture = { ok: "circle-check", warn: "triangle-alert", bad: "octagon-alert" }[state];
  $(".verdict__icon").replaceChildren(icon(picture));
  $(".verdict__list").replaceChildren(...problems.map((words) => el("li", {}, words)));
}

function problemsNow() {
  return [
    ...feed.notices.map((notice) => noticeWords(notice).title),
    ...(board ? boardProblems(board, storage) : []),
    ...(system?.tasks ?? []).filter((task) => task.late).map((task) => say("verdict.late", { name: taskName(task) })),
  ];
}

function showDisk(disk) {
  const card = $("#disk");
  if (disk.total_bytes === null) {
    showState($(".badge", card), "bad", say("disk.away"), "circle-x");
    fill(card, { used: say("disk.away"), free: "", rules: "" });
    return setGauge(card, 0, "bad", say("disk.away"));
  }
  const { used_ratio: used, sweeps_over: sweeps, opens_over: opens } = disk;
  const judged = board?.figures.disk_used ?? { level: used > opens ? "red" : "green" };
  const state = STATE_OF[judged.level] ?? "starting";
  const green = say(used > sweeps ? "disk.sweeping" : "disk.ok");
  markLevel($(".badge", card), judged, { green, amber: say("disk.sweeping"), red: say("disk.full") });
  writeWear($("[data-slot=wear]", card), board?.wear);
  const words = { used: say("disk.used", { share: percent(used) }), free: freeWords(disk) };
  fill(card, { ...words, rules: say("disk.rules", { sweeps: percent(sweeps), opens: percent(opens) }) });
  setGauge(card, used, state, `${words.used}. ${words.free}`);
  setMark(card, "sweeps", sweeps);
  setMark(card, "opens", opens);
}

const freeWords = (disk) => say("disk.free", { free: bytes(disk.free_bytes), total: bytes(disk.total_bytes) });

function setGauge(card, ratio, state, words) {
  const gauge = $(".gauge", card);
  gauge.dataset.state = state;
  if (words) gauge.setAttribute("aria-label", words);
  gauge.style.setProperty("--ratio", Math.min(1, Math.max(0, ratio)));
}

function setMark(card, name, ratio) {
  const mark = $(`[data-mark=${name}]`, card);
  mark.style.setProperty("--at", ratio);
  show(mark, true);
}

function showPromise(total) {
  const card = $("#promise");
  const { promised_days: promised, holds_days: holds, breaks_at: breaks } = total;
  const known = holds !== null;
  const judged = board?.figures.promise ?? { level: known ? (holds >= promised ? "green" : "red") : null };
  const state = STATE_OF[judged.level] ?? "starting";
  const words = { green: say("promise.kept"), amber: say("verdict.tight"), red: say("promise.broken") };
  markLevel($(".badge", card), judged, { ...words, unknown: say("promise.measuring") });
  const holding = known ? say("promise.holds", { n: number(holds, holds < 100 ? 1 : 0) }) : say("promise.measuring");
  const promising = say("promise.promised", { n: promised });
  const broken = breaks ? say("promise.breaks", { date: date(Date.parse(breaks)) }) : say("promise.fine");
  const forecast = known ? broken : say("promise.unknown");
  fill(card, { holds: holding, promised: promising, forecast, protected: protectedWords(total) });
  const scale = Math.max(promised * 1.5, Math.min(holds ?? 0, promised * 3));
  setGauge(card, (holds ?? 0) / scale, state, `${holding}. ${promising}`);
  setMark(card, "promised", promised / scale);
}

function protectedWords({ protected_bytes: taken, protected_days: days }) {
  if (!taken) return "";
  const facts = { bytes: bytes(taken), days: number(days ?? 0, days < 10 ? 1 : 0) };
  return say(days === null ? "promise.protected.bytes" : "promise.protected", facts);
}

function showBreaker(breaker) {
  const card = $("#breaker");
  const words = breaker.open ? say(`breaker.${breaker.reason ?? "unknown"}`) : say("breaker.closed.words");
  if (breaker.open) showState($(".badge", card), "bad", say("breaker.open"), "circle-slash");
  else showState($(".badge", card), "ok", say("breaker.closed"), "circle-check");
  fill(card, { words, since: sinceWords(breaker.since) });
  show($("#adopt"), breaker.reason === "volume_foreign");
}

function showMediaServer(server) {
  const card = $("#mediamtx");
  const key = server.alive ? (server.kind === "standin" ? "standin" : "alive") : "away";
  const state = { alive: "ok", standin: "warn", away: "bad" }[key];
  showState($(".badge", card), state, say(`mediamtx.${key}`), state === "ok" ? "circle-check" : "triangle-alert");
  const facts = server.alive
    ? [versionWords(server), say(server.applied ? "mediamtx.applied" : "mediamtx.applying")]
    : [];
  fill(card, { words: facts.join(" "), since: server.alive ? sinceWords(server.started) : "" });
}

const versionWords = (server) => say("mediamtx.version", { version: server.version });

function showClock(clock) {
  const card = $("#clock");
  showState(
    $(".badge", card),
    clock.trusted ? "ok" : "bad",
    say(clock.trusted ? "clock.trusted" : "clock.doubted"),
    "clock",
  );
  const kept = say(clock.synchronised ? "clock.synchronised" : "clock.alone");
  const now = serverNow();
  show($("#confirm-clock"), !clock.trusted);
  fill(card, { words: clock.trusted ? kept : say(`clock.${clock.reason}`), since: `${date(now)} ${timeOfDay(now)}` });
}

function showServer({ database, hls, uptime, version }) {
  const card = $("#server");
  const state = database.ok ? "ok" : "bad";
  showState(
    $(".badge", card),
    state,
    say(database.ok ? "server.ok" : "server.database"),
    database.ok ? "circle-check" : "triangle-alert",
  );
  const viewers = hls.viewers ?? 0;
  const words = count("server.words", viewers).replace("{size}", bytes(database.bytes));
  fill(card, { words, since: `vmsd ${version}, ${say("running", { time: duration(uptime) })}` });
}

function showPower(loss) {
  const card = $("#power");
  show(card, Boolean(loss));
  if (!loss) return;
  const sound = loss.integrity === "ok";
  const badge = say(sound ? "power.over" : "power.doubtful");
  showState($(".badge", card), sound ? "ok" : "warn", badge, sound ? "circle-check" : "triangle-alert");
  const facts = {
    start: fullMoment(Date.parse(loss.start)),
    end: timeOfDay(Date.parse(loss.end)),
    lost: duration(loss.lost),
    integrity: say(`power.${loss.integrity}`),
  };
  fill(card, { words: say("power.words", facts), more: count("power.cameras", loss.cameras) });
}

async function askIntegrity() {
  showIntegrity(await api("/system/integrity", { cityId: "" }));
}

function showIntegrity({ running, now, last }) {
  const card = $("#integrity");
  const key = integrityKey(running, last);
  const state = { running: "starting", never: "starting", ok: "ok", bad: "bad", stopped: "bad" }[key];
  const picture = { ok: "circle-check", bad: "triangle-alert", stopped: "triangle-alert" }[key] ?? "loader";
  showState($(".badge", card), state, say(`integrity.${key}`), picture);
  $("#check").disabled = running;
  if (now ?? last) fill(card, integrityWords(now ?? last));
}

function integrityKey(running, last) {
  if (running) return "running";
  if (!last) return "never";
  if (last.stopped) return "stopped";
  return last.altered || last.missing ? "bad" : "ok";
}

/** Of the last check, or of the one that runs, as far as it has come. */
function integrityWords(last) {
  const [began, ended] = [Date.parse(last.started_at), last.ended_at ? Date.parse(last.ended_at) : serverNow()];
  const key = last.ended_at ? "integrity.when" : "integrity.since";
  return {
    when: say(key, { when: fullMoment(began), length: duration((ended - began) / 1000) }),
    files: number(last.files),
    hashed: say("integrity.hashed", { files: number(last.hashed), bytes: bytes(last.bytes) }),
    altered: number(last.altered),
    missing: number(last.missing),
    quarantined: number(last.quarantined),
  };
}

const taskName = (task) => (knows(`task.${task.name}`) ? say(`task.${task.name}`) : task.name);

function showTasks(tasks) {
  const rows = $("#tasks tbody");
  while (rows.children.length > tasks.length) rows.lastElementChild.remove();
  tasks.forEach((task, index) => {
    const row = rows.children[index] ?? rows.appendChild(clone("task-row"));
    const key = task.late ? "late" : task.failures ? "failing" : task.last_ok ? "ok" : "waiting";
    const state = { late: "bad", failing: "warn", ok: "ok", waiting: "starting" }[key];
    const picture = { late: "circle-x", failing: "triangle-alert", ok: "heart-pulse", waiting: "clock" }[key];
    showState($(".badge", row), state, say(`task.${key}`), picture);
    fill(row, {
      name: taskName(task),
      error: task.error ? say("task.error", { n: task.failures, error: task.error }) : "",
      ago: task.last_ok ? ago(Date.parse(task.last_ok)) : "–",
      took: task.duration === null ? "–" : `${number(task.duration * 1000)} ms`,
    });
  });
}

function showKept(items) {
  show($("#nothing-kept"), items.length === 0);
  show($("#kept"), items.length > 0);
  $("#kept tbody").replaceChildren(...items.map(keptRow));
}

function keptRow(item) {
  const row = clone("kept-row");
  // `oldest` names a day in UTC by its first moment; its noon is the same day in the site's zone.
  const since = Date.parse(item.oldest) + DAY_MS / 2;
  setGauge(row, (item.duration * 1000) / (item.promised_days * DAY_MS), "ok");
  fill(row, {
    name: item.name,
    removed: item.removed ? say("kept.removed") : "",
    kept: say("kept.days", { held: duration(item.duration), promised: item.promised_days }),
    since: Number.isNaN(since) ? "–" : date(since),
    size: bytes(item.bytes),
  });
  if (!item.removed) $("[data-slot=name]", row).href = `/camera/${item.camera_id}`;
  return row;
}

/** What only a superadmin may decide, after a second thought. */
async function mend(sure, texts, path, words, own = {}) {
  if (!(await ask(sure, texts))) return;
  try {
    await api(path, { method: "POST", timeout: 30_000 });
    done(say(words));
  } catch (error) {
    showFailure(error, own);
  }
  askSystem().catch(() => {});
}

$("#confirm-clock")?.addEventListener("click", () => {
  const now = { now: fullMoment(serverNow()) };
  mend($("#sure-clock"), now, "/system/clock/confirm", "clock.confirmed");
});
$("#adopt")?.addEventListener("click", () => {
  mend($("#sure-volume"), {}, "/system/volume/adopt", "volume.adopted", { 409: "volume.none" });
});
$("#check")?.addEventListener("click", async () => {
  try {
    showIntegrity(await api("/system/integrity", { method: "POST", cityId: "" }));
    done(say("integrity.begun"));
  } catch (error) {
    showFailure(error);
  }
});
feed.addEventListener("states", judge);
feed.addEventListener("contact", judge);
repeat(askBoard, 2000);
repeat(askSystem, 2000);
repeat(askStorage, 30_000);
if ($("#integrity")) repeat(askIntegrity, 5000);
