// Arranging a mosaic: what is picked up is carried over the cells and dropped, by mouse, touch or keyboard.

import { $, el, fill } from "./dom.js";
import { carouselCell, hotspotCell } from "./mosaic_model.js";
import { announce } from "./shell.js";
import { say } from "./words.js";

const DRAG_PX = 6;

/**
 * Events: `changed` after each change of the mosaic; `held` when something was picked up or let go; `dropped` with what
 * was put down as its `cell`.
 */
export class Arranging extends EventTarget {
  mosaic = null;
  held = null;
  #grid;
  #list;
  #nameOf;
  #drag = null;

  /** `list` is the element of the cells; `panel` is where cameras come from and where they may be thrown back. */
  constructor(grid, list, panel, nameOf) {
    super();
    this.#grid = grid;
    this.#list = list;
    this.#nameOf = nameOf;
    for (const place of [list, panel]) place.addEventListener("pointerdown", (event) => this.#press(event));
    this.panel = panel;
    list.addEventListener("focusin", () => this.#aim(this.#grid.indexOf(document.activeElement)));
  }

  get active() {
    return this.mosaic !== null;
  }

  begin(mosaic) {
    this.mosaic = mosaic;
  }

  end() {
    this.cancel();
    this.mosaic = null;
  }

  wordsOf(cell) {
    if (!cell) return say("mosaic.cell.empty");
    return cell.kind === "camera" ? this.#nameOf(cell.camera) : say(`mosaic.cell.${cell.kind}`);
  }

  /** Takes what stands in a cell, or something new, into the hand. */
  pick(cell, from = null) {
    if (!cell) return;
    this.#let();
    this.held = { cell, from };
    if (from !== null) this.#grid.tiles[from].element.dataset.held = "";
    this.#list.dataset.carrying = "";
    announce(say("mosaic.picked", { name: this.wordsOf(cell) }));
    this.dispatchEvent(new Event("held"));
  }

  drop(index) {
    const { cell } = this.held;
    this.#let();
    this.put(cell, index);
    this.#grid.focus(index);
    this.dispatchEvent(Object.assign(new Event("dropped"), { cell }));
  }

  cancel() {
    if (!this.held) return false;
    const { from } = this.held;
    this.#let();
    announce(say("mosaic.let_go"));
    if (from !== null) this.#grid.focus(from);
    return true;
  }

  /** A camera that comes from outside onto the carousel joins it; everything else takes the cell. */
  put(cell, index) {
    const there = this.mosaic.cells[index];
    if (there?.kind === "carousel" && cell.kind === "camera" && this.mosaic.indexOf(cell) < 0) {
      if (!there.cameras.includes(cell.camera)) {
        this.mosaic.cells[index] = carouselCell([...there.cameras, cell.camera], there.seconds);
      }
      announce(say("mosaic.joined", { name: this.wordsOf(cell) }));
    } else {
      this.mosaic.put(cell, index);
      announce(say("mosaic.placed", { name: this.wordsOf(cell), n: index + 1 }));
    }
    this.#changed();
  }

  clear(index) {
    const cell = this.mosaic.cells[index];
    if (!cell) return;
    this.mosaic.clear(index);
    announce(say("mosaic.cleared", { name: this.wordsOf(cell), n: index + 1 }));
    this.#changed();
    this.#grid.focus(index);
  }

  /** Makes a cell the hotspot, or what it was before: empty, or the camera it began with. */
  toggleHotspot(index) {
    const cell = this.mosaic.cells[index];
    const before = this.mosaic.cells.findIndex((one) => one?.kind === "hotspot");
    const restore = ({ camera }) => (camera ? { kind: "camera", camera } : null);
    if (before >= 0) this.mosaic.cells[before] = restore(this.mosaic.cells[before]);
    if (before !== index) this.mosaic.cells[index] = hotspotCell(cell?.camera ?? null);
    announce(say("mosaic.placed", { name: this.wordsOf(this.mosaic.cells[index]), n: index + 1 }));
    this.#changed();
    this.#grid.focus(index);
  }

  #changed() {
    this.dispatchEvent(new Event("changed"));
  }

  #let() {
    this.held = null;
    delete this.#list.dataset.carrying;
    for (const tile of this.#grid.tiles) for (const mark of ["held", "aimed"]) delete tile.element.dataset[mark];
    this.dispatchEvent(new Event("held"));
  }

  /** Marks the cell where what is held would be dropped. */
  #aim(index) {
    if (!this.held) return;
    this.#grid.tiles.forEach((tile, at) => {
      if (at === index) tile.element.dataset.aimed = "";
      else delete tile.element.dataset.aimed;
    });
    if (index >= 0 && !this.#drag) {
      announce(say("mosaic.over", { n: index + 1, name: this.wordsOf(this.mosaic.cells[index]) }));
    }
  }

  #press(event) {
    if (!this.active || event.button !== 0 || event.target.closest("[data-tool]")) return;
    const source = this.#sourceOf(event);
    if (!source?.cell) return;
    const drag = new Drag(event, source.element, {
      start: () => {
        this.#drag = drag;
        this.pick(source.cell, source.from);
        return this.wordsOf(source.cell);
      },
      move: (x, y) => this.#aim(this.#grid.indexOf(document.elementFromPoint(x, y))),
      end: (x, y) => this.#release(x, y),
      cancel: () => ((this.#drag = null), this.cancel()),
    });
  }

  #sourceOf({ target }) {
    const index = this.#grid.indexOf(target);
    if (index >= 0) return { element: target, cell: this.mosaic.cells[index], from: index };
    const item = target.closest("[data-item]");
    return item && { element: item, cell: itemCell(item), from: null };
  }

  #release(x, y) {
    this.#drag = null;
    const under = document.elementFromPoint(x, y);
    const index = this.#grid.indexOf(under);
    if (!this.held) return;
    const { from } = this.held;
    if (index >= 0) return this.drop(index);
    if (from !== null && this.panel.contains(under)) return this.#let(), this.clear(from);
    this.cancel();
  }
}

