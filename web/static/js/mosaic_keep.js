// Keeping what was changed in a mosaic: saved, saved as another one, discarded, deleted.

import { NoContact, Problem, api, ifMatch, versioned } from "./api.js";
import { ask, openDialog } from "./ask.js";
import { $ } from "./dom.js";
import { explain, mark, onSubmit, unmarkAll } from "./form.js";
import { Mosaic } from "./mosaic_model.js";
import { hideFailure, showFailure } from "./problems.js";
import { say } from "./words.js";

/** Events: `stored` with what the box holds now, `removed`. */
export class Keeping extends EventTarget {
  mosaic = null;
  #stored = null;
  #version = null;
  #copying = $("#save-as-dialog");

  constructor() {
    super();
    const own = { 409: "mosaic.problem.409" };
    onSubmit($("form", this.#copying), ({ name, shared }) => this.#saveAs(name.value, shared.value === "yes"), own);
    $("#save-as").addEventListener("click", () => this.#openCopy());
    $("#delete").addEventListener("click", () => this.#remove());
  }

  /** Reads one, or begins a new one without an id. Throws what the API answers. */
  async open(id) {
    if (!id) return this.#take({ layout: "2x2" }, null);
    const { value, version } = await versioned(`/mosaics/${id}`);
    this.#take(value, version);
  }

  /** What the box holds now is shown, unless somebody is at work on it. */
  async refresh() {
    if (!this.mosaic?.id || this.dirty) return;
    const { value, version } = await versioned(`/mosaics/${this.mosaic.id}`);
    if (value.id === this.mosaic.id && version !== this.#version && !this.dirty) this.#take(value, version);
  }

  /** Something was changed and not saved; a new one holds nothing until something was put into it. */
  get dirty() {
    return this.mosaic !== null && JSON.stringify(this.mosaic.body) !== JSON.stringify(this.#stored.body);
  }

  discard() {
    this.mosaic = this.#stored.copy();
    this.#tell("stored");
  }

  /** From the form of its details: name, number, for whom. */
  async save() {
    const body = this.mosaic.body;
    if (!this.mosaic.id) return this.#add(body);
    const before = this.#stored.body;
    const changed = Object.fromEntries(Object.entries(body).filter(([name, value]) => differs(value, before[name])));
    if (this.mosaic.expiresAt) changed.ephemeral = false;
    const options = { method: "PATCH", body: changed, headers: ifMatch(this.#version) };
    const path = `/mosaics/${this.mosaic.id}`;
    try {
      const { value, version } = await versioned(path, options);
      this.#take(value, version);
    } catch (error) {
      if (error.status === 412) this.#version = (await versioned(path)).version;
      throw error;
    }
  }

  async #add(body) {
    const { value, version } = await versioned("/mosaics", { method: "POST", body });
    this.#take(value, version);
  }

  #openCopy() {
    const form = $("form", this.#copying);
    unmarkAll(form);
    form.elements.name.value = this.mosaic.id ? say("mosaic.copy_of", { name: this.mosaic.name }) : this.mosaic.name;
    form.elements.shared.value = "no";
    openDialog(this.#copying);
    form.elements.name.select();
  }

  async #saveAs(name, shared) {
    const body = { ...this.mosaic.body, name: name.trim(), shared, number: null };
    await this.#add(body);
    this.#copying.close();
  }

  async #remove() {
    if (!(await ask($("#confirm-delete"), { name: this.mosaic.name }))) return;
    try {
      await api(`/mosaics/${this.mosaic.id}`, { method: "DELETE", headers: ifMatch(this.#version) });
      this.#stored = this.mosaic;
      this.#tell("removed");
    } catch (error) {
      showFailure(error);
    }
  }

  #take(answer, version) {
    this.#stored = new Mosaic(answer);
    this.#version = version;
    this.mosaic = this.#stored.copy();
    this.#tell("stored");
  }

  #tell(name) {
    hideFailure();
    this.dispatchEvent(new Event(name));
  }
}

/** What was refused is said in the form where that can be seen, and at its field. */
export function explainRefusal(form, error) {
  if (!(error instanceof Problem || error instanceof NoContact)) throw error;
  if (form.closest("[hidden]")) return showFailure(error);
  if (error.status === 409 && error.message.includes("number")) return mark(form, "number", say("mosaic.wrong.number"));
  explain(form, error);
}

const differs = (one, other) => JSON.stringify(one) !== JSON.stringify(other);
