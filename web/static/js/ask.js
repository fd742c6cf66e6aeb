// Dialogs: one that asks yes or no, and one that holds a form.

import { $, $$, fill } from "./dom.js";

/** Asks with a `<dialog>` around a `<form method="dialog">`; true for the button that says `yes`. */
export function ask(dialog, texts = {}) {
  fill(dialog, texts);
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

/**
 * Opens a dialog for somebody to read or fill in; what closes it is marked `data-close`. One that says
 * `closedby="none"` is not left by accident: what it shows is shown once.
 */
export function openDialog(dialog, texts = {}) {
  fill(dialog, texts);
  if (!dialog.dataset.dressed) {
    dialog.dataset.dressed = "yes";
    for (const button of $$("[data-close]", dialog)) button.addEventListener("click", () => dialog.close());
    // For browsers that do not know the attribute.
    dialog.addEventListener("cancel", (event) => dialog.matches("[closedby=none]") && event.preventDefault());
  }
  dialog.showModal();
  $("[data-first]", dialog)?.focus();
}
