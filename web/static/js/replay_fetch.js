// Asks the box for recorded video: playlists, and stretches of files.

import { parsePlaylist } from "./replay_playlist.js";
import { rfc3339 } from "./replay_time.js";

const TIMEOUT_MS = 20_000;

/** What the box answered instead of video. */
class Refused extends Error {
  constructor(response) {
    super(`HTTP ${response.status}`);
    this.status = response.status;
    this.retryAfterS = Number(response.headers.get("Retry-After")) || null;
  }
}

async function get(url, signal, headers = {}) {
  const cityId = document.body.dataset.cityId;
  const all = cityId ? { ...headers, "X-City-ID": cityId } : headers;
  const either = AbortSignal.any([AbortSignal.timeout(TIMEOUT_MS), signal]);
  const response = await fetch(url, { headers: all, signal: either, credentials: "same-origin" });
  if (!response.ok) throw new Refused(response);
  return response;
}

/** The entries of a period; none where nothing is recorded. */
export async function getEntries(cameraId, startMs, endMs, signal) {
  const url = `/replay/stream_${cameraId}/index.m3u8?start=${rfc3339(startMs)}&end=${rfc3339(endMs)}`;
  try {
    const response = await get(url, signal);
    return parsePlaylist(await response.text(), new URL(url, location.href));
  } catch (error) {
    if (error.status === 404) return [];
    throw error;
  }
}

/** `size` bytes of a file from `first` on. */
export async function getBytes(url, first, size, signal) {
  const response = await get(url, signal, { Range: `bytes=${first}-${first + size - 1}` });
  return response.arrayBuffer();
}

/** What went wrong, in a word: the status of a refusal, or "codec", "contact" or "media". */
export function troubleOf(error) {
  if (error instanceof Refused) return error.status;
  if (error.name === "NotSupportedError") return "codec";
  return error instanceof TypeError || error.name === "TimeoutError" ? "contact" : "media";
}
