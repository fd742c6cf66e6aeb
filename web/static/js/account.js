// My account: who I am here, my password, my second factor, my sessions and my tokens.

import { api, list } from "./api.js";
import { ago, moment } from "./clock.js";
import { $, clone, el, fill, redraw, show } from "./dom.js";
import { onSubmit } from "./form.js";
import { agreeOnPassword } from "./password.js";
import { showFailure } from "./problems.js";
import { rightsWords, roleWord } from "./rights_words.js";
import "./shell.js";
import { startSecondFactor } from "./second_factor.js";
import { done } from "./done.js";
import { startPush } from "./own_push.js";
import { startTokens } from "./own_tokens.js";
import { say } from "./words.js";

let me = null;

async function load() {
  me = await api("/auth/me");
  const cities = me.city_id ? await list("/cities") : [];
  fill($("#me"), {
    role: roleWord(me.role),
    city: cities.find((city) => city.id === me.city_id)?.name ?? say("people.all_cities"),
    ends: me.session_expires_at
      ? say("account.session.ends", { when: moment(Date.parse(me.session_expires_at)) })
      : "–",
  });
  $("#my-rights").replaceChildren(...rightsWords(me).map((words) => el("li", {}, words)));
}

async function showSessions() {
  const sessions = await list("/auth/sessions");
  redraw($("#sessions"), sessions.map(sessionItem));
  const others = sessions.filter((session) => !session.current);
  show($("#end-others"), others.length > 1);
  $("#end-others").onclick = () => end(others);
}

function sessionItem(session) {
  const item = clone("session-item");
  item.dataset.id = session.id;
  const address = session.address || say("account.session.console");
  const times = { start: moment(Date.parse(session.created_at)), ago: ago(Date.parse(session.seen_at)) };
  fill(item, { address, times: say("account.sessions.times", times) });
  show($("[data-slot=current]", item), session.current);
  const button = $("[data-slot=end]", item);
  show(button, !session.current);
  button.setAttribute("aria-label", say("account.sessions.end", { address }));
  button.addEventListener("click", () => end([session]));
  return item;
}

async function end(sessions) {
  try {
    for (const session of sessions) await api(`/auth/sessions/${session.id}`, { method: "DELETE" });
  } catch (error) {
    showFailure(error);
  }
  showSessions().catch(showFailure);
}

onSubmit($("#password"), async (fields) => {
  if (!agreeOnPassword($("#password"))) return;
  const [password, chosen] = [fields.password.value, fields.new_password.value];
  await api("/auth/password", { method: "POST", body: { password, new_password: chosen } });
  // That ended this session too; who has a second factor types its code at the login page.
  if (me.totp) return location.assign("/login?next=/account");
  await api("/auth/login", { method: "POST", body: { name: me.name, password: chosen } });
  $("#password").reset();
  done(say("account.password.changed"));
  showSessions().catch(showFailure);
});

load()
  .then(() => Promise.all([showSessions(), startTokens(me), startSecondFactor(me), startPush(me)]))
  .catch(showFailure);
