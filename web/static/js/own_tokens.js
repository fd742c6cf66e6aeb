// My API tokens: made, given a new secret, revoked.

import { api, list } from "./api.js";
import { openDialog } from "./ask.js";
import { serverNow } from "./clock.js";
import { $, $$, clone, fill, redraw, show } from "./dom.js";
import { onSubmit, unmarkAll } from "./form.js";
import { showFailure } from "./problems.js";
import { endWords, revoke, rotatingWords, scopeWords, showSecret, usedWords } from "./tokens.js";
import { say } from "./words.js";

const DAY_MS = 86_400_000;
const making = $("#token");
const rotating = $("#rotate");
const statusBox = $("#scope-status");
const verbBoxes = $$("[name=scope]", making).filter((box) => box !== statusBox);
let me = null;
let chosen = null;

export async function startTokens(person) {
  me = person;
  for (const box of verbBoxes) show(box.closest("label"), me.verbs.includes(box.value));
  show($("#status-only"), me.role === "SUPERADMIN");
  await showTokens();
}

async function showTokens() {
  const mine = (await list("/tokens", { cityId: "" })).filter((token) => token.person.id === me.id);
  redraw($("#tokens"), mine.map(tokenItem));
  show($("#no-tokens"), mine.length === 0);
}

const refresh = () => showTokens().catch(showFailure);

function tokenItem(token) {
  const item = clone("token-item");
  item.dataset.id = token.id;
  const times = [endWords(token), usedWords(token), rotatingWords(token)].filter(Boolean).join(" · ");
  fill(item, { name: token.name, prefix: `${token.prefix}…`, scope: scopeWords(token.scope), times });
  const actions = { rotate: () => openRotation(token), revoke: () => revoke(token, refresh) };
  for (const [name, act] of Object.entries(actions)) {
    const button = $(`[data-slot=${name}]`, item);
    button.setAttribute("aria-label", say(`tokens.name.${name}`, { name: token.name }));
    button.addEventListener("click", act);
  }
  return item;
}

function openMaking() {
  const form = $("form", making);
  form.reset();
  standAlone();
  unmarkAll(form);
  openDialog(making);
}

/** What a central office reads is not ticked beside anything else. */
function standAlone() {
  for (const box of verbBoxes) {
    box.disabled = statusBox.checked;
    if (statusBox.checked) box.checked = false;
  }
}

function openRotation(token) {
  chosen = token;
  unmarkAll($("form", rotating));
  openDialog(rotating, { name: token.name });
}

onSubmit($("form", making), async (fields) => {
  const name = fields.name.value.trim();
  const scope = [...fields.scope].filter((box) => box.checked).map((box) => box.value);
  const expires = new Date(serverNow() + Number(fields.expires_at.value) * DAY_MS);
  const body = { name, scope, expires_at: expires.toISOString() };
  const made = await api("/tokens", { method: "POST", body });
  making.close();
  showSecret(say("account.tokens.new", { name }), made.token);
  refresh();
});
onSubmit($("form", rotating), async (fields) => {
  const body = { overlap_hours: Number(fields.overlap_hours.value) };
  const made = await api(`/tokens/${chosen.id}/rotate`, { method: "POST", body });
  rotating.close();
  showSecret(say("account.tokens.new", { name: chosen.name }), made.token);
  refresh();
});
statusBox.addEventListener("change", standAlone);
$("#new-token").addEventListener("click", openMaking);
