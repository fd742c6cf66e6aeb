// The dialog in which a person is added or changed, with what they may do on which group of cameras.

import { api, ifMatch, list, versioned } from "./api.js";
import { openDialog } from "./ask.js";
import { $, $$, el, show } from "./dom.js";
import { explain, onSubmit, unmarkAll } from "./form.js";
import { makeUpPassword } from "./password.js";
import { EVERYWHERE, VERBS, verbsOn } from "./rights.js";
import { groupWord, verbWord } from "./rights_words.js";
import { say } from "./words.js";

const dialog = $("#user");
const form = $("form", dialog);
const fields = form.elements;
const USUAL = [{ group: EVERYWHERE, verbs: ["view", "replay"] }];
const ALL = { cityId: "" };
let saved = null;
let version = null;

/** Opens it for somebody, or empty for somebody new. */
export async function openUserForm(user, cities) {
  const found = user ? await versioned(`/users/${user.id}`, ALL) : { value: null, version: null };
  ({ value: saved, version } = found);
  form.reset();
  unmarkAll(form);
  offerCities(cities);
  for (const part of $$("[data-only~=new]", form)) show(part, !saved);
  fields.name.value = saved?.name ?? "";
  fields.password.value = saved ? "" : makeUpPassword();
  fields.role.value = saved?.role ?? "USER";
  fields.role.disabled = saved?.id === (await api("/auth/me")).id;
  if (saved?.city_id && fields.city_id) fields.city_id.value = saved.city_id;
  await drawRights();
  adapt();
  openDialog(dialog, { title: saved ? say("users.edit", { name: saved.name }) : say("users.new") });
}

function offerCities(cities) {
  fields.city_id?.replaceChildren(...[...cities.values()].map((city) => new Option(city.name, city.id)));
  if (fields.city_id && document.body.dataset.cityId) fields.city_id.value = document.body.dataset.cityId;
}

/** A row for every camera and one for each group of the person's city. */
async function drawRights() {
  const cityId = fields.city_id?.value || document.body.dataset.cityId;
  const groups = (await list("/groups", { cityId })).map((group) => group.name);
  groups.sort(new Intl.Collator(document.documentElement.lang, { numeric: true }).compare);
  const held = saved?.role === "USER" ? saved.groups : USUAL;
  $("#grant tbody").replaceChildren(...[EVERYWHERE, ...groups].map((group) => grantRow(group, verbsOn(held, group))));
}

function grantRow(group, verbs) {
  const name = groupWord(group);
  const cells = VERBS.map((verb) => {
    const label = say("users.grant", { verb: verbWord(verb), group: name });
    const box = el("input", { type: "checkbox", value: verb, "aria-label": label, "data-group": group });
    box.checked = verbs.includes(verb);
    return el("td", {}, el("label", { class: "grant__box" }, box));
  });
  return el("tr", {}, el("th", { scope: "row" }, name), ...cells);
}

/** What stands ticked in the table, as the API takes it. */
function granted() {
  const rows = Map.groupBy($$("#grant input:checked"), (box) => box.dataset.group);
  return [...rows].map(([group, boxes]) => ({ group, verbs: boxes.map((box) => box.value) }));
}

function adapt() {
  const role = fields.role.value;
  for (const part of $$("[data-role-help]", form)) show(part, part.dataset.roleHelp === role);
  const mine = saved && fields.role.disabled;
  if (mine) show($("[data-role-help=USER]", form), false);
  if (fields.city_id) show($("[data-only~=city]", form), !saved && role !== "SUPERADMIN");
}

/** Only what was changed: of one's own account nothing but the name may be. */
function changes() {
  const name = fields.name.value.trim();
  const role = fields.role.value;
  const rights = role === "USER" ? granted() : [];
  const moved = role === "USER" && JSON.stringify(rights) !== JSON.stringify(asShown(saved.groups));
  return {
    ...(name !== saved.name && { name }),
    ...(role !== saved.role && { role }),
    ...((moved || (role === "USER" && saved.role !== "USER")) && { groups: rights }),
  };
}

/** Rights in the order of the table, to be compared with what stands in it. */
function asShown(groups) {
  const order = $$("#grant tr").map((row) => $("input", row)?.dataset.group);
  const held = order.map((group) => ({ group, verbs: verbsOn(groups, group) }));
  return held.filter(({ verbs }) => verbs.length);
}

function newcomer() {
  const role = fields.role.value;
  return {
    name: fields.name.value.trim(),
    password: fields.password.value,
    role,
    must_change_password: fields.must_change_password.checked,
    ...(role === "USER" && { groups: granted() }),
    ...(role !== "SUPERADMIN" && fields.city_id && { city_id: fields.city_id.value }),
  };
}

async function save() {
  const added = !saved;
  const password = fields.password.value;
  const user = added
    ? await api("/users", { method: "POST", body: newcomer(), ...ALL })
    : await api(`/users/${saved.id}`, { method: "PATCH", body: changes(), headers: ifMatch(version), ...ALL });
  dialog.close();
  return { user, added, password };
}

/** `saved` is called with what was saved; `outdated` when somebody else was quicker and the page is old. */
export function dressUserForm(onSaved, onOutdated) {
  onSubmit(form, async () => {
    try {
      onSaved(await save());
    } catch (error) {
      if (error.status !== 412) throw error;
      await reload(error);
      onOutdated();
    }
  }, { 409: "users.taken" });
  fields.role.addEventListener("change", adapt);
  fields.city_id?.addEventListener("change", () => drawRights().catch((error) => explain(form, error)));
}

/** The form as it stands now, with the word that somebody else changed it. */
async function reload(error) {
  ({ value: saved, version } = await versioned(`/users/${saved.id}`, ALL));
  fields.name.value = saved.name;
  fields.role.value = saved.role;
  await drawRights();
  adapt();
  explain(form, error);
}
