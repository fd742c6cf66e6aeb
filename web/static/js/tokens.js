// API tokens as every page shows them.

import { api } from "./api.js";
import { ask, openDialog } from "./ask.js";
import { ago, date, moment, serverNow } from "./clock.js";
import { copyOnClick } from "./copy.js";
import { $, write } from "./dom.js";
import { done } from "./done.js";
import { showFailure } from "./problems.js";
import { VERBS } from "./rights.js";
import { verbWords } from "./rights_words.js";
import { say } from "./words.js";

/** The scope of a central office's token; it stands alone. */
export const STATUS_READ = "status:read";

export function scopeWords(scope) {
  if (!scope.length) return say("tokens.scope.none");
  if (scope.includes(STATUS_READ)) return say("tokens.scope.status");
  return scope.length === VERBS.length ? say("tokens.scope.all") : verbWords(scope);
}

export function usedWords(token) {
  return token.last_used_at ? say("tokens.used", { ago: ago(Date.parse(token.last_used_at)) }) : say("tokens.unused");
}

export function endWords(token) {
  const at = Date.parse(token.expires_at);
  if (Number.isNaN(at)) return "";
  return at < serverNow() ? say("tokens.expired") : say("tokens.until", { when: date(at) });
}

export function rotatingWords(token) {
  const at = Date.parse(token.rotating_until);
  return at > serverNow() ? say("tokens.rotating", { when: moment(at) }) : "";
}

/** Asks, revokes, and calls `after` however it went. */
export async function revoke(token, after) {
  if (!(await ask($("#revoke"), { name: token.name }))) return;
  try {
    await api(`/tokens/${token.id}`, { method: "DELETE", cityId: "" });
    done(say("tokens.revoked", { name: token.name }));
  } catch (error) {
    showFailure(error);
  }
  after();
}

/** The secret, once. */
export function showSecret(title, secret) {
  write($("#secret-text"), secret);
  openDialog($("#secret"), { title });
}

$("#secret").addEventListener("close", () => write($("#secret-text"), ""));
copyOnClick($("#copy-secret"), $("#secret-text"));
