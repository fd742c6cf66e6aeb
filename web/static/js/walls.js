// The screens on walls: made, with a link that is shown once, and revoked.

import { api, list } from "./api.js";
import { ask, openDialog } from "./ask.js";
import { ago, date, serverNow } from "./clock.js";
import { copyOnClick } from "./copy.js";
import { $, clone, fill, redraw, show, write } from "./dom.js";
import { done } from "./done.js";
import { onSubmit, unmarkAll } from "./form.js";
import { showFailure } from "./problems.js";
import { showState } from "./states.js";
import { say } from "./words.js";

/** The box notes once a minute that a wall was there. */
const ON_WITHIN_MS = 150_000;
const making = $("#wall-dialog");
const showing = $("#wall-link");

/** `shared` are the mosaics a wall may show. Nothing happens for who may not manage walls. */
export async function offerWalls(shared) {
  if (!making) return;
  const select = $("select", making);
  if (!making.open) select.replaceChildren(...shared.map(({ id, name }) => new Option(name, id)));
  await showWalls();
}

async function showWalls() {
  const walls = await list("/walls");
  redraw($("#walls tbody"), walls.map(row));
  show($("#walls"), walls.length > 0);
  show($("#no-walls"), walls.length === 0);
}

const refresh = () => showWalls().catch(showFailure);

function row(wall) {
  const element = clone("wall-row");
  element.dataset.id = wall.id;
  const made = say("walls.made", { when: date(Date.parse(wall.created_at)) });
  fill(element, { name: wall.name, mosaic: wall.mosaic.name, by: wall.made_by?.name ?? say("walls.box"), made });
  $("[data-slot=mosaic]", element).href = `/mosaic/${wall.mosaic.id}`;
  showSeen($("[data-slot=seen]", element), Date.parse(wall.last_seen_at));
  const button = $("[data-slot=revoke]", element);
  button.setAttribute("aria-label", say("walls.revoke", { name: wall.name }));
  button.addEventListener("click", () => revoke(wall));
  return element;
}

function showSeen(badge, at) {
  if (Number.isNaN(at)) return showState(badge, "disabled", say("walls.seen.never"), "clock");
  if (serverNow() - at < ON_WITHIN_MS) return showState(badge, "ok", say("walls.seen.now"), "circle-check");
  return showState(badge, "warn", ago(at), "unplug");
}

async function revoke(wall) {
  if (!(await ask($("#revoke-wall"), { name: wall.name }))) return;
  try {
    await api(`/walls/${wall.id}`, { method: "DELETE" });
    done(say("walls.revoked", { name: wall.name }));
  } catch (error) {
    showFailure(error);
  }
  refresh();
}

function openMaking() {
  const form = $("form", making);
  form.reset();
  unmarkAll(form);
  openDialog(making);
}

if (making) {
  $("#new-wall").addEventListener("click", openMaking);
  onSubmit($("form", making), async ({ name, mosaic_id: mosaic }) => {
    const made = await api("/walls", { method: "POST", body: { name: name.value.trim(), mosaic_id: mosaic.value } });
    making.close();
    write($("#wall-address"), location.origin + made.url);
    openDialog(showing, { name: made.name });
    refresh();
  });
  showing.addEventListener("close", () => write($("#wall-address"), ""));
  copyOnClick($("#copy-address"), $("#wall-address"));
}
