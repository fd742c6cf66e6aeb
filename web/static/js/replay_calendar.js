// The month, with what is recorded of each day: a bar as long as the share of it, a lock where something is preserved.

import { api } from "./api.js";
import { serverNow } from "./clock.js";
import { $, el, icon, write } from "./dom.js";
import {
  addMonths,
  dayName,
  daysOf,
  endOfDay,
  localDay,
  monthName,
  monthOf,
  noonOf,
  rfc3339,
  startOfDay,
  weekdays,
} from "./replay_time.js";
import { percent, say } from "./words.js";

const KEPT_MS = 60_000;
const FURTHEST_MONTHS = 6;

/** Fires `day` with the day that was chosen. */
export class Calendar extends EventTarget {
  #cameraIds = [];
  #month = "";
  #day = "";
  #known = new Map();

  constructor() {
    super();
    $("#month-before").addEventListener("click", () => this.#turn(-1));
    $("#month-after").addEventListener("click", () => this.#turn(1));
  }

  /** Marks the day that is shown, and turns to its month. */
  show(cameraIds, wallMs) {
    const day = localDay(wallMs);
    const same = day === this.#day && cameraIds.join() === this.#cameraIds.join();
    if (same) return;
    this.#cameraIds = cameraIds;
    this.#day = day;
    this.#month = monthOf(day);
    this.#draw();
  }

  /** Asks again: something was recorded or preserved meanwhile. */
  refresh() {
    this.#known.clear();
    if (this.#month) this.#draw();
  }

  /** The days with footage next to `wallMs`: `{ before, after }`, each a day of any of the cameras or null. */
  async nearest(wallMs) {
    const day = localDay(wallMs);
    const [before, after] = await Promise.all([this.#search(day, -1), this.#search(day, 1)]);
    return { before, after };
  }

  async #search(day, by) {
    const latest = monthOf(localDay(serverNow()));
    let month = monthOf(day);
    for (let tries = 0; tries < FURTHEST_MONTHS && month <= latest; tries += 1) {
      const days = [...(await this.#days(month)).values()].filter((one) => one.seconds > 0);
      const found = by < 0 ? days.findLast((one) => one.date < day) : days.find((one) => one.date > day);
      if (found) return found;
      month = addMonths(month, by);
    }
    return null;
  }

  #turn(by) {
    this.#month = addMonths(this.#month, by);
    this.#draw();
  }

  async #draw() {
    const month = this.#month;
    write($("#month"), monthName(month));
    $("#month-after").disabled = month >= monthOf(localDay(serverNow()));
    this.#fill(month, new Map());
    const days = await this.#days(month).catch(() => null);
    if (days && month === this.#month) this.#fill(month, days);
  }

  #fill(month, known) {
    const { days, before } = daysOf(month);
    const names = weekdays().map((name) => el("span", { class: "calendar__weekday", "aria-hidden": "true" }, name));
    const blanks = Array.from({ length: before }, () => el("span"));
    const at = $(".calendar__days");
    const focused = at.contains(document.activeElement) ? document.activeElement.dataset.day : null;
    at.replaceChildren(...names, ...blanks, ...days.map((day) => this.#button(day, known.get(day))));
    if (focused) at.querySelector(`[data-day="${focused}"]`)?.focus();
  }

  #button(day, known) {
    const share = known?.seconds ? Math.max(0.04, known.coverage) : 0;
    const facts = { day: dayName(noonOf(day)), share: coverageShare(known) };
    const words = known?.seconds
      ? say(known.preserved ? "replay.day.preserved" : "replay.day", facts)
      : say("replay.day.none", facts);
    const button = el(
      "button",
      { type: "button", class: "calendar__day", "data-day": day, "aria-label": words, title: words },
      el("span", { class: "numbers" }, String(Number(day.slice(8)))),
      el("span", { class: "calendar__bar" }),
      known?.preserved ? icon("lock") : null,
    );
    if (day === this.#day) button.setAttribute("aria-current", "date");
    button.disabled = day > localDay(serverNow());
    button.dataset.some = String(share > 0);
    button.style.setProperty("--share", percent(share).replace(/[^\d]/g, "") + "%");
    const detail = known ?? { date: day, start: rfc3339(startOfDay(day)), end: rfc3339(endOfDay(day)) };
    button.addEventListener("click", () => this.dispatchEvent(new CustomEvent("day", { detail })));
    return button;
  }

  /** Of all cameras: the most any of them has of a day. */
  async #days(month) {
    const key = `${this.#cameraIds.join()} ${month}`;
    const known = this.#known.get(key);
    if (known && performance.now() - known.at < KEPT_MS) return known.days;
    const answers = await Promise.allSettled(
      this.#cameraIds.map((id) => api(`/cameras/${id}/calendar?month=${month}`)),
    );
    const days = new Map();
    for (const { value } of answers) for (const day of value?.days ?? []) join(days, day);
    const sorted = new Map([...days].sort(([a], [b]) => (a < b ? -1 : 1)));
    if (answers.some((one) => one.status === "fulfilled"))
      this.#known.set(key, { at: performance.now(), days: sorted });
    return sorted;
  }
}

function join(days, day) {
  const other = days.get(day.date);
  const best = !other || day.seconds > other.seconds ? day : other;
  days.set(day.date, { ...best, preserved: day.preserved || Boolean(other?.preserved) });
}

/** "97,2%" */
const coverageShare = (known) => (known ? percentOf(known.coverage) : "");
const percentOf = (share) => percent(share < 1 ? Math.min(share, 0.999) : 1, share < 1 && share > 0 ? 1 : 0);
