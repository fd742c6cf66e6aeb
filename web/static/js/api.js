// Talks to the daemon's JSON API, in the name of the city the page shows.

const PREFIX = "/api/v1";
const TIMEOUT_MS = 10_000;
/** A screen on a wall calls with its key, everybody else with the cookie of their session. */
const WALL_KEY = document.body.dataset.wallKey;

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

let prove = async () => false;

/** `ask` lets the person give their password once more; true when that was done and the request may go again. */
export function setProver(ask) {
  prove = ask;
}

/** `cityId` is the page's unless given; "" names none, which for a superadmin means all. `raw` is sent as it is. */
export function request(
  path,
  {
    method = "GET",
    body,
    raw,
    headers = {},
    timeout = TIMEOUT_MS,
    signal,
    keepalive,
    cityId = document.body.dataset.cityId,
  } = {},
) {
  const all = { "X-Requested-With": "vmsd", ...headers };
  if (cityId) all["X-City-ID"] = cityId;
  if (WALL_KEY) all.Authorization = `Bearer ${WALL_KEY}`;
  if (body !== undefined) all["Content-Type"] = "application/json";
  const signals = [AbortSignal.timeout(timeout), ...(signal ? [signal] : [])];
  return fetch(PREFIX + path, {
    method,
    headers: all,
    body: raw ?? (body === undefined ? undefined : JSON.stringify(body)),
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
  const response = await answer(path, options);
  return response.status === 204 ? null : response.json();
}

/** One thing and its version, for `ifMatch` when it is changed: `{ value, version }`. */
export async function versioned(path, options) {
  const response = await answer(path, options);
  return { value: await response.json(), version: response.headers.get("ETag") };
}

/** The headers of a change that must not overwrite what somebody else changed meanwhile. */
export const ifMatch = (version) => (version ? { "If-Match": version } : {});

/** The answer when it is a good one. Where the password is wanted once more, the person is asked, once. */
export async function answer(path, options, mayProve = true) {
  const response = await request(path, options);
  if (response.ok) return response;
  const found = await problem(response);
  if (found.cause === "change_password") goToFirstPassword();
  if (found.cause === "reauthenticate" && mayProve && (await prove())) return answer(path, options, false);
  throw found;
}

/** Every item of a list, page after page. */
export async function list(path, options) {
  const items = [];
  let cursor = "";
  do {
    const page = await api(`${path}${path.includes("?") ? "&" : "?"}limit=500${cursor}`, options);
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

const here = () => encodeURIComponent(location.pathname + location.search);

/** A screen on a wall has nobody to log in: it stays where it is. */
export function goToLogin() {
  if (!WALL_KEY) location.assign(`/login?next=${here()}`);
}

/** Nothing else is open to somebody whose password was given to them. */
export function goToFirstPassword() {
  if (location.pathname !== "/account") location.assign(`/account?first&next=${here()}`);
}
