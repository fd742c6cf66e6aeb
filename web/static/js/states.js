// How a camera's state looks and is said. Never by colour alone: each has an icon and a word.

import { ago, moment } from "./clock.js";
import { icon } from "./dom.js";
import { knows, say } from "./words.js";

export const STATE_ICONS = {
  online: "circle-check",
  offline: "video-off",
  stalled: "circle-pause",
  starting: "loader",
  disabled: "power-off",
};

export const stateWord = (state) => say(`state.${state}`);

export function causeWord(cause) {
  if (!cause) return "";
  return knows(`cause.${cause}`) ? say(`cause.${cause}`) : say("cause.unknown");
}

/** What a person can do about it, or "" when there is nothing to add. */
export function causeAdvice(cause) {
  return cause && knows(`advice.${cause}`) ? say(`advice.${cause}`) : "";
}

export function sinceWords(since) {
  const at = Date.parse(since);
  return Number.isNaN(at) ? "" : say("since", { when: moment(at), ago: ago(at) });
}

/** Makes `badge` say `state`: icon, word and `data-state` for the colour. */
export function showState(badge, state, word = stateWord(state), iconName = STATE_ICONS[state] ?? "circle-help") {
  if (badge.dataset.state === state && badge.dataset.shown === word) return;
  badge.dataset.state = state;
  badge.dataset.shown = word;
  const text = document.createElement("span");
  text.textContent = word;
  badge.replaceChildren(icon(iconName), text);
}
