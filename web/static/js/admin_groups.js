// Camera groups, and as a table who may do what with the cameras of which: people down, groups across.

import { api, ifMatch, list, versioned } from "./api.js";
import { ask, openDialog } from "./ask.js";
import { $, $$, clone, el, icon, show } from "./dom.js";
import { done } from "./done.js";
import { explain, onSubmit, unmarkAll } from "./form.js";
import { showFailure } from "./problems.js";
import { EVERYWHERE, inOrder, verbsOn } from "./rights.js";
import { chip, groupWord, verbWords } from "./rights_words.js";
import "./shell.js";
import { count, say } from "./words.js";

const compare = new Intl.Collator(document.documentElement.lang, { numeric: true }).compare;
const byName = (a, b) => compare(a.name, b.name);
const matrix = $("#matrix");
const cellDialog = $("#cell");
const groupDialog = $("#group");
const STEPS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
let people = [];
let groups = [];
let open = null;
let group = null;

async function load() {
  const [users, found] = await Promise.all([list("/users"), list("/groups")]);
  people = users.filter((user) => user.role === "USER").sort(byName);
  groups = found.sort(byName);
  draw();
  show($("#loading"), false);
  show($("#filled"), true);
  show($("#nobody"), people.length === 0);
}

const refresh = () => load().catch(showFailure);

function draw() {
  const columns = [EVERYWHERE, ...groups.map((one) => one.name)];
  const heads = [everywhereHead(), ...groups.map(groupHead)];
  $("thead tr", matrix).replaceChildren($(".matrix__corner", matrix), ...heads);
  $("tbody", matrix).replaceChildren(...people.map((person) => personRow(person, columns)));
}

function everywhereHead() {
  return el("th", { scope: "col", class: "matrix__all" }, groupWord(EVERYWHERE));
}

function groupHead(one) {
  const label = say("groups.change", { name: one.name });
  const attributes = { type: "button", class: "matrix__group", "aria-label": label };
  const button = el("button", attributes, one.name, icon("pencil"));
  button.addEventListener("click", () => openGroup(one).catch(showFailure));
  return el("th", { scope: "col" }, button, el("span", { class: "under" }, count("groups.cameras", one.cameras)));
}

function personRow(person, columns) {
  const off = person.status === "disabled" ? clone("off") : null;
  const head = el("th", { scope: "row", class: "matrix__person" }, person.name, off);
  return el("tr", {}, head, ...columns.map((name) => el("td", {}, cell(person, name))));
}

/** A button that shows the verbs as letters and says them in words. */
function cell(person, name) {
  const held = verbsOn(person.groups, name);
  const through = name === EVERYWHERE ? [] : verbsOn(person.groups, EVERYWHERE).filter((verb) => !held.includes(verb));
  const besides = through.length ? `; ${say("groups.cell.through", { verbs: verbWords(through) })}` : "";
  const verbs = verbWords(held) + besides;
  const label = say("groups.cell", { name: person.name, group: groupWord(name), verbs });
  const chips = inOrder([...held, ...through]).map((verb) => chip(verb, through.includes(verb)));
  const letters = el("span", { class: "matrix__letters", "aria-hidden": "true" }, ...(chips.length ? chips : ["–"]));
  const spoken = el("span", { class: "hidden" }, label);
  const button = el("button", { type: "button", class: "matrix__cell" }, spoken, letters);
  Object.assign(button.dataset, { person: person.id, group: name });
  button.addEventListener("click", () => openCell(person, name).catch(showFailure));
  return button;
}

async function openCell(person, name) {
  const { value, version } = await versioned(`/users/${person.id}`);
  open = { name, person: value, version };
  const form = $("form", cellDialog);
  unmarkAll(form);
  tick();
  const title = say("groups.cell.title", { name: value.name, group: groupWord(name) });
  const everywhere = name === EVERYWHERE ? [] : verbsOn(value.groups, EVERYWHERE);
  const inherited = everywhere.length ? say("groups.cell.inherited", { verbs: verbWords(everywhere) }) : "";
  openDialog(cellDialog, { title, inherited });
}

function tick() {
  const held = verbsOn(open.person.groups, open.name);
  for (const box of $$("[name=verb]", cellDialog)) box.checked = held.includes(box.value);
}

async function saveCell() {
  const { name, person, version } = open;
  const verbs = $$("[name=verb]:checked", cellDialog).map((box) => box.value);
  const others = person.groups.filter((one) => one.group !== name);
  const body = { groups: verbs.length ? [...others, { group: name, verbs }] : others };
  await api(`/users/${person.id}`, { method: "PATCH", body, headers: ifMatch(version) });
  cellDialog.close();
  done(say("groups.saved", { name: person.name }));
  await load();
  $$(".matrix__cell", matrix)
    .find(({ dataset }) => dataset.person === person.id && dataset.group === name)
    ?.focus();
}

onSubmit($("form", cellDialog), async () => {
  try {
    await saveCell();
  } catch (error) {
    if (error.status !== 412) throw error;
    const { value, version } = await versioned(`/users/${open.person.id}`);
    open = { ...open, person: value, version };
    tick();
    refresh();
    explain($("form", cellDialog), error);
  }
});

async function openGroup(one) {
  group = one && (await versioned(`/groups/${one.id}`));
  const form = $("form", groupDialog);
  form.reset();
  unmarkAll(form);
  const known = group?.value;
  form.elements.name.value = known?.name ?? "";
  show($("#remove"), Boolean(known));
  openDialog(groupDialog, {
    title: known ? say("groups.edit", { name: known.name }) : say("groups.new"),
    cameras: known ? count("groups.cameras", known.cameras) : "",
  });
}

onSubmit(
  $("form", groupDialog),
  async (fields) => {
    const body = { name: fields.name.value.trim() };
    const changing = { method: "PATCH", body, headers: ifMatch(group?.version) };
    if (group) await api(`/groups/${group.value.id}`, changing);
    else await api("/groups", { method: "POST", body });
    groupDialog.close();
    done(say(group ? "groups.renamed" : "groups.added", body));
    refresh();
  },
  { 409: "groups.taken" },
);

async function removeGroup() {
  const { id, name } = group.value;
  if (!(await ask($("#sure"), { name }))) return;
  try {
    await api(`/groups/${id}`, { method: "DELETE" });
    groupDialog.close();
    done(say("groups.removed", { name }));
    refresh();
  } catch (error) {
    explain($("form", groupDialog), error, { 409: "groups.not_empty" });
  }
}

/** From cell to cell, as in every table on a screen. */
function move(event) {
  const step = STEPS[event.key];
  const at = event.target.closest("td");
  if (!step || !at) return;
  const row = at.parentElement;
  const next = $("tbody", matrix).rows[row.sectionRowIndex + step[0]]?.cells[at.cellIndex + step[1]];
  ($(".matrix__cell", next ?? at) ?? event.target).focus();
  event.preventDefault();
}

matrix.addEventListener("keydown", move);
$("#remove").addEventListener("click", removeGroup);
$("#add").addEventListener("click", () => openGroup(null));
refresh();
