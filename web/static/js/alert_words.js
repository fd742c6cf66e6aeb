// Alerts in words and shapes: what it is, how loud, where, since when.

import { fullMoment, moment } from "./clock.js";
import { el, icon } from "./dom.js";
import { say } from "./words.js";

const SHAPES = { critical: "octagon-alert", warning: "triangle-alert", info: "info" };
export const LEVELS = ["info", "warning", "critical"];

/** A shape and a word: nothing is said by colour alone. */
export function levelMark(level) {
  return [icon(SHAPES[level] ?? "info"), el("span", {}, say(`alert.level.${level}`))];
}

export function kindWords({ kind, facts = {} }) {
  return say(kind === "not_recording" && facts.cameras ? "alert.kind.not_recording.many" : `alert.kind.${kind}`);
}

/** Of a plate that is not read as it is on the list: whoever stops a car must know that it may be another one. */
export function doubtWords({ facts = {} }) {
  if (!facts.plate || !["alike", "one_off"].includes(facts.match)) return "";
  return say(`alert.doubt.${facts.match}`, { plate: facts.wanted_plate ?? facts.plate });
}

export const whereWords = ({ camera_id: id, camera_name: name }) => (id ? name : say("alert.box"));

export const momentOf = (text) => moment(Date.parse(text));

export const fullMomentOf = (text) => fullMoment(Date.parse(text));

/** As it is said aloud, and on the desktop. */
export function saidWords(alert) {
  const facts = { kind: kindWords(alert), level: say(`alert.level.${alert.level}`), where: whereWords(alert) };
  return say("alert.said", { ...facts, plate: alert.facts.plate ?? "" }).replace(/\s+/g, " ");
}
