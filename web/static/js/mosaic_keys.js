// The keys of a mosaic.

import { $ } from "./dom.js";

const ARROWS = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] };

const isTile = (target) => target.matches(".tile__name");
const isElsewhere = ({ target }) => target.closest("input, select, textarea, dialog, [popover], .menu, .panel");

/**
 * Calls what `acts` holds for a key: `digit(n)`, `view(n)` for Shift and a digit, `arrow(right, down)`, `enter`,
 * `space`, `clear`, `escape`, and letters by their name. An act that answers `false` has nothing to do with it.
 */
export function dressKeys(acts) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || $("dialog[open]")) return;
    if (event.key === "Escape" && !event.target.closest("dialog, [popover], .menu")) return finish(event, acts.escape());
    if (isElsewhere(event)) return;
    const act = actOf(event, acts);
    if (act) finish(event, act());
  });
}

function finish(event, result) {
  if (result !== false) event.preventDefault();
}

function actOf({ code, key, shiftKey, target }, acts) {
  const digit = /^(?:Digit|Numpad)([1-9])$/.exec(code)?.[1];
  if (digit) return () => (shiftKey ? acts.view : acts.digit)(Number(digit));
  if (ARROWS[key]) return () => acts.arrow(...ARROWS[key]);
  if (key === "Enter" || key === " ") return isTile(target) && (key === " " ? acts.space : acts.enter);
  if (key === "Delete" || key === "Backspace") return acts.clear;
  return shiftKey ? undefined : acts[key.toLowerCase()];
}
