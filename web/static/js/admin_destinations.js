// Where the city's news goes: webhooks and brokers, whether it arrives there, and what became of each attempt.

import { api, list } from "./api.js";
import { ask, openDialog } from "./ask.js";
import { ago, moment } from "./clock.js";
import { copyOnClick } from "./copy.js";
import { tookWords, topicWord, whyWords } from "./delivery_words.js";
import { $, $$, clone, fill, redraw, show, write } from "./dom.js";
import { done } from "./done.js";
import { mark, onSubmit, unmarkAll } from "./form.js";
import { hideFailure, showFailure } from "./problems.js";
import { repeat } from "./repeat.js";
import "./shell.js";
import { showState } from "./states.js";
import { number, say } from "./words.js";

const AGAIN_MS = 5000;
const STATES = {
  ok: ["ok", "circle-check"],
  new: ["idle", "circle-dot"],
  failing: ["bad", "triangle-alert"],
  gone: ["bad", "circle-slash"],
  off: ["idle", "power-off"],
};
const OWN = { 403: "destinations.no_plates", 409: "destinations.too_many" };
const dialog = $("#destination");
const form = $("form", dialog);
const fields = form.elements;
let open = null;

async function load() {
  const found = await list("/destinations");
  redraw($("#destinations tbody"), found.map(rowOf));
  show($("#loading"), false);
  show($("#empty"), found.length === 0);
  show($("#filled"), found.length > 0);
}

const refresh = () => load().catch(showFailure);

function rowOf(one) {
  const row = clone("destination-row");
  row.dataset.id = one.id;
  const central = one.kind === "central";
  const texts = { name: central ? say("destinations.kind.central") : one.name, url: one.url };
  const kind = central ? say("destinations.central") : say(`destinations.kind.${one.kind}`);
  const facts = { topics: one.topics.map(topicWord).join(", "), waiting: number(one.waiting), facts: factWords(one) };
  fill(row, { ...texts, kind, ...facts });
  const [state, iconName] = STATES[one.state];
  showState($("[data-slot=state]", row), state, say(`destinations.state.${one.state}`), iconName);
  dress(row, "test", say("destinations.test", texts), (button) => test(one, button));
  dress(row, "log", say("destinations.log", texts), () => openLog(one, texts).catch(showFailure));
  dress(row, "edit", say("destinations.edit", texts), () => openForm(one));
  dress(row, "remove", say("destinations.remove", texts), () => remove(one));
  for (const slot of ["edit", "remove"]) show($(`[data-slot=${slot}]`, row), !central);
  return row;
}

function dress(row, slot, label, act) {
  const button = $(`[data-slot=${slot}]`, row);
  button.setAttribute("aria-label", label);
  button.addEventListener("click", () => act(button));
}

function factWords(one) {
  if (one.state === "gone") return say("destinations.gone", { ago: ago(Date.parse(one.since)) });
  if (one.state === "failing") {
    return say("destinations.failing", { ago: ago(Date.parse(one.since)), why: whyWords(one) });
  }
  return one.last_arrived_at ? say("destinations.last", { ago: ago(Date.parse(one.last_arrived_at)) }) : "";
}

async function test(one, button) {
  button.disabled = true;
  hideFailure();
  try {
    const attempt = await api(`/destinations/${one.id}/test`, { method: "POST", timeout: 70_000 });
    if (attempt.arrived) done(say("destinations.test.done", { name: one.name, time: tookWords(attempt.took) }));
    else fill($("#failure"), { failure: say("destinations.test.failed", { name: one.name, why: whyWords(attempt) }) });
    show($("#failure"), !attempt.arrived);
  } catch (error) {
    showFailure(error);
  }
  button.disabled = false;
  refresh();
}

async function openLog(one, { name }) {
  const { items } = await api(`/destinations/${one.id}/attempts?limit=200`);
  $("#attempts tbody").replaceChildren(...items.map(attemptRow));
  show($("#no-attempts"), items.length === 0);
  show($("#attempts-frame"), items.length > 0);
  openDialog($("#log"), { title: say("destinations.log", { name }) });
}

function attemptRow(attempt) {
  const row = clone("attempt-row");
  const why = attempt.error ? whyWords(attempt) : "";
  fill(row, { at: moment(Date.parse(attempt.at)), topic: topicWord(attempt.topic), error: why });
  fill(row, { took: tookWords(attempt.took) });
  const many = say("destinations.arrived.many", { n: number(attempt.arrived) });
  const words = attempt.arrived > 1 ? many : say(attempt.arrived ? "destinations.arrived" : "destinations.not_arrived");
  const state = !attempt.arrived ? ["bad", "circle-x"] : attempt.error ? ["warn", "triangle-alert"] : ["ok", "circle-check"];
  showState($("[data-slot=outcome]", row), state[0], words, state[1]);
  return row;
}

function openForm(one) {
  open = one;
  form.reset();
  unmarkAll(form);
  show($("#kinds"), !one);
  show($("#switch"), Boolean(one));
  show($("#renew"), one?.kind === "webhook");
  fields.kind.value = one?.kind ?? "webhook";
  fields.name.value = one?.name ?? "";
  fields.enabled.checked = one?.enabled ?? true;
  fields.url.required = !one;
  for (const box of fields.topics) box.checked = one ? one.topics.includes(box.value) : box.value === "alertas.novo";
  sayAddress();
  openDialog(dialog, { title: one ? say("destinations.edit", one) : say("destinations.new") });
}

function sayAddress() {
  const words = say(`destinations.url.${fields.kind.value}`);
  const kept = open ? say("destinations.url.kept", open) : "";
  write($("#destination-url-help"), kept || words);
}

async function save() {
  const url = fields.url.value.trim();
  const topics = [...fields.topics].filter((box) => box.checked).map((box) => box.value);
  const body = { name: fields.name.value.trim(), topics, enabled: fields.enabled.checked, ...(url && { url }) };
  if (!topics.length) return mark(form, "topics", say("form.wrong.topics"));
  const made = open
    ? await api(`/destinations/${open.id}`, { method: "PATCH", body })
    : await api("/destinations", { method: "POST", body: { ...body, kind: fields.kind.value } });
  dialog.close();
  done(say("destinations.saved", made));
  refresh();
  if (made.secret) showSecret(made);
}

async function renew() {
  if (!(await ask($("#resign"), { name: open.name }))) return;
  try {
    const made = await api(`/destinations/${open.id}/secret`, { method: "POST" });
    dialog.close();
    showSecret(made);
    refresh();
  } catch (error) {
    dialog.close();
    showFailure(error);
  }
}

function showSecret(made) {
  write($("#signing-text"), made.secret);
  openDialog($("#signing"), { title: say("destinations.secret", made) });
}

async function remove(one) {
  if (!(await ask($("#sure"), { name: one.name }))) return;
  try {
    await api(`/destinations/${one.id}`, { method: "DELETE" });
    done(say("destinations.removed", one));
  } catch (error) {
    showFailure(error);
  }
  refresh();
}

for (const radio of $$("[name=kind]", form)) radio.addEventListener("change", sayAddress);
onSubmit(form, save, OWN);
$("#renew").addEventListener("click", renew);
$("#signing").addEventListener("close", () => write($("#signing-text"), ""));
copyOnClick($("#copy-signing"), $("#signing-text"));
$("#add").addEventListener("click", () => openForm(null));
refresh().then(() => repeat(load, AGAIN_MS));
