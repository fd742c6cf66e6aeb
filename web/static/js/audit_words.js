// Rows of the audit log in words: who, what, on what, and what else is known of it.

import { duration, fullMoment } from "./clock.js";
import { VERBS } from "./rights.js";
import { groupWord, roleWord, verbWord, verbWords } from "./rights_words.js";
import { bytes, knows, number, say } from "./words.js";

const ID = /^([0-9a-f]{8})-[0-9a-f-]{27}$/;
const RIGHT = /^(.+): ([a-z ]+)$/;
const TIME = /^\d{4}-\d\d-\d\dT[\d:.]+Z$/;
const ROLES = ["SUPERADMIN", "GESTOR", "USER"];

export const actionWord = (action) => (knows(`action.${action}`) ? say(`action.${action}`) : action);
export const kindWord = (kind) => (knows(`subject.${kind}`) ? say(`subject.${kind}`) : (kind ?? ""));
export const flawWord = (flaw) => (knows(`flaw.${flaw}`) ? say(`flaw.${flaw}`) : flaw);

/** Somebody who had a name then, somebody who gave none that is known, or the box by itself. */
export function whoWords(entry) {
  if (entry.person) return entry.person.name ?? say("audit.unknown");
  return entry.address ? say("audit.unknown") : say("audit.box");
}

export function fromWords(entry) {
  const role = entry.person?.role ? roleWord(entry.person.role) : "";
  if (role && entry.address) return say("audit.from", { role, address: entry.address });
  return role || entry.address || "";
}

export const reasonWords = (reason) => (reason ? valueWords("reason", reason) : "");

/** Enough of an id to tell it from others. */
export const shortId = (id) => id.replace(ID, "$1…");

/** "de: 7 · para: 15", without what is `said` already; a row somebody has damaged is shown as it is. */
export function factWords(facts, said) {
  if (typeof facts !== "object" || facts === null) return String(facts ?? "");
  return Object.entries(facts)
    .filter(([name, value]) => value !== null && value !== "" && !(name === "name" && value === said))
    .map(([name, value]) => say("audit.fact", { name: factName(name), value: valueWords(name, value) }))
    .join(" · ");
}

const factName = (name) => (knows(`fact.${name}`) ? say(`fact.${name}`) : name);

function valueWords(name, value) {
  if (Array.isArray(value)) return value.map((one) => valueWords(name, one)).join("; ") || say("value.nothing");
  if (typeof value === "boolean") return say(value ? "value.yes" : "value.no");
  if (typeof value === "number") return numberWords(name, value);
  return textWords(name, String(value));
}

function numberWords(name, value) {
  if (name === "bytes") return bytes(value);
  if (name.endsWith("_ms")) return signed(value / 1000);
  if (name.endsWith("_s")) return duration(value);
  return number(value);
}

const signed = (seconds) => `${seconds < 0 ? "−" : "+"}${duration(Math.abs(seconds))}`;

function textWords(name, text) {
  if (TIME.test(text)) return fullMoment(Date.parse(text));
  if (ROLES.includes(text)) return roleWord(text);
  if (VERBS.includes(text)) return verbWord(text);
  if (name.startsWith("name")) return text;
  if (name.startsWith("rights")) return rightWords(text);
  return knows(`value.${text}`) ? say(`value.${text}`) : shortId(text);
}

/** "Escolas: replay view" is what somebody may do with the cameras of a group. */
function rightWords(text) {
  const [, group, verbs] = RIGHT.exec(text) ?? [];
  return group ? `${groupWord(group)}: ${verbWords(verbs.split(" "))}` : groupWord(text);
}
