// Number plates as people know them: the old grey one, Mercosul's, and those of no known format.

import { $, clone, el, fill, icon } from "./dom.js";
import { say } from "./words.js";

const OLD = /^[A-Z]{3}\d{4}$/;
const MERCOSUL = /^[A-Z]{3}\d[A-Z]\d{2}$/;
const CHANGED = "ABCDEFGHIJ";
const FIFTH = 4;
export const LEAST_SIGNS = 2;
export const MOST_SIGNS = 12;
const LEVELS = { critical: ["bad", "octagon-alert"], warning: ["warn", "triangle-alert"], info: ["starting", "info"] };

/** Capitals and digits alone, as the box stores a plate. */
export const signsOf = (text) => text.normalize("NFKD").toUpperCase().replace(/[^A-Z0-9]/g, "");

export const formatOf = (plate) => (OLD.test(plate) ? "old" : MERCOSUL.test(plate) ? "mercosul" : "other");

/** As it stands on the car. */
export const written = (plate) => (OLD.test(plate) ? `${plate.slice(0, 3)}-${plate.slice(3)}` : plate);

/** The same car's plate after (or before) its change to Mercosul's format; "" where there is none. */
export function otherFormat(plate) {
  const [before, sign, after] = [plate.slice(0, FIFTH), plate[FIFTH], plate.slice(FIFTH + 1)];
  if (OLD.test(plate)) return before + CHANGED[Number(sign)] + after;
  const digit = MERCOSUL.test(plate) ? CHANGED.indexOf(sign) : -1;
  return digit < 0 ? "" : before + digit + after;
}

/** A picture of the plate, with its letters as text; `null` for one that is anonymous. */
export function drawPlate(plate) {
  const drawn = clone("plate");
  drawn.dataset.format = plate === null ? "anonymous" : formatOf(plate);
  if (drawn.dataset.format === "mercosul") $(".numberplate__band", drawn).textContent = say("plate.country");
  fill(drawn, { plate: plate === null ? say("plate.anonymous") : written(plate) });
  return drawn;
}

/** Makes `badge` say how loud the alert for a wanted plate is. */
export function showLevel(badge, level) {
  const [state, picture] = LEVELS[level];
  badge.dataset.state = state === "starting" ? "disabled" : state;
  badge.replaceChildren(icon(picture), el("span", {}, say(`level.${level}`)));
}
