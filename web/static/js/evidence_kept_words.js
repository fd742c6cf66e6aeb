// What is said of a hold, an incident and a preserved period, in their lists and in their details.

import { date, duration, fullMoment, serverNow } from "./clock.js";
import { cameraName, distinct, periodOf } from "./evidence.js";
import { bytes, count, number, say } from "./words.js";

/** Of each kind: where those are that are kept, where those that were let go too, a row, and its details. */
export const KINDS = {
  holds: {
    path: "/holds?state=active",
    past: "/holds",
    words: (hold) => ({
      name: hold.number,
      more: hold.authority,
      ...periodsWords(hold.periods),
      when: isOver(hold) ? overWords(hold) : date(Date.parse(hold.deadline)),
      by: isOver(hold) ? "" : leftWords(hold),
    }),
    facts: (hold) => ({
      authority: hold.authority,
      purpose: hold.purpose,
      ends: isOver(hold) ? "" : `${fullMoment(Date.parse(hold.deadline))} (${leftWords(hold)})`,
      registered: byAt(hold),
      confirmed: hold.confirmed_at ? fullMoment(Date.parse(hold.confirmed_at)) : "",
    }),
  },
  incidents: {
    path: "/incidents?state=open",
    past: "/incidents",
    words: (incident) => ({
      name: incident.name,
      more: incident.note,
      ...periodsWords(incident.periods),
      when: isOver(incident) ? overWords(incident) : date(Date.parse(incident.created_at)),
      by: byWords(incident),
    }),
    facts: (incident) => ({ note: incident.note, opened: byAt(incident) }),
  },
  preservations: {
    path: "/preservations?keeping=preserved",
    past: "/preservations?keeping=preserved&released=true",
    words: (kept) => ({
      name: cameraName(kept.camera_id),
      more: "",
      what: periodOf(kept),
      where: "",
      when: kept.reason,
      by: isOver(kept) ? overWords(kept) : byAt(kept),
    }),
    facts: (kept) => ({ reason: kept.reason, preserved: byAt(kept) }),
  },
};

const overAt = (item) => item.ended_at ?? item.closed_at ?? item.released_at ?? null;

export const isOver = (item) => overAt(item) !== null;

/** A preserved period is one itself. */
export const periodsOf = (item) => item.periods ?? [item];

const nameOf = (by) => by.name ?? say("kept.box");
const byWords = ({ by }) => say("kept.by", { name: nameOf(by) });
const byAt = ({ by, created_at: at }) => say("kept.by_at", { name: nameOf(by), when: fullMoment(Date.parse(at)) });

function periodsWords(periods) {
  const different = together(periods);
  const what = different.length === 1 ? periodOf(different[0]) : count("kept.periods", different.length);
  return { what, where: distinct(periods).map(cameraName).join(", ") };
}

/** The same stretch of several cameras is one period to people: `{ start, end, cameras }`. */
export function together(periods) {
  const found = new Map();
  for (const { start, end, camera_id: id } of periods) {
    const one = found.get(`${start} ${end}`) ?? { start, end, cameras: [] };
    if (!one.cameras.includes(id)) one.cameras.push(id);
    found.set(`${start} ${end}`, one);
  }
  return [...found.values()];
}

export function overWords(item) {
  const when = fullMoment(Date.parse(overAt(item)));
  return say(item.ended_why === "deadline" ? "kept.over.deadline" : "kept.over", { when });
}

export const leftMs = (hold) => Date.parse(hold.deadline) - serverNow();
const leftWords = (hold) => say("kept.left", { time: duration(Math.max(0, leftMs(hold)) / 1000) });

/** What is kept stands before what was let go, and of the holds the one that ends first. */
export function inOrder(items) {
  const ends = (item) => (isOver(item) || !item.deadline ? "" : item.deadline);
  return [...items].sort((a, b) => isOver(a) - isOver(b) || (ends(a) < ends(b) ? -1 : Number(ends(a) > ends(b))));
}

const daysNumber = (days) => number(days, days < 10 ? 1 : 0);

/** Less than a twentieth of a day is not worth a word. */
const isWorth = (days) => days !== null && days >= 0.05;

export function costWords({ bytes: taken, retention_days: days }) {
  return { bytes: bytes(taken), days: isWorth(days) ? say("kept.days", { n: daysNumber(days) }) : "" };
}

/** Of what is about to be kept, a cost for each camera. */
export function priceWords(costs) {
  const taken = costs.reduce((sum, cost) => sum + cost.bytes, 0);
  if (!taken) return say("kept.cost.none");
  const days = costs.reduce((sum, cost) => sum + (cost.retention_days ?? 0), 0);
  const facts = { bytes: bytes(taken), days: daysNumber(days) };
  return say(isWorth(days) ? "kept.cost" : "kept.cost.bytes", facts);
}
