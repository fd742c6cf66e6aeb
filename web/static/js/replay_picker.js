// Which cameras are on the screen: up to four, by name and group.

import { openDialog } from "./ask.js";
import { $, el, show } from "./dom.js";
import { say } from "./words.js";

export const MOST = 4;

/** `choose` is called with the ids, in the order they were chosen. */
export class Picker {
  #cameras;
  #choose;
  #ids = [];

  constructor(cameras, choose) {
    this.#cameras = cameras;
    this.#choose = choose;
    $("#choose-cameras").addEventListener("click", () => this.open());
    $("#offer").replaceChildren(...cameras.map((camera) => this.#offer(camera)));
  }

  set chosen(ids) {
    this.#ids = ids;
  }

  open() {
    show($("#too-many"), false);
    const groups = Map.groupBy(this.#cameras, (camera) => camera.group ?? "");
    $("#picker").replaceChildren(...[...groups].map(([group, cameras]) => this.#group(group, cameras)));
    openDialog($("#cameras"));
  }

  #group(group, cameras) {
    const boxes = cameras.map((camera) => this.#box(camera));
    return el("fieldset", { class: "ticks" }, group ? el("legend", {}, group) : null, ...boxes);
  }

  #box(camera) {
    const input = el("input", { type: "checkbox", value: camera.id });
    input.checked = this.#ids.includes(camera.id);
    input.addEventListener("change", () => this.#toggle(input));
    return el("label", { class: "tick" }, input, el("span", {}, camera.name));
  }

  #toggle(input) {
    const ids = this.#ids.filter((id) => id !== input.value);
    const tooMany = input.checked && ids.length >= MOST;
    show($("#too-many"), tooMany);
    if (tooMany) input.checked = false;
    else this.#choose(input.checked ? [...ids, input.value] : ids);
  }

  #offer(camera) {
    const button = el("button", { type: "button", class: "button" }, camera.name);
    button.addEventListener("click", () => this.#choose([camera.id]));
    return button;
  }
}

/** What a camera that is no longer there is called. */
export const nameOf = (cameras, id) =>
  cameras.find((camera) => camera.id === id)?.name ?? say("replay.camera_gone", { id: id.slice(0, 8) });
