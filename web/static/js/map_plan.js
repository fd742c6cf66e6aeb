// The plan of the place: a picture laid under the cameras, put where it belongs by its corners.

import "./map_base.js";

import { api, answer, ifMatch, versioned } from "./api.js";
import { ask, openDialog } from "./ask.js";
import { $, $$, el, show } from "./dom.js";
import { done } from "./done.js";
import { mark, onSubmit, unmarkAll } from "./form.js";
import { boundsOf } from "./map_base.js";
import { showFailure } from "./problems.js";
import { say } from "./words.js";

const { L } = window;
const MOST_BYTES = 10 * 1024 * 1024;
const KINDS = ["image/png", "image/jpeg", "image/webp"];
const DIGITS = 6;
const SHARE = 0.7;
const LONG_MS = 120_000;
const EDGES = ["south", "west", "north", "east"];
const CORNERS = [
  ["south", "west"],
  ["south", "east"],
  ["north", "west"],
  ["north", "east"],
];
const dialog = $("#plan");

/** For those who may lay a plan; `base` is the map it is laid on. */
export class PlanDesk {
  #base;
  #plan = null;
  #version = null;
  #picture = null;
  #handles = [];

  constructor(base) {
    this.#base = base;
    if (!dialog) return;
    const form = $("form", dialog);
    $("#open-plan").addEventListener("click", () => this.#open().catch(showFailure));
    form.elements.image.addEventListener("change", () => this.#chosen().catch(() => this.#refuse()));
    onSubmit(form, () => this.#save(form), { 412: "map.plan.changed", 422: "map.plan.wrong" });
    $("#drop-plan").addEventListener("click", () => this.#drop());
    $("#adjust-plan").addEventListener("click", () => this.#adjust());
    $("#keep-corners").addEventListener("click", () => this.#keepCorners().catch(showFailure));
    $("#leave-corners").addEventListener("click", () => this.#leave(true));
  }

  async #open() {
    await this.#askPlan();
    const form = $("form", dialog);
    form.reset();
    unmarkAll(form);
    this.#picture = null;
    form.elements.name.value = this.#plan?.name ?? "";
    this.#fill(this.#plan ?? this.#around(16 / 9));
    form.elements.image.required = !this.#plan;
    for (const part of $$("[data-with-plan]", dialog)) show(part, Boolean(this.#plan));
    openDialog(dialog);
  }

  async #askPlan() {
    const found = await versioned("/map/plan").catch((error) => {
      if (error.status === 404) return { value: null, version: null };
      throw error;
    });
    [this.#plan, this.#version] = [found.value, found.version];
  }

  #fill(edges) {
    for (const edge of EDGES) $("form", dialog).elements[edge].value = Number(edges[edge]).toFixed(DIGITS);
  }

  /** In the middle of what the map shows, in the proportions of the picture. */
  #around(shape) {
    const map = this.#base.leaflet;
    const size = map.getSize();
    const width = Math.min(size.x * SHARE, size.y * SHARE * shape);
    const half = L.point(width / 2, width / shape / 2);
    const middle = size.divideBy(2);
    const [nw, se] = [middle.subtract(half), middle.add(half)].map((at) => map.containerPointToLatLng(at));
    return { south: se.lat, west: nw.lng, north: nw.lat, east: se.lng };
  }

  async #chosen() {
    const file = $("form", dialog).elements.image.files[0];
    this.#picture = null;
    if (!file) return;
    if (file.size > MOST_BYTES || !KINDS.includes(file.type)) return this.#refuse();
    const picture = await createImageBitmap(file);
    this.#picture = { file, shape: picture.width / picture.height };
    picture.close();
    unmarkAll($("form", dialog));
    if (!this.#plan) this.#fill(this.#around(this.#picture.shape));
  }

  #refuse() {
    this.#picture = null;
    mark($("form", dialog), "image", say("map.plan.no_picture"));
  }

  async #save(form) {
    if (form.elements.image.files.length && !this.#picture) return this.#refuse();
    const said = { name: form.elements.name.value.trim() };
    for (const edge of EDGES) said[edge] = form.elements[edge].value;
    const plan = this.#picture ? await this.#send(said) : await this.#patch(numbers(said));
    await this.#base.layPlan(plan);
    dialog.close();
    this.#base.fit([], plan);
    done(say("map.plan.laid"));
  }

  /** The picture itself is the body; its place stands in the query. */
  async #send(said) {
    const { file } = this.#picture;
    const headers = { ...ifMatch(this.#version), "Content-Type": file.type };
    const path = `/map/plan?${new URLSearchParams(said)}`;
    const response = await answer(path, { method: "PUT", raw: file, headers, timeout: LONG_MS });
    return response.json();
  }

  #patch(body) {
    return api("/map/plan", { method: "PATCH", body, headers: ifMatch(this.#version) });
  }

  async #drop() {
    dialog.close();
    if (!(await ask($("#sure-plan")))) return;
    try {
      await api("/map/plan", { method: "DELETE", headers: ifMatch(this.#version) });
      await this.#base.layPlan(null);
      done(say("map.plan.gone"));
    } catch (error) {
      showFailure(error);
    }
  }

  /** Each corner by itself; the plan follows. */
  #adjust() {
    dialog.close();
    this.#leave();
    const bounds = boundsOf(this.#plan);
    this.#base.fit([], this.#plan);
    this.#handles = CORNERS.map(([ns, we]) => {
      const at = [ns === "south" ? bounds.getSouth() : bounds.getNorth(), we === "west" ? bounds.getWest() : bounds.getEast()];
      const icon = L.divIcon({ className: "corner", html: el("span", {}), iconSize: [28, 28] });
      const handle = L.marker(at, { icon, draggable: true, keyboard: false }).addTo(this.#base.leaflet);
      handle.on("drag", () => this.#follow(handle, ns, we));
      return { handle, ns, we };
    });
    show($("#corners"), true);
    $("#keep-corners").focus();
  }

  /** The two neighbours of a corner come along; it never passes the opposite one. */
  #follow(moved, ns, we) {
    const { lat, lng } = moved.getLatLng();
    for (const one of this.#handles) {
      const at = one.handle.getLatLng();
      if (one.handle === moved) continue;
      one.handle.setLatLng([one.ns === ns ? lat : at.lat, one.we === we ? lng : at.lng]);
    }
    this.#base.planBounds = boundsOf(this.#corners());
  }

  #corners() {
    const at = this.#handles.map(({ handle }) => handle.getLatLng());
    const [lats, lons] = [at.map(({ lat }) => lat), at.map(({ lng }) => lng)];
    return { south: Math.min(...lats), west: Math.min(...lons), north: Math.max(...lats), east: Math.max(...lons) };
  }

  async #keepCorners() {
    const edges = Object.fromEntries(Object.entries(this.#corners()).map(([edge, at]) => [edge, at.toFixed(DIGITS)]));
    const plan = await this.#patch(numbers(edges));
    this.#leave();
    await this.#base.layPlan(plan);
    done(say("map.plan.laid"));
  }

  /** `back` lays the plan where it was. */
  #leave(back = false) {
    for (const { handle } of this.#handles) handle.remove();
    this.#handles = [];
    show($("#corners"), false);
    if (!back) return;
    this.#base.planBounds = boundsOf(this.#plan);
    $("#open-plan").focus();
  }
}

const numbers = (said) =>
  Object.fromEntries(Object.entries(said).map(([name, value]) => [name, name === "name" ? value : Number(value)]));

