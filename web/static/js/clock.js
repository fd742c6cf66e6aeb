// Time on a page is the server's time in the site's zone, never the browser's.

import { say } from "./words.js";

const zone = document.body.dataset.zone;
const language = document.documentElement.lang;
const format = (parts) => new Intl.DateTimeFormat(language, { timeZone: zone, hourCycle: "h23", ...parts });
const formats = {
  time: format({ hour: "2-digit", minute: "2-digit", second: "2-digit" }),
  minute: format({ hour: "2-digit", minute: "2-digit" }),
  day: format({ day: "2-digit", month: "2-digit" }),
  date: format({ dateStyle: "medium" }),
  full: format({ dateStyle: "short", timeStyle: "medium" }),
  // As RFC 3339 writes dates, to be read again by a program.
  parts: new Intl.DateTimeFormat("sv-SE", { timeZone: zone, dateStyle: "short", timeStyle: "medium" }),
  weekday: format({ weekday: "short", day: "2-digit", month: "short" }),
};

let offsetMs = null;

/** Called with each answer that carries the server's clock; half the round trip is taken as the way back. */
export function setServerTime(serverMs, askedAt, answeredAt) {
  offsetMs = serverMs - (askedAt + answeredAt) / 2;
}

/** Milliseconds since 1970 by the server's clock; the browser's own until the server has answered once. */
export function serverNow() {
  return offsetMs === null ? Date.now() : performance.now() + offsetMs;
}

export function hasServerTime() {
  return offsetMs !== null;
}

export const timeOfDay = (ms) => formats.time.format(ms);
export const hourMinute = (ms) => formats.minute.format(ms);
export const date = (ms) => formats.date.format(ms);
export const fullMoment = (ms) => formats.full.format(ms);
export const weekday = (ms) => formats.weekday.format(ms);

const sameDay = (a, b) => formats.date.format(a) === formats.date.format(b);

/** "14:32:05" today, "20/11 14:32" on another day. */
export function moment(ms) {
  return sameDay(ms, serverNow()) ? timeOfDay(ms) : `${formats.day.format(ms)} ${hourMinute(ms)}`;
}

/** A length of time as it is said: "8 s", "12 min", "3 h 20 min", "4 dias". */
export function duration(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return say("time.seconds", { n: whole });
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return say("time.minutes", { n: minutes });
  const hours = Math.floor(minutes / 60);
  if (hours < 48) {
    return minutes % 60 ? say("time.hours_minutes", { h: hours, m: minutes % 60 }) : say("time.hours", { n: hours });
  }
  return say("time.days", { n: Math.floor(hours / 24) });
}

export function ago(ms) {
  const seconds = (serverNow() - ms) / 1000;
  return seconds < 1 ? say("time.now") : say("time.ago", { time: duration(seconds) });
}

/**
 * The moment at which clocks in the site's zone show `local` ("2026-11-20T14:30"), as milliseconds since 1970.
 * In the hour that comes twice it is the second one; in the one that is left out, the hour after.
 */
export function momentOf(local) {
  const shown = Date.parse(`${local}Z`);
  const offset = (ms) => Date.parse(`${formats.parts.format(ms).replace(" ", "T")}Z`) - Math.floor(ms / 1000) * 1000;
  const guess = shown - offset(shown);
  return shown - offset(guess);
}
