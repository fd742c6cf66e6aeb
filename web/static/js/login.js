// The login form. Theme and language come with the page; nothing else is needed here.

import { NoContact, api } from "./api.js";
import { $, show, write } from "./dom.js";
import { say } from "./words.js";

const form = $("#login");
const failure = $("#failure");

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (!form.reportValidity()) return;
  setBusy(true);
  try {
    await api("/auth/login", {
      method: "POST",
      body: { name: form.elements.name.value.trim(), password: form.elements.password.value },
    });
    location.replace(form.dataset.next);
  } catch (error) {
    setBusy(false);
    explain(error);
  }
});

function explain(error) {
  write($("[data-slot=failure]"), words(error));
  show(failure, true);
  form.elements.password.value = "";
  form.elements.password.focus();
}

function words(error) {
  if (error instanceof NoContact) return say("login.no_contact");
  if (error.status === 401) return say("login.wrong");
  if (error.status === 429) return say("login.too_often", { n: error.retryAfter ?? 60 });
  return error.message;
}

function setBusy(busy) {
  $("button[type=submit]", form).disabled = busy;
  form.setAttribute("aria-busy", String(busy));
}
