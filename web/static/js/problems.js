// What went wrong with a request, in words for people.

import { NoContact, Problem } from "./api.js";
import { duration } from "./clock.js";
import { $, fill, show } from "./dom.js";
import { knows, say } from "./words.js";

/** `own` are the words of a page for a status, by their key; the box's own, English detail is the last resort. */
export function problemWords(error, own = {}) {
  if (error instanceof NoContact) return say("contact.lost");
  if (!(error instanceof Problem)) throw error;
  const detail = error.message;
  if (own[error.status]) return say(own[error.status], { detail });
  if (error.cause === "reauthenticate") return say("problem.not_proved");
  if (error.status === 429) return say("problem.429", { time: duration(error.retryAfter ?? 60) });
  if (knows(`problem.${error.status}`)) return say(`problem.${error.status}`, { detail });
  return error.status >= 500 ? say("problem.500") : detail;
}

/** Shows it above the content of the page. */
export function showFailure(error, own = {}) {
  fill($("#failure"), { failure: problemWords(error, own) });
  show($("#failure"), true);
  $("#failure").scrollIntoView({ block: "center" });
}

export function hideFailure() {
  show($("#failure"), false);
}
