// The buttons under the picture, the fields beside it, and the keys.

import { momentOf, serverNow, timeOfDay } from "./clock.js";
import { $, fill, show, write } from "./dom.js";
import { localMoment } from "./replay_time.js";
import { note } from "./replay_where.js";
import { announce, onKey, toggleFullScreen } from "./shell.js";
import { number, say } from "./words.js";

const ARROW_MS = 5000;

/** `page` is what the page consists of and does. */
export function dressControls(page) {
  dressPlaying(page);
  dressJumps(page);
  dressPeriod(page);
  dressRest(page);
}

function dressPlaying({ transport, go }) {
  const on = (id, act) => $(id).addEventListener("click", act);
  on("#play", () => transport.toggle());
  on("#back-10", () => transport.push(-1));
  on("#on-10", () => transport.push(1));
  on("#step-back", () => transport.step(-1));
  on("#step-on", () => transport.step(1));
  $("#speed").addEventListener("change", ({ target }) => transport.setSpeed(Number(target.value)));
  transport.addEventListener("change", () => showPlaying(transport));
  const active = (act) => () => (transport.wallMs === null ? false : act());
  onKey(
    " ",
    active(() => !onButton() && transport.toggle()),
  );
  onKey(
    "k",
    active(() => transport.pause()),
  );
  onKey(
    "j",
    active(() => transport.push(-1)),
  );
  onKey(
    "l",
    active(() => transport.push(1)),
  );
  onKey(
    ",",
    active(() => void transport.step(-1)),
  );
  onKey(
    ".",
    active(() => void transport.step(1)),
  );
  const arrow = (by) =>
    active(() => (transport.playing ? go(transport.wallMs + by * ARROW_MS) : void transport.step(by)));
  onKey("ArrowLeft", arrow(-1));
  onKey("ArrowRight", arrow(1));
}

/** Space on a button is that button's. */
const onButton = () => Boolean(document.activeElement?.closest("button, a, summary"));

function showPlaying(transport) {
  const speed = number(
    Math.abs(transport.speed),
    Math.abs(transport.speed) < 1 ? (transport.speed === 0.25 ? 2 : 1) : 0,
  );
  for (const shape of ["play", "pause"])
    show($(`#play [data-shows=${shape}]`), (shape === "pause") === transport.playing);
  fill($("#play"), { play: say(transport.playing ? "replay.pause" : "replay.play") });
  if (transport.speed > 0) $("#speed").value = String(transport.speed);
  const words = transport.speed < 0 ? say("replay.backwards", { speed }) : say("replay.playing", { speed });
  const now = transport.playing ? words : "";
  if (now !== showPlaying.said && transport.wallMs !== null) {
    announce(now || say("replay.paused", { when: timeOfDay(transport.wallMs) }));
  }
  showPlaying.said = now;
  write($("#speed-words"), transport.playing && transport.speed !== 1 ? words : "");
}

function dressJumps({ transport, timelines, go, board }) {
  const jump = async (kind, by) => {
    const id = transport.tiles[transport.chosen]?.cameraId;
    if (!id || transport.wallMs === null) return false;
    const found = await timelines.beside(id, kind, transport.wallMs, by).catch(() => null);
    const name = kind === "gaps" ? "gap" : "event";
    if (!found) return note(say(`replay.${name}.none_${by > 0 ? "after" : "before"}`));
    go(kind === "gaps" ? found.startMs + 1 : Math.max(0, found.startMs));
  };
  $("#gap-after").addEventListener("click", () => jump("gaps", 1));
  $("#gap-before").addEventListener("click", () => jump("gaps", -1));
  onKey("n", (event) => void jump("gaps", event.shiftKey ? -1 : 1));
  onKey("e", (event) => void jump("events", event.shiftKey ? -1 : 1));
  onKey("+", () => board.zoomBy(0.5));
  onKey("=", () => board.zoomBy(0.5));
  onKey("-", () => board.zoomBy(2));
}

function dressPeriod({ transport, period, keep }) {
  const here = (act) => () => (transport.wallMs === null ? false : act(transport.wallMs));
  onKey(
    "[",
    here((ms) => period.begin(ms)),
  );
  onKey(
    "]",
    here((ms) => period.finish(ms)),
  );
  const deed = (kind) => () => {
    if (!period.isMarked) return note(say("replay.marks.none"));
    return keep(kind);
  };
  onKey("Escape", () => leave(period));
  onKey("p", deed("preserve"));
  onKey("x", deed("export"));
}

/** Out of full screen is the browser's; then the marks go, and then somebody does. */
function leave(period) {
  if (document.fullscreenElement) return false;
  if (period.inMs !== null || period.outMs !== null) period.set(null, null);
  else location.assign("/");
}

function dressRest({ transport, chooseTile, address, go }) {
  $("#full-screen").addEventListener("click", toggleFullScreen);
  onKey("f", toggleFullScreen);
  for (let digit = 1; digit <= 4; digit += 1) onKey(String(digit), () => chooseTile(digit - 1));
  const copy = () => copyLink(address());
  $("#copy-link").addEventListener("click", copy);
  onKey("c", copy);
  $("#sound").addEventListener("click", () => toggleSound(transport));
  onKey("m", () => toggleSound(transport));
  transport.addEventListener("chosen", () => followSound(transport));
  $("#go-to").addEventListener("submit", (event) => {
    event.preventDefault();
    const ms = momentOf($("#go-to-time").value);
    if (!Number.isNaN(ms)) go(ms);
  });
  $("#go-to-time").addEventListener("focus", () => {
    $("#go-to-time").max = localMoment(serverNow());
    if (transport.wallMs !== null) $("#go-to-time").value ||= localMoment(transport.wallMs);
  });
}

async function copyLink(address) {
  history.replaceState(null, "", address);
  const copied = await navigator.clipboard?.writeText(location.origin + address).then(
    () => true,
    () => false,
  );
  const words = say(copied ? "replay.copied" : "replay.copy.by_hand");
  fill($("#copy-link"), { copy: words });
  announce(words);
  setTimeout(() => fill($("#copy-link"), { copy: say("replay.copy") }), 4000);
}

/** Off until somebody wants it; only of the camera that leads. */
function toggleSound(transport) {
  if ($("#sound").hidden) return false;
  const on = $("#sound").getAttribute("aria-pressed") !== "true";
  $("#sound").setAttribute("aria-pressed", String(on));
  followSound(transport);
}

function followSound(transport) {
  const on = $("#sound").getAttribute("aria-pressed") === "true";
  transport.tiles.forEach((tile, index) => (tile.video.muted = !on || index !== transport.chosen));
}
