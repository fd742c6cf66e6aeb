// The audit log: searched, read page after page, taken away as a table, and proved to be whole.

import { answer, api, list } from "./api.js";
import { actionWord, factWords, flawWord, fromWords, kindWord, reasonWords, shortId, whoWords } from "./audit_words.js";
import { fullMoment, momentOf } from "./clock.js";
import { saveAs } from "./copy.js";
import { $, clone, fill, icon, show } from "./dom.js";
import { check, explain, focusFirstWrong, mark } from "./form.js";
import { hideFailure, showFailure } from "./problems.js";
import "./shell.js";
import { count, number, say } from "./words.js";

const PAGE = 50;
const LONG_MS = 120_000;
const form = $("#filter");
const fields = form.elements;
const overAll = document.body.dataset.role === "SUPERADMIN";
const names = new Map();
let cursor = null;
let asked = 0;

/** The city in whose name it is asked; a superadmin who names none asks about the whole site. */
const options = () => (overAll ? { cityId: fields.city.value } : {});

function filter() {
  const query = new URLSearchParams();
  for (const name of ["q", "action", "person"]) {
    const value = fields[name].value.trim();
    if (value) query.set(name, value);
  }
  for (const name of ["start", "end"]) {
    if (fields[name].value) query.set(name, new Date(momentOf(fields[name].value)).toISOString());
  }
  return query;
}

async function search() {
  if (!check(form) || !periodIsRight()) return;
  const mine = (asked += 1);
  hideFailure();
  show($("#loading"), true);
  const page = await ask(null).catch((error) => explain(form, error));
  if (mine !== asked) return;
  show($("#loading"), false);
  if (!page) return;
  $("#entries tbody").replaceChildren(...page.items.map(rowOf));
  show($("#filled"), page.items.length > 0);
  show($("#empty"), page.items.length === 0);
  $("#csv").href = `/api/v1/audit.csv?${filter()}`;
}

function periodIsRight() {
  const [start, end] = [fields.start.value, fields.end.value];
  if (start && end && end <= start) mark(form, "end", say("form.wrong.end"));
  return focusFirstWrong(form);
}

async function ask(after) {
  const query = filter();
  query.set("limit", String(PAGE));
  if (after) query.set("cursor", after);
  const page = await api(`/audit?${query}`, { ...options(), timeout: LONG_MS });
  cursor = page.next;
  show($("#more"), Boolean(cursor));
  page.items.forEach(learnName);
  return page;
}

async function showMore() {
  const first = $("#entries tbody").children.length;
  const page = await ask(cursor);
  $("#entries tbody").append(...page.items.map(rowOf));
  const row = $("#entries tbody").children[first];
  row.tabIndex = -1;
  row.focus();
}

/** What a row says of a name is worth knowing for the others about the same thing. */
function learnName({ subject, facts }) {
  if (subject && facts?.name && !names.has(subject.id)) names.set(subject.id, facts.name);
}

function rowOf(entry) {
  const row = clone("entry-row");
  const at = Date.parse(entry.time);
  const subject = entry.subject ? (names.get(entry.subject.id) ?? shortId(entry.subject.id)) : "";
  fill(row, {
    time: fullMoment(at),
    row: entry.row ? say("audit.row", { n: number(entry.row) }) : "",
    who: whoWords(entry),
    from: fromWords(entry),
    what: actionWord(entry.action),
    subject: subject || "–",
    kind: [entry.subject && kindWord(entry.subject.kind), cityWords(entry)].filter(Boolean).join(" · "),
    reason: reasonWords(entry.reason),
    facts: factWords(entry.facts, subject),
  });
  $("time", row).dateTime = entry.time;
  $("[data-slot=what]", row).title = entry.action;
  $("[data-slot=subject]", row).title = entry.subject?.id ?? "";
  row.dataset.row = entry.row ?? "";
  show($("[data-slot=doubted]", row), !entry.clock_trusted);
  show($(".audit__details > span", row), Boolean($(".audit__details", row).textContent));
  return row;
}

/** Where the whole site is shown; of a city itself it would say the same twice. */
function cityWords({ city_id: city, subject }) {
  return overAll && !fields.city.value && city !== subject?.id ? (names.get(city) ?? "") : "";
}

async function download(event) {
  event.preventDefault();
  try {
    const response = await answer(`/audit.csv?${filter()}`, { ...options(), timeout: LONG_MS });
    saveAs("audit.csv", await response.blob(), "text/csv");
  } catch (error) {
    showFailure(error);
  }
}

async function verify() {
  const verdict = $("#verdict");
  $("#verify").disabled = true;
  judge("starting", "loader", say("audit.checking"));
  try {
    const found = await api("/audit/verify", { timeout: LONG_MS, cityId: "" });
    const whole = count("audit.whole.words", found.length);
    if (found.valid) judge("ok", "circle-check", say("audit.whole"), whole, found.head);
    else judge("bad", "triangle-alert", say("audit.broken"), wrongWords(found), found.head);
  } catch (error) {
    show(verdict, false);
    showFailure(error);
  }
  $("#verify").disabled = false;
}

function wrongWords({ first_bad: row, why }) {
  $(`#entries tr[data-row="${row}"]`)?.setAttribute("data-wrong", "");
  return say("audit.broken.words", { row: number(row), flaw: flawWord(why) });
}

function judge(state, picture, title, words = "", head = "") {
  const verdict = $("#verdict");
  verdict.dataset.state = state;
  $(".verdict__icon", verdict).replaceChildren(icon(picture));
  fill(verdict, { title, words, head: head && say("audit.head", { head }) });
  show(verdict, true);
}

/** Those who may be asked about, and the names of what rows are about. */
async function learn() {
  const everywhere = { cityId: overAll ? "" : document.body.dataset.cityId };
  const [people, cities, cameras, groups] = await Promise.all([
    list("/users", everywhere),
    list("/cities"),
    list("/cameras"),
    list("/groups"),
  ]);
  for (const one of [...people, ...cities, ...cameras, ...groups]) names.set(one.id, one.name);
  const sorted = people.map(({ id, name }) => new Option(name, id)).sort((a, b) => a.text.localeCompare(b.text));
  fields.person.append(...sorted);
  if (overAll) fields.city.append(...cities.map((city) => new Option(city.name, city.id)));
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  search();
});
form.addEventListener("change", (event) => event.target.name !== "q" && search());
form.addEventListener("reset", () => setTimeout(search));
$("#more").addEventListener("click", () => showMore().catch(showFailure));
$("#csv").addEventListener("click", download);
$("#verify")?.addEventListener("click", verify);
learn().catch(showFailure).then(search);
