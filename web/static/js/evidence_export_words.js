// What is said of an export in the list and in its details.

import { knows, percent, say } from "./words.js";

const UNDER_WAY = ["queued", "running"];

export const isUnderWay = ({ state }) => UNDER_WAY.includes(state);

export const requestOf = (one) => one.request_number || say("export.no_request");

export function stateOf(one) {
  if (one.removed_at) return say("export.state.removed");
  const word = say(`export.state.${one.state}`);
  return one.state === "running" ? `${word}, ${percent(one.progress)}` : word;
}

export function failureWords({ code, detail }) {
  return knows(`export.failed.${code}`) ? say(`export.failed.${code}`) : say("export.failed.other", { detail });
}

/** What is unusual about the film of a camera. */
export function noteWords(note) {
  if (knows(`export.note.${note}`)) return say(`export.note.${note}`);
  return note.startsWith("codec_") ? say("export.note.codec", { codec: note.slice(6).toUpperCase() }) : note;
}
