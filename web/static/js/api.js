// Talks to the daemon's JSON API, in the name of the city the page shows.

const PREFIX = "/api/v1";
const TIMEOUT_MS = 10_000;

/** What the API answered instead of what was asked: the fields of application/problem+json. */
export class Problem extends Error {
  constructor(status, body = {}) {
    super(body.detail || body.title || `HTTP ${status}`);
    this.status = status;
    this.cause = body.cause ?? null;
    this.errors = body.errors ?? [];
    this.retryAfter = null;
  }
}

/** No answer at all: the network, or a daemon that is restarting. */
export class NoContact extends Error {}

export function request(path, { method = "GET", body, headers = {}, timeout = TIMEOUT_MS, signal, keepalive } = {}) {
  const all = { "X-Requested-With": "vmsd", ...headers };
  if (document.body.dataset.cityId) all["X-City-ID"] = document.body.dataset.cityId;
  if (body !== undefined) all["Content-Type"] = "application/json";
  const signals = [AbortSignal.timeout(timeout), ...(signal ? [signal] : [])];
  return fetch(PREFIX + path, {
    method,
    headers: all,
    body: body === undefined ? undefined : JSON.stringify(body),
    signal: AbortSignal.any(signals),
    credentials: "same-origin",
    cache: "no-store",
    keepalive,
  }).catch((error) => {
    throw new NoContact(error.message);
  });
}

/** The JSON answer; `null` when there is nothing to say. Throws Problem or NoContact. */
export async function api(path, options) {
  const response = await request(path, options);
  if (!response.ok) throw await problem(response);
  return response.status === 204 ? null : response.json();
}

/** Every item of a list, page after page. */
export async function list(path) {
  const items = [];
  let cursor = "";
  do {
    const page = await api(`${path}${path.includes("?") ? "&" : "?"}limit=500${cursor}`);
    items.push(...page.items);
    cursor = page.next ? `&cursor=${encodeURIComponent(page.next)}` : "";
  } while (cursor);
  return items;
}

export async function problem(response) {
  const body = await response.json().catch(() => ({}));
  const found = new Problem(response.status, body);
  found.retryAfter = Number(response.headers.get("Retry-After")) || null;
  return found;
}

export function goToLogin() {
  location.assign(`/login?next=${encodeURIComponent(location.pathname + location.search)}`);
}
