// Roles and rights as people say them.

import { el } from "./dom.js";
import { EVERYWHERE, inOrder } from "./rights.js";
import { say } from "./words.js";

export const verbWord = (verb) => say(`verb.${verb}`);
export const roleWord = (role) => say(`role.${role}`);
export const groupWord = (group) => (group === EVERYWHERE ? say("rights.everywhere") : group);
export const verbWords = (verbs) => (verbs.length ? inOrder(verbs).map(verbWord).join(", ") : say("rights.none"));

/** What somebody may do, a line for each group: "Todas as câmeras: ver ao vivo, rever gravações". */
export function rightsWords({ role, groups }) {
  if (role === "SUPERADMIN") return [say("rights.of_site")];
  if (role === "GESTOR") return [say("rights.of_city")];
  const held = groups.filter(({ verbs }) => verbs.length);
  if (!held.length) return [say("rights.none")];
  return held.map(({ group, verbs }) => `${groupWord(group)}: ${verbWords(verbs)}`);
}

/** A verb as a chip with its first letter; faint when it comes from the right on every camera. */
export function chip(verb, inherited = false) {
  const word = verbWord(verb);
  const attributes = { class: "chip", "data-verb": verb, "data-inherited": inherited, title: word };
  return el("span", attributes, word[0].toUpperCase());
}
