// Putting a camera in its place: dragged, pushed with the arrow keys, or typed.

import "./map_base.js";

import { api, ifMatch, versioned } from "./api.js";
import { $, fill, show } from "./dom.js";
import { check, mark, onSubmit, unmarkAll } from "./form.js";
import { announce } from "./shell.js";
import { say } from "./words.js";

const { L } = window;
const DIGITS = 6;
const STEP_PX = 2;
const LONG_STEP_PX = 30;
const ARROWS = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] };
const form = $("#placing");

/** Says `saved` (camera, place, what was before) or `left`. One camera at a time. */
export class Placer extends EventTarget {
  #map;
  #camera = null;
  #version = null;
  #marker = null;
  #own = false;

  constructor(leaflet) {
    super();
    this.#map = leaflet;
    if (!form) return;
    onSubmit(form, () => this.#save(this.#place()));
    $("#cancel-placing").addEventListener("click", () => this.leave());
    $("#unplace").addEventListener("click", () => this.#save(null).catch(() => {}));
    form.addEventListener("input", () => this.#typed());
    document.addEventListener("keydown", (event) => this.#key(event), { capture: true });
  }

  get busy() {
    return this.#camera !== null;
  }

  get id() {
    return this.#camera?.id ?? null;
  }

  /** `marker` is the camera's own, or null for one that has no place yet: it begins in the middle. */
  async begin(camera, marker, face) {
    this.leave();
    const { value, version } = await versioned(`/cameras/${camera.id}`);
    [this.#camera, this.#version] = [value, version];
    this.#own = !marker;
    this.#marker = marker ?? L.marker(this.#map.getCenter(), { icon: iconOf(face), keyboard: false }).addTo(this.#map);
    this.#marker.setZIndexOffset(9000);
    this.#marker.dragging.enable();
    this.#marker.on("drag", this.#moved);
    this.#map.keyboard.disable();
    this.#map.getContainer().dataset.placing = "yes";
    this.#face.dataset.placing = "yes";
    unmarkAll(form);
    fill(form, { name: value.name });
    show($("#unplace"), Boolean(value.location));
    show(form, true);
    this.#moved();
    this.#face.tabIndex = 0;
    this.#face.focus({ preventScroll: true });
    announce(say("map.placing", { name: value.name }));
  }

  get #face() {
    return this.#marker.face ?? this.#marker.getElement().firstElementChild;
  }

  #moved = () => {
    const { lat, lng } = this.#marker.getLatLng().wrap();
    form.elements.lat.value = lat.toFixed(DIGITS);
    form.elements.lon.value = lng.toFixed(DIGITS);
  };

  #typed() {
    const { lat, lon } = this.#place();
    if (!form.checkValidity() || Number.isNaN(lat + lon)) return;
    this.#marker.setLatLng([lat, lon]);
    if (!this.#map.getBounds().contains([lat, lon])) this.#map.panTo([lat, lon]);
  }

  #place() {
    return { lat: Number.parseFloat(form.elements.lat.value), lon: Number.parseFloat(form.elements.lon.value) };
  }

  #key(event) {
    if (!this.busy || event.target.closest("dialog, header, aside")) return;
    if (event.key === "Escape") {
      event.stopPropagation();
      return this.leave();
    }
    if (event.target.closest("input, button:not(.pin__button)")) return;
    if (event.key === "Enter") {
      event.preventDefault();
      return form.requestSubmit();
    }
    const arrow = ARROWS[event.key];
    if (arrow) this.#push(event, arrow);
  }

  #push(event, [dx, dy]) {
    event.preventDefault();
    event.stopPropagation();
    const far = event.shiftKey ? LONG_STEP_PX : STEP_PX;
    const at = this.#map.latLngToContainerPoint(this.#marker.getLatLng()).add([dx * far, dy * far]);
    const place = this.#map.containerPointToLatLng(at);
    this.#marker.setLatLng(place);
    if (!this.#map.getBounds().pad(-0.05).contains(place)) this.#map.panTo(place);
    this.#moved();
  }

  async #save(place) {
    if (place && !check(form)) return;
    const [camera, before] = [this.#camera, this.#camera.location];
    try {
      await put(camera, place, this.#version);
    } catch (error) {
      if (error.status !== 412) return mark(form, "lat", error.message);
      this.#version = (await versioned(`/cameras/${camera.id}`)).version;
      throw error;
    }
    this.leave();
    this.dispatchEvent(new CustomEvent("saved", { detail: { camera, place, before } }));
  }

  /** Nothing is changed. */
  leave() {
    if (!this.busy) return;
    const [camera, marker] = [this.#camera, this.#marker];
    this.#face.tabIndex = -1;
    delete this.#face.dataset.placing;
    delete this.#map.getContainer().dataset.placing;
    marker.off("drag", this.#moved);
    marker.dragging.disable();
    if (this.#own) marker.remove();
    this.#map.keyboard.enable();
    [this.#camera, this.#marker] = [null, null];
    show(form, false);
    this.dispatchEvent(new CustomEvent("left", { detail: camera.id }));
  }
}

const iconOf = (face) => L.divIcon({ className: "pin", html: face, iconSize: [40, 40], iconAnchor: [20, 20] });

/** `place` null takes the camera off the map. */
export async function put(camera, place, version = null) {
  const headers = ifMatch(version);
  await api(`/cameras/${camera.id}`, { method: "PATCH", body: { location: place }, headers });
}
