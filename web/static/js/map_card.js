// A camera at a glance: its newest still, what it does and since when, and the ways on.

import { Problem, problem, request } from "./api.js";
import { moment } from "./clock.js";
import { $, fill, show, write } from "./dom.js";
import { feed } from "./feed.js";
import { kindOf, sign } from "./map_markers.js";
import { repeat } from "./repeat.js";
import { causeAdvice, causeWord, showState, sinceWords } from "./states.js";
import { say } from "./words.js";

const STILL_EVERY_MS = 10_000;
const STILL_PX = 480;

/** Events: `closed` with the id of the camera it was about, `placing`. */
export class Card extends EventTarget {
  #card = $("#card");
  #camera = null;

  constructor() {
    super();
    $("#close-card").addEventListener("click", () => this.close());
    $("#move").addEventListener("click", () => this.#tell("placing"));
    this.#card.addEventListener("keydown", (event) => event.key === "Escape" && this.close());
    repeat(() => this.#askStill(), STILL_EVERY_MS);
  }

  get id() {
    return this.#camera?.id ?? null;
  }

  #tell(what) {
    this.dispatchEvent(new CustomEvent(what, { detail: this.id }));
  }

  /** `ways` says what the caller may do with it: `replay`, `configure`. */
  open(camera, ways) {
    const another = this.id !== camera.id;
    this.#camera = camera;
    fill(this.#card, { name: camera.name, group: camera.group });
    $("#watch").href = `/camera/${camera.id}`;
    $("#replay").href = `/replay?camera=${camera.id}`;
    show($("#replay"), ways.replay);
    show($("#move"), ways.configure);
    fill($("#move"), { move: say(camera.location ? "map.move" : "map.put") });
    this.follow();
    show(this.#card, true);
    if (!another) return;
    this.#forgetStill();
    this.#askStill().catch(() => {});
    $("#card-title").focus({ preventScroll: true });
  }

  /** Where it lies on the screen; nothing while it is closed. */
  get box() {
    return this.#camera ? this.#card.getBoundingClientRect() : null;
  }

  close() {
    if (!this.#camera) return;
    const id = this.id;
    this.#camera = null;
    show(this.#card, false);
    this.#forgetStill();
    this.dispatchEvent(new CustomEvent("closed", { detail: id }));
  }

  follow() {
    const item = this.#camera && feed.get(this.id);
    if (!item) return;
    const kind = kindOf(item);
    $(".sign", this.#card).replaceWith(sign(kind));
    showState($("#card-state"), item.state);
    const down = !["online", "disabled"].includes(item.state);
    fill(this.#card, {
      since: sinceWords(item.since),
      cause: down ? causeWord(item.cause) : "",
      advice: down ? causeAdvice(item.cause) : "",
    });
    const recorded = feed.inContact && item.recording;
    const [state, word, picture] = recorded
      ? ["ok", "on", "circle-dot"]
      : item.enabled
        ? ["bad", "missing", "triangle-alert"]
        : ["disabled", "off", "circle-slash"];
    showState($("#card-recording"), state, say(`recording.${word}`), picture);
  }

  #forgetStill() {
    const image = $("#card-still");
    if (image.src) URL.revokeObjectURL(image.src);
    image.removeAttribute("src");
    show(image, false);
    delete $("#card-picture").dataset.none;
    write($("#card-still-words"), "");
  }

  async #askStill() {
    const camera = this.#camera;
    if (!camera) return;
    try {
      const response = await request(`/cameras/${camera.id}/snapshot.jpg?width=${STILL_PX}`);
      if (!response.ok) throw await problem(response);
      const [blob, time] = [await response.blob(), Date.parse(response.headers.get("X-Frame-Time"))];
      if (camera === this.#camera) this.#showStill(blob, moment(time));
    } catch (error) {
      if (camera !== this.#camera) return;
      this.#forgetStill();
      $("#card-picture").dataset.none = "";
      const cause = error instanceof Problem && error.cause ? causeWord(error.cause) : "";
      write($("#card-still-words"), [say("map.no_still"), cause].filter(Boolean).join(": "));
    }
  }

  #showStill(blob, when) {
    const image = $("#card-still");
    if (image.src) URL.revokeObjectURL(image.src);
    image.src = URL.createObjectURL(blob);
    image.alt = say("map.still_alt", { name: this.#camera.name, when });
    show(image, true);
    delete $("#card-picture").dataset.none;
    write($("#card-still-words"), say("player.still_of", { when }));
  }
}
