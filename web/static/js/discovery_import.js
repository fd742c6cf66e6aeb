// Many cameras from a file: checked without adding any, shown row by row, then added.

import { api } from "./api.js";
import { openDialog } from "./ask.js";
import { $, clone, fill, show, write } from "./dom.js";
import { fail, onSubmit, unmarkAll } from "./form.js";
import { camerasInOrder } from "./order.js";
import { problemWords } from "./problems.js";
import { showState } from "./states.js";
import { count, number, say } from "./words.js";

const IMPORT_MS = 90_000;
const dialog = $("#importing");
const form = $("form", dialog);
const OWN = { 400: "discovery.import.unreadable", 413: "discovery.import.too_large" };
const WRONG = {
  "Field required": "discovery.import.missing",
  "Extra inputs are not permitted": "discovery.import.no_column",
};
let checked = null;
let imported = () => {};

export function openImport(onImported) {
  imported = onImported;
  form.reset();
  forget();
  openDialog(dialog);
}

function forget() {
  checked = null;
  unmarkAll(form);
  show($("#importing-frame"), false);
  write($("#importing-count"), "");
  offer(say("discovery.check"), true);
}

function offer(words, possible) {
  fill(form, { "import-words": words });
  show($("#import-now"), possible);
}

async function send(file, dryRun) {
  const format = file.name.toLowerCase().endsWith(".toml") ? "toml" : "csv";
  const headers = { "Content-Type": "text/plain" };
  const path = `/cameras/import/file?format=${format}&dry_run=${dryRun}`;
  return api(path, { method: "POST", raw: file, headers, timeout: IMPORT_MS });
}

/** The first time the file is only checked; then what was fine in it is added. */
async function save(fields) {
  const file = fields.file.files[0];
  try {
    const dryRun = checked === null;
    const here = new Set(dryRun ? (await camerasInOrder()).map((camera) => camera.name) : []);
    const answer = await send(file, dryRun);
    showRows(answer, dryRun, here);
    if (!dryRun) imported();
  } catch (error) {
    fail(form, problemWords(error, OWN));
  }
}

/** `here` are the names of the cameras there are: a file that is sent twice would double them. */
function showRows({ items, refused }, dryRun, here) {
  const good = items.length - refused;
  checked = dryRun ? good : null;
  $("#import-rows tbody").replaceChildren(...items.map((item, index) => rowOf(item, index, dryRun, here)));
  show($("#importing-frame"), true);
  const counts = { good: number(good), bad: number(refused) };
  write($("#importing-count"), say(dryRun ? "discovery.import.checked" : "discovery.import.done", counts));
  offer(count("discovery.import", good), dryRun && good > 0);
  $("#importing-frame").focus();
}

/** What is wrong with one column of a row. */
function wrongWords({ pointer, detail }) {
  const column = pointer.slice(1);
  if (WRONG[detail]) return say(WRONG[detail], { column });
  return column ? `${column}: ${detail}` : detail;
}

function rowOf({ name, errors }, index, dryRun, here) {
  const row = clone("import-row");
  const why = (errors ?? []).map(wrongWords).join("; ");
  fill(row, { name: name ?? say("discovery.import.unnamed", { n: index + 1 }), why });
  const fine = say(dryRun ? "discovery.import.fine" : "discovery.import.added");
  const right = here.has(name) ? ["warn", say("discovery.import.again"), "triangle-alert"] : ["ok", fine, "circle-check"];
  const state = errors ? ["bad", say("discovery.import.refused"), "circle-x"] : right;
  showState($("[data-slot=state]", row), ...state);
  return row;
}

form.elements.file.addEventListener("change", forget);
onSubmit(form, save);
