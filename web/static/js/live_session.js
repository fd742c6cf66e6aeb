// The viewing session of one player: where its camera is to be seen, in each quality, for as long as it is used.

import { Problem, api } from "./api.js";

const NOT_FOR_YOU = [403, 404];

export class Session {
  /** Why there is none: "", "contact" or "refused". */
  trouble = "";
  #cameraId;
  #answer = null;

  constructor(cameraId) {
    this.#cameraId = cameraId;
  }

  /** Has one; false when that did not succeed. */
  async open(signal) {
    try {
      this.#answer ??= await api(`/streams?camera_id=${this.#cameraId}`, { method: "POST", signal });
      this.trouble = "";
    } catch (error) {
      const isRefused = error instanceof Problem && NOT_FOR_YOU.includes(error.status);
      this.trouble = isRefused ? "refused" : error instanceof Problem ? "" : "contact";
    }
    return this.#answer !== null;
  }

  /** Of a camera this person may not see any more it is forgotten: the next `open` says why. */
  async confirm(signal) {
    try {
      await api(`/cameras/${this.#cameraId}/status`, { signal });
    } catch (error) {
      if (error instanceof Problem && NOT_FOR_YOU.includes(error.status)) this.close();
    }
  }

  /** The daemon is told, even by a page that is being left. */
  close() {
    const id = this.#answer?.session_id;
    this.#answer = null;
    if (id) api(`/streams/${id}`, { method: "DELETE", keepalive: true }).catch(() => {});
  }

  get hasSubstream() {
    return Boolean(this.#answer?.main_hls_url);
  }

  /** `main`: of the recorded stream. Undefined while nothing is known, null where this quality is not offered. */
  address(quality, main) {
    return this.#answer?.[`${main && this.hasSubstream ? "main_" : ""}${quality}_url`];
  }
}
