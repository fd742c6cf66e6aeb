// The dialog in which a manager moves the thresholds of the health board.

import { api, ifMatch, versioned } from "./api.js";
import { openDialog } from "./ask.js";
import { $, $$, fill } from "./dom.js";
import { done } from "./done.js";
import { explain, focusFirstWrong, mark, onSubmit, unmarkAll } from "./form.js";
import { showFailure } from "./problems.js";
import { number, say } from "./words.js";

const LEVELS = ["amber", "red"];
const dialog = $("#limits");
const form = dialog && $("form", dialog);
let limits = null;
let version = null;

const shares = (set) => set.dataset.unit === "%";
const shown = (set, value) => (shares(set) ? Math.round(value * 1e4) / 100 : value);
const meant = (set, value) => (shares(set) ? Math.round(value * 100) / 1e4 : value);
const said = (set, value) => `${number(shown(set, value), shown(set, value) % 1 ? 1 : 0)}${unitOf(set)}`;
const unitOf = ({ dataset: { unit } }) => (unit === "%" ? "%" : unit && ` ${unit}`);
const inputOf = (set, level) => form.elements[`${set.dataset.figure}-${level}`];

async function open() {
  await ask();
  form.reset();
  unmarkAll(form);
  for (const set of $$("[data-figure]", form)) write(set, limits[set.dataset.figure]);
  openDialog(dialog);
}

async function ask() {
  ({ value: limits, version } = await versioned("/thresholds"));
}

function write(set, { usual, least, most, ...now }) {
  for (const level of LEVELS) {
    const input = inputOf(set, level);
    input.value = shown(set, now[level]);
    input.min = shown(set, least);
    input.max = shown(set, most);
  }
  const facts = { amber: said(set, usual.amber), red: said(set, usual.red) };
  const between = say("limits.between", { least: said(set, least), most: said(set, most) });
  fill(set, { usual: `${say("limits.usual", facts)} ${between}` });
}

/** False after what is wrong was said at its field. */
function inOrder() {
  for (const set of $$("[data-figure]", form)) {
    const [amber, red] = LEVELS.map((level) => Number(inputOf(set, level).value));
    const { usual } = limits[set.dataset.figure];
    const rises = usual.red > usual.amber;
    if (rises ? red > amber : red < amber) continue;
    mark(form, `${set.dataset.figure}-red`, say(rises ? "limits.wrong.rising" : "limits.wrong.falling"));
  }
  return focusFirstWrong(form);
}

async function save() {
  if (!inOrder()) return;
  const body = Object.fromEntries($$("[data-figure]", form).map((set) => [set.dataset.figure, read(set)]));
  await put(body, "limits.saved");
}

const read = (set) => Object.fromEntries(LEVELS.map((level) => [level, meant(set, Number(inputOf(set, level).value))]));

async function put(body, words) {
  try {
    await api("/thresholds", { method: "PUT", body, headers: ifMatch(version) });
  } catch (error) {
    if (error.status === 412) await ask();
    if (!error.errors?.length) throw error;
    for (const { pointer } of error.errors) mark(form, pointer.slice(1).replace("/", "-"), say("limits.wrong"));
    return focusFirstWrong(form);
  }
  dialog.close();
  done(say(words));
}

if (dialog) {
  $("#open-limits").addEventListener("click", () => open().catch(showFailure));
  $("#usual-limits").addEventListener("click", () => put({}, "limits.as_usual").catch((error) => explain(form, error)));
  onSubmit(form, save);
}
