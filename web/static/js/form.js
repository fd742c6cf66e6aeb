// Forms: what is wrong is said at its field, in words, and the first wrong field has the focus.

import { $, $$, fill, show, write } from "./dom.js";
import { problemWords } from "./problems.js";
import { knows, say } from "./words.js";

const FIELDS = "input, select, textarea";

/** Says `words` at the field called `name`; false when the form shows none. */
export function mark(form, name, words) {
  const field = fieldOf(form, name);
  if (!field || field.closest("[hidden]")) return false;
  field.dataset.wrong = "";
  const error = $(".field__error", field);
  write(error, words);
  const input = $(FIELDS, field);
  input.setAttribute("aria-invalid", "true");
  const texts = [$(".field__help", field), error].filter(Boolean);
  input.setAttribute("aria-describedby", texts.map((text) => text.id).join(" "));
  return true;
}

function unmark(field) {
  delete field.dataset.wrong;
  $(FIELDS, field).removeAttribute("aria-invalid");
}

export function unmarkAll(form) {
  $$("[data-wrong]", form).forEach(unmark);
  show($(".failure", form), false);
}

/** The browser's own checks, in our words, of what can be seen; false when something is wrong. */
export function check(form) {
  unmarkAll(form);
  for (const input of $$(FIELDS, form)) {
    if (input.closest("[hidden]") || input.validity.valid) continue;
    mark(form, input.name, input.validity.valueMissing ? say("form.wrong.required") : wrongWords(form, input.name));
  }
  return focusFirstWrong(form);
}

export function focusFirstWrong(form) {
  const wrong = $("[data-wrong] :is(input, select, textarea)", form);
  wrong?.focus();
  return !wrong;
}

const fieldOf = (form, name) => $(`[data-field="${CSS.escape(name)}"]`, form);

/** What is wrong with a field as its page says it; `detail` is added where that says little. */
function wrongWords(form, name, detail = "") {
  const own = fieldOf(form, name)?.dataset.words;
  if (own) return say(own);
  const words = say(knows(`form.wrong.${name}`) ? `form.wrong.${name}` : "form.wrong.other");
  return detail ? `${words} (${detail})` : words;
}

/** Shows what the API refused: at its fields as far as they are here, above the buttons what remains. */
export function explain(form, error, own = {}) {
  const homeless = (error.errors ?? []).filter(({ pointer, detail }) => !markPointer(form, pointer, detail));
  const details = homeless.map(({ pointer, detail }) => `${pointer} ${detail}`.trim());
  const words = error.errors?.length && !own[error.status] ? say("form.refused") : problemWords(error, own);
  fail(form, [words, ...details].join(" "));
  if (focusFirstWrong(form)) $(".failure", form).scrollIntoView({ block: "center" });
}

/** The words of a failure that belongs to the whole form. */
export function fail(form, words) {
  fill($(".failure", form), { failure: words });
  show($(".failure", form), true);
}

function markPointer(form, pointer, detail) {
  const name = pointer.split("/").at(-1);
  return mark(form, name, wrongWords(form, name, detail));
}

export function setBusy(form, busy) {
  for (const button of $$("button", form)) button.disabled = busy;
  form.setAttribute("aria-busy", String(busy));
}

/** Calls `save` with fields and button when a form is sent whole; says what went wrong with it. Never twice at once. */
export function onSubmit(form, save, own = {}) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (form.getAttribute("aria-busy") === "true" || !check(form)) return;
    setBusy(form, true);
    try {
      await save(form.elements, event.submitter);
    } catch (error) {
      explain(form, error, own);
    } finally {
      setBusy(form, false);
    }
  });
  form.addEventListener("input", (event) => {
    const field = event.target.closest("[data-wrong]");
    if (field) unmark(field);
  });
}
