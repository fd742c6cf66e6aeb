// Choosing a password of one's own, the only thing that is open before it is done.

import { api } from "./api.js";
import { $ } from "./dom.js";
import { onSubmit } from "./form.js";
import { agreeOnPassword } from "./password.js";

const form = $("#first");

onSubmit(form, async (fields) => {
  if (!agreeOnPassword(form)) return;
  const [password, chosen] = [fields.password.value, fields.new_password.value];
  await api("/auth/password", { method: "POST", body: { password, new_password: chosen } });
  // That ended this session too; who has a second factor types its code at the login page.
  const login = { name: form.dataset.name, password: chosen };
  const next = form.dataset.next;
  await api("/auth/login", { method: "POST", body: login }).then(
    () => location.replace(next),
    () => location.replace(`/login?next=${encodeURIComponent(next)}`),
  );
});
$("#log-out").addEventListener("click", async () => {
  await api("/auth/logout", { method: "POST" }).catch(() => {});
  location.assign("/login");
});
