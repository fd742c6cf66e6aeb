// What stands on the map for a camera: a shape, an icon and a word for what it does, besides the colour.

import "./map_base.js";

import { $, el, icon, svg, write } from "./dom.js";
import { feed } from "./feed.js";
import { stateWord } from "./states.js";
import { say } from "./words.js";

const { L } = window;
const SIZE_PX = 40;
const CROWDED_PX = 24;
const NAMES_AT_ZOOM = 15;
const FEW = 12;
/** In a square of 40 by 40; what is wrong has corners. */
const SHAPES = {
  online: ["circle", { cx: 20, cy: 20, r: 15 }],
  starting: ["circle", { cx: 20, cy: 20, r: 15 }],
  disabled: ["circle", { cx: 20, cy: 20, r: 12 }],
  missing: ["path", { d: "M20 3 L38 35 H2 Z" }],
  stalled: ["path", { d: "M20 2 L38 20 L20 38 L2 20 Z" }],
  offline: ["rect", { x: 4, y: 4, width: 32, height: 32, rx: 3 }],
};
const ICONS = {
  online: "cctv",
  starting: "loader",
  disabled: "power-off",
  missing: "circle-slash",
  stalled: "circle-pause",
  offline: "video-off",
};
/** What is worse lies on top. */
const HEIGHTS = { disabled: 0, online: 1000, starting: 2000, missing: 3000, stalled: 4000, offline: 5000 };

/** What a guard must know of a camera at one glance: its state, or that it is not recorded. */
export function kindOf(item) {
  if (!item) return "starting";
  return item.state === "online" && item.enabled && !item.recording ? "missing" : item.state;
}

export const kindWord = (kind) => (kind === "missing" ? say("recording.missing") : stateWord(kind));

/** The sign for a kind: the same on the map, in the list and in the counters. */
export function sign(kind) {
  const [tag, at] = SHAPES[kind];
  const shape = svg("svg", { class: "sign__shape", viewBox: "0 0 40 40", "aria-hidden": "true" }, svg(tag, at));
  return el("span", { class: "sign", "data-kind": kind }, shape, icon(ICONS[kind]));
}

export class Markers extends EventTarget {
  #map;
  #markers = new Map();

  constructor(leaflet) {
    super();
    this.#map = leaflet;
    leaflet.on("zoomend", () => this.#showNames());
  }

  /** `cameras` that have a place; those that are gone go. */
  place(cameras) {
    const known = new Set(cameras.map(({ id }) => id));
    for (const [id, marker] of this.#markers) if (!known.has(id)) this.#drop(id, marker);
    const crowds = Map.groupBy(cameras, ({ location: { lat, lon } }) => `${lat.toFixed(5)} ${lon.toFixed(5)}`);
    for (const crowd of crowds.values()) crowd.forEach((camera, index) => this.#put(camera, index, crowd.length));
    this.follow();
    this.#showNames();
  }

  #drop(id, marker) {
    marker.remove();
    this.#markers.delete(id);
  }

  /** Several at one and the same place stand around it. */
  #put(camera, index, among) {
    const { lat, lon } = camera.location;
    const marker = this.#markers.get(camera.id) ?? this.#make(camera);
    const turn = (2 * Math.PI * index) / among;
    const [dx, dy] = among > 1 ? [Math.cos(turn) * CROWDED_PX, Math.sin(turn) * CROWDED_PX] : [0, 0];
    const anchor = [SIZE_PX / 2 - dx, SIZE_PX / 2 - dy];
    marker.setIcon(L.divIcon({ className: "pin", html: marker.face, iconSize: [SIZE_PX, SIZE_PX], iconAnchor: anchor }));
    if (!marker.dragging?.enabled()) marker.setLatLng([lat, lon]);
    write($("strong", marker.face), camera.name);
    this.#markers.set(camera.id, marker);
  }

  #make(camera) {
    const label = el("span", { class: "pin__label" }, el("strong", {}, ""), el("span", { class: "pin__word" }));
    const button = el("button", { type: "button", class: "pin__button", tabindex: "-1" }, sign("starting"), label);
    // Its face comes with `#put`; Leaflet's own one would be a picture that is not here.
    const icon = L.divIcon({ className: "pin" });
    const marker = L.marker([camera.location.lat, camera.location.lon], { icon, keyboard: false, autoPan: true });
    marker.face = button;
    marker.on("click", () => this.dispatchEvent(new CustomEvent("chosen", { detail: camera.id })));
    return marker.addTo(this.#map);
  }

  get(id) {
    return this.#markers.get(id);
  }

  /** Paints what each camera does now. */
  follow() {
    for (const [id, marker] of this.#markers) this.#paint(marker, kindOf(feed.get(id)));
  }

  #paint(marker, kind) {
    const { face } = marker;
    if (face.dataset.kind === kind) return;
    face.dataset.kind = kind;
    $(".sign", face).replaceWith(sign(kind));
    write($(".pin__word", face), kindWord(kind));
    marker.setZIndexOffset(HEIGHTS[kind]);
  }

  /** Only the cameras called so by the filter are to be seen. */
  filter(isShown) {
    for (const [id, marker] of this.#markers) {
      const shown = isShown(id);
      if (shown === this.#map.hasLayer(marker)) continue;
      if (shown) marker.addTo(this.#map);
      else marker.remove();
    }
  }

  /** The one the card is about. */
  set chosen(id) {
    for (const [one, { face }] of this.#markers) face.setAttribute("aria-pressed", String(one === id));
  }

  /** Names are for those who look closely, or where there are few. */
  #showNames() {
    const close = this.#map.getZoom() >= NAMES_AT_ZOOM || this.#markers.size <= FEW;
    this.#map.getContainer().dataset.names = close ? "yes" : "no";
  }
}
