// A mosaic as a page arranges it: what stands in each cell, and how that is told to the API.

const MOST = 16;
const SECONDS = 10;

export const LAYOUTS = ["1x1", "2x2", "3x3", "4x4"];

export const sideOf = (layout) => Number(layout[0]);
export const sizeOf = (layout) => sideOf(layout) ** 2;

/**
 * What stands in a cell: `null`, `{ kind: "camera", camera }`, `{ kind: "hotspot", camera }` (the camera it begins
 * with, or null) or `{ kind: "carousel", cameras, seconds }`.
 */
export const cameraCell = (camera) => ({ kind: "camera", camera });
export const hotspotCell = (camera = null) => ({ kind: "hotspot", camera });
export const carouselCell = (cameras = [], seconds = SECONDS) => ({ kind: "carousel", cameras, seconds });

export class Mosaic {
  constructor(answer) {
    this.id = answer.id ?? null;
    this.name = answer.name ?? "";
    this.layout = answer.layout ?? "2x2";
    this.number = answer.number ?? null;
    this.shared = answer.shared ?? false;
    this.editable = answer.editable ?? true;
    this.owner = answer.owner ?? null;
    this.expiresAt = answer.expires_at ?? null;
    this.cells = cellsOf(answer);
  }

  get size() {
    return sizeOf(this.layout);
  }

  /** As the API takes it. */
  get body() {
    const shown = this.cells.slice(0, this.size);
    const hotspot = shown.findIndex((cell) => cell?.kind === "hotspot");
    const turning = shown.findIndex((cell) => cell?.kind === "carousel");
    return {
      name: this.name.trim(),
      layout: this.layout,
      cameras: shown.map((cell) => cell?.camera ?? null),
      hotspot: hotspot < 0 ? null : hotspot,
      carousel: turning < 0 ? null : carouselBody(turning, shown[turning]),
      number: this.number,
      shared: this.shared,
    };
  }

  /** Every camera that may be seen in it. */
  get cameras() {
    const shown = this.cells.slice(0, this.size);
    return [...new Set(shown.flatMap((cell) => [cell?.camera ?? null, ...(cell?.cameras ?? [])]))].filter(Boolean);
  }

  firstEmpty() {
    return this.cells.slice(0, this.size).indexOf(null);
  }

  indexOf(cell) {
    return this.cells.findIndex((one) => one !== null && keyOf(one) === keyOf(cell));
  }

  /** Puts `cell` there; what stood there goes where it came from, if it was here already. */
  put(cell, index) {
    const from = this.indexOf(cell);
    if (from >= 0) return this.swap(from, index);
    this.cells[index] = cell;
  }

  swap(from, to) {
    [this.cells[from], this.cells[to]] = [this.cells[to], this.cells[from]];
  }

  clear(index) {
    this.cells[index] = null;
  }

  /** Another number of cells. What would fall off the end moves up into empty ones as far as there are any. */
  setLayout(layout) {
    const size = sizeOf(layout);
    if (this.cells.slice(size).some(Boolean)) {
      const filled = this.cells.filter(Boolean);
      this.cells = Array.from({ length: MOST }, (_, index) => filled[index] ?? null);
    }
    this.layout = layout;
  }

  /** How many cells hold something that the layout has no room for. */
  get leftOut() {
    return this.cells.slice(this.size).filter(Boolean).length;
  }

  copy() {
    const copy = Object.assign(Object.create(Mosaic.prototype), this);
    copy.cells = structuredClone(this.cells);
    return copy;
  }
}

/** The same for what is the same thing, wherever it stands: a camera is in a mosaic once. */
export const keyOf = (cell) => (cell.kind === "camera" ? cell.camera : cell.kind);

function cellsOf({ cameras = [], hotspot = null, carousel = null }) {
  const cells = Array.from({ length: MOST }, (_, index) => (cameras[index] ? cameraCell(cameras[index]) : null));
  if (hotspot !== null) cells[hotspot] = hotspotCell(cameras[hotspot] ?? null);
  if (carousel) cells[carousel.cell] = carouselCell(carousel.cameras.filter(Boolean), carousel.seconds);
  return cells;
}

const carouselBody = (cell, { cameras, seconds }) => ({ cell, cameras, seconds });
