// The review queue: it empties as alerts are answered. By mouse, or by keyboard alone.

import { take } from "./alert_acts.js";
import { news } from "./alert_news.js";
import { askOver, dressAct, openAct } from "./alerts_dialog.js";
import { closeOpened, drawOpened, load as loadAlert } from "./alerts_opened.js";
import { cardButton, drawQueue, inOrder, isMine, markOpen } from "./alerts_queue.js";
import { chosenState, drawCounts, dressSieve, isPlain, passes, query } from "./alerts_sieve.js";
import { NoContact, api } from "./api.js";
import { $, $$, fill, show, write } from "./dom.js";
import { done } from "./done.js";
import { hideFailure, showFailure } from "./problems.js";
import { onKey } from "./shell.js";
import { count, say } from "./words.js";

const PAGE = 100;
const AGAIN_MS = 2000;
const NARROW = matchMedia("(max-width: 1000px)");
let alerts = new Map();
let next = null;
let openId = null;
let asked = 0;

async function load() {
  const turn = ++asked;
  const page = await api(`/alerts?limit=${PAGE}&${query()}`);
  if (turn !== asked) return;
  alerts = new Map(page.items.map((alert) => [alert.id, alert]));
  next = page.next;
  hideFailure();
  draw();
}

async function loadMore() {
  const page = await api(`/alerts?limit=${PAGE}&${query()}&cursor=${next}`);
  for (const alert of page.items) alerts.set(alert.id, alert);
  next = page.next;
  draw();
}

const refresh = () => load().catch(showFailure);
const shownAlerts = () => inOrder(alerts.values());
const fresh = () => shownAlerts().filter(({ state }) => state === "new");

function draw() {
  const all = shownAlerts();
  drawQueue(all, openId, { open: openAndTake, take: takeIt });
  show($("#loading"), false);
  show($("#more"), next !== null);
  const nothing = all.length === 0 && !openId;
  show($("#room"), !nothing);
  show($("#nothing"), nothing);
  const empty = isPlain() ? "alerts.empty" : "alerts.empty.filtered";
  fill($("#nothing"), { title: say(empty), words: say(`${empty}.words`) });
  const waiting = fresh().length;
  $("#take-all").disabled = waiting === 0;
  if (waiting) fill($("#take-all"), { words: count("alerts.take_all", waiting) });
  // Where there is room the first of the queue is shown without being touched.
  if (!openId && all.length && !NARROW.matches) open(all[0].id);
}

/** An alert as it is now: in the queue if it belongs there, and open if it is. */
function put(alert) {
  if (passes(alert)) alerts.set(alert.id, alert);
  else alerts.delete(alert.id);
  draw();
  if (alert.id === openId) drawOpened(alert);
}

/** What the news say has no history. */
async function takeIn({ type, event, ...alert }) {
  put(alert.id === openId ? await loadAlert(alert.id) : alert);
}

async function open(id) {
  openId = id;
  markOpen(id);
  try {
    const alert = await loadAlert(id);
    if (openId !== id) return null;
    put(alert);
    drawOpened(alert);
    if (NARROW.matches) $("#opened").focus();
    return alert;
  } catch (error) {
    showFailure(error);
    return null;
  }
}

async function openAndTake(id) {
  const alert = await open(id);
  if (alert?.state === "new") await takeIt(id);
}

/** Back to the queue, on a screen that has no room for both. */
function close() {
  const id = openId;
  openId = null;
  closeOpened();
  draw();
  (cardButton(id) ?? $("#queue button"))?.focus();
}

async function takeIt(id) {
  const before = alerts.get(id) ?? (await loadAlert(id));
  if (before.state === "closed") return;
  const over = before.owner && !isMine(before);
  if (over && !(await askOver(before))) return;
  const { alert, words } = await take(id, over ? { take_over: true } : {});
  done(words);
  put(alert ?? (await loadAlert(id)));
  news.recount();
}

async function takeAll() {
  const ids = fresh().map(({ id }) => id);
  if (!ids.length) return;
  const { acknowledged } = await api("/alerts/acknowledge", { method: "POST", body: { ids } });
  done(count("alerts.took", acknowledged.length));
  news.recount();
  await load();
}

/** The alert the keys are about. */
const current = () => alerts.get(openId) ?? alerts.get(document.activeElement?.closest(".alert")?.dataset.id);

function step(by) {
  const ids = shownAlerts().map(({ id }) => id);
  if (!ids.length) return false;
  const at = ids.indexOf(document.activeElement?.closest(".alert")?.dataset.id ?? openId);
  const id = ids[Math.min(Math.max(at + by, 0), ids.length - 1)];
  cardButton(id)?.focus();
  cardButton(id)?.scrollIntoView({ block: "nearest" });
  if (!NARROW.matches) open(id);
}

/** Calls `act` with the open alert; the page may have moved on to one that is not in the queue any more. */
async function withCurrent(act) {
  const alert = current() ?? (openId && (await loadAlert(openId).catch(() => null)));
  if (alert) await act(alert);
}

function act(name) {
  return withCurrent(async (alert) => {
    if (name === "take") return takeIt(alert.id);
    if (name !== "note" && (alert.state === "closed" || $(`[data-act=${name}]`).disabled)) return;
    if (alert.id !== openId) await open(alert.id);
    openAct(name, alert);
  });
}

function follow(name) {
  const link = $(`#opened [data-act=${name}]`);
  if (openId && !link.hidden) link.click();
}

function finished(alert, name) {
  done(say(`alert.done.${name}`));
  news.recount();
  if (name !== "close" || chosenState() === "closed") return put(alert);
  // The next one in the queue is where the hands go on.
  const ids = shownAlerts().map(({ id }) => id);
  const following = ids[ids.indexOf(alert.id) + 1] ?? ids[ids.indexOf(alert.id) - 1];
  openId = null;
  closeOpened();
  put(alert);
  if (following && !NARROW.matches) open(following);
  cardButton(following)?.focus();
}

function dressKeys() {
  for (const [key, by] of [["j", 1], ["ArrowDown", 1], ["k", -1], ["ArrowUp", -1]]) onKey(key, () => step(by));
  for (const [key, name] of [["a", "take"], ["h", "hold"], ["c", "close"], ["n", "note"]]) onKey(key, () => void act(name));
  for (const [key, name] of [["r", "replay"], ["p", "print"]]) onKey(key, () => follow(name));
  onKey("Escape", () => (openId && NARROW.matches ? close() : false));
}

function dress() {
  for (const button of $$("#opened button[data-act]")) {
    button.addEventListener("click", () => act(button.dataset.act).catch(showFailure));
  }
  $("#back").addEventListener("click", close);
  $("#take-all").addEventListener("click", () => takeAll().catch(showFailure));
  $("#more").addEventListener("click", () => loadMore().catch(showFailure));
  dressAct(finished);
  dressKeys();
  news.addEventListener("alert", ({ detail }) => takeIn(detail).catch(showFailure));
  news.addEventListener("resync", refresh);
  news.addEventListener("counts", drawAllCounts);
}

function drawAllCounts() {
  if (!news.counts) return;
  drawCounts(news.counts);
  write($("#summary"), count("alerts.waiting", news.counts.new));
}

async function begin() {
  try {
    await dressSieve(refresh);
    await load();
    drawAllCounts();
    const wanted = new URLSearchParams(location.search).get("open");
    if (wanted) await open(wanted);
  } catch (error) {
    if (error instanceof NoContact) return setTimeout(begin, AGAIN_MS);
    show($("#loading"), false);
    showFailure(error);
  }
}

dress();
begin();
