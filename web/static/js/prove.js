// "Is it really you?": the password once more before what is most sensitive. Any request may lead here.

import { api, setProver } from "./api.js";
import { ask } from "./ask.js";
import { $, show } from "./dom.js";
import { onSubmit, unmarkAll } from "./form.js";

const dialog = $("#prove");
const form = $("form", dialog);
let asking = null;

/** True once the password was right. Requests that ask at the same time share one dialog. */
function prove() {
  asking ??= askPassword().finally(() => (asking = null));
  return asking;
}

async function askPassword() {
  const me = await api("/auth/me");
  form.reset();
  unmarkAll(form);
  show($("[data-field=code]", form), me.totp);
  return ask(dialog);
}

onSubmit(form, async (fields) => {
  const code = fields.code.value.trim();
  const body = { password: fields.password.value, ...(code && { code }) };
  await api("/auth/reauthenticate", { method: "POST", body });
  dialog.close("yes");
});
$("[data-close]", dialog).addEventListener("click", () => dialog.close("no"));
setProver(prove);
