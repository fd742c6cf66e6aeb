// Keeps the screen on while video is watched, where the browser allows it (a secure page).

let lock = null;

async function hold() {
  if (document.hidden || !navigator.wakeLock || (lock && !lock.released)) return;
  lock = await navigator.wakeLock.request("screen").catch(() => null);
}

/** From now on, and again whenever the page comes back into sight. */
export function stayAwake() {
  document.addEventListener("visibilitychange", hold);
  hold();
}
