// Alerts on this very browser while no page of the box is open: switched on and off by whoever sits at it.

import { api } from "./api.js";
import { date } from "./clock.js";
import { $, clone, fill, redraw, show, write } from "./dom.js";
import { done } from "./done.js";
import { showFailure } from "./problems.js";
import { say } from "./words.js";

const KINDS = [
  "wanted_plate",
  "not_recording",
  "breaker",
  "disk",
  "clock",
  "integrity",
  "expiry",
  "backlog",
  "failed_logins",
  "mediamtx",
  "motion",
  "event",
];
const section = $("#push");
const POSSIBLE = window.isSecureContext && "serviceWorker" in navigator && "PushManager" in window;
const trusted = window.trustedTypes?.createPolicy("worker", { createScriptURL: (address) => address });

/** The worker carries its words in its address. */
function workerAddress() {
  const words = { lang: document.documentElement.lang, alert: say("push.alert") };
  for (const kind of KINDS) words[kind] = say(`push.kind.${kind}`);
  const address = `/sw.js?words=${encodeURIComponent(JSON.stringify(words))}`;
  return trusted ? trusted.createScriptURL(address) : address;
}

const bytesOf = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (one) => one.charCodeAt(0));

async function present() {
  const registration = POSSIBLE ? await navigator.serviceWorker.getRegistration("/") : null;
  return (await registration?.pushManager.getSubscription()) ?? null;
}

async function load() {
  const { public_key: key, subscriptions } = await api("/push");
  show(section, Boolean(key));
  if (!key) return;
  const mine = await present();
  show($("#push-on"), POSSIBLE && !mine);
  show($("#push-off"), Boolean(mine));
  write($("#push-help"), say(POSSIBLE ? "push.help" : "push.impossible"));
  redraw($("#browsers"), subscriptions.map(browserItem));
  $("#push-on").onclick = () => act($("#push-on"), () => subscribe(key));
  $("#push-off").onclick = () => act($("#push-off"), unsubscribe);
}

function browserItem(one) {
  const item = clone("browser-item");
  item.dataset.id = one.id;
  fill(item, { name: one.name, since: say("push.since", { date: date(Date.parse(one.created_at)) }) });
  const button = $("[data-slot=end]", item);
  button.setAttribute("aria-label", say("push.end", { name: one.name }));
  button.addEventListener("click", () =>
    act(button, () => api(`/push/subscriptions/${one.id}`, { method: "DELETE" })),
  );
  return item;
}

async function act(button, work) {
  button.disabled = true;
  try {
    await work();
  } catch (error) {
    if (error instanceof DOMException) show($("#push-refused"), true);
    else showFailure(error, { 409: "push.too_many" });
  }
  button.disabled = false;
  await load().catch(showFailure);
}

async function subscribe(key) {
  show($("#push-refused"), false);
  const registration = await navigator.serviceWorker.register(workerAddress());
  await navigator.serviceWorker.ready;
  const made = await registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: bytesOf(key) });
  const { endpoint, keys } = made.toJSON();
  try {
    await api("/push/subscriptions", { method: "POST", body: { name: browserName(), endpoint, keys } });
  } catch (error) {
    await made.unsubscribe();
    throw error;
  }
  done(say("push.on"));
}

/** The box knows this browser by its endpoint: subscribing once more says which one it is. */
async function unsubscribe() {
  const mine = await present();
  const { endpoint, keys } = mine.toJSON();
  const { id } = await api("/push/subscriptions", { method: "POST", body: { name: browserName(), endpoint, keys } });
  await api(`/push/subscriptions/${id}`, { method: "DELETE" });
  await mine.unsubscribe();
  done(say("push.off"));
}

function browserName() {
  const agent = navigator.userAgent;
  const browser = ["Edg", "OPR", "Firefox", "Chrome", "Safari"].find((one) => agent.includes(one)) ?? "";
  const system = ["Android", "iPhone", "iPad", "Windows", "Mac OS", "Linux"].find((one) => agent.includes(one)) ?? "";
  return [browser.replace("Edg", "Edge").replace("OPR", "Opera"), system].filter(Boolean).join(" · ") || say("push.alert");
}

/** A superadmin belongs to no city whose alerts could be theirs. */
export async function startPush({ city_id: cityId }) {
  if (cityId) await load();
}
