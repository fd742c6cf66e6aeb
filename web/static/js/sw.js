// Shows an alert while no page of the box is open. Its words come in its own address: it outlives every page.

const words = JSON.parse(new URL(self.location).searchParams.get("words") ?? "{}");
const PAGE = "/alerts";

/** What happened, where and when; of a plate only what the box has sent. */
function shown(told) {
  const time = new Date(told.time).toLocaleTimeString(words.lang, { hour: "2-digit", minute: "2-digit" });
  const body = [told.plate, told.camera_name, time].filter(Boolean).join(" · ");
  const options = { body, lang: words.lang, tag: told.id, requireInteraction: told.level === "critical" };
  return [words[told.kind] ?? words.alert ?? "Alerta", options];
}

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("push", (event) => {
  if (event.data) event.waitUntil(self.registration.showNotification(...shown(event.data.json())));
});

/** To a page of the box that is open, or to a new one. */
async function open() {
  const pages = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  const page = pages.find((one) => new URL(one.url).pathname === PAGE) ?? pages[0];
  if (!page) return self.clients.openWindow(PAGE);
  await page.focus();
  return new URL(page.url).pathname === PAGE ? page : page.navigate(PAGE);
}

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(open());
});
