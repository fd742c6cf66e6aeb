// The alert that is open: all there is to know of it, the pictures, and what was done.

import { api } from "./api.js";
import { duration, fullMoment, serverNow } from "./clock.js";
import { $, $$, el, fill, show, write } from "./dom.js";
import { doubtWords, fullMomentOf, kindWords, levelMark, momentOf, whereWords } from "./alert_words.js";
import { isMine, ownerWords } from "./alerts_queue.js";
import { noticeWords } from "./notices.js";
import { Sheets } from "./replay_sheets.js";
import { bytes, count, knows, number, percent, say } from "./words.js";

const REPLAYS = document.body.dataset.replays === "yes";
const BEFORE_MS = 10_000;
const AROUND_MS = 60_000;
/** Facts that have words of their own above, or are none for people. */
const SILENT = ["plate", "reason", "code", "duration", "reason_code"];
const WRITTEN = {
  bytes,
  deadline: fullMomentOf,
  oldest: fullMomentOf,
  first: fullMomentOf,
  cause: (cause) => say(knows(`cause.${cause}`) ? `cause.${cause}` : "cause.unknown"),
  score: (score) => (typeof score === "number" && score <= 1 ? percent(score) : String(score)),
};

let shown = null;

/** What is told of a plate is told of its newest reading; what lasts is told from its beginning. */
const momentTold = ({ kind, time, last_at: last }) => (kind === "wanted_plate" ? (last ?? time) : time);

/** Draws `alert`; its pictures only when it is another one than before. */
export function drawOpened(alert) {
  const panel = $("#opened");
  const isOther = shown?.id !== alert.id || momentTold(shown) !== momentTold(alert);
  shown = alert;
  panel.dataset.level = alert.level;
  panel.dataset.state = alert.state;
  fill(panel, {
    kind: kindWords(alert),
    plate: alert.facts.plate ?? "",
    where: whereWords(alert),
    time: fullMomentOf(momentTold(alert)),
    state: `${say(`alert.state.${alert.state}`)}. ${ownerWords(alert)}`,
    help: helpWords(alert),
    doubt: doubtWords(alert),
    reason: alert.facts.reason ?? "",
  });
  $("[data-slot=level]", panel).replaceChildren(...levelMark(alert.level));
  show($("[data-slot=plate]", panel), Boolean(alert.facts.plate));
  show($("[data-slot=doubt]", panel), Boolean(doubtWords(alert)));
  show($("[data-slot=reason]", panel), Boolean(alert.facts.reason));
  drawActs(alert);
  drawFacts(alert);
  drawSteps(alert.steps ?? []);
  show(panel, true);
  if (isOther) drawPictures(alert);
}

export function closeOpened() {
  shown = null;
  show($("#opened"), false);
}

function drawActs(alert) {
  const isOver = alert.state === "closed";
  const lasts = alert.must_be_resolved && !alert.ended_at;
  const acts = Object.fromEntries($$("[data-act]", $("#opened")).map((button) => [button.dataset.act, button]));
  const again = isMine(alert) && alert.state === "on_hold";
  show(acts.take, !isOver && (!isMine(alert) || again));
  if (!isOver) write($("[data-slot=take]", acts.take), takeWords(alert, again));
  for (const name of ["hold", "close"]) show(acts[name], !isOver);
  acts.close.disabled = lasts;
  show($("#lasts"), lasts && !isOver);
  if (alert.place) $("#place").href = alert.place;
  show(acts.replay, Boolean(alert.replay_url) && REPLAYS);
  show(acts.live, Boolean(alert.camera_id));
  if (alert.replay_url) acts.replay.href = replayUrl(alert);
  if (alert.camera_id) acts.live.href = `/camera/${alert.camera_id}`;
  acts.print.href = `/api/v1/alerts/${alert.id}.pdf`;
}

function replayUrl(alert) {
  const url = new URL(alert.replay_url, location);
  url.searchParams.set("at", new Date(Date.parse(momentTold(alert)) - BEFORE_MS).toISOString());
  return url.pathname + url.search;
}

const TAKE = $("#opened [data-act=take] [data-slot=take]").textContent;

function takeWords({ owner }, again) {
  if (again) return say("alert.take.back");
  return owner ? say("alert.take.over", { name: owner.name }) : TAKE;
}

