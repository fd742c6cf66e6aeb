// The people of a city, and for a superadmin of all of them: found, added, changed, put out, removed.

import { api, list } from "./api.js";
import { ask, openDialog } from "./ask.js";
import { ago, moment } from "./clock.js";
import { copyOnClick } from "./copy.js";
import { $, $$, clone, el, fill, redraw, show, write } from "./dom.js";
import { done } from "./done.js";
import { onSubmit, unmarkAll } from "./form.js";
import { makeUpPassword } from "./password.js";
import { showFailure } from "./problems.js";
import { rightsWords, roleWord } from "./rights_words.js";
import { fold } from "./search.js";
import "./shell.js";
import { showState } from "./states.js";
import { dressUserForm, openUserForm } from "./user_form.js";
import { count, say } from "./words.js";

const REFUSALS = { 409: "users.last" };
const collator = new Intl.Collator(document.documentElement.lang, { numeric: true });
const overAll = document.body.dataset.role === "SUPERADMIN";
let me = null;
let cities = new Map();
let users = [];
let chosen = null;

// Without a city a superadmin sees everybody; the others' city is assumed.
const ALL = { cityId: "" };
const pathOf = (user) => `/users/${user.id}`;

async function load() {
  const [person, owned, people] = await Promise.all([api("/auth/me"), list("/cities"), list("/users", ALL)]);
  me = person;
  cities = new Map(owned.map((city) => [city.id, city]));
  users = people.sort((a, b) => collator.compare(a.name, b.name));
  redraw($("#users tbody"), users.map(rowOf));
  show($("#loading"), false);
  show($("#filled"), true);
  offerCities();
  search();
}

const refresh = () => load().catch(showFailure);
const cityName = (user) => (user.city_id ? (cities.get(user.city_id)?.name ?? "–") : say("people.all_cities"));

function rowOf(user) {
  const row = clone("user-row");
  const seen = Date.parse(user.last_login_at);
  const facts = { name: user.name, role: roleWord(user.role), city: cityName(user) };
  fill(row, { ...facts, seen: Number.isNaN(seen) ? say("people.never") : ago(seen) });
  if (!Number.isNaN(seen)) $("[data-slot=seen]", row).title = moment(seen);
  $("[data-slot=rights]", row).replaceChildren(...rightsWords(user).map((words) => el("li", {}, words)));
  show($("[data-slot=me]", row), user.id === me.id);
  show($("[data-slot=disabled]", row), user.status === "disabled");
  show($("[data-slot=must-change]", row), user.must_change_password);
  showFactor($("[data-slot=totp]", row), user.totp);
  dressActions(row, user);
  row.dataset.text = fold([...Object.values(facts), ...user.groups.map(({ group }) => group)].join(" "));
  row.dataset.id = user.id;
  row.dataset.city = user.city_id ?? "";
  row.dataset.status = user.status;
  return row;
}

function showFactor(badge, on) {
  if (on) showState(badge, "ok", say("users.totp.on"), "shield-check");
  else showState(badge, "disabled", say("users.totp.off"), "shield");
}

function dressActions(row, user) {
  const [edit, more] = ["edit", "more"].map((name) => $(`[data-slot=${name}]`, row));
  edit.setAttribute("aria-label", say("users.edit", { name: user.name }));
  edit.addEventListener("click", () => openUserForm(user, cities).catch(showFailure));
  more.setAttribute("aria-label", say("users.more", { name: user.name }));
  more.addEventListener("click", () => openActions(user));
  // Of one's own account only the name is changed here.
  show(more, user.id !== me.id);
}

function offerCities() {
  const select = $("#of-city");
  if (!select || select.options.length > 1) return;
  for (const city of cities.values()) select.add(new Option(city.name, city.id));
  show(select.closest("label"), cities.size > 1);
}

function search() {
  const wanted = fold($("#search").value.trim());
  const city = $("#of-city")?.value ?? "";
  let found = 0;
  for (const row of $$("#users tbody tr")) {
    const matches = row.dataset.text.includes(wanted) && (!city || row.dataset.city === city);
    show(row, matches);
    found += matches;
  }
  write($("#found"), count("users.found", found));
}

function openActions(user) {
  chosen = user;
  const dialog = $("#actions");
  show($("[data-act=unfactor]", dialog), user.totp);
  show($("[data-act=disable]", dialog), user.status === "active");
  show($("[data-act=enable]", dialog), user.status === "disabled");
  openDialog(dialog, { name: user.name });
}

const change = (body) => api(pathOf(chosen), { method: "PATCH", body, ...ALL });
const acts = {
  reset: openReset,
  unfactor: () => confirmed("unfactor", () => change({ totp: false })),
  disable: () => confirmed("disable", () => change({ status: "disabled" })),
  enable: () => perform("enable", () => change({ status: "active" })),
  remove: () => confirmed("remove", () => api(pathOf(chosen), { method: "DELETE", ...ALL })),
};

async function confirmed(name, act) {
  const words = (part) => say(`users.${name}.${part}`, { name: chosen.name });
  const sure = await ask($("#sure"), { question: words("question"), meaning: words("meaning"), yes: words("yes") });
  if (sure) await perform(name, act);
}

async function perform(name, act) {
  try {
    await act();
    done(say(`users.${name}.done`, { name: chosen.name }));
  } catch (error) {
    showFailure(error, REFUSALS);
  }
  refresh();
}

function openReset() {
  const form = $("#reset form");
  form.reset();
  unmarkAll(form);
  form.elements.password.value = makeUpPassword();
  openDialog($("#reset"), { name: chosen.name });
}

/** What must be told to somebody, while it is known. */
function tell(name, password) {
  write($("#told-text"), password);
  openDialog($("#told"), { name });
}

onSubmit($("#reset form"), async (fields) => {
  const password = fields.password.value;
  await change({ password, must_change_password: fields.must_change_password.checked });
  $("#reset").close();
  done(say("users.reset.done", { name: chosen.name }));
  tell(chosen.name, password);
  refresh();
});
dressUserForm(({ user, added, password }) => {
  done(say(added ? "users.added" : "users.saved", { name: user.name }));
  if (added) tell(user.name, password);
  refresh();
}, refresh);
for (const button of $$("[data-act]")) {
  button.addEventListener("click", () => {
    $("#actions").close();
    acts[button.dataset.act]();
  });
}
for (const button of $$("[data-make]")) {
  button.addEventListener("click", () => ($("input", button.parentElement).value = makeUpPassword()));
}
copyOnClick($("#copy-told"), $("#told-text"));
$("#told").addEventListener("close", () => write($("#told-text"), ""));
$("#add").addEventListener("click", () => openUserForm(null, cities).catch(showFailure));
$("#search").addEventListener("input", search);
if (overAll) $("#of-city").addEventListener("change", search);
refresh();
