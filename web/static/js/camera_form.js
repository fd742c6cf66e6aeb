// Adding and changing a camera: the fields that matter for its kind, a test that says what it really sends.

import { NoContact, api, ifMatch, versioned } from "./api.js";
import { copyOnClick } from "./copy.js";
import { $, $$, el, fill, icon, show, write } from "./dom.js";
import { check, explain, onSubmit, setBusy } from "./form.js";
import { camerasInOrder } from "./order.js";
import "./shell.js";
import { causeAdvice, causeWord } from "./states.js";
import { bitrate, codecName, knows, number, say } from "./words.js";

const id = document.body.dataset.cameraId;
const form = $("#form");
const fields = form.elements;
const EXAMPLES = {
  rtsp: "rtsp://192.168.1.64:554/stream1",
  rtmp: "rtmp://192.168.1.10/live/camera1",
  http: "http://192.168.1.64/video.m3u8",
};
let saved = null;
let version = null;

const value = (name) => fields[name].value.trim();
const isOn = (name) => fields[name].checked;
const byVendor = () => value("protocol") === "rtsp" && value("vendor") !== "other";
const pushes = () => value("protocol") === "rtmp" && value("direction") === "push";

// What of the form applies now. `data-for` names one of these or several, all of which must hold.
const facets = {
  rtsp: () => value("protocol") === "rtsp",
  rtmp: () => value("protocol") === "rtmp",
  p2p: () => value("protocol") === "p2p",
  push: pushes,
  vendor: byVendor,
  url: () => !byVendor() && !pushes() && value("protocol") !== "p2p",
  login: () => !pushes(),
  probe: () => !pushes() && value("protocol") !== "p2p",
};

function adapt() {
  for (const part of $$("[data-for]", form))
    show(
      part,
      part.dataset.for.split(" ").every((facet) => facets[facet]()),
    );
  fields.source_url.placeholder = EXAMPLES[value("protocol")] ?? "";
  show($("#probe-result"), false);
}

/** Where the video comes from, as the API takes it. */
function source() {
  const protocol = value("protocol");
  const login = { username: value("username"), ...(fields.password.value ? { password: fields.password.value } : {}) };
  if (pushes()) return { protocol, source_url: "", sub_source_url: "" };
  if (protocol === "p2p") return { protocol, tunnel: value("tunnel"), tunnel_target: value("tunnel_target"), ...login };
  if (!byVendor()) {
    const light = protocol === "rtsp" ? value("sub_source_url") : "";
    return { protocol, source_url: value("source_url"), sub_source_url: light, ...login };
  }
  const channel = Number(value("channel"));
  return {
    protocol,
    vendor: value("vendor"),
    host: value("host"),
    channel,
    subtype: 0,
    substream: isOn("substream"),
    ...login,
  };
}

function rest() {
  const days = value("retention_days");
  const [lat, lon] = [value("lat"), value("lon")];
  return {
    name: value("name"),
    group: value("group"),
    recording_enabled: isOn("recording_enabled"),
    retention_days: days ? Number(days) : null,
    audio: isOn("audio"),
    location: lat && lon ? { lat: Number(lat), lon: Number(lon) } : null,
  };
}

/** Only what was changed: an address is shown masked, and sending it back would break it. */
function changes() {
  const now = source();
  const changed = Object.entries(rest()).filter(([name, what]) => JSON.stringify(what) !== JSON.stringify(saved[name]));
  const rebuilt = "vendor" in now && ["vendor", "host", "channel", "substream"].some((name) => now[name] !== had(name));
  const names = ["username", "source_url", "sub_source_url", "tunnel", "tunnel_target", "protocol"];
  const moved = names.filter((name) => name in now && now[name] !== saved[name]);
  if (rebuilt) moved.push("vendor", "host", "channel", "subtype", "substream");
  if ("password" in now) moved.push("password");
  return { ...Object.fromEntries(changed), ...Object.fromEntries(moved.map((name) => [name, now[name]])) };
}

const had = (name) => (name === "substream" ? Boolean(saved.sub_source_url) : saved[name]);

async function open() {
  const found = await versioned(`/cameras/${id}`);
  version = found.version;
  take(found.value);
}