function helpWords({ kind, facts, ended_at: ended, time, duration: lasted }) {
  const length = ended
    ? say("alert.lasted", { time: duration(lasted ?? 0) })
    : say("alert.lasts", { time: duration((serverNow() - Date.parse(time)) / 1000) });
  const cause = facts.cause ? WRITTEN.cause(facts.cause) : "";
  const said = facts.cameras && kind === "not_recording" ? "many" : facts.code === "headroom" ? "headroom" : kind;
  if (facts.code && facts.code !== "headroom") {
    const { title, help } = noticeWords({ code: facts.code, facts: { ...facts, reason: facts.reason_code } });
    return `${title} ${help}`.replace(/\{\w+\}/g, "").trim();
  }
  if (!knows(`alert.help.${said}`)) return ended ? length : "";
  return `${say(`alert.help.${said}`, { cause: cause && `(${cause}.)` })} ${length}`.replace(/\s+/g, " ");
}

function drawFacts(alert) {
  const told = Object.entries(alert.facts).filter(([name, value]) => !SILENT.includes(name) && value !== "" && value !== null);
  const known = told.filter(([name]) => knows(`alert.fact.${name}`));
  const pairs = known.map(([name, value]) => [say(`alert.fact.${name}`), writeFact(name, value)]);
  if (alert.times > 1) {
    pairs.push([say("alert.fact.times"), count("alert.times", alert.times)]);
    pairs.push([say("alert.fact.last"), momentOf(alert.last_at)]);
  }
  if (alert.note) pairs.push([say("alert.fact.note"), alert.note]);
  $("#facts").replaceChildren(...pairs.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))));
}

function writeFact(name, value) {
  if (WRITTEN[name]) return WRITTEN[name](value);
  return typeof value === "number" ? number(value) : String(value);
}

function drawSteps(steps) {
  const lines = steps.map(({ at, step, note, by }) => {
    const who = by ? by.name : say("alert.by.box");
    const what = el("span", {}, el("strong", {}, say(`alert.step.${step}`)), ` · ${who}`);
    return el("li", {}, el("span", { class: "numbers muted" }, momentOf(at)), what, note ? el("q", {}, note) : null);
  });
  $("#steps").replaceChildren(...lines.reverse());
}

function drawPictures(alert) {
  const [crop, still] = [$("[data-picture=crop]"), $("[data-picture=still]")];
  show(crop, false);
  show(still, false);
  if (alert.image_url) {
    $("#crop").onload = () => shown?.id === alert.id && show(crop, true);
    $("#crop").src = alert.image_url;
  }
  if (alert.camera_id) drawStill(alert, still).catch(() => {});
}

/** What the recording shows a little before it happened; where there is nothing, what the camera shows now. */
async function drawStill(alert, figure) {
  const then = REPLAYS ? await recordedStill(alert).catch(() => null) : null;
  const now = then ?? (await presentStill(alert));
  if (shown?.id !== alert.id) return;
  const canvas = $("#still");
  [canvas.width, canvas.height] = [now.width, now.height];
  canvas.getContext("2d").drawImage(now.image, now.x, now.y, now.width, now.height, 0, 0, now.width, now.height);
  fill(figure, { still: now.words });
  const link = $("#still-link");
  if (alert.replay_url && REPLAYS) link.href = replayUrl(alert);
  else link.removeAttribute("href");
  show(figure, true);
}

async function recordedStill(alert) {
  const atMs = Date.parse(momentTold(alert)) - BEFORE_MS;
  const sheets = new Sheets(alert.camera_id);
  await sheets.need(atMs - AROUND_MS, atMs + AROUND_MS);
  const tile = sheets.find(atMs);
  if (!tile) return null;
  const image = await sheets.picture(tile);
  return { image, ...tile, words: stillWords(alert, tile.atMs) };
}

/** There is a picture every few seconds: how long before it really was. */
function stillWords(alert, atMs) {
  const seconds = Math.round((Date.parse(momentTold(alert)) - atMs) / 1000);
  return say("alert.still.then", { when: fullMoment(atMs), time: duration(seconds) });
}

async function presentStill(alert) {
  const image = new Image();
  image.src = `/api/v1/cameras/${alert.camera_id}/snapshot.jpg`;
  await image.decode();
  const { naturalWidth: width, naturalHeight: height } = image;
  return { image, x: 0, y: 0, width, height, words: say("alert.still.now") };
}

/** Everything about one alert. */
export const load = (id) => api(`/alerts/${id}`);
