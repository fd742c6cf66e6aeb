// The report that proves a site: asked for here, watched while the box makes it, fetched when it is ready.

import { api, list } from "./api.js";
import { ask, openDialog } from "./ask.js";
import { fullMoment, hourMinute } from "./clock.js";
import { $, clone, fill, icon, redraw, show, write } from "./dom.js";
import { done } from "./done.js";
import { onSubmit, unmarkAll } from "./form.js";
import { showFailure } from "./problems.js";
import { repeat } from "./repeat.js";
import "./shell.js";
import { causeWord, showState } from "./states.js";
import { number, say } from "./words.js";

const AGAIN_MS = 3000;
const OPEN = ["queued", "running"];
const LOOKS = {
  passed: ["ok", "circle-check"],
  not_passed: ["bad", "octagon-alert"],
  queued: ["idle", "loader"],
  running: ["idle", "loader"],
  failed: ["bad", "circle-x"],
  cancelled: ["idle", "circle-slash"],
};
const dialog = $("#new");
const form = $("form", dialog);
let making = null;

const outcomeOf = (one) => (one.state !== "done" ? one.state : one.passed ? "passed" : "not_passed");

async function load() {
  const reports = await list("/acceptances");
  const open = reports.find((one) => OPEN.includes(one.state)) ?? null;
  const ended = reports.filter((one) => !OPEN.includes(one.state));
  tellEnd(open, ended);
  making = open;
  redraw($("#reports tbody"), ended.map(rowOf));
  show($("#loading"), false);
  show($("#empty"), reports.length === 0);
  show($("#filled"), ended.length > 0);
  show($("#making"), open !== null);
  $("#add").disabled = open !== null;
  if (open) drawProgress(open);
}

/** What was being made a moment ago and is ready now. */
function tellEnd(open, ended) {
  if (!making || making.id === open?.id) return;
  const one = ended.find(({ id }) => id === making.id);
  if (one?.state === "done") done(say("acceptance.ready", { outcome: say(`acceptance.outcome.${outcomeOf(one)}`) }));
}

function rowOf(one) {
  const row = clone("report-row");
  row.dataset.id = one.id;
  const outcome = outcomeOf(one);
  fill(row, {
    installer: one.installer,
    note: say(one.note ? "acceptance.note" : "acceptance.minutes", { minutes: number(one.minutes), note: one.note }),
    by: one.by.name ?? say("acceptance.box"),
    at: fullMoment(Date.parse(one.created_at)),
    why: ["not_passed", "failed"].includes(outcome) ? say(`acceptance.why.${outcome}`) : "",
  });
  const [state, iconName] = LOOKS[outcome];
  showState($("[data-slot=outcome]", row), state, say(`acceptance.outcome.${outcome}`), iconName);
  for (const kind of ["pdf", "json"]) {
    const link = $(`[data-slot=${kind}]`, row);
    link.href = `/api/v1/acceptances/${one.id}.${kind}`;
    link.setAttribute("aria-label", say(`acceptance.${kind}`, one));
    show(link, one.state === "done");
  }
  return row;
}

function drawProgress(one) {
  const { progress } = one;
  const wanted = one.minutes * 60;
  const cameras = progress?.cameras ?? [];
  const counted = cameras.filter((camera) => camera.enabled);
  const proven = counted.filter((camera) => camera.proven_seconds >= wanted).length;
  const until = progress && hourMinute(Date.parse(progress.ends_by));
  const words = { proven: number(proven), all: number(counted.length), until };
  write($("#making-sum"), progress ? say("acceptance.sum", words) : say("acceptance.begins"));
  $("#making-share").value = progress?.share ?? 0;
  redraw($("#proofs"), cameras.map((camera) => proofOf(camera, wanted)));
}

function proofOf(camera, wanted) {
  const row = clone("proof-row");
  const share = camera.enabled ? Math.min(1, camera.proven_seconds / wanted) : 0;
  const words = { proven: clockWords(camera.proven_seconds), all: clockWords(wanted) };
  const why = causeWord(camera.cause);
  fill(row, { name: camera.name, why, time: camera.enabled ? say("acceptance.time", words) : say("acceptance.off") });
  showState($("[data-slot=state]", row), camera.state);
  const picture = $("[data-slot=picture]", row);
  picture.classList.add(camera.picture ? "tag--ok" : "tag--warn");
  const seen = say(camera.picture ? "acceptance.picture" : "acceptance.no_picture");
  picture.append(icon(camera.picture ? "image" : "video-off"), seen);
  const bar = $("[data-slot=share]", row);
  bar.value = share;
  bar.setAttribute("aria-label", camera.name);
  show(bar, camera.enabled);
  return row;
}

/** "7:05". */
function clockWords(seconds) {
  const whole = Math.floor(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

async function save() {
  const { installer, minutes, note } = form.elements;
  const body = { installer: installer.value.trim(), minutes: minutes.valueAsNumber, note: note.value.trim() };
  await api("/acceptances", { method: "POST", body });
  dialog.close();
  done(say("acceptance.asked"));
  await load();
}

async function stop() {
  if (!making || !(await ask($("#sure")))) return;
  try {
    await api(`/acceptances/${making.id}`, { method: "DELETE" });
    done(say("acceptance.stopped"));
  } catch (error) {
    showFailure(error);
  }
  await load().catch(showFailure);
}

onSubmit(form, save, { 409: "acceptance.open" });
$("#add").addEventListener("click", () => {
  form.elements.note.value = "";
  unmarkAll(form);
  openDialog(dialog);
});
$("#stop").addEventListener("click", stop);
load().catch(showFailure).then(() => repeat(load, AGAIN_MS));
