// Days, months and moments of the site's zone, as the replay page needs them.

import { momentOf } from "./clock.js";

const zone = document.body.dataset.zone;
const language = document.documentElement.lang;
const format = (parts) => new Intl.DateTimeFormat(language, { timeZone: zone, ...parts });
const formats = {
  day: format({ weekday: "long", day: "numeric", month: "long", year: "numeric" }),
  tiny: format({ weekday: "short", day: "2-digit", month: "2-digit" }),
  short: format({ weekday: "short", day: "2-digit", month: "2-digit", year: "numeric" }),
  // As RFC 3339 writes dates, to be read again by a program.
  parts: new Intl.DateTimeFormat("sv-SE", { timeZone: zone, dateStyle: "short", timeStyle: "medium" }),
  // A month and a weekday have no zone.
  month: new Intl.DateTimeFormat(language, { timeZone: "UTC", month: "long", year: "numeric" }),
  weekday: new Intl.DateTimeFormat(language, { timeZone: "UTC", weekday: "short" }),
};

/** "2026-11-20T14:30:05": what clocks on the site's walls show, as fields for moments want it. */
export const localMoment = (ms) => formats.parts.format(ms).replace(" ", "T");

/** "2026-11-20", the day on the site at that moment. */
export const localDay = (ms) => localMoment(ms).slice(0, 10);

export const dayName = (ms) => formats.day.format(ms);
export const dayAndMonth = (ms) => formats.tiny.format(ms);
export const shortDay = (ms) => formats.short.format(ms);
export const startOfDay = (day) => momentOf(`${day}T00:00:00`);
export const endOfDay = (day) => startOfDay(localDay(noonOf(day) + 86_400_000));
export const noonOf = (day) => momentOf(`${day}T12:00:00`);
export const rfc3339 = (ms) => new Date(ms).toISOString();

const atNoon = (day) => new Date(`${day}T12:00:00Z`);

export const monthOf = (day) => day.slice(0, 7);
export const monthName = (month) => formats.month.format(atNoon(`${month}-15`));

/** The month `steps` after "2026-11". */
export function addMonths(month, steps) {
  const at = atNoon(`${month}-15`);
  at.setUTCMonth(at.getUTCMonth() + steps);
  return at.toISOString().slice(0, 7);
}

/** The days of a month, and how many empty places stand before the first in a week that begins on Sunday. */
export function daysOf(month) {
  const first = atNoon(`${month}-01`);
  const days = [];
  for (let at = first; at.toISOString().startsWith(month); at = new Date(at.getTime() + 86_400_000)) {
    days.push(at.toISOString().slice(0, 10));
  }
  return { days, before: first.getUTCDay() };
}

/** Sunday to Saturday, short. */
export function weekdays() {
  return Array.from({ length: 7 }, (_, day) => formats.weekday.format(atNoon(`2026-11-0${day + 1}`)));
}
