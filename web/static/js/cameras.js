// The list of cameras: find one, see at a glance what it does, change it or take it out.

import { NoContact, api } from "./api.js";
import { $, clone, fill, show, write } from "./dom.js";
import { feed } from "./feed.js";
import { camerasInOrder } from "./order.js";
import { announce } from "./shell.js";
import { causeWord, showState } from "./states.js";
import { count, say } from "./words.js";

const rows = new Map();
const body = $("#cameras tbody");

async function load() {
  const cameras = await camerasInOrder().catch(() => null);
  if (cameras === null) return setTimeout(load, 2000);
  show($("#loading"), false);
  show($("#empty"), cameras.length === 0);
  show($("#filled"), cameras.length > 0);
  rows.clear();
  body.replaceChildren(...cameras.map(rowOf));
  follow();
  search();
}

function rowOf(camera) {
  const row = clone("camera-row");
  const words = { name: camera.name, group: camera.group, source: sourceWords(camera), kept: keptWords(camera) };
  fill(row, words);
  $("[data-slot=name]", row).href = `/camera/${camera.id}`;
  const edit = $("[data-slot=edit]", row);
  if (edit) {
    edit.href = `/camera/${camera.id}/edit`;
    edit.setAttribute("aria-label", say("cameras.edit", { name: camera.name }));
    const remove = $("[data-slot=remove]", row);
    remove.setAttribute("aria-label", say("cameras.remove", { name: camera.name }));
    remove.addEventListener("click", () => askRemoval(camera));
  }
  row.dataset.text = fold(Object.values(words).join(" "));
  rows.set(camera.id, row);
  return row;
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

const fold = (text) => text.toLowerCase().normalize("NFD").replace(/\p{M}/gu, "");

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

function askRemoval(camera) {
  const dialog = $("#confirm-remove");
  fill(dialog, { name: camera.name });
  dialog.returnValue = "";
  dialog.addEventListener("close", () => dialog.returnValue === "yes" && remove(camera), { once: true });
  dialog.showModal();
}

async function remove(camera) {
  try {
    await api(`/cameras/${camera.id}`, { method: "DELETE" });
    announce(say("cameras.removed", { name: camera.name }));
    show($("#failure"), false);
  } catch (error) {
    fill($("#failure"), { failure: error instanceof NoContact ? say("contact.lost") : error.message });
    show($("#failure"), true);
  }
  load();
}

$("#search").addEventListener("input", search);
feed.addEventListener("states", follow);
load();
