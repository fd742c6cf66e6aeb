// What can be done with the camera of one tile: open it, look at what just happened, take a still, enlarge it.

import { request } from "./api.js";
import { serverNow, timeOfDay } from "./clock.js";
import { saveAs } from "./copy.js";
import { $, show } from "./dom.js";
import { announce } from "./shell.js";
import { say } from "./words.js";

const BEFORE_MS = 10_000;
const STILL_TIMEOUT_MS = 20_000;
const menu = $("#tile-menu");
let tile = null;

/** Opens below `button`, the one of `of`. */
export function openMenu(of, button) {
  tile = of;
  const replay = $("[data-act=replay]", menu);
  const at = new Date(serverNow() - BEFORE_MS).toISOString();
  if (replay) replay.href = `/replay?${new URLSearchParams({ camera: of.cameraId, at })}`;
  $("[data-act=open]", menu).href = `/camera/${of.cameraId}`;
  const large = "large" in of.element.dataset;
  show($("[data-act=enlarge]", menu), !large);
  show($("[data-act=restore]", menu), large);
  menu.showPopover({ source: button });
  stand(button.getBoundingClientRect());
  $("a, button", menu).focus();
}

/** Under its button, and wholly inside of the window. */
function stand(button) {
  const { width, height } = menu.getBoundingClientRect();
  const left = Math.max(8, Math.min(button.right - width, innerWidth - width - 8));
  const below = button.bottom + height + 8 < innerHeight;
  menu.style.setProperty("--left", `${left}px`);
  menu.style.setProperty("--top", `${Math.max(8, below ? button.bottom + 4 : button.top - height - 4)}px`);
}

async function takeStill({ cameraId, name }) {
  announce(say("mosaic.still.taking", { name }));
  const response = await request(`/cameras/${cameraId}/snapshot.jpg?fresh=true`, { timeout: STILL_TIMEOUT_MS }).catch(
    () => null,
  );
  if (!response?.ok) return announce(say("mosaic.still.none", { name }));
  const at = Date.parse(response.headers.get("X-Frame-Time") ?? "") || serverNow();
  saveAs(`${name} ${timeOfDay(at).replaceAll(":", "-")}.jpg`, await response.blob(), "image/jpeg");
  announce(say("mosaic.still.taken", { name }));
}

/** `enlarge` is called with a tile, or with null for all of them again. */
export function dressMenu(enlarge) {
  const items = () => [...menu.querySelectorAll("a, button")].filter((item) => !item.hidden);
  menu.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const all = items();
    all[(all.indexOf(document.activeElement) + step + all.length) % all.length].focus();
  });
  menu.addEventListener("click", (event) => {
    const act = event.target.closest("[data-act]")?.dataset.act;
    if (!act) return;
    menu.hidePopover();
    if (act === "still") takeStill(tile);
    if (act === "enlarge" || act === "restore") enlarge(act === "enlarge" ? tile : null);
  });
}
