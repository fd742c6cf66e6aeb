// The banner of things that are wrong with the box. It goes away when they do, not when it is clicked.

import { moment } from "./clock.js";
import { $, clone, fill, icon } from "./dom.js";
import { knows, say } from "./words.js";

const ICONS = { error: "octagon-alert", warning: "triangle-alert" };
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
  banner.prepend(icon(ICONS[notice.level] ?? "info"));
  fill(banner, {
    ...noticeWords(notice),
    since: notice.since ? say("notice.since", { when: moment(Date.parse(notice.since)) }) : "",
  });
  return banner;
}
