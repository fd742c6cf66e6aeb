// The cameras that can be put into a mosaic: searched, filtered by group and state, each with where it stands.

import { $, $$, clone, fill, icon, show, write } from "./dom.js";
import { feed } from "./feed.js";
import { cameraCell } from "./mosaic_model.js";
import { fold } from "./search.js";
import { STATE_ICONS, stateWord } from "./states.js";
import { count, say } from "./words.js";

const passes = {
  all: () => true,
  online: (item) => item?.state === "online",
  offline: (item) => Boolean(item) && item.state !== "online" && item.state !== "disabled",
  missing: (item) => Boolean(item) && item.enabled && !item.recording,
};

export class Panel {
  #list = $("#panel-cameras");
  #items = [];

  constructor() {
    for (const field of ["search", "group", "state"]) {
      $(`#panel-${field}`).addEventListener("input", () => this.#filter());
    }
    feed.addEventListener("states", () => this.paint());
  }

  offer(cameras) {
    this.#items = cameras.map((camera) => makeItem(camera));
    this.#list.replaceChildren(...this.#items.map(({ element }) => element));
    this.#offerGroups(cameras);
    this.paint();
  }

  /** Says of each in which cell it stands. */
  mark(mosaic) {
    for (const { element, camera } of this.#items) markOne(element, mosaic, cameraCell(camera.id));
    for (const special of $$("#panel-specials [data-item]")) {
      markOne(special.parentElement, mosaic, { kind: special.dataset.item });
    }
  }

  /** The cameras the filter lets through, in their order. */
  get shown() {
    return this.#items.filter(({ element }) => !element.hidden).map(({ camera }) => camera);
  }

  paint() {
    if ($("#panel").hidden) return;
    for (const { element, camera } of this.#items) {
      const state = feed.get(camera.id)?.state ?? "starting";
      if (element.dataset.state === state) continue;
      element.dataset.state = state;
      $(".item__state", element).replaceChildren(icon(STATE_ICONS[state]));
      fill(element, { state: stateWord(state) });
    }
    this.#filter();
  }

  #offerGroups(cameras) {
    const names = [...new Set(cameras.map((camera) => camera.group).filter(Boolean))];
    const select = $("#panel-group");
    select.replaceChildren(select.options[0], ...names.map((name) => new Option(name, name)));
    show(select.closest("label"), names.length > 1);
  }

  #filter() {
    const wanted = fold($("#panel-search").value.trim());
    const group = $("#panel-group").value;
    const pass = passes[$("#panel-state").value];
    for (const { element, camera, text } of this.#items) {
      show(element, text.includes(wanted) && (!group || camera.group === group) && pass(feed.get(camera.id)));
    }
    const found = this.shown.length;
    write($("#panel-found"), count("mosaic.found", found));
    show($("#panel-none"), found === 0);
  }
}

function makeItem(camera) {
  const element = clone("panel-item");
  const button = $("[data-item]", element);
  button.dataset.camera = camera.id;
  fill(element, { name: camera.name, group: camera.group ?? "" });
  return { element, camera, text: fold(`${camera.name} ${camera.group ?? ""}`) };
}

function markOne(element, mosaic, cell) {
  const index = mosaic.indexOf(cell);
  const shown = index >= 0 && index < mosaic.size;
  element.dataset.placed = String(shown);
  fill(element, { place: shown ? say("mosaic.in_cell", { n: index + 1 }) : "" });
}