/** What an item of the panel puts into a cell. */
export function itemCell({ dataset: { item, camera } }) {
  if (item === "hotspot") return hotspotCell();
  if (item === "carousel") return carouselCell();
  return { kind: "camera", camera };
}

/** One press that may become a drag: a name follows the pointer, and the click that comes of it is swallowed. */
class Drag {
  #id;
  #x;
  #y;
  #acts;
  #ghost = null;
  #stopper = new AbortController();

  constructor(event, element, acts) {
    this.#id = event.pointerId;
    this.#x = event.clientX;
    this.#y = event.clientY;
    this.#acts = acts;
    const { signal } = this.#stopper;
    addEventListener("pointermove", (moved) => this.#isMine(moved) && this.#move(moved, element), { signal });
    addEventListener("pointerup", (up) => this.#isMine(up) && this.#end(up), { signal });
    addEventListener("pointercancel", (gone) => this.#isMine(gone) && this.#cancel(), { signal });
    addEventListener("keydown", (key) => this.#typed(key), { signal, capture: true });
  }

  #typed(event) {
    if (event.key !== "Escape" || !this.#ghost) return;
    event.stopPropagation();
    this.#cancel();
  }

  #isMine(event) {
    return event.pointerId === this.#id;
  }

  #move({ clientX, clientY }, element) {
    if (!this.#ghost) {
      if (Math.hypot(clientX - this.#x, clientY - this.#y) < DRAG_PX) return;
      element.setPointerCapture(this.#id);
      this.#ghost = el("div", { class: "ghost", "aria-hidden": "true" }, el("span", { "data-slot": "name" }));
      fill(this.#ghost, { name: this.#acts.start() });
      document.body.append(this.#ghost);
    }
    this.#ghost.style.setProperty("--x", `${clientX}px`);
    this.#ghost.style.setProperty("--y", `${clientY}px`);
    this.#acts.move(clientX, clientY);
  }

  #end({ clientX, clientY }) {
    const dragged = this.#ghost !== null;
    this.#stop();
    if (!dragged) return;
    addEventListener("click", swallow, { capture: true, once: true });
    setTimeout(() => removeEventListener("click", swallow, { capture: true }));
    this.#acts.end(clientX, clientY);
  }

  #cancel() {
    const dragged = this.#ghost !== null;
    this.#stop();
    if (dragged) this.#acts.cancel();
  }

  #stop() {
    this.#stopper.abort();
    this.#ghost?.remove();
    this.#ghost = null;
  }
}

function swallow(event) {
  event.stopPropagation();
  event.preventDefault();
}
