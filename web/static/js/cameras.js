// The list of cameras: find one, see at a glance what it does, change it or take it out.

import { api } from "./api.js";
import { ask } from "./ask.js";
import { $, clone, fill, show, write } from "./dom.js";
import { feed } from "./feed.js";
import { camerasInOrder } from "./order.js";
import { hideFailure, showFailure } from "./problems.js";
import { may } from "./rights.js";
import { fold } from "./search.js";
import { announce } from "./shell.js";
import { causeWord, showState } from "./states.js";
import { count, say } from "./words.js";

const rows = new Map();
const body = $("#cameras tbody");

async function load() {
  const [me, cameras] = await Promise.all([api("/auth/me"), camerasInOrder()]).catch(() => []);
  if (!cameras) return setTimeout(load, 2000);
  show($("#loading"), false);
  show($("#empty"), cameras.length === 0);
  show($("#filled"), cameras.length > 0);
  rows.clear();
  body.replaceChildren(...cameras.map((camera) => rowOf(camera, may(me, "configure", camera))));
  follow();
  search();
}

function rowOf(camera, mine) {
  const row = clone("camera-row");
  const words = { name: camera.name, group: camera.group, source: sourceWords(camera), kept: keptWords(camera) };
  fill(row, words);
  $("[data-slot=name]", row).href = `/camera/${camera.id}`;
  if ($(".actions", row)) dressActions(row, camera, mine);
  row.dataset.text = fold(Object.values(words).join(" "));
  rows.set(camera.id, row);
  return row;
}

function dressActions(row, camera, mine) {
  const [edit, out] = ["edit", "remove"].map((name) => $(`[data-slot=${name}]`, row));
  edit.href = `/camera/${camera.id}/edit`;
  edit.setAttribute("aria-label", say("cameras.edit", { name: camera.name }));
  out.setAttribute("aria-label", say("cameras.remove", { name: camera.name }));
  out.addEventListener("click", () => remove(camera));
  for (const button of [edit, out]) show(button, mine);
}

function sourceWords(camera) {
  const maker = { intelbras: "Intelbras", hikvision: "Hikvision" }[camera.vendor];
  if (camera.protocol === "p2p") return `P2P · ${camera.tunnel_target}`;
  if (camera.protocol === "rtmp" && !camera.source_url) return `RTMP · ${say("cameras.pushes")}`;
  if (maker) return `${maker} · ${camera.host} · ${say("cameras.channel", { n: camera.channel })}`;
  return `${camera.protocol.toUpperCase()} · ${hostOf(camera.source_url)}`;
}

function hostOf(address) {
  return /^[a-z]+:\/\/(?:[^/@]*@)?([^/?]+)/i.exec(address)?.[1] ?? address;
}

function keptWords(camera) {
  return camera.retention_days ? count("cameras.days", camera.retention_days) : say("cameras.plan");
}

function follow() {
  for (const [id, row] of rows) {
    const item = feed.get(id);
    if (!item) continue;
    showState($(".badge", row), item.state);
    fill(row, { cause: item.state === "online" ? "" : causeWord(item.cause) });
    showRecording($("[data-slot=recording]", row), item);
  }
}

function showRecording(slot, item) {
  const recording = feed.inContact && item.recording;
  if (recording) showState(slot, "ok", say("recording.on"), "circle-dot");
  else if (item.enabled) showState(slot, "bad", say("recording.missing"), "triangle-alert");
  else showState(slot, "disabled", say("recording.off"), "circle-slash");
}

function search() {
  const wanted = fold($("#search").value.trim());
  let found = 0;
  for (const row of rows.values()) {
    const matches = row.dataset.text.includes(wanted);
    show(row, matches);
    found += matches;
  }
  write($("#found"), count("cameras.found", found));
}

async function remove(camera) {
  if (!(await ask($("#confirm-remove"), { name: camera.name }))) return;
  try {
    await api(`/cameras/${camera.id}`, { method: "DELETE" });
    announce(say("cameras.removed", { name: camera.name }));
    hideFailure();
  } catch (error) {
    showFailure(error);
  }
  load();
}

$("#search").addEventListener("input", search);
feed.addEventListener("states", follow);
load();
