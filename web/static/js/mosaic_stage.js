// The pictures of one tile: the next one plays underneath until it can be seen, so that a change is never black.

const PATIENCE_MS = 1500;
/** What a player that shows no live picture says of it; the truth is worth showing at once. */
const TOLD = ["still", "lost", "frozen", "off", "refused"];

export class Stage {
  #element;
  #shown = null;
  #next = null;
  #watcher = null;
  #timer = 0;
  #changed;

  /** `changed` is called when another camera has come to be the one that is seen. */
  constructor(element, changed = () => {}) {
    this.#element = element;
    this.#changed = changed;
  }

  /** The camera that is seen. */
  get cameraId() {
    return this.#shown?.getAttribute("camera-id") ?? null;
  }

  get player() {
    return this.#shown;
  }

  /** Shows this camera as soon as there is something of it to see; `main` in its best quality. */
  show(cameraId, main = false) {
    if (!this.#shown) return this.#begin(cameraId, main);
    if (cameraId !== this.cameraId) {
      this.prepare(cameraId, main);
      return this.#takeOverWhenReady();
    }
    this.#drop();
    setQuality(this.#shown, main);
  }

  /** Begins to play what will be shown next, unseen. */
  prepare(cameraId, main = false) {
    if (this.#next?.getAttribute("camera-id") === cameraId) return setQuality(this.#next, main);
    this.#drop();
    this.#next = makePlayer(cameraId, main);
    this.#next.inert = true;
    this.#element.prepend(this.#next);
  }

  clear() {
    this.#drop();
    this.#shown?.remove();
    this.#shown = null;
  }

  #begin(cameraId, main) {
    this.#drop();
    this.#shown = makePlayer(cameraId, main);
    this.#element.append(this.#shown);
    this.#changed();
  }

  #drop() {
    this.#watcher?.disconnect();
    clearTimeout(this.#timer);
    this.#next?.remove();
    this.#next = this.#watcher = null;
  }

  #takeOverWhenReady() {
    this.#watcher?.disconnect();
    clearTimeout(this.#timer);
    if (this.#isReady()) return this.#takeOver();
    this.#watcher = new MutationObserver(() => this.#isReady() && this.#takeOver());
    this.#watcher.observe(this.#next, { attributeFilter: ["data-show", "data-has-still"] });
    this.#timer = setTimeout(() => this.#takeOver(), PATIENCE_MS);
  }

  #isReady() {
    const { show, hasStill } = this.#next.dataset;
    return show === "live" || TOLD.includes(show) || hasStill !== undefined;
  }

  #takeOver() {
    const before = this.#shown;
    this.#shown = this.#next;
    this.#shown.inert = false;
    this.#next = null;
    before.remove();
    this.#drop();
    this.#changed();
  }
}

function makePlayer(cameraId, main) {
  const player = document.createElement("vmsd-player");
  player.setAttribute("camera-id", cameraId);
  if (main) player.setAttribute("quality", "main");
  return player;
}

function setQuality(player, main) {
  if ((player.getAttribute("quality") === "main") !== main) player.quality = main ? "main" : "sub";
}
