// What is done about an alert, and what to say when somebody else was quicker.

import { NoContact, Problem, api } from "./api.js";
import { say } from "./words.js";

/** The alert after the change. Throws `Problem` as the API answers it. */
export function change(id, body) {
  return api(`/alerts/${id}`, { method: "PATCH", body });
}

/** Takes it; the words to say about that, and the alert if it is ours now. */
export async function take(id, body = {}) {
  try {
    return { alert: await change(id, { state: "acknowledged", ...body }), words: say("alert.taken") };
  } catch (error) {
    if (error instanceof Problem && error.status === 409) return { alert: null, words: await ownerWords(id) };
    if (!(error instanceof Problem) && !(error instanceof NoContact)) throw error;
    return { alert: null, words: say("alert.taken.failed", { detail: error.message }) };
  }
}

async function ownerWords(id) {
  const alert = await api(`/alerts/${id}`).catch(() => null);
  return say("alert.taken.by", { name: alert?.owner?.name ?? "–" });
}
