// Notifications of the browser itself, on the box's own network: nothing of it passes through anybody else.

import { kindWords, whereWords } from "./alert_words.js";
import { say } from "./words.js";

const LOCK = "vmsd-alert-desktop";
let leads = !navigator.locks;
const shown = new Map();

/** Of all tabs of a browser one shows them. */
export function startDesktop() {
  navigator.locks?.request(LOCK, () => {
    leads = true;
    return new Promise(() => {});
  });
}

/** `ask`, `on`, `refused`, `insecure` or `missing`. */
export function desktopState() {
  if (!isSecureContext) return "insecure";
  if (!("Notification" in window)) return "missing";
  return { default: "ask", granted: "on", denied: "refused" }[Notification.permission];
}

/** From a click: browsers ask for nobody else. */
export async function askForDesktop() {
  await Notification.requestPermission();
}

/** While nobody looks at this window; it stays until somebody has taken the alert. */
export function notify(alert) {
  if (!leads || desktopState() !== "on" || document.hasFocus()) return;
  try {
    const notification = new Notification(`${say(`alert.level.${alert.level}`)}: ${kindWords(alert)}`, {
      body: [alert.facts.plate, whereWords(alert)].filter(Boolean).join(" · "),
      tag: alert.id,
      requireInteraction: alert.level === "critical",
      silent: true,
    });
    notification.onclick = () => {
      window.focus();
      notification.close();
      location.assign(`/alerts?open=${alert.id}`);
    };
    shown.set(alert.id, notification);
  } catch {
    // Phones show them through a service worker alone.
  }
}

export function withdraw(id) {
  shown.get(id)?.close();
  shown.delete(id);
}
