// One reading of a plate in full, and where to go from it.

import { openDialog } from "./ask.js";
import { fullMoment } from "./clock.js";
import { $, el, show } from "./dom.js";
import { drawPlate, formatOf, written } from "./plates.js";
import { rfc3339 } from "./replay_time.js";
import { may } from "./rights.js";
import { knows, number, percent, say } from "./words.js";

const BEFORE_MS = 10_000;
const dialog = $("#details");
let shown = null;

/** Where its video is, a little before; "" for who may not watch it. */
export function replayOf({ camera_id: id, time }, cameras, me) {
  const camera = cameras.get(id);
  if (!camera || !me || !may(me, "replay", camera)) return "";
  return `/replay?${new URLSearchParams({ camera: id, at: rfc3339(Date.parse(time) - BEFORE_MS) })}`;
}

/** `search` puts a plate into the search, which is then sent. */
export function dressDetails(search) {
  $("#same").addEventListener("click", () => {
    dialog.close();
    search(shown.plate);
    $("#filter").requestSubmit();
  });
}

export function openDetails(reading, cameras, me) {
  shown = reading;
  const plate = reading.plate === null ? say("plate.anonymous") : written(reading.plate);
  $("#details-plate").replaceChildren(drawPlate(reading.plate));
  showImage(reading, plate);
  $("#facts").replaceChildren(...factsOf(reading).map(([name, value]) => fact(name, value)));
  dressWays(reading, cameras, me);
  openDialog(dialog, { title: `${plate} · ${fullMoment(Date.parse(reading.time))}` });
}

function showImage({ image_url: address }, plate) {
  const image = $("#details-image");
  show(image, false);
  if (!address) return image.removeAttribute("src");
  image.alt = say("detections.image", { plate });
  image.onload = () => show(image, true);
  image.src = address;
}

function dressWays(reading, cameras, me) {
  const replay = replayOf(reading, cameras, me);
  if (replay) $("#replay").href = replay;
  show($("#replay"), Boolean(replay));
  show($("#same"), reading.plate !== null);
  if ($("#want")) {
    $("#want").href = `/wanted?${new URLSearchParams({ plate: reading.plate ?? "" })}`;
    show($("#want"), reading.plate !== null);
  }
  const camera = cameras.get(reading.camera_id);
  $("#place").href = `/map?camera=${reading.camera_id}`;
  show($("#place"), Boolean(camera?.location && me && may(me, "view", camera)));
}

const fact = (name, value) => el("div", {}, el("dt", {}, name), el("dd", {}, value));

function factsOf(reading) {
  const known = [
    ["camera", reading.camera_name],
    ["place", reading.place],
    ["time", fullMoment(Date.parse(reading.time))],
    ["last", reading.times > 1 ? fullMoment(Date.parse(reading.last_at)) : ""],
    ["times", number(reading.times)],
    ["confidence", reading.confidence === null ? say("detections.unsure") : percent(reading.confidence)],
    ["format", reading.plate === null ? "" : say(`plate.${formatOf(reading.plate)}`)],
    ["vendor", vendorWords(reading.vendor)],
    ["received", fullMoment(Date.parse(reading.received_at))],
    ["anonymised", reading.anonymised_at ? fullMoment(Date.parse(reading.anonymised_at)) : ""],
  ];
  const own = known.filter(([, value]) => value).map(([name, value]) => [say(`detections.fact.${name}`), value]);
  return [...own, ...Object.entries(reading.facts).map(([name, value]) => [factWord(name), valueWords(value)])];
}

const vendorWords = (vendor) =>
  knows(`detections.vendor.${vendor}`) ? say(`detections.vendor.${vendor}`) : vendor;
/** What a reader says besides comes in the reader's own words. */
const factWord = (name) => (knows(`fact.${name}`) ? say(`fact.${name}`) : name.replaceAll("_", " "));
const valueWords = (value) => (typeof value === "object" ? JSON.stringify(value) : String(value));
