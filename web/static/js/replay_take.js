// What can be taken of the moment shown: a picture, and the file it lies in as the camera sent it.

import { answer, api } from "./api.js";
import { hourMinute, timeOfDay } from "./clock.js";
import { $, show, write } from "./dom.js";
import { showFailure } from "./problems.js";
import { localMoment, rfc3339 } from "./replay_time.js";
import { may } from "./rights.js";
import { bytes, say } from "./words.js";

const JPEG_QUALITY = 0.92;
const LOOK_EVERY_MS = 1500;

export function dressTaking({ transport, cameras, me }) {
  $("#take-still").addEventListener("click", () => takeStill(transport));
  const file = new File(transport, cameras, me);
  $("#take-file").addEventListener("click", (event) => file.take(event));
  setInterval(() => file.look(), LOOK_EVERY_MS);
}

const chosenOf = (transport) => transport.tiles[transport.chosen];

function takeStill(transport) {
  const tile = chosenOf(transport);
  const canvas = tile?.still();
  if (!canvas) return write($("#file-words"), say("replay.still.none"));
  const when = localMoment(tile.wallMs).replace("T", " ").replaceAll(":", "-");
  canvas.toBlob(
    (blob) => save(blob, `${say("replay.still", { name: tile.displayName, when })}.jpg`),
    "image/jpeg",
    JPEG_QUALITY,
  );
}

function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** The recorded file around the moment shown, for whoever may take it. */
class File {
  #transport;
  #cameras;
  #me;
  #at = null;
  #found = null;

  constructor(transport, cameras, me) {
    this.#transport = transport;
    this.#cameras = cameras;
    this.#me = me;
  }

  async look() {
    const tile = chosenOf(this.#transport);
    const camera = this.#cameras().find((one) => one.id === tile?.cameraId);
    show($("#take-file"), Boolean(camera && may(this.#me(), "export", camera)));
    if ($("#take-file").hidden || this.#transport.playing) return;
    const key = `${tile.cameraId} ${Math.round(this.#transport.wallMs / 1000)}`;
    if (key === this.#at || document.hidden) return;
    this.#at = key;
    this.#found = await this.#find(camera.id, this.#transport.wallMs).catch(() => null);
    this.#show();
  }

  async #find(cameraId, wallMs) {
    const period = `start=${rfc3339(Math.round(wallMs))}&end=${rfc3339(Math.round(wallMs) + 1)}`;
    return (await api(`/recordings?camera_id=${cameraId}&${period}&limit=1`)).items[0] ?? null;
  }

  #show() {
    const found = this.#found;
    const link = $("#take-file");
    if (found) link.href = `/api/v1/recordings/${found.id}/download`;
    else link.removeAttribute("href");
    const facts = found && {
      start: timeOfDay(Date.parse(found.start)),
      end: found.state === "running" ? say("time.now") : hourMinute(Date.parse(found.end)),
      bytes: bytes(found.bytes),
    };
    write($("#file-words"), found ? say("replay.file", facts) : say("replay.file.none"));
  }

  /** Asks first, so that a refusal is said here and the password can be given; then the browser takes it. */
  async take(event) {
    event.preventDefault();
    if (!this.#found) return;
    const path = `/recordings/${this.#found.id}/download`;
    try {
      await answer(path, { method: "HEAD" });
      location.assign(`/api/v1${path}`);
    } catch (error) {
      showFailure(error);
    }
  }
}
