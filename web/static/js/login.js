// The login form: name and password, then the code of the second factor for whoever has one.

import { NoContact, api } from "./api.js";
import { duration } from "./clock.js";
import { $, show, write } from "./dom.js";
import { say } from "./words.js";

const form = $("#login");
const fields = form.elements;
const button = $("button[type=submit]", form);
const buttonWord = button.textContent;
let step = "password";

function takeStep(name) {
  step = name;
  show($("#step-password"), name === "password");
  show($("#step-code"), name === "code");
  show($("#other-person"), name === "code");
  fields.code.required = name === "code";
  fields.code.value = "";
  show($("#failure"), false);
  (name === "code" ? fields.code : fields.password).focus();
}

async function logIn() {
  const code = fields.code.value.replace(/\s/g, "");
  const body = { name: fields.name.value.trim(), password: fields.password.value, ...(code && { code }) };
  const me = await api("/auth/login", { method: "POST", body });
  const next = encodeURIComponent(form.dataset.next);
  location.replace(me.must_change_password ? `/account?first&next=${next}` : form.dataset.next);
}

function explain(error) {
  if (error.cause === "code_required" && step === "password") return takeStep("code");
  write($("[data-slot=failure]"), words(error));
  show($("#failure"), true);
  const field = step === "code" ? fields.code : fields.password;
  field.value = "";
  field.focus();
  if (error.status === 429) sitOut(error.retryAfter ?? 60);
}

function words(error) {
  if (error instanceof NoContact) return say("login.no_contact");
  if (error.status === 429) return say("login.too_often", { time: duration(error.retryAfter ?? 60) });
  if (error.status === 403) return say("login.suspended");
  if (error.cause === "code_wrong" || (error.status === 422 && step === "code")) return say("login.code_wrong");
  return [401, 422].includes(error.status) ? say("login.wrong") : error.message;
}

/** The button counts down: trying earlier would only be refused again. */
function sitOut(seconds) {
  const until = performance.now() + seconds * 1000;
  button.disabled = true;
  const timer = setInterval(tick, 250);
  function tick() {
    const left = Math.ceil((until - performance.now()) / 1000);
    write(button, left > 0 ? say("login.wait", { time: duration(left) }) : buttonWord);
    if (left > 0) return;
    clearInterval(timer);
    button.disabled = false;
    show($("#failure"), false);
  }
  tick();
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (button.disabled || !form.reportValidity()) return;
  button.disabled = true;
  form.setAttribute("aria-busy", "true");
  try {
    await logIn();
  } catch (error) {
    button.disabled = false;
    explain(error);
  }
  form.setAttribute("aria-busy", "false");
});
$("#other-person").addEventListener("click", () => {
  fields.password.value = "";
  takeStep("password");
});
