// Says that something was done, where a page keeps room for it, and to screen readers.

import { $, fill, show } from "./dom.js";
import { hideFailure } from "./problems.js";

const SEEN_MS = 8000;
let timer = 0;

export function done(words) {
  hideFailure();
  fill($("#done"), { done: words });
  show($("#done"), true);
  clearTimeout(timer);
  timer = setTimeout(() => show($("#done"), false), SEEN_MS);
}
