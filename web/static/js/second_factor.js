// The second factor: set up with an app on the phone, recovery codes shown once, turned off again.

import { api } from "./api.js";
import { openDialog } from "./ask.js";
import { copyOnClick, saveAs } from "./copy.js";
import { $, el, fill, show, write } from "./dom.js";
import { done } from "./done.js";
import { onSubmit, unmarkAll } from "./form.js";
import { showFailure } from "./problems.js";
import { showState } from "./states.js";
import { say } from "./words.js";

const setUp = $("#totp");
const turnOff = $("#totp-off");

export function startSecondFactor(me) {
  display(me.totp);
}

function display(on) {
  const card = $("#second");
  if (on) showState($(".badge", card), "ok", say("account.totp.on"), "shield-check");
  else showState($(".badge", card), "disabled", say("account.totp.off"), "shield");
  fill(card, { second: say(on ? "account.totp.on.help" : "account.totp.off.help") });
  show($("#totp-start"), !on);
  show($("#totp-stop"), on);
}

async function start() {
  try {
    const { secret, qr_svg: picture } = await api("/auth/totp", { method: "POST" });
    $("#qr").src = URL.createObjectURL(new Blob([picture], { type: "image/svg+xml" }));
    write($("#totp-secret"), secret.match(/.{1,4}/g).join(" "));
    reset($("form", setUp));
    openDialog(setUp);
  } catch (error) {
    showFailure(error);
  }
}

function reset(form) {
  form.reset();
  unmarkAll(form);
}

function showCodes(codes) {
  $("#codes").replaceChildren(...codes.map((code) => el("li", {}, el("code", {}, code))));
  $("#save-codes").onclick = () => saveAs("vmsd-recovery-codes.txt", `${codes.join("\n")}\n`);
  openDialog($("#recovery"));
}

onSubmit($("form", setUp), async (fields) => {
  const code = fields.code.value.replace(/\s/g, "");
  const { recovery_codes: codes } = await api("/auth/totp", { method: "PUT", body: { code } });
  setUp.close();
  display(true);
  showCodes(codes);
});
onSubmit($("form", turnOff), async (fields) => {
  const body = { password: fields.password.value, code: fields.code.value.trim() };
  await api("/auth/totp", { method: "DELETE", body });
  turnOff.close();
  display(false);
  done(say("account.totp.stopped"));
});
setUp.addEventListener("close", () => URL.revokeObjectURL($("#qr").src));
$("#totp-start").addEventListener("click", start);
$("#totp-stop").addEventListener("click", () => {
  reset($("form", turnOff));
  openDialog(turnOff);
});
copyOnClick($("#copy-codes"), $("#codes"));
$("#print-codes").addEventListener("click", () => print());
