// The side of a mosaic's page where it is arranged: details, cameras to choose from, and what they are dropped on.

import { $, $$, fill, show, write } from "./dom.js";
import { Arranging, itemCell } from "./mosaic_arrange.js";
import { cameraCell } from "./mosaic_model.js";
import { Panel } from "./mosaic_panel.js";
import { askTurns, offerTurns } from "./mosaic_turns.js";
import { announce } from "./shell.js";
import { say } from "./words.js";

/** Events: `changed` when cells did, `details` when the name or what else the form holds did. */
export class Editing extends EventTarget {
  #grid;
  #keeping;
  #arranging;
  #panel = new Panel();
  #goal = null;
  #form = $("#details");

  constructor(grid, keeping, nameOf) {
    super();
    this.#grid = grid;
    this.#keeping = keeping;
    this.#arranging = new Arranging(grid, $("#mosaic"), $("#panel"), nameOf);
    this.#arranging.addEventListener("changed", () => this.#changed());
    this.#arranging.addEventListener("held", () => this.#help());
    this.#arranging.addEventListener("dropped", ({ cell }) => this.#settle(cell));
    $("#edit").addEventListener("click", () => this.toggle());
    $("#fill").addEventListener("click", () => this.#fillUp());
    this.#form.addEventListener("input", () => this.#read());
    $("#panel").addEventListener("click", (event) => this.#chosen(event));
    $("#panel").addEventListener("keydown", (event) => this.#typed(event));
  }

  get active() {
    return this.#arranging.active;
  }

  offer(cameras) {
    this.#panel.offer(cameras);
    offerTurns(cameras);
  }

  begin() {
    if (this.active || !this.#keeping.mosaic) return;
    this.#grid.enlarge(null);
    this.#arranging.begin(this.#keeping.mosaic);
    this.#show(true);
  }

  end() {
    this.#goal = null;
    this.#arranging.end();
    this.#show(false);
  }

  toggle() {
    if (this.active) this.end();
    else this.begin();
  }

  /** One step back; false when there is none here. */
  back() {
    if (this.#arranging.cancel()) return true;
    if (this.#goal !== null) {
      this.#grid.focus(this.#goal);
      this.#setGoal(null);
      return true;
    }
    if (!this.active) return false;
    this.end();
    $("#edit").focus();
    return true;
  }

  #show(active) {
    show($("#panel"), active);
    $("#edit").setAttribute("aria-pressed", String(active));
    fill($("#edit"), { edit: say(active ? "mosaic.edit.end" : "mosaic.edit") });
    if (active) $("#board").dataset.editing = "";
    else delete $("#board").dataset.editing;
    this.#panel.paint();
    this.show();
  }

  /** Brings form and panel to what the mosaic is now. */
  show() {
    const { mosaic } = this.#keeping;
    if (this.active) this.#arranging.begin(mosaic);
    if (!this.active || !mosaic) return;
    const { name, number, shared } = this.#form.elements;
    if (document.activeElement !== name) name.value = mosaic.name;
    number.value = mosaic.number ?? "";
    shared.value = mosaic.shared ? "yes" : "no";
    for (const field of [name, number, shared]) field.disabled = !mosaic.editable;
    show($("#foreign"), !mosaic.editable);
    show($("#save-as"), Boolean(mosaic.id));
    show($("#delete"), Boolean(mosaic.id) && mosaic.editable);
    this.#panel.mark(mosaic);
    this.#help();
  }

  #read() {
    const { mosaic } = this.#keeping;
    const { name, number, shared } = this.#form.elements;
    mosaic.name = name.value;
    mosaic.number = Number(number.value) || null;
    mosaic.shared = shared.value === "yes";
    this.dispatchEvent(new Event("details"));
  }

  #changed() {
    this.dispatchEvent(new Event("changed"));
  }

  /** What a click on a tile does: it puts down, picks up, or says where the next camera goes. */
  clicked(tile, tool) {
    const index = this.#grid.tiles.indexOf(tile);
    if (tool === "clear") return this.clear(index);
    if (tool === "settings") return this.#askTurns(index);
    if (this.#arranging.held) return this.#arranging.drop(index);
    if (tile.cell) return this.#arranging.pick(tile.cell, index);
    this.#setGoal(index);
    announce(say("mosaic.goal", { n: index + 1 }));
    $("#panel-search").focus();
  }

  clear(index) {
    this.#arranging.clear(index);
  }

  toggleHotspot(index) {
    this.#arranging.toggleHotspot(index);
  }

  /** A carousel of nothing is nothing: its cameras are asked for at once. */
  async #settle(cell) {
    if (cell.kind === "carousel" && !cell.cameras.length) await this.#askTurns(this.#keeping.mosaic.indexOf(cell));
  }

  async #askTurns(index) {
    const { mosaic } = this.#keeping;
    const before = mosaic.cells[index];
    const chosen = await askTurns(before);
    if (chosen) mosaic.cells[index] = chosen;
    else if (!before.cameras.length) mosaic.clear(index);
    this.#changed();
    this.#grid.focus(index);
  }

  #chosen({ target }) {
    const item = target.closest("[data-item]");
    if (!item) return;
    const cell = itemCell(item);
    const at = this.#goal ?? this.#keeping.mosaic.firstEmpty();
    if (at >= 0) return this.#add(cell, at);
    this.#arranging.pick(cell);
    announce(say("mosaic.full", { name: this.#arranging.wordsOf(cell) }));
  }

  #add(cell, index) {
    this.#arranging.put(cell, index);
    if (this.#goal !== null) {
      const next = this.#keeping.mosaic.firstEmpty();
      this.#setGoal(next < 0 ? null : next);
    }
    return this.#settle(cell);
  }

  /** Space takes an item of the panel into the hand; arrows walk over the items. */
  #typed(event) {
    const item = event.target.closest("[data-item]");
    if (event.key === " " && item) {
      event.preventDefault();
      this.#arranging.pick(itemCell(item));
      const empty = this.#keeping.mosaic.firstEmpty();
      this.#grid.focus(Math.max(0, empty));
    }
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step || !event.target.closest("[data-item], #panel-search")) return;
    const items = $$("[data-item]", $("#panel")).filter((one) => one.offsetParent);
    const at = items.indexOf(item);
    if (at < 0 && step < 0) return;
    event.preventDefault();
    (items[at + step] ?? (at + step < 0 ? $("#panel-search") : item))?.focus();
  }

  /** The cameras the filter shows, into the cells that are empty, as far as there are any. */
  #fillUp() {
    const { mosaic } = this.#keeping;
    for (const { id } of this.#panel.shown) {
      const empty = mosaic.firstEmpty();
      if (empty < 0) break;
      if (!mosaic.cameras.includes(id)) mosaic.put(cameraCell(id), empty);
    }
    this.#changed();
  }

  #setGoal(index) {
    this.#goal = index;
    this.#grid.tiles.forEach((tile, at) => {
      if (at === index) tile.element.dataset.goal = "";
      else delete tile.element.dataset.goal;
    });
    this.#help();
  }

  #help() {
    const { held } = this.#arranging;
    const name = held && this.#arranging.wordsOf(held.cell);
    const goal = this.#goal === null ? say("mosaic.help") : say("mosaic.help.goal", { n: this.#goal + 1 });
    write($("#panel-help"), held ? say("mosaic.help.held", { name }) : goal);
    $("#panel-help").dataset.on = String(Boolean(held) || this.#goal !== null);
  }
}
