// One tile of a mosaic: the camera's name, its state in words, whether it is recorded, and its picture.

import { hourMinute } from "./clock.js";
import { $, clone, fill, show } from "./dom.js";
import { feed } from "./feed.js";
import { Carousel } from "./mosaic_carousel.js";
import { Stage } from "./mosaic_stage.js";
import { causeWord, showState, stateWord } from "./states.js";
import { say } from "./words.js";

const ALARMED_MS = 20_000;
let made = 0;

export class Tile {
  element = clone("tile");
  cell = null;
  carousel = null;
  #stage = new Stage($(".cell__stage", this.element), () => this.#changed());
  #nameOf;
  #main = false;
  #onState;
  #alarmTimer = 0;

  /** `nameOf` knows cameras' names; `onState` is told in words what has become of a camera. */
  constructor(nameOf, onState = () => {}) {
    this.#nameOf = nameOf;
    this.#onState = onState;
    this.element.tile = this;
    const facts = $(".tile__facts", this.element);
    facts.id = `facts-${(made += 1)}`;
    $(".tile__name", this.element).setAttribute("aria-describedby", facts.id);
  }

  /** The camera that is seen here, whatever chose it. */
  get cameraId() {
    return this.#stage.cameraId;
  }

  get name() {
    if (this.cell === null) return say("mosaic.cell.empty");
    if (this.cameraId) return this.#nameOf(this.cameraId);
    return say(`mosaic.cell.${this.cell.kind}`);
  }

  /** Takes what stands in a cell; the same thing again changes nothing that is seen. */
  set(cell, { index, main }) {
    this.cell = cell;
    this.#main = main;
    this.element.dataset.kind = cell?.kind ?? "empty";
    fill(this.element, { number: String(index + 1) });
    if (cell?.kind === "carousel") this.#turn(cell);
    else this.#stand(cell);
    this.paint();
  }

  /** Large tiles play the best quality there is. */
  setMain(main) {
    if (main === this.#main) return;
    this.#main = main;
    if (this.cameraId) this.#stage.show(this.cameraId, this.#playsMain);
  }

  /** A hotspot's own: another camera, because somebody touched it or it alarms. */
  lookAt(cameraId) {
    if (cameraId !== this.cameraId) this.#stage.show(cameraId, this.#playsMain);
  }

  get #playsMain() {
    return this.#main || this.cell?.kind === "hotspot";
  }

  #turn(cell) {
    if (this.carousel) return this.carousel.change(cell);
    this.carousel = new Carousel(cell, this.#stage, () => this.#playsMain);
    this.carousel.start();
  }

  #stand(cell) {
    this.carousel?.stop();
    this.carousel = null;
    if (cell?.kind === "hotspot" && this.cameraId) return;
    if (cell?.camera) this.#stage.show(cell.camera, this.#playsMain);
    else if (cell === null) this.#stage.clear();
  }

  #changed() {
    delete this.element.dataset.state;
    this.paint();
  }

  /** What the daemon says of the camera that is seen. Called each second: writes only what changed. */
  paint() {
    fill(this.element, { name: this.name });
    const item = this.cameraId ? feed.get(this.cameraId) : undefined;
    const badge = $(".badge", this.element);
    show(badge, item !== undefined);
    const missing = Boolean(item) && feed.inContact && item.enabled && !item.recording;
    show($("[data-recording=yes]", this.element), Boolean(item?.recording) && feed.inContact);
    show($("[data-recording=no]", this.element), missing);
    if (!item) return delete this.element.dataset.state;
    const before = this.element.dataset.state;
    this.element.dataset.state = item.state;
    showState(badge, item.state, stateWords(item));
    badge.title = item.state === "online" ? "" : causeWord(item.cause);
    if (before && before !== item.state) this.#onState(`${this.name}, ${fullWords(item)}`);
  }

  /** Stands out for a while. */
  alarm() {
    clearTimeout(this.#alarmTimer);
    this.element.dataset.alarm = "yes";
    this.#alarmTimer = setTimeout(() => delete this.element.dataset.alarm, ALARMED_MS);
  }

  remove() {
    this.carousel?.stop();
    clearTimeout(this.#alarmTimer);
    this.#stage.clear();
    this.element.remove();
  }
}

/** "No signal since 14:32": what a tile can say of a camera in one line. */
function stateWords(item) {
  const at = Date.parse(item.since);
  if (item.state === "online" || item.state === "starting" || Number.isNaN(at)) return stateWord(item.state);
  return say("mosaic.since", { state: stateWord(item.state), when: hourMinute(at) });
}

function fullWords(item) {
  const cause = item.state === "online" ? "" : causeWord(item.cause);
  return cause ? `${stateWords(item)}: ${cause}` : stateWords(item);
}
