// What a device says of itself, in words.

import { duration } from "./clock.js";
import { causeWord } from "./states.js";
import { say } from "./words.js";

/** Below this nobody can tell: devices say whole seconds. */
const RIGHT_S = 2;

/** How a clock goes that is `offset` seconds ahead. */
export function clockWords(offset) {
  if (offset === null) return say("discovery.clock.unknown");
  if (Math.abs(offset) < RIGHT_S) return say("discovery.clock.right");
  return say(offset > 0 ? "discovery.clock.ahead" : "discovery.clock.behind", { time: duration(Math.abs(offset)) });
}

export const deviceWords = ({ manufacturer, model }) =>
  [manufacturer, model].filter(Boolean).join(" ") || say("discovery.unknown");

/** Why a device could not be asked; "" where that is not what went wrong. */
export function failedWords({ cause, status }) {
  if (cause === "clock_untrusted") return say("discovery.clock.untrusted");
  if (status !== 422 || !cause) return "";
  return cause === "wrong_password"
    ? say("discovery.wrong_password")
    : say("discovery.failed", { why: causeWord(cause) });
}

/** A button of a row: what it is called for who cannot see the row, and what it does. */
export function dress(button, label, act) {
  button.setAttribute("aria-label", label);
  button.addEventListener("click", () => act(button));
}
