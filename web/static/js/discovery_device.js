// One device: asked what it is, shown, and added as a camera.

import { answer, api } from "./api.js";
import { openDialog } from "./ask.js";
import { $, el, fill, icon, show } from "./dom.js";
import { clockWords, deviceWords, failedWords } from "./discovery_words.js";
import { fail, onSubmit, unmarkAll } from "./form.js";
import { camerasInOrder } from "./order.js";
import { codecName, knows, say } from "./words.js";

const INSPECT_MS = 40_000;
const dialog = $("#device");
const asking = $("#ask");
const adding = $("#adding");
let found = null;
let suggested = "";
let added = () => {};

/** `device` is one that was found, or null for one whose address is typed; `onAdded` is told a new camera's name. */
export function openInspection(device, onAdded) {
  added = onAdded;
  suggested = device?.name ?? "";
  for (const form of [asking, adding]) unmarkAll(form);
  asking.elements.address.value = device?.service_url ?? "";
  step(asking);
  openDialog(dialog, { title: device ? device.title : say("discovery.by_address") });
  const first = device ? asking.elements.username : asking.elements.address;
  first.focus();
}

function step(form) {
  show(asking, form === asking);
  show(adding, form === adding);
}

async function inspect(fields) {
  const login = { username: fields.username.value.trim(), password: fields.password.value || null };
  const body = { address: fields.address.value.trim(), ...login };
  hidePicture();
  try {
    found = await api("/discovery/inspect", { method: "POST", body, timeout: INSPECT_MS });
  } catch (error) {
    const why = failedWords(error);
    if (!why) throw error;
    return fail(asking, why);
  }
  showDevice();
  showPicture({ ...body, address: found.service_url }).catch(() => {});
}

/** Only a help to tell cameras apart: one that gives no still is added without. */
async function showPicture(body) {
  const of = found;
  const picture = await answer("/discovery/picture", { method: "POST", body, timeout: INSPECT_MS });
  const url = URL.createObjectURL(await picture.blob());
  if (of !== found || !dialog.open) return URL.revokeObjectURL(url);
  $("#picture").src = url;
  show($("#picture"), true);
}

function hidePicture() {
  URL.revokeObjectURL($("#picture").src);
  $("#picture").removeAttribute("src");
  show($("#picture"), false);
}

function showDevice() {
  const unknown = say("discovery.unknown");
  fill(adding, {
    device: deviceWords(found),
    firmware: found.firmware || unknown,
    serial: found.serial || unknown,
    mac: found.mac || unknown,
    clock: clockWords(found.clock_offset),
    address: found.address,
  });
  $("#remarks").replaceChildren(...found.warnings.map(remark));
  const { source_url: main, sub_source_url: sub, name } = adding.elements;
  main.replaceChildren(...found.streams.map((stream) => streamOption(stream, found.main)));
  const none = new Option(say("discovery.no_sub"), "", true, found.sub === null);
  sub.replaceChildren(none, ...found.streams.map((stream) => streamOption(stream, found.sub)));
  show($("#streams"), found.main !== null);
  show($("#add"), found.main !== null);
  name.value = suggested;
  unmarkAll(adding);
  step(adding);
  (found.main ? name : $("#again")).focus();
  offerGroups().catch(() => {});
}

function remark(code) {
  const host = found.main?.elsewhere ?? "";
  const words = knows(`warning.${code}`) ? say(`warning.${code}`, { host }) : code;
  return el("li", {}, icon("triangle-alert"), el("span", {}, words));
}

function streamOption(stream, chosen) {
  const { profile: name, width, height } = stream;
  const size = { width: width ?? "?", height: height ?? "?" };
  const words = say("discovery.stream", { name, codec: codecName(stream.codec), ...size });
  return new Option(words, stream.url, false, stream.url === chosen?.url);
}

async function add(fields) {
  const { username, password } = asking.elements;
  const login = username.value.trim() ? { username: username.value.trim(), password: password.value } : {};
  const sub = fields.sub_source_url.value;
  const body = {
    name: fields.name.value.trim(),
    group: fields.group.value.trim(),
    source_url: fields.source_url.value,
    sub_source_url: sub === fields.source_url.value ? "" : sub,
    ...login,
  };
  const camera = await api("/cameras", { method: "POST", body });
  // Who it is is written down beside it; a camera that does not say it now is asked later.
  const told = { method: "POST", body: { service_url: found.service_url }, timeout: INSPECT_MS };
  await api(`/cameras/${camera.id}/device`, told).catch(() => {});
  dialog.close();
  added(camera.name);
}

async function offerGroups() {
  const names = new Set((await camerasInOrder()).map((camera) => camera.group).filter(Boolean));
  $("#groups").replaceChildren(...[...names].map((name) => new Option(name)));
}

onSubmit(asking, inspect);
onSubmit(adding, add);
dialog.addEventListener("close", hidePicture);
$("#again").addEventListener("click", () => {
  step(asking);
  asking.elements.address.focus();
});
