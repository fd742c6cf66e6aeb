// The map itself and what lies under the cameras: the map file of the box, the plan of the place, or a plain grid.

import "./map_markup.js";
import "../vendor/leaflet.js";

import { answer } from "./api.js";
import { el, svg } from "./dom.js";

const { L } = window;
const TILE_PX = 256;
const EARTH_M = 40_075_016.686;
const LEAST_SQUARE_PX = 56;
const STRONG_EVERY = 5;
const BRAZIL = [
  [-33.8, -73.9],
  [5.3, -34.7],
];
export const CLOSE_ZOOM = 17;
const MOST_ZOOM = 21;
const MARGIN_PX = 56;
const CALM = matchMedia("(prefers-reduced-motion: reduce)").matches;

/** The side of a square of the grid at this zoom, in metres: 1, 2 or 5 and noughts. */
export function squareMetres(zoom, lat) {
  const metresPerPx = (EARTH_M * Math.cos((lat * Math.PI) / 180)) / (TILE_PX * 2 ** zoom);
  const least = LEAST_SQUARE_PX * metresPerPx;
  const power = 10 ** Math.floor(Math.log10(least));
  return [1, 2, 5, 10].map((step) => step * power).find((side) => side >= least);
}

/** Squares of round metres, drawn by the page itself; `lat` is where they are true. */
const Grid = L.GridLayer.extend({
  createTile({ x, y, z }) {
    const side = squareMetres(z, this.options.lat);
    const gap = (side / (EARTH_M * Math.cos((this.options.lat * Math.PI) / 180))) * TILE_PX * 2 ** z;
    const size = { width: TILE_PX, height: TILE_PX, viewBox: `0 0 ${TILE_PX} ${TILE_PX}` };
    const lines = [...linesAt(x, gap, z, true), ...linesAt(y, gap, z, false)];
    return el("div", { class: "graticule" }, svg("svg", size, ...lines));
  },
});

/** Counted from the middle of the world, so that those of neighbouring tiles meet. */
function linesAt(tile, gap, zoom, upright) {
  const first = tile * TILE_PX - (TILE_PX * 2 ** zoom) / 2;
  const lines = [];
  for (let n = Math.ceil(first / gap); n * gap < first + TILE_PX; n += 1) {
    const at = n * gap - first;
    const ends = upright ? { x1: at, x2: at, y1: 0, y2: TILE_PX } : { y1: at, y2: at, x1: 0, x2: TILE_PX };
    lines.push(svg("line", { ...ends, "data-strong": n % STRONG_EVERY === 0 }));
  }
  return lines;
}

/** Pictures of the box's own map; one that is not there stays empty. */
const Pictures = L.GridLayer.extend({
  createTile({ x, y, z }, ready) {
    const image = el("img", { alt: "", role: "presentation", draggable: "false" });
    image.addEventListener("load", () => ready(null, image), { once: true });
    image.addEventListener("error", () => ready(new Error("empty"), image), { once: true });
    const limit = 2 ** z;
    image.src = this.options.url
      .replace("{z}", z)
      .replace("{x}", ((x % limit) + limit) % limit)
      .replace("{y}", y);
    return image;
  },
});

export const boundsOf = ({ south, west, north, east }) =>
  L.latLngBounds([
    [south, west],
    [north, east],
  ]);

export class BaseMap extends EventTarget {
  #grid = null;
  #plan = null;
  #planUrl = "";

  constructor(container) {
    super();
    const still = { zoomAnimation: !CALM, fadeAnimation: !CALM, markerZoomAnimation: !CALM };
    this.leaflet = L.map(container, {
      ...still,
      attributionControl: false,
      zoomControl: false,
      worldCopyJump: true,
      maxZoom: MOST_ZOOM,
      minZoom: 3,
    });
    L.control.scale({ imperial: false, position: "bottomleft" }).addTo(this.leaflet);
    this.leaflet.fitBounds(BRAZIL);
  }

  /** What `GET /map` says; `lat` is about where the cameras are. */
  async dress({ plan, tiles }, lat) {
    if (tiles) this.#layTiles(tiles);
    else this.#layGrid(lat);
    await this.layPlan(plan);
  }

  #layTiles(tiles) {
    const zooms = { minNativeZoom: tiles.least_zoom, maxNativeZoom: tiles.most_zoom, maxZoom: MOST_ZOOM };
    new Pictures({ url: tiles.url, bounds: boundsOf(tiles), ...zooms }).addTo(this.leaflet);
  }

  #layGrid(lat) {
    this.#grid?.remove();
    this.#grid = new Grid({ lat, maxZoom: MOST_ZOOM }).addTo(this.leaflet);
  }

  /** The side of the grid's squares in metres; null where a map lies in its place. */
  get square() {
    return this.#grid && squareMetres(this.leaflet.getZoom(), this.#grid.options.lat);
  }

  /** In the place of the one that lay there; `null` for none. Fetched with our headers: it is one city's. */
  async layPlan(plan) {
    this.#plan?.remove();
    this.#plan = null;
    URL.revokeObjectURL(this.#planUrl);
    if (!plan) return;
    const response = await answer("/map/plan/image", { timeout: 60_000 });
    this.#planUrl = URL.createObjectURL(await response.blob());
    this.#plan = L.imageOverlay(this.#planUrl, boundsOf(plan), { className: "plan", alt: "" }).addTo(this.leaflet);
  }

  set planBounds(bounds) {
    this.#plan?.setBounds(bounds);
  }

  /** Shows all of `points` ([lat, lon]), or else the first of these bounds that is there. */
  fit(points, ...others) {
    const other = others.find(Boolean);
    if (points.length) this.leaflet.fitBounds(L.latLngBounds(points).pad(0.1), { maxZoom: CLOSE_ZOOM });
    else if (other) this.leaflet.fitBounds(boundsOf(other));
    else this.leaflet.fitBounds(BRAZIL);
  }

  /** Moves the map so far that a place is not under `box`, which lies at its right or below. */
  uncover([lat, lon], box) {
    const frame = this.leaflet.getContainer().getBoundingClientRect();
    const at = this.leaflet.latLngToContainerPoint([lat, lon]);
    const [left, top] = [box.left - frame.left - MARGIN_PX, box.top - frame.top - MARGIN_PX];
    if (at.x < left || at.y < top || at.y > box.bottom - frame.top + MARGIN_PX) return;
    const below = box.width > frame.width / 2;
    this.leaflet.panBy(below ? [0, at.y - Math.max(MARGIN_PX, top)] : [at.x - left, 0], { animate: !CALM });
  }

  show([lat, lon], zoom = Math.max(this.leaflet.getZoom(), CLOSE_ZOOM)) {
    this.leaflet.setView([lat, lon], zoom, { animate: !CALM });
  }
}
