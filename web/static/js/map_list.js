// The cameras beside the map: counted, filtered, and each to be reached without a pointer.

import { $, $$, clone, fill, show, write } from "./dom.js";
import { feed } from "./feed.js";
import { kindOf, kindWord, sign } from "./map_markers.js";
import { fold } from "./search.js";
import { causeWord, sinceWords } from "./states.js";
import { count, say } from "./words.js";

const PASSES = {
  all: () => true,
  online: (kind) => kind === "online",
  offline: (kind) => !["online", "missing", "disabled"].includes(kind),
  missing: (kind) => kind === "missing",
};

/** Events: `chosen` with the id of a camera, `placing` with that of one to be put on the map, `filtered`. */
export class CameraList extends EventTarget {
  #cameras = [];
  #rows = new Map();
  #mayPlace;
  #filter = "all";

  constructor() {
    super();
    for (const button of $$("[data-filter]")) button.addEventListener("click", () => this.#setFilter(button));
    $("#group").addEventListener("change", () => this.#changed());
    $("#search").addEventListener("input", () => this.#changed());
  }

  /** `mayPlace` says of a camera whether the caller may put it on the map. */
  draw(cameras, mayPlace) {
    this.#cameras = cameras;
    this.#mayPlace = mayPlace;
    this.#rows = new Map(cameras.map((camera) => [camera.id, this.#row(camera)]));
    const placed = cameras.filter(({ location }) => location);
    const homeless = cameras.filter(({ location }) => !location);
    keepFocus(() => {
      $("#placed").replaceChildren(...placed.map(({ id }) => this.#rows.get(id)));
      $("#homeless").replaceChildren(...homeless.map(({ id }) => this.#rows.get(id)));
    });
    this.#offerGroups();
    this.follow();
  }

  #row(camera) {
    const row = clone(camera.location ? "placed-row" : "homeless-row");
    row.dataset.id = camera.id;
    row.dataset.text = fold(`${camera.name} ${camera.group}`);
    fill(row, { name: camera.name, group: camera.group });
    $("[data-slot=choose]", row).addEventListener("click", () => this.#tell("chosen", camera.id));
    const place = $("[data-slot=place]", row);
    if (place) {
      place.setAttribute("aria-label", say("map.place", { name: camera.name }));
      place.addEventListener("click", () => this.#tell("placing", camera.id));
      show(place, this.#mayPlace(camera));
    }
    return row;
  }

  #tell(what, id) {
    this.dispatchEvent(new CustomEvent(what, { detail: id }));
  }

  #offerGroups() {
    const select = $("#group");
    const before = select.value;
    const names = [...new Set(this.#cameras.map(({ group }) => group).filter(Boolean))];
    select.replaceChildren(new Option(say("map.all_groups"), ""), ...names.map((name) => new Option(name, name)));
    select.value = names.includes(before) ? before : "";
    show(select.closest("label"), names.length > 0);
  }

  #setFilter(button) {
    this.#filter = this.#filter === button.dataset.filter ? "all" : button.dataset.filter;
    for (const one of $$("[data-filter]")) {
      one.setAttribute("aria-pressed", String(one.dataset.filter === this.#filter));
    }
    this.#changed();
  }

  #changed() {
    this.follow();
    this.dispatchEvent(new Event("filtered"));
  }

  /** Whether the filter lets this camera through. */
  isShown = (id) => {
    const camera = this.#cameras.find((one) => one.id === id);
    const row = this.#rows.get(id);
    if (!camera || !row) return false;
    const group = $("#group").value;
    const wanted = fold($("#search").value.trim());
    const passes = PASSES[this.#filter](kindOf(feed.get(id)));
    return passes && (!group || camera.group === group) && row.dataset.text.includes(wanted);
  };

  focus(id) {
    $("[data-slot=choose]", this.#rows.get(id))?.focus();
  }

  set chosen(id) {
    for (const [one, row] of this.#rows) {
      const button = $("[data-slot=choose]", row);
      if (one === id) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    }
  }

  follow() {
    for (const [id, row] of this.#rows) {
      paint(row, feed.get(id));
      show(row, this.isShown(id));
    }
    this.#countAll();
  }

  #countAll() {
    const kinds = this.#cameras.map(({ id }) => kindOf(feed.get(id)));
    for (const [name, passes] of Object.entries(PASSES)) {
      const button = $(`[data-filter=${name}]`);
      const found = kinds.filter(passes).length;
      write($(".counter__number", button), String(found));
      button.dataset.zero = String(found === 0);
    }
    const shown = (list) => [...$(list).children].filter((row) => !row.hidden).length;
    const [placed, homeless] = [shown("#placed"), shown("#homeless")];
    write($("#found"), count("map.found", placed));
    write($("#homeless-count"), String(homeless));
    show($("#homeless-part"), homeless > 0);
    show($("#nothing"), this.#cameras.length > 0 && placed + homeless === 0);
  }
}

function paint(row, item) {
  const kind = kindOf(item);
  if (row.dataset.kind !== kind) {
    row.dataset.kind = kind;
    $(".sign", row).replaceWith(sign(kind));
  }
  const why = item && kind !== "online" && kind !== "missing" ? [sinceWords(item.since), causeWord(item.cause)] : [];
  fill(row, { state: kindWord(kind), why: why.filter(Boolean).join(" · ") });
}

/** Whoever stood on a camera stays on it when the lists are drawn anew. */
function keepFocus(work) {
  const row = document.activeElement?.closest("[data-id]");
  const slot = document.activeElement?.dataset.slot;
  work();
  if (row && slot) $(`[data-id="${row.dataset.id}"] [data-slot="${slot}"]`)?.focus();
}

for (const place of $$("[data-sign]")) place.replaceWith(sign(place.dataset.sign));
