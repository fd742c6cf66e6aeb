// What became of something that was sent out of the box, in words for people.

import { number, say } from "./words.js";

const REASONS = [
  [/^no answer within/, "timeout"],
  [/certificate/, "certificate"],
  [/name of the host/, "unknown"],
  [/refused|unreachable|Connect call failed|No route/i, "nobody"],
  [/broken off|reset|ConnectionClosed|disconnected/i, "broken"],
  [/no queue wanted/, "unrouted"],
  [/must be encrypted/, "plain"],
  [/this box itself/, "self"],
  [/key beside the database/, "key"],
];

export function tookWords(seconds) {
  if (seconds < 1) return say("destinations.took.ms", { n: number(seconds * 1000) });
  return say("destinations.took.s", { n: number(seconds, 1) });
}

export const topicWord = (topic) => say(`destinations.topic.${topic}`);

/** Why something has not arrived; what nobody has words for is said as the box says it. */
export function whyWords({ status, error }) {
  if (status >= 300) return say(`destinations.why.${Math.min(5, Math.floor(status / 100))}`, { status });
  if (/ACCESS_REFUSED|Authentication/.test(error)) return say("destinations.why.login");
  const found = REASONS.find(([pattern]) => pattern.test(error));
  return found ? say(`destinations.why.${found[1]}`) : (error ?? "");
}
