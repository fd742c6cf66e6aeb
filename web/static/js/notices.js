// The banner of things that are wrong with the box, and of what a city must know in time. It goes away when they do,
// not when it is clicked.

import { moment } from "./clock.js";
import { $, $$, clone, fill, icon } from "./dom.js";
import { knows, say } from "./words.js";

const ICONS = { error: "octagon-alert", warning: "triangle-alert" };
/** What is put right under Evidence; everything else is a matter of the box's health. */
const OF_KEPT = ["holds_ending", "holds_ending_today", "recordings_expiring"];
let shown = "";

export function showNotices(notices) {
  const key = JSON.stringify(notices.map(({ code, since }) => [code, since]));
  if (key === shown) return;
  shown = key;
  $("#notices").replaceChildren(...notices.map(row));
}

/** Title and explanation of a notice in words. */
export function noticeWords({ code, facts = {} }) {
  const title = knows(`notice.${code}`) ? say(`notice.${code}`, facts) : say("notice.other", { code });
  const help = knows(`notice.${code}.help`) ? say(`notice.${code}.help`, facts) : "";
  return { title, help };
}

function row(notice) {
  const banner = clone("notice");
  banner.dataset.level = notice.level;
  banner.dataset.code = notice.code;
  const place = OF_KEPT.includes(notice.code) ? "kept" : "health";
  for (const link of $$("[data-place]", banner)) if (link.dataset.place !== place) link.remove();
  banner.prepend(icon(ICONS[notice.level] ?? "info"));
  fill(banner, {
    ...noticeWords(notice),
    since: notice.since ? say("notice.since", { when: moment(Date.parse(notice.since)) }) : "",
  });
  return banner;
}