function take(camera) {
  saved = camera;
  fields.protocol.value = camera.protocol;
  fields.vendor.value = ["intelbras", "hikvision"].includes(camera.vendor) ? camera.vendor : "other";
  fields.direction.value = camera.protocol === "rtmp" && camera.source_url ? "pull" : "push";
  for (const name of [
    "name",
    "group",
    "host",
    "channel",
    "source_url",
    "sub_source_url",
    "username",
    "tunnel",
    "tunnel_target",
  ]) {
    fields[name].value = camera[name];
  }
  fields.retention_days.value = camera.retention_days ?? "";
  fields.lat.value = camera.location?.lat ?? "";
  fields.lon.value = camera.location?.lon ?? "";
  fields.substream.checked = Boolean(camera.sub_source_url);
  fields.recording_enabled.checked = camera.recording_enabled;
  fields.audio.checked = camera.audio;
  $("#more").open = Boolean(camera.location);
  fill(document, { title: camera.name });
  adapt();
}

async function save() {
  const camera = id
    ? await api(`/cameras/${id}`, { method: "PATCH", body: changes(), headers: ifMatch(version) })
    : await api("/cameras", { method: "POST", body: { ...source(), ...rest() } });
  if (camera.publish) showPublish(camera);
  else location.assign(`/camera/${camera.id}`);
}

function showPublish(camera) {
  write($("#publish-address"), `rtmp://${location.hostname}:${camera.publish.rtmp_port}${camera.publish.rtmp_path}`);
  $("#publish-done").href = `/camera/${camera.id}`;
  $("#publish").addEventListener("cancel", (event) => event.preventDefault());
  $("#publish").showModal();
}

async function probe() {
  if (!check(form)) return;
  if (id && value("username") && !fields.password.value) {
    return showResult("warn", "info", say("probe.password_again"), []);
  }
  setBusy(form, true);
  showResult("busy", "loader", say("probe.busy"), []);
  try {
    showFound(await api("/cameras/probe", { method: "POST", body: source(), timeout: 20_000 }));
  } catch (error) {
    showFailedProbe(error);
  }
  setBusy(form, false);
}

function showFound(found) {
  const facts = [
    codecName(found.codec),
    `${found.width} × ${found.height}`,
    found.fps && say("probe.fps", { n: number(found.fps, found.fps % 1 ? 1 : 0) }),
    found.gop_s && say("probe.gop", { n: number(found.gop_s, 1) }),
    found.bitrate && bitrate(found.bitrate),
    found.audio ? say("probe.audio", { name: found.audio.toUpperCase() }) : say("probe.no_audio"),
  ];
  const remarks = found.warnings.map(({ code, text }) => (knows(`warning.${code}`) ? say(`warning.${code}`) : text));
  const warned = remarks.length > 0;
  showResult(
    warned ? "warn" : "ok",
    warned ? "triangle-alert" : "circle-check",
    say(warned ? "probe.warned" : "probe.good"),
    [facts.filter(Boolean).join(" · "), ...remarks],
  );
}

function showFailedProbe(error) {
  if (error.errors?.length) {
    show($("#probe-result"), false);
    return explain(form, error);
  }
  if (error.status === 429) return showResult("warn", "info", say("probe.too_many"), []);
  const why = error instanceof NoContact ? say("contact.lost") : error.cause ? causeWord(error.cause) : error.message;
  showResult("bad", "circle-x", `${say("probe.bad")}: ${why}`, [causeAdvice(error.cause)].filter(Boolean));
}

function showResult(state, iconName, title, lines) {
  const result = $("#probe-result");
  result.dataset.state = state;
  result.replaceChildren(icon(iconName), el("strong", {}, title), ...lines.map((line) => el("p", {}, line)));
  show(result, true);
}

async function offerGroups() {
  const names = new Set((await camerasInOrder()).map((camera) => camera.group).filter(Boolean));
  $("#groups").replaceChildren(...[...names].map((name) => new Option(name)));
}

onSubmit(form, save);
form.addEventListener("change", (event) => event.target.type === "radio" && adapt());
$("#probe").addEventListener("click", probe);
copyOnClick($("#copy"), $("#publish-address"));
adapt();
offerGroups().catch(() => {});
if (id) open().catch((error) => explain(form, error));
