// The dialog of a carousel: its cameras in their order, and how long each is shown.

import { openDialog } from "./ask.js";
import { $, clone, fill, show } from "./dom.js";
import { mark, onSubmit, unmarkAll } from "./form.js";
import { carouselCell } from "./mosaic_model.js";
import { say } from "./words.js";

const dialog = $("#carousel-dialog");
const form = $("form", dialog);
let cameras = [];
let turns = [];
let decide = () => {};

export function offerTurns(all) {
  cameras = all;
}

/** The carousel as it was made to be, or null where nobody wanted to. */
export function askTurns(cell) {
  unmarkAll(form);
  turns = cell.cameras.filter((id) => nameOf(id));
  form.elements.seconds.value = cell.seconds;
  draw();
  openDialog(dialog);
  form.elements.cameras.focus();
  return new Promise((resolve) => (decide = resolve));
}

const nameOf = (id) => cameras.find((camera) => camera.id === id)?.name;

function draw() {
  $("#turns").replaceChildren(...turns.map(row));
  show($("#turns-none"), turns.length < 2);
  const free = cameras.filter((camera) => !turns.includes(camera.id));
  const options = free.map((camera) => new Option(camera.name, camera.id));
  form.elements.cameras.replaceChildren(new Option(say("mosaic.choose"), ""), ...options);
}

function row(id, index) {
  const element = clone("turn");
  element.dataset.id = id;
  fill(element, { name: nameOf(id) });
  const acts = { up: () => move(index, -1), down: () => move(index, 1), out: () => takeOut(index) };
  for (const [name, act] of Object.entries(acts)) {
    const button = $(`[data-slot=${name}]`, element);
    button.disabled = (name === "up" && index === 0) || (name === "down" && index === turns.length - 1);
    button.addEventListener("click", () => act());
  }
  return element;
}

function move(index, by) {
  const [id] = turns.splice(index, 1);
  turns.splice(index + by, 0, id);
  draw();
  const button = $(`[data-id="${id}"] [data-slot=${by < 0 ? "up" : "down"}]`);
  (button.disabled ? $("button:enabled", button.parentElement) : button).focus();
}

function takeOut(index) {
  turns.splice(index, 1);
  draw();
  form.elements.cameras.focus();
}

$("#add-turn").addEventListener("click", () => {
  const { cameras: select } = form.elements;
  if (select.value) turns.push(select.value);
  draw();
  select.focus();
});
onSubmit(form, ({ seconds }) => {
  if (turns.length < 2) {
    mark(form, "cameras", say("mosaic.wrong.turns"));
    return form.elements.cameras.focus();
  }
  decide(carouselCell(turns, Number(seconds.value)));
  dialog.close();
});
dialog.addEventListener("close", () => decide(null));
