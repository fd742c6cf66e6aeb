// Holding, closing and noting: the dialog in which that is said, and taking over from somebody.

import { change } from "./alert_acts.js";
import { ask, openDialog } from "./ask.js";
import { serverNow } from "./clock.js";
import { $, $$, fill, show } from "./dom.js";
import { onSubmit, unmarkAll } from "./form.js";
import { isMine } from "./alerts_queue.js";
import { say } from "./words.js";

const MINUTE_MS = 60_000;
let open = null;

/** `act` is `hold`, `close` or `note`. */
export function openAct(act, alert) {
  const dialog = $("#act");
  const form = $("form", dialog);
  open = { act, alert };
  form.reset();
  unmarkAll(form);
  for (const part of $$("[data-for]", form)) show(part, part.dataset.for === act);
  const isTaking = act !== "note" && alert.owner && !isMine(alert);
  const owner = isTaking ? say("alert.act.owner", { name: alert.owner.name }) : "";
  openDialog(dialog, { title: say(`alert.act.${act}`), do: say(`alert.act.${act}`), owner });
  const first = { hold: "#act-until", close: "#act-outcome", note: "#act-note" }[act];
  $(first).focus();
}

/** `done` is given the alert as it is then, and which act it was. */
export function dressAct(done) {
  const dialog = $("#act");
  const save = async (fields) => {
    const { act, alert } = open;
    const after = await change(alert.id, bodyOf(act, fields, alert));
    dialog.close();
    done(after, act);
  };
  onSubmit($("form", dialog), save, { 409: "alert.conflict" });
}

function bodyOf(act, fields, alert) {
  const note = fields.note.value.trim();
  if (act === "note") return { note };
  const body = alert.owner && !isMine(alert) ? { take_over: true } : {};
  if (act === "hold") {
    const until = new Date(serverNow() + Number(fields.until.value) * MINUTE_MS).toISOString();
    return { ...body, state: "on_hold", until, ...(note && { note }) };
  }
  const said = [fields.outcome.value, note].filter(Boolean).join(": ");
  return { ...body, state: "closed", ...(said && { note: said }) };
}

/** True when it may be taken from whoever has it. */
export function askOver(alert) {
  fill($("#over"), {});
  return ask($("#over"), { about: say("alert.over.about", { name: alert.owner.name }) });
}
