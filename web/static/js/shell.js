// What every page has: the clock, theme and language, notices, lost contact, logging out and the keys.

import { startBell } from "./alert_bell.js";
import { focusToast } from "./alert_toasts.js";
import { api, list } from "./api.js";
import { hasServerTime, serverNow, timeOfDay, weekday } from "./clock.js";
import { $, $$, show, write } from "./dom.js";
import { feed } from "./feed.js";
import { showNotices } from "./notices.js";
import "./prove.js";
import { repeat } from "./repeat.js";
import { say } from "./words.js";

const YEAR_S = 31_536_000;
const CITY_NOTICES_MS = 60_000;
let cityNotices = [];

function setCookie(name, value) {
  document.cookie = `${name}=${value}; path=/; max-age=${YEAR_S}; SameSite=Lax`;
}

function dressSettings() {
  for (const button of $$("[data-theme-choice]")) {
    button.addEventListener("click", () => chooseTheme(button.dataset.themeChoice));
  }
  for (const button of $$("[data-lang-choice]")) {
    button.addEventListener("click", () => {
      setCookie("lang", button.dataset.langChoice);
      location.reload();
    });
  }
  markTheme(document.documentElement.dataset.theme ?? "auto");
}

function chooseTheme(theme) {
  setCookie("theme", theme);
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  markTheme(theme);
}

function markTheme(theme) {
  for (const button of $$("[data-theme-choice]")) {
    button.setAttribute("aria-pressed", String(button.dataset.themeChoice === theme));
  }
}

function tick() {
  if (!hasServerTime()) return;
  write($("[data-slot=clock-time]"), timeOfDay(serverNow()));
  write($("[data-slot=clock-day]"), weekday(serverNow()));
}

/** What only informs stands on the first page alone: elsewhere it would be one more banner to look past. */
async function askCityNotices() {
  const { items } = await api("/notices");
  cityNotices = items.filter(({ level }) => level !== "info" || location.pathname === "/");
}

async function logOut() {
  await api("/auth/logout", { method: "POST" }).catch(() => {});
  location.assign("/login");
}

async function offerCities() {
  const select = $("#city");
  if (!select || !document.body.dataset.cityId) return;
  const cities = await list("/cities").catch(() => []);
  if (cities.length < 2) return;
  for (const city of cities) {
    select.add(new Option(city.name, city.id, false, city.id === document.body.dataset.cityId));
  }
  select.addEventListener("change", async () => {
    await api("/auth/city", { method: "POST", body: { city_id: select.value } });
    // A camera's page is of the city that was left.
    location.assign(location.pathname.startsWith("/camera/") ? "/" : location.pathname);
  });
  show(select.closest("label"), true);
}

/** Says something to screen readers without moving anything on the page. */
export function announce(text) {
  write($("#announcer"), text);
}

function followContact() {
  show($("#no-contact"), !feed.inContact);
  document.body.dataset.contact = feed.inContact ? "yes" : "no";
  announce(say(feed.inContact ? "contact.found" : "contact.lost"));
}

function dressKeys() {
  const dialog = $("#keys");
  $("#show-keys").addEventListener("click", () => dialog.showModal());
  $("#close-keys").addEventListener("click", () => dialog.close());
  onKey("?", () => dialog.showModal());
}

/** Calls `act` when `key` is pressed outside of a field and no dialog is open. `act` may say `false`: not mine. */
export function onKey(key, act) {
  document.addEventListener("keydown", (event) => {
    if (event.key.toLowerCase() !== key.toLowerCase() || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, select, textarea, dialog") || $("dialog[open]")) return;
    if (act(event) !== false) event.preventDefault();
  });
}

/** The whole page goes full screen, without what is marked `off-wall`: notices must stay in sight. */
export function toggleFullScreen() {
  if (document.fullscreenElement) document.exitFullscreen();
  else document.documentElement.requestFullscreen?.().catch(() => {});
}

/** On a narrow screen the menu is wider than the page. */
function showPlace() {
  $(".nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
}

function dressMenu() {
  const menu = $(".menu");
  document.addEventListener("click", (event) => !menu.contains(event.target) && (menu.open = false));
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !menu.open) return;
    menu.open = false;
    $("summary", menu).focus();
    event.stopPropagation();
  });
}

dressSettings();
dressKeys();
dressMenu();
showPlace();
offerCities();
$("#log-out").addEventListener("click", logOut);
feed.addEventListener("contact", followContact);
feed.addEventListener("states", () => showNotices([...feed.notices, ...cityNotices]));
setInterval(tick, 250);
feed.start();
if (document.body.dataset.cityId && $("#bell")) {
  startBell(announce);
  onKey("a", focusToast);
}
if (document.body.dataset.cityId) repeat(askCityNotices, CITY_NOTICES_MS);
